"""What metrics of one feature share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final, Self

import numpy as np

from hindsight.metrics.base import ANY_TASK, Argument, Metric, Part
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import Cut, Nothing
from hindsight.statistics.inputs import InputStatistics

HEAD: Final = 4

REASONS: Final = (
    "a day of the window has no bins: it is not after the reference, or the reference has no prediction",
    "the reference has no value of this feature",
    "the feature is of another kind than this metric is for",
)


def inputs(statistics: Statistics) -> InputStatistics:
    """The statistics of what came in; anything else is a fault in the registry."""
    assert isinstance(statistics, InputStatistics)
    return statistics


class OfFeature(Metric):
    """A metric of one feature, named in parentheses; bare in a monitor's file it means one for each feature.

    It is kept for all segments together.
    """

    tasks = ANY_TASK
    part = Part.INPUTS
    argument = Argument.FEATURE
    labelled = False
    of: str
    """The feature."""

    def given(self, argument: str) -> Self:
        made = self.named(argument)
        made.of = argument
        return made

    def gaps(self, statistics: Statistics) -> Array:
        """The feature's rows, and those that are null, no value of its kind, and not binned: [batch, 4]."""
        found = inputs(statistics)
        return found.gaps[:, found.layout.features.index(self.of)]


class Binned(OfFeature):
    """A metric of a feature's bins or of the sums that need its frozen centre and scale.

    Terms begin with `HEAD` counts: values that can be used, and those that cannot be, for a reason each.
    """

    kinds: ClassVar[tuple[str, ...]] = ("number", "category")
    undefined = "the feature has no value in the window"

    def terms(self, statistics: Statistics) -> Array:
        found = inputs(statistics)
        which, cut = found.layout.features.index(self.of), found.layout.cut(self.of)
        rows, null, invalid, unbinned = found.gaps[:, which].T
        valued = rows - null - invalid - unbinned
        head = np.zeros((len(found), HEAD))
        head[:, 1] = unbinned
        if cut is None:
            return head
        if isinstance(cut, Nothing) or not len(cut.counts):
            head[:, 2] = valued
            return head
        if cut.kind not in self.kinds:
            head[:, 3] = valued
            return head
        head[:, 0] = valued
        counts, sums = found.counts[:, which, : cut.bins], found.sums[:, which]
        return np.column_stack([head, self.parts(cut, valued, counts, sums)])

    def value(self, terms: Array) -> Array:
        return self._read(terms, self.measure)

    def row_error(self, terms: Array) -> Array:
        return self._read(terms, self.error)

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]

    def why(self, terms: Array) -> list[str]:
        found = []
        for row in terms[:, 1:HEAD]:
            told = [reason for reason, count in zip(REASONS, row, strict=True) if count]
            found.append(told[0] if told else self.undefined)
        return found

    def _read(self, terms: Array, of: Callable[[Array, Array], Array]) -> Array:
        made = np.full(len(terms), np.nan)
        good = (terms[:, 0] > 0) & (terms[:, 1:HEAD] == 0).all(axis=1)
        if terms.shape[1] > HEAD and good.any():
            made[good] = of(terms[good, 0], terms[good, HEAD:])
        return made

    @abstractmethod
    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        """The further terms of each day, from its values by bin and their sums.

        What is known of the reference travels with the rows: times their number, so that it adds, and is had
        back by dividing by it.
        """

    @abstractmethod
    def measure(self, rows: Array, parts: Array) -> Array:
        """The metric of windows that have rows [batch], from their summed parts."""

    @abstractmethod
    def error(self, rows: Array, parts: Array) -> Array:
        """Its standard error."""


def carried(rows: Array, *known: Array | float) -> list[Array]:
    """What is known of the reference, times the rows: columns of terms."""
    return [rows[:, None] * np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in known]
