"""Share of predicted positives that were positive."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Share, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Precision(Share):
    """True positives / labelled rows predicted positive."""

    name = "precision"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no labelled row was predicted positive"

    def terms(self, statistics: Statistics) -> Array:
        tp, fp, _, _ = binary(statistics).confusion.T
        return np.stack([tp, tp + fp], axis=1)
