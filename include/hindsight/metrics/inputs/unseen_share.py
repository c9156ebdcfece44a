"""Share of values that the reference did not have."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import divide
from hindsight.metrics.inputs.feature import Binned
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import CategoryCut, Cut


class UnseenShare(Binned):
    """Values of a categorical feature that the reference never had / values; the row error is as a share's.

    Undefined where the reference had more than 1,000 different values, for only these are remembered.
    """

    name = "unseen_share"
    direction = Direction.LOWER
    kinds = ("category",)
    undefined = "the feature has no value in the window, or the reference had more than 1,000 different ones"

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        assert isinstance(cut, CategoryCut)
        there = rows if cut.complete else np.zeros_like(rows)
        return np.column_stack([counts[:, cut.unseen], there])

    def measure(self, rows: Array, parts: Array) -> Array:
        return divide(parts[:, 0], parts[:, 1])

    def error(self, rows: Array, parts: Array) -> Array:
        share = (parts[:, 0] + 2.0) / (rows + 4.0)
        return np.sqrt(share * (1.0 - share) / rows)
