"""How a change of a metric is shared out among segments: as a ratio, as a count, or by leaving them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from hindsight.metrics.base import Mean, Metric, Share
from hindsight.metrics.binary.calibration_ratio import CalibrationRatio
from hindsight.metrics.binary.f1 import F1
from hindsight.statistics.base import Array

Sum = Callable[[Array], Array]
"""One of the sums of a ratio, from terms [..., terms]."""

TINY: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: the terms of its segments [segments, terms], and how many days it has."""

    terms: Array
    days: int

    @property
    def whole(self) -> Array:
        """The terms of all rows, [1, terms]."""
        total: Array = self.terms.sum(axis=0)[None]
        return total


class Form(Protocol):
    """How the segments of two sides share a change.

    `measure` gives (total, mix, within, excess) by segment, [4, segments]; `floor` are the errors that the
    rows alone explain, in the same order.  `values` and `shares` are of one side, by segment.
    """

    @property
    def adds_up(self) -> bool: ...

    @property
    def is_split(self) -> bool: ...

    def change(self, old: Side, new: Side) -> float: ...

    def measure(self, old: Side, new: Side) -> Array: ...

    def floor(self, old: Side, new: Side) -> Array: ...

    def values(self, side: Side) -> Array: ...

    def shares(self, side: Side) -> Array: ...


@dataclass(frozen=True, slots=True)
class Ratio:
    """A metric that is a ratio of sums: mix and change within add up to its change without a rest."""

    metric: Metric
    numerator: Sum
    denominator: Sum
    adds_up: bool = True
    is_split: bool = True

    def fits(self, side: Side) -> bool:
        """Whether every segment that has a numerator has a denominator too.

        One may promise positives and have none: then it has no value of its own to speak of.
        """
        return not ((self.denominator(side.terms) <= 0) & (self.numerator(side.terms) != 0)).any()

    def change(self, old: Side, new: Side) -> float:
        return float(self._whole(new) - self._whole(old))

    def measure(self, old: Side, new: Side) -> Array:
        was, now = self.shares(old), self.shares(new)
        level, later = self._levels(old, new)
        whole, whole_later = self._whole(old), self._whole(new)
        weight = (was + now) / 2.0
        within = weight * (later - level)
        mix = (now - was) * ((level + later) - (whole + whole_later)) / 2.0
        return np.stack([within + mix, mix, within, within + mix - weight * (whole_later - whole)])

    def floor(self, old: Side, new: Side) -> Array:
        was, now = self.shares(old), self.shares(new)
        level, later = self._levels(old, new)
        weight = (was + now) / 2.0
        own = self._variance(old) + self._variance(new)
        whole = self.metric.row_error(old.whole)[0] ** 2 + self.metric.row_error(new.whole)[0] ** 2
        away = (level + later - self._whole(old) - self._whole(new)) / 2.0
        shares = [
            share * (1.0 - share) / max(float(self.metric.rows(side.terms).sum()), 1.0)
            for share, side in ((was, old), (now, new))
        ]
        mix = away**2 * (shares[0] + shares[1])
        within = weight**2 * own
        excess = (weight * (1.0 - weight)) ** 2 * (own + whole) + mix
        error: Array = np.sqrt(np.stack([within + mix, mix, within, excess]))
        return error

    def values(self, side: Side) -> Array:
        of = self.denominator(side.terms)
        return np.divide(self.numerator(side.terms), of, out=np.full_like(of, np.nan), where=of > 0)

    def shares(self, side: Side) -> Array:
        of = self.denominator(side.terms)
        made: Array = of / max(float(of.sum()), TINY)
        return made

    def _levels(self, old: Side, new: Side) -> tuple[Array, Array]:
        """The segments' values; one that a side has no row of has the other side's."""
        first, last = self.values(old), self.values(new)
        return (
            np.nan_to_num(np.where(np.isnan(first), last, first)),
            np.nan_to_num(np.where(np.isnan(last), first, last)),
        )

    def _whole(self, side: Side) -> float:
        return float(self.numerator(side.whole)[0] / max(float(self.denominator(side.whole)[0]), TINY))

    def _variance(self, side: Side) -> Array:
        """Of the segments' values; 0 where there is no row, infinite where one row tells no error."""
        error = self.metric.row_error(side.terms)
        there = self.denominator(side.terms) > 0
        return np.where(there, np.where(np.isfinite(error), error, np.inf), 0.0) ** 2


@dataclass(frozen=True, slots=True)
class Count:
    """A metric that grows with the window, as the volume does: it is compared per day, and has one part."""

    metric: Metric
    adds_up: bool = True
    is_split: bool = False

    def change(self, old: Side, new: Side) -> float:
        return float(self.metric.value(new.whole)[0] / new.days - self.metric.value(old.whole)[0] / old.days)

    def measure(self, old: Side, new: Side) -> Array:
        was, now = self.values(old), self.values(new)
        part = now - was
        weight = (was + now) / max(float((was + now).sum()), TINY)
        return np.stack([part, np.zeros_like(part), part, part - weight * part.sum()])

    def floor(self, old: Side, new: Side) -> Array:
        error = np.hypot(*(self.metric.row_error(side.terms) / side.days for side in (old, new)))
        return np.stack([error, np.zeros_like(error), error, error])

    def values(self, side: Side) -> Array:
        return self.metric.value(side.terms) / side.days

    def shares(self, side: Side) -> Array:
        made: Array = self.metric.value(side.terms) / max(float(self.metric.value(side.whole)[0]), TINY)
        return made


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Any other metric: a segment's part is what goes away when it is left out of both sides.

    Such parts do not add up, and rows alone tell no error of them.
    """

    metric: Metric
    adds_up: bool = False
    is_split: bool = False

    def change(self, old: Side, new: Side) -> float:
        return float(self.metric.value(new.whole)[0] - self.metric.value(old.whole)[0])

    def measure(self, old: Side, new: Side) -> Array:
        left = self.metric.value(new.whole - new.terms) - self.metric.value(old.whole - old.terms)
        part = np.where(np.isfinite(left), self.change(old, new) - left, 0.0)
        return np.stack([part, np.zeros_like(part), part, part])

    def floor(self, old: Side, new: Side) -> Array:
        return np.zeros((4, len(old.terms)))

    def values(self, side: Side) -> Array:
        return self.metric.value(side.terms)

    def shares(self, side: Side) -> Array:
        rows = self.metric.rows(side.terms)
        made: Array = rows / max(float(rows.sum()), TINY)
        return made


def form_of(metric: Metric, old: Side, new: Side) -> Form:
    """The form that fits a metric and these two sides.

    >>> from hindsight.metrics import find
    >>> side = Side(np.array([[3.0, 10.0], [5.0, 6.0]]), 7)
    >>> type(form_of(find("recall"), side, side)).__name__, type(form_of(find("mcc"), side, side)).__name__
    ('Ratio', 'LeftOut')
    """
    if metric.extensive:
        return Count(metric)
    sums = ratio_of(metric)
    if sums is not None:
        ratio = Ratio(metric, *sums)
        if ratio.fits(old) and ratio.fits(new):
            return ratio
    return LeftOut(metric)


def ratio_of(metric: Metric) -> tuple[Sum, Sum] | None:
    """Numerator and denominator of a metric that is a ratio of sums of its terms; None if it is none.

    A metric that only shares the terms of a mean, as RMSE does, reads another value from them.
    """

    def reads(kind: type[Metric]) -> bool:
        return isinstance(metric, kind) and type(metric).value is kind.value

    if reads(F1):
        return (lambda terms: 2.0 * terms[..., 0]), (lambda terms: 2.0 * terms[..., 0] + terms[..., 1])
    kinds: tuple[tuple[type[Metric], int, int], ...] = ((Share, 0, 1), (Mean, 1, 0), (CalibrationRatio, 2, 1))
    for kind, numerator, denominator in kinds:
        if reads(kind):
            return _term(numerator), _term(denominator)
    return None


def _term(place: int) -> Sum:
    def one(terms: Array) -> Array:
        made: Array = terms[..., place]
        return made

    return one
