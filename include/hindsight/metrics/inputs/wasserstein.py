"""Wasserstein distance of a feature."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.inputs.curves import Gaps
from hindsight.metrics.inputs.feature import carried
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import FARTHEST, NumberCut


class Wasserstein(Gaps):
    """How far values have moved on average, in units of the reference's 10-to-90 % range, less chance.

    The area between the two cumulative distributions (Vallender, 1974): what lies beyond the reference's
    values is summed exactly, within them the gap is drawn straight from edge to edge.  `bound` is half of
    each bin's width times the shares in it, added up.  The standard error is the area under that of the gap,
    for no sum varies by more than its parts together; without drift the mean square is no more than its
    square.
    """

    name = "wasserstein"

    per_bin = 4

    def others(self, cut: NumberCut, rows: Array, counts: Array, sums: Array) -> list[Array]:
        edges = cut.places
        low, high, low_rows, high_rows = sums[:, 3:].T
        # What lies too far off to be summed is taken to lie there.
        below = low_rows * edges[0] - low + (counts[:, 0] - low_rows) * FARTHEST
        above = high - high_rows * edges[-1] + (counts[:, -1] - high_rows) * FARTHEST
        return [*carried(rows, np.diff(edges)), below, above]

    def _widths(self, rows: Array, parts: Array) -> Array:
        widths: Array = parts[:, 3 * self.bins(parts) + 2 : -2] / rows[:, None]
        return widths

    def plain(self, rows: Array, parts: Array) -> tuple[Array, Array, Array]:
        gap, error, _ = self.curves(rows, parts)
        widths = self._widths(rows, parts)
        ends = np.maximum(parts[:, -2:], 0.0).sum(axis=1) / rows
        area = (under(gap) * widths).sum(axis=1) + ends
        of_error = (widths * (error[:, 1:] + error[:, :-1]) / 2.0).sum(axis=1)
        return area, of_error * of_error, of_error

    def bound(self, terms: Array) -> Array:
        return self._read(terms, self._loose)

    def _loose(self, rows: Array, parts: Array) -> Array:
        inner = slice(1, self.bins(parts) - 1)
        shares = parts[:, inner] / rows[:, None] + self.curves(rows, parts)[2][:, inner]
        half: Array = (shares * self._widths(rows, parts)).sum(axis=1) / 2.0
        return half


def under(gap: Array) -> Array:
    """The mean size of a line between the gaps at the two ends of each bin, [batch, edges - 1]."""
    left, right = gap[:, :-1], gap[:, 1:]
    apart = np.abs(left) + np.abs(right)
    crossed = np.divide(left * left + right * right, apart, out=np.zeros_like(apart), where=apart > 0) / 2.0
    mean: Array = np.where(left * right < 0, crossed, apart / 2.0)
    return mean
