"""Share of calls that failed."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import Share
from hindsight.metrics.inputs.calls import OfCalls
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ErrorRate(OfCalls, Share):
    """Calls whose `error` is neither null, false, 0 nor empty / calls.

    Calls are all logged rows but duplicates: one that failed seldom has a score, and is no prediction.
    """

    name = "error_rate"
    direction = Direction.LOWER
    column = "error"
    undefined = "there is no call"

    def terms(self, statistics: Statistics) -> Array:
        return self.calls(statistics)[:, [2, 0]]
