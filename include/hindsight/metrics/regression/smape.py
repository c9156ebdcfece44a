"""Mean absolute error relative to the sizes of prediction and actual."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class SymmetricMeanAbsolutePercentageError(Mean):
    """Mean of 2 |prediction - actual| / (|prediction| + |actual|), between 0 and 2; 0 where both are 0.

    Bounded, and so calmer than `mape` (Makridakis, 1993); a wrong sign always counts 2.
    """

    name = "smape"
    tasks = REGRESSION
    direction = Direction.LOWER
    family = Family.ERRORS
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).relative[:, :3]
