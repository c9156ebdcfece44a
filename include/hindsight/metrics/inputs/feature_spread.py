"""Standard deviation of a numeric feature."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import divide
from hindsight.metrics.inputs.feature import Binned, carried
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import Cut, NumberCut


class FeatureSpread(Binned):
    """sqrt(mean of (x - mean)²) over predictions that have a value, in the feature's own unit.

    The row error is the delta method's, sqrt((m4 - s⁴) / (4 s² n)), with the fourth central moment m4 taken
    from the middles of the bins (Rao, 1973).  Values far off are left out as by `feature_mean`.
    """

    name = "feature_spread"
    direction = Direction.NEITHER
    kinds = ("number",)

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        assert isinstance(cut, NumberCut)
        edges = cut.places
        middles = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2.0, edges[-1:]])
        powers = [(counts * middles**k).sum(axis=1) for k in (1, 2, 3, 4)]
        return np.column_stack([sums[:, :3], *carried(rows, cut.scale), *powers])

    def measure(self, rows: Array, parts: Array) -> Array:
        count, total, squares, scale = parts[:, :4].T
        mean = divide(total, count)
        spread: Array = np.sqrt(np.maximum(divide(squares, count) - mean * mean, 0.0)) * (scale / rows)
        return spread

    def error(self, rows: Array, parts: Array) -> Array:
        first, second, third, fourth = (parts[:, 4:] / rows[:, None]).T
        variance = np.maximum(second - first**2, 0.0)
        central = fourth - 4.0 * first * third + 6.0 * first**2 * second - 3.0 * first**4
        kept = np.maximum(central - variance**2, 0.0)
        error: Array = np.sqrt(divide(kept, 4.0 * variance * rows)) * (parts[:, 3] / rows)
        return error
