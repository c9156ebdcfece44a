"""Share of labelled rows that turned out positive."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Share, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class PositiveRate(Share):
    """Actual positives / labelled rows: the world, not the model."""

    name = "positive_rate"
    tasks = BINARY
    direction = Direction.NEITHER
    adjustable = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        tp, fp, fn, tn = binary(statistics).confusion.T
        return np.stack([tp + fn, tp + fp + fn + tn], axis=1)
