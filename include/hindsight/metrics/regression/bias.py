"""Mean error: whether predictions run high or low."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Bias(Mean):
    """Mean of prediction - actual, in the target's unit; 0 is good, the sign says which way."""

    name = "bias"
    tasks = REGRESSION
    direction = Direction.NEITHER
    family = Family.BIAS
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).sums[:, [0, 1, 3]]
