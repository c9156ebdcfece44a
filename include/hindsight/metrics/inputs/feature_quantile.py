"""Quantiles of a numeric feature."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import divide
from hindsight.metrics.inputs.feature import Binned, carried
from hindsight.metrics.woodruff import around, error_of
from hindsight.statistics.base import Array, Ints
from hindsight.statistics.cuts import Cut, NumberCut


class FeatureQuantile(Binned):
    """The smallest value that a share of the predictions do not exceed, in the feature's own unit.

    Read from the frozen bins, each of which holds about 2 % of the reference: interpolated as if values were
    spread evenly within, with the distance to the farther edge as `bound`.  Undefined where it lies beyond
    all that the reference had.  The row error is Woodruff's (see `woodruff`), not known below 4 rows for the
    median and 35 for a tenth or nine tenths.
    """

    direction = Direction.NEITHER
    kinds = ("number",)
    undefined = (
        "the feature has no value in the window, or the quantile lies beyond all values of the reference"
    )
    share: ClassVar[float]

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        assert isinstance(cut, NumberCut)
        edges = cut.places
        return np.column_stack([counts, *carried(rows, edges, cut.centre, cut.scale)])

    def measure(self, rows: Array, parts: Array) -> Array:
        return self._quantile(rows, parts)[0]

    def error(self, rows: Array, parts: Array) -> Array:
        low, high = (self._at(rows, parts, at, strict=False)[0] for at in around(rows, self.share))
        return error_of(low, high)

    def bound(self, terms: Array) -> Array:
        return self._read(terms, self._farther)

    def _farther(self, rows: Array, parts: Array) -> Array:
        value, cell = self._quantile(rows, parts)
        low, high = self._ends(rows, parts)
        at = np.arange(len(rows))
        farther: Array = np.maximum(value - low[at, cell], high[at, cell] - value)
        return farther

    def _ends(self, rows: Array, parts: Array) -> tuple[Array, Array]:
        """Where bins begin and end; beyond the reference they are thought to be empty spans."""
        bins = (parts.shape[1] - 1) // 2
        edges = parts[:, bins:-2] / rows[:, None]
        edges = (edges * parts[:, -1:] + parts[:, -2:-1]) / rows[:, None]
        return np.column_stack([edges[:, :1], edges]), np.column_stack([edges, edges[:, -1:]])

    def _quantile(self, rows: Array, parts: Array) -> tuple[Array, Ints]:
        rank = np.maximum(np.ceil(self.share * rows - 1e-9), 1.0)
        return self._at(rows, parts, rank - 0.5, strict=True)

    def _at(self, rows: Array, parts: Array, place: Array, *, strict: bool) -> tuple[Array, Ints]:
        """The value at this place (rows from below), and its bin; NaN beyond the reference if `strict`."""
        counts = parts[:, : (parts.shape[1] - 1) // 2]
        reached = np.cumsum(counts, axis=1)
        cell: Ints = np.minimum((reached < place[:, None] - 1e-9).sum(axis=1), counts.shape[1] - 1)
        at = np.arange(len(rows))
        inside = counts[at, cell]
        low, high = self._ends(rows, parts)
        part = np.clip(divide(place - (reached[at, cell] - inside), inside), 0.0, 1.0)
        value: Array = low[at, cell] + (high[at, cell] - low[at, cell]) * part
        beyond = (cell == 0) | (cell == counts.shape[1] - 1)
        return np.where(beyond & strict, np.nan, value), cell


class FeatureTenth(FeatureQuantile):
    """The value that a tenth of the predictions do not exceed; see `FeatureQuantile`."""

    name = "feature_p10"
    share = 0.1


class FeatureMedian(FeatureQuantile):
    """The value that half of the predictions do not exceed; see `FeatureQuantile`."""

    name = "feature_median"
    share = 0.5


class FeatureNinetieth(FeatureQuantile):
    """The value that nine tenths of the predictions do not exceed; see `FeatureQuantile`."""

    name = "feature_p90"
    share = 0.9
