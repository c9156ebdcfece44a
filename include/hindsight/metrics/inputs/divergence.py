"""What measures of how far two distributions over bins are apart have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.estimate import MIN_DAYS
from hindsight.metrics.inputs.chance import chance_of
from hindsight.metrics.inputs.feature import Binned, carried
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import Cut

EXTRAS: Final = 7


class Divergence(Binned):
    """A distance of the feature's distribution from the reference's, less what chance alone gives; 0 at
    least.

    Near no drift every such distance is `curvature` * Σ (p - q)² / q (Csiszár and Shields, 2004), a
    quadratic form in shares of which each direction varies by h + t κ: h = 1/n + 1/m for the rows of the
    window and the reference, κ and t for what their days differ by (`chance`).  So chance gives curvature *
    Σ (h + t κ), which is subtracted, with the variance 2 * curvature² * Σ (h + t κ)² (Satterthwaite, 1946;
    Rao and Scott, 1984). To that the standard error adds what a distance that is there varies by, 4 *
    curvature * distance times the largest h + t κ, as a noncentral chi-square does.  Without drift, the
    value exceeds 1.645 errors in 6 % of windows at most, from 50 rows up and however much days differ (in
    the tests, with 28 days of reference).  With less than 7 days of reference nobody knows what days differ
    by, and the standard error is not known.

    Numbers are compared by tenths of the reference, categories by value with those under 1 % together.
    """

    direction = Direction.LOWER
    curvature: ClassVar[float]

    @abstractmethod
    def distance(self, window: Array, reference: Array) -> Array:
        """How far apart shares are; each [batch, groups], and where both are 0 they count for nothing."""

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        known = chance_of(cut)
        grouped = counts @ known.group
        reference = known.rows
        extras = [
            1.0 / reference.rows,
            reference.kappa,
            known.first,
            known.second,
            (known.share > 0).sum() - 1.0,
            float(reference.days >= MIN_DAYS),
        ]
        return np.column_stack(
            [grouped, *carried(rows, known.share), rows * rows, *carried(rows, np.array(extras))]
        )

    def _chance(self, rows: Array, parts: Array) -> tuple[Array, Array, Array]:
        """Mean and variance of the quadratic form without drift, and the largest variance of a direction."""
        per_row, kappa, first, second, free, _ = (parts[:, 1 - EXTRAS :] / rows[:, None]).T
        h = 1.0 / rows + per_row
        kappa = kappa + parts[:, -EXTRAS] / (rows * rows)
        mean = free * h + first * kappa
        variance = 2.0 * (free * h * h + 2.0 * h * kappa * first + kappa * kappa * second)
        return mean, variance, h + kappa * np.sqrt(second)

    def _value(self, rows: Array, parts: Array) -> Array:
        groups = (parts.shape[1] - EXTRAS) // 2
        counts = parts[:, :groups]
        per_row = parts[:, 1 - EXTRAS] / rows
        share = parts[:, groups : 2 * groups] / rows[:, None]
        known = share / per_row[:, None]
        # Each is shrunk towards the other by half a row per group, lest empty groups be infinitely far off.
        half = groups / 2.0
        window = (counts + half * share) / (rows + half)[:, None]
        reference = (known + half * counts / rows[:, None]) / (1.0 / per_row + half)[:, None]
        return self.distance(window, reference)

    def measure(self, rows: Array, parts: Array) -> Array:
        mean, _, _ = self._chance(rows, parts)
        return np.maximum(self._value(rows, parts) - self.curvature * mean, 0.0)

    def error(self, rows: Array, parts: Array) -> Array:
        _, variance, largest = self._chance(rows, parts)
        there = self.measure(rows, parts)
        error = np.sqrt(self.curvature**2 * variance + 4.0 * self.curvature * there * largest)
        return np.where(parts[:, -1] > 0.0, error, np.nan)


def times_log(value: Array, ratio_of: Array, to: Array) -> Array:
    """Value * ln(ratio_of / to), and 0 where `ratio_of` is."""
    ratio = np.divide(ratio_of, to, out=np.ones_like(value), where=(ratio_of > 0) & (to > 0))
    product: Array = value * np.log(ratio)
    return product
