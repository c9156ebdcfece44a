"""Precision of one class."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Family, Share
from hindsight.metrics.multiclass.of_class import OfClass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ClassPrecision(OfClass, Share):
    """Labelled rows rightly given the class / labelled rows given the class."""

    name = "class_precision"
    direction = Direction.HIGHER
    family = Family.DECISIONS
    undefined = "no labelled row was given this class"

    def terms(self, statistics: Statistics) -> Array:
        hits, predicted, _ = self.counts(statistics)
        return np.stack([hits, predicted], axis=1)
