"""Mean width of the prediction intervals."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class IntervalWidth(Mean):
    """Mean of upper - lower over predictions, in the target's unit; needs no labels, so it moves first."""

    name = "interval_width"
    tasks = REGRESSION
    direction = Direction.LOWER
    family = Family.CHANCES
    labelled = False
    needs_interval = True
    undefined = "no row has an interval"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).widths
