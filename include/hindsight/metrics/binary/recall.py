"""Share of actual positives that were predicted."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Share, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Recall(Share):
    """True positives / rows that turned out positive."""

    name = "recall"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no row turned out positive"

    def terms(self, statistics: Statistics) -> Array:
        tp, _, fn, _ = binary(statistics).confusion.T
        return np.stack([tp, tp + fn], axis=1)
