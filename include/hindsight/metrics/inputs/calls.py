"""What metrics of calls share."""

from __future__ import annotations

from typing import ClassVar

from hindsight.metrics.base import ANY_TASK, Metric, Part
from hindsight.metrics.inputs.feature import inputs
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class OfCalls(Metric):
    """A metric of all logged rows but duplicates, also of those that gave no usable answer."""

    tasks = ANY_TASK
    part = Part.INPUTS
    labelled = False
    column: ClassVar[str | None] = None
    """The column of the prediction log that it needs."""

    def calls(self, statistics: Statistics) -> Array:
        """See `InputStatistics.calls`."""
        return inputs(statistics).calls
