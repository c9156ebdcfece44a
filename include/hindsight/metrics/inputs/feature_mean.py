"""Mean of a numeric feature."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import divide, mean_error
from hindsight.metrics.inputs.feature import Binned, carried
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import Cut, NumberCut


class FeatureMean(Binned):
    """The mean over predictions that have a value of the feature, in its own unit.

    Values more than 100,000 times the reference's 10-to-90 % range off its median are left out; `n` tells.
    """

    name = "feature_mean"
    direction = Direction.NEITHER
    kinds = ("number",)

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        assert isinstance(cut, NumberCut)
        return np.column_stack([sums[:, :3], *carried(rows, cut.centre, cut.scale)])

    def measure(self, rows: Array, parts: Array) -> Array:
        count, total, _, centre, scale = parts.T
        mean: Array = centre / rows + scale / rows * divide(total, count)
        return mean

    def error(self, rows: Array, parts: Array) -> Array:
        count, total, squares, _, scale = parts.T
        error: Array = mean_error(count, total, squares) * (scale / rows)
        return error

    def rows(self, terms: Array) -> Array:
        return terms[:, 4] if terms.shape[1] > 4 else terms[:, 0]
