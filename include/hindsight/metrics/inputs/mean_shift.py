"""How far the mean of a feature is off the reference's."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import divide
from hindsight.metrics.inputs.chance import Days
from hindsight.metrics.inputs.feature import Binned, carried
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import Cut, NumberCut


class MeanShift(Binned):
    """|mean - reference's mean| / |reference's mean|: 0.2 is the "20 % off" of a rule of thumb.

    It depends on where the feature has its zero, so it suits amounts and durations; for others `wasserstein`
    says the same in units of the feature's own range.  Nothing is taken off for chance.  The row error
    is that of the difference of the two means, with what the means of the reference's days differ by: s²/n +
    s²/m + d κ, with d their variance beyond chance by a one-way analysis of variance (see `chance`).
    """

    name = "mean_shift"
    direction = Direction.LOWER
    kinds = ("number",)
    undefined = "the feature has no value in the window, or the reference's mean is 0"

    def parts(self, cut: Cut, rows: Array, counts: Array, sums: Array) -> Array:
        assert isinstance(cut, NumberCut)
        size, total, squares = cut.sums[:, :3].T
        days, of = Days.of(size), size > 0
        mean = total.sum() / days.rows
        within = max(squares.sum() / days.rows - mean * mean, 0.0)
        each = np.divide(total, size, out=np.zeros_like(total), where=of)
        day = days.between(np.array((size * (each - mean) ** 2).sum()), np.array(within))
        apart = within / days.rows + float(day) * days.kappa
        known = np.array([mean, apart, float(day), cut.centre / cut.scale])
        return np.column_stack([sums[:, :3], sums[:, 0] ** 2, *carried(rows, known)])

    def measure(self, rows: Array, parts: Array) -> Array:
        count, total = parts[:, :2].T
        mean, _, _, centre = (parts[:, 4:] / rows[:, None]).T
        return divide(np.abs(divide(total, count) - mean), np.abs(mean + centre))

    def error(self, rows: Array, parts: Array) -> Array:
        count, total, squares, of_days = parts[:, :4].T
        mean, apart, day, centre = (parts[:, 4:] / rows[:, None]).T
        here = divide(total, count)
        variance = np.maximum(divide(squares, count) - here * here, 0.0)
        error = np.sqrt(divide(variance, count) + apart + day * divide(of_days, count * count))
        return divide(error, np.abs(mean + centre))
