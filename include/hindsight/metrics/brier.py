"""Mean squared distance of the score from the outcome."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Mean, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Brier(Mean):
    """Mean of (score - outcome)², between 0 and 1 (Brier, 1950); calibration and sharpness in one."""

    name = "brier"
    tasks = BINARY
    direction = Direction.LOWER
    needs_score = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        found = binary(statistics)
        moments = found.moments[:, :, 1:].sum(axis=(1, 2))
        return np.stack([found.labelled, moments[:, 1], moments[:, 2]], axis=1)
