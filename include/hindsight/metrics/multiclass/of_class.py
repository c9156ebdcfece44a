"""What metrics of one class share."""

from __future__ import annotations

from typing import Self

from hindsight.metrics.base import MULTICLASS, Argument, Metric, multiclass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class OfClass(Metric):
    """A metric of one class, named in parentheses; bare in a monitor's file it means one for each class."""

    tasks = MULTICLASS
    argument = Argument.CLASS
    of: str
    """The class."""

    def given(self, argument: str) -> Self:
        made = self.named(argument)
        made.of = argument
        return made

    def counts(self, statistics: Statistics) -> tuple[Array, Array, Array]:
        """Labelled rows rightly given the class, given the class, and of the class; shape [batch] each."""
        found = multiclass(statistics)
        which = found.index(self.of)
        table = found.table
        return table[:, which, which], table[:, which].sum(axis=1), table[:, :, which].sum(axis=1)
