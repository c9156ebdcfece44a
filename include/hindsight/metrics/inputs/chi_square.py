"""Chi-square between a feature and whether a row is of the reference, as an effect size."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.inputs.divergence import Divergence
from hindsight.statistics.base import Array


class ChiSquare(Divergence):
    """½ Σ (p - q)² / (p + q): Pearson's chi-square per row, were there as many rows of either side.

    That is the square of Cramér's V (1946) of the two-row table: 0 where nothing differs, tending to 1 where
    nothing is in common, as rows get many: shares are shrunk by half a row.  The statistic itself grows with
    the rows and says nothing of how large a difference is.  Corrected for chance in the way of Bergsma
    (2013), but with the spread of days: see `Divergence`.
    """

    name = "chi_square"
    curvature = 0.25

    def distance(self, window: Array, reference: Array) -> Array:
        both = window + reference
        squares = np.divide((window - reference) ** 2, both, out=np.zeros_like(both), where=both > 0)
        half: Array = squares.sum(axis=1) / 2.0
        return half
