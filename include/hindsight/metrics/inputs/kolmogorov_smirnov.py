"""Kolmogorov-Smirnov distance of a feature."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.metrics.inputs.curves import Gaps
from hindsight.statistics.base import Array

SQUARE: Final = float(np.pi**2 / 3.0)
"""The mean square of Kolmogorov's distribution over the largest variance of a Brownian bridge, 1/4."""


class FeatureKolmogorovSmirnov(Gaps):
    """The largest gap between the share of values below any point and the reference's, less chance.

    Without drift its square has the mean π²/12 (1/n + 1/m) where rows are independent (Kolmogorov, 1933;
    Marsaglia, Tsang and Wang, 2003); here π²/3 times the largest variance of the gap at any edge, which is
    the same then and knows what days differ by.  That is for continuous values; of few different ones the
    square's mean is no more than the sum of the variances over the edges, and the smaller one is taken.  The
    standard error is that of the gap where it is largest at most. The gap is looked for at the edges of the
    bins, so the plain statistic may be larger by as much as `bound`.
    """

    name = "kolmogorov_smirnov"

    def plain(self, rows: Array, parts: Array) -> tuple[Array, Array, Array]:
        gap, error, shares = self.curves(rows, parts)
        largest = error.max(axis=1)
        # Edges around a bin that the reference has nothing of have the same gap, which counts once.
        apart = (error * error * (shares[:, :-1] > 1e-12)).sum(axis=1)
        chance = np.minimum(SQUARE * largest * largest, apart)
        return np.abs(gap).max(axis=1), chance, largest

    def bound(self, terms: Array) -> Array:
        return self._read(terms, self._largest_bin)

    def _largest_bin(self, rows: Array, parts: Array) -> Array:
        shares = self.curves(rows, parts)[2]
        largest: Array = np.maximum(parts[:, : self.bins(parts)] / rows[:, None], shares).max(axis=1)
        return largest
