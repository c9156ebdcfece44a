"""Recall of one class."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Family, Share
from hindsight.metrics.multiclass.of_class import OfClass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ClassRecall(OfClass, Share):
    """Rows rightly given the class / rows that turned out to be of it."""

    name = "class_recall"
    direction = Direction.HIGHER
    family = Family.DECISIONS
    undefined = "no row turned out to be of this class"

    def terms(self, statistics: Statistics) -> Array:
        hits, _, actual = self.counts(statistics)
        return np.stack([hits, actual], axis=1)
