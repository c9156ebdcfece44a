"""Mean surprise at the outcome, in nats."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Mean, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class LogLoss(Mean):
    """Mean of -ln(score given to what happened); scores are kept 1e-15 away from 0 and 1.

    One confident mistake outweighs many small ones: use the Brier score where that is unwanted.
    """

    name = "log_loss"
    tasks = BINARY
    direction = Direction.LOWER
    needs_score = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        found = binary(statistics)
        moments = found.moments[:, :, 1:].sum(axis=(1, 2))
        return np.stack([found.labelled, moments[:, 3], moments[:, 4]], axis=1)
