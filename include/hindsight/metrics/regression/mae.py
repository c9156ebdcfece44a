"""Mean absolute error."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanAbsoluteError(Mean):
    """Mean of |prediction - actual|, in the target's unit."""

    name = "mae"
    tasks = REGRESSION
    direction = Direction.LOWER
    family = Family.ERRORS
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).sums[:, [0, 2, 3]]
