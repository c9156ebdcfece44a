"""Share of labelled predictions that were right."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import CLASSIFICATION, Family, Share, binary
from hindsight.statistics import MulticlassStatistics, Statistics
from hindsight.statistics.base import Array


class Accuracy(Share):
    """Right decisions / labelled decisions.

    Hides a model that misses every rare positive: watch recall or the Brier score beside it.
    """

    name = "accuracy"
    tasks = CLASSIFICATION
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        if isinstance(statistics, MulticlassStatistics):
            return statistics.right
        tp, fp, fn, tn = binary(statistics).confusion.T
        return np.stack([tp + tn, tp + fp + fn + tn], axis=1)
