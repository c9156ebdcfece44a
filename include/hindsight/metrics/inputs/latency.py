"""Quantiles of how long calls took."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.bins import SIZE_EDGES
from hindsight.domain.values import Direction
from hindsight.metrics.base import Argument, Metric, Numbered, divide
from hindsight.metrics.inputs.calls import OfCalls
from hindsight.metrics.inputs.feature import inputs
from hindsight.metrics.woodruff import around, error_of
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array, Ints
from hindsight.statistics.inputs import LATEST

ENDS: Final[Array] = np.array([0.0, *SIZE_EDGES, LATEST * 1000.0])
"""Where bins begin and end, in milliseconds."""


class Latency(OfCalls, Numbered):
    """The time in milliseconds that a share of the calls do not exceed; `latency(0.99)`, the median by
    default.

    Calls are all logged rows but duplicates, also those that gave no usable answer; those without a latency
    from 0 to 10⁸ ms are left out.  A bin ends 12 % above where it begins, and within it the quantile is
    interpolated; `bound` is the distance to the farther edge.  The row error is Woodruff's (see `woodruff`),
    not known below 4 calls for the median, 73 for 0.95 and 381 for 0.99.
    """

    name = "latency"
    direction = Direction.LOWER
    column = "latency_ms"
    undefined = "no call has a latency"
    number = 0.5
    takes = "a share between 0 and 1"

    def fits(self, number: float) -> bool:
        return 0.0 < number < 1.0

    def terms(self, statistics: Statistics) -> Array:
        return inputs(statistics).latency

    def _at(self, terms: Array, place: Array) -> tuple[Array, Ints]:
        reached = np.cumsum(terms, axis=1)
        cell: Ints = np.minimum((reached < place[:, None] - 1e-9).sum(axis=1), terms.shape[1] - 1)
        inside = terms[np.arange(len(terms)), cell]
        start = reached[np.arange(len(terms)), cell] - inside
        part = np.clip(divide(place - start, inside), 0.0, 1.0)
        value: Array = ENDS[cell] + (ENDS[cell + 1] - ENDS[cell]) * part
        return value, cell

    def _quantile(self, terms: Array) -> tuple[Array, Ints]:
        rank = np.maximum(np.ceil(self.number * self.rows(terms) - 1e-9), 1.0)
        return self._at(terms, rank - 0.5)

    def value(self, terms: Array) -> Array:
        return self._quantile(terms)[0]

    def row_error(self, terms: Array) -> Array:
        rows = self.rows(terms)
        low, high = around(rows, self.number)
        return error_of(self._at(terms, low)[0], self._at(terms, high)[0])

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows

    def bound(self, terms: Array) -> Array:
        value, cell = self._quantile(terms)
        farther: Array = np.maximum(value - ENDS[cell], ENDS[cell + 1] - value)
        return farther


class LatencyMedian(Latency):
    """`latency(0.5)`."""

    name = "latency_p50"
    argument = Argument.NONE
    given = Metric.given


class LatencyNinetyFifth(Latency):
    """`latency(0.95)`."""

    name = "latency_p95"
    argument = Argument.NONE
    given = Metric.given
    number = 0.95


class LatencyNinetyNinth(Latency):
    """`latency(0.99)`."""

    name = "latency_p99"
    argument = Argument.NONE
    given = Metric.given
    number = 0.99
