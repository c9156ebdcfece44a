"""Mean surprise at the outcome, in nats."""

from __future__ import annotations

import numpy as np

from hindsight.domain.bins import SMALLEST
from hindsight.domain.values import Direction
from hindsight.metrics.base import CLASSIFICATION, Family, Mean, binary
from hindsight.statistics import MulticlassStatistics, Statistics
from hindsight.statistics.base import Array


class LogLoss(Mean):
    """Mean of -ln(score given to what happened); scores are kept 1e-15 away from 0 and 1.

    One confident mistake outweighs many small ones: use the Brier score where that is unwanted.  The value
    is exact.  Its row error takes every row at the mean score of its bin.
    """

    name = "log_loss"
    tasks = CLASSIFICATION
    direction = Direction.LOWER
    family = Family.CHANCES
    needs_score = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        if isinstance(statistics, MulticlassStatistics):
            return statistics.moments[:, :3]
        found = binary(statistics)
        no, yes = found.score_of_bins[:, 0], found.score_of_bins[:, 1]
        given = np.clip(np.stack([1.0 - no, yes], axis=1), SMALLEST, 1.0)
        squares = (found.histograms * np.log(given) ** 2).sum(axis=(1, 2))
        losses = found.moments[:, :, 1:, 1].sum(axis=(1, 2))
        return np.stack([found.histograms.sum(axis=(1, 2)), losses, squares], axis=1)
