"""Quantile of the scores given."""

from __future__ import annotations

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Numbered, binary, divide
from hindsight.metrics.binary.curves import EDGES, WIDTHS
from hindsight.metrics.woodruff import around, error_of
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array, Ints


class ScoreQuantile(Numbered):
    """The smallest score that at least the given share of all predictions do not exceed.

    `score_quantile(0.5)`, which the bare name means, is the median.  Needs no labels.  Within its bin it is
    interpolated as if scores were spread evenly; `bound` is the distance to the farther edge of the bin (0.01
    wide in the middle, narrower towards 0 and 1).  The row error is Woodruff's (see `woodruff`), not known
    below 4 rows for the median, 73 for 0.05 or 0.95 and 381 for 0.99.
    """

    name = "score_quantile"
    tasks = BINARY
    direction = Direction.NEITHER
    labelled = False
    needs_score = True
    undefined = "there is no prediction"
    number = 0.5
    takes = "a share between 0 and 1"

    def fits(self, number: float) -> bool:
        return 0.0 < number < 1.0

    def terms(self, statistics: Statistics) -> Array:
        counts: Array = binary(statistics).said.sum(axis=1)
        return counts

    def _at(self, terms: Array, place: Array) -> tuple[Array, Ints]:
        """The score at this place (a number of rows from below), and its bin; [batch]."""
        reached = np.cumsum(terms, axis=1)
        cell: Ints = np.minimum((reached < place[:, None] - 1e-9).sum(axis=1), BINS - 1)
        index = cell[:, None]
        inside = np.take_along_axis(terms, index, axis=1)[:, 0]
        start = np.take_along_axis(reached, index, axis=1)[:, 0] - inside
        score: Array = EDGES[cell] + WIDTHS[cell] * np.clip(divide(place - start, inside), 0.0, 1.0)
        return score, cell

    def _place(self, terms: Array) -> tuple[Array, Ints]:
        """Score and bin of the row that is the quantile, taken in the middle of its place."""
        rank = np.maximum(np.ceil(self.number * self.rows(terms) - 1e-9), 1.0)
        return self._at(terms, rank - 0.5)

    def value(self, terms: Array) -> Array:
        return self._place(terms)[0]

    def row_error(self, terms: Array) -> Array:
        low, high = around(self.rows(terms), self.number)
        return error_of(self._at(terms, low)[0], self._at(terms, high)[0])

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows

    def bound(self, terms: Array) -> Array:
        value, cell = self._place(terms)
        bound: Array = np.maximum(value - EDGES[cell], EDGES[cell + 1] - value)
        return bound
