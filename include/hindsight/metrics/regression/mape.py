"""Mean absolute error relative to the actual."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanAbsolutePercentageError(Mean):
    """Mean of |prediction - actual| / |actual| over labelled rows whose actual is not 0; 0.1 is ten percent.

    Actuals near 0 rule it: a row counts at most a million.  Use `smape`, or `mae`, where actuals come near
    0; it favours models that predict too low (Makridakis, 1993).
    """

    name = "mape"
    tasks = REGRESSION
    direction = Direction.LOWER
    family = Family.ERRORS
    undefined = "no labelled row has an actual other than 0"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).relative[:, 3:]
