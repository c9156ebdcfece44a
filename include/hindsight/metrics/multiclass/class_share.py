"""Share of predictions that are of one class."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Share, multiclass
from hindsight.metrics.multiclass.of_class import OfClass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ClassShare(OfClass, Share):
    """Predictions of the class / predictions; needs no labels and so moves first."""

    name = "class_share"
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        found = multiclass(statistics)
        return np.stack([found.said[:, found.index(self.of)], found.said.sum(axis=1)], axis=1)
