"""Mean squared distance of the score from the outcome."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import CLASSIFICATION, Family, Mean, binary
from hindsight.statistics import MulticlassStatistics, Statistics
from hindsight.statistics.base import Array


class Brier(Mean):
    """Mean of (score - outcome)², between 0 and 1 (Brier, 1950); calibration and sharpness in one.

    Of a multiclass model it is the sum over its classes, as Brier has it, and lies between 0 and 2.
    The value is exact.  Its row error takes every row at the mean score of its bin.
    """

    name = "brier"
    tasks = CLASSIFICATION
    direction = Direction.LOWER
    family = Family.CHANCES
    needs_score = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        if isinstance(statistics, MulticlassStatistics):
            return statistics.moments[:, [0, 3, 4]]
        found = binary(statistics)
        rows, scores = found.counts[:, :, 1:].sum(axis=(1, 3)), found.scores[:, :, 1:].sum(axis=(1, 3))
        squares = found.moments[:, :, 1:, 0].sum(axis=1)
        error = squares[:, 0] + np.maximum(rows[:, 1] - 2.0 * scores[:, 1] + squares[:, 1], 0.0)
        no, yes = found.score_of_bins[:, 0], found.score_of_bins[:, 1]
        negative, positive = found.histograms[:, 0], found.histograms[:, 1]
        fourth = (negative * no**4 + positive * (1.0 - yes) ** 4).sum(axis=1)
        return np.stack([rows.sum(axis=1), error, fourth], axis=1)
