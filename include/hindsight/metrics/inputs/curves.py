"""What measures of the gap between two cumulative distributions have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.estimate import MIN_DAYS
from hindsight.metrics.inputs.chance import chance_of
from hindsight.metrics.inputs.feature import Binned, carried
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import Cut, NumberCut

CURVES: Final = 4


class Gaps(Binned):
    """A distance between the share of values below each edge and the reference's, less what chance alone
    gives.

    At an edge with the share F below, the gap varies without drift by F (1 - F) (1/n + 1/m) + d κ, with d
    the variance of that share from day to day in the reference (see `chance`).  Of the distance's square its
    mean without drift is taken off, and the root is the value: of a large distance that takes next to
    nothing. The standard error is the delta method's, that of the distance times distance / value, but no
    more than sqrt(2) times it.  Without drift, the value exceeds 1.645 errors in 6 % of windows at most (in
    the tests, with 28 days of reference); with less than 7 days of reference the error is not known.
    """

    kinds = ("number",)
    direction = Direction.LOWER
    per_bin: ClassVar[int] = 3
    """How many terms there are per bin, but for two."""

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        assert isinstance(cut, NumberCut)
        known = chance_of(cut)
        edges = known.below, known.day
        enough = float(known.rows.days >= MIN_DAYS)
        of_rows = np.array([1.0 / known.rows.rows, known.rows.kappa, enough])
        first = [rows * rows, *carried(rows, of_rows), *carried(rows, *edges)]
        return np.column_stack([counts, *first, *self.others(cut, rows, counts, sums)])

    @abstractmethod
    def plain(self, rows: Array, parts: Array) -> tuple[Array, Array, Array]:
        """The distance, its mean square without drift, and its standard error."""

    def measure(self, rows: Array, parts: Array) -> Array:
        distance, chance, _ = self.plain(rows, parts)
        left: Array = np.sqrt(np.maximum(distance * distance - chance, 0.0))
        return left

    def error(self, rows: Array, parts: Array) -> Array:
        distance, chance, error = self.plain(rows, parts)
        left = np.maximum(distance * distance - chance, chance)
        error = error * np.sqrt(1.0 + np.divide(chance, left, out=np.zeros_like(left), where=left > 0))
        return np.where(parts[:, self.bins(parts) + CURVES - 1] > 0.0, error, np.nan)

    def others(self, cut: NumberCut, rows: Array, counts: Array, sums: Array) -> list[Array]:
        """Further terms."""
        return []

    def bins(self, parts: Array) -> int:
        """How many bins the feature has: terms are they, four more, and twice the edges, which are one
        less.
        """
        return int(parts.shape[1] - 2) // self.per_bin

    def curves(self, rows: Array, parts: Array) -> tuple[Array, Array, Array]:
        """The gap at each edge, its standard error without drift, and the reference's share by bin."""
        bins = self.bins(parts)
        counts, rest = parts[:, :bins], parts[:, bins:]
        per_row, kappa = (rest[:, 1:3] / rows[:, None]).T
        h = 1.0 / rows + per_row
        kappa = kappa + rest[:, 0] / (rows * rows)
        below = rest[:, CURVES : CURVES + bins - 1] / rows[:, None]
        day = rest[:, CURVES + bins - 1 : CURVES + 2 * bins - 2] / rows[:, None]
        here = np.cumsum(counts, axis=1)[:, :-1] / rows[:, None]
        variance = np.maximum(below * (1.0 - below), 0.0) * h[:, None] + day * kappa[:, None]
        shares = np.diff(below, axis=1, prepend=0.0, append=1.0)
        return here - below, np.sqrt(variance), np.maximum(shares, 0.0)
