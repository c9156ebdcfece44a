"""Mean absolute error."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanAbsoluteError(Mean):
    """Mean of |prediction - actual|, in the target's unit."""

    name = "mae"
    tasks = REGRESSION
    direction = Direction.LOWER
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        errors = regression(statistics).errors
        return np.stack([errors[:, 0], errors[:, 2], errors[:, 3]], axis=1)
