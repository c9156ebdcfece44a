"""Share of actuals that lie inside their prediction interval."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Share, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class IntervalCoverage(Share):
    """Labelled rows with lower <= actual <= upper / labelled rows: good where it is the share claimed.

    Less means overconfident intervals, more means wide ones: watch `interval_width` beside it.
    """

    name = "interval_coverage"
    tasks = REGRESSION
    direction = Direction.NEITHER
    family = Family.CHANCES
    needs_interval = True
    undefined = "no labelled row has an interval"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).intervals[:, [1, 0]]
