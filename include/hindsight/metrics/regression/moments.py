"""Higher moments of errors and actuals, for row errors, from what the error bins hold."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.base import divide
from hindsight.statistics import RegressionStatistics
from hindsight.statistics.base import Array


def distances(rows: Array, total: Array, squares: Array, grain: Array) -> tuple[Array, Array, Array]:
    """The sum of squared distances from the mean, what rounding can make of it, and the least to be believed.

    Values are exact to a billionth of the unit and squares to one of unit²; sums are floats, of which
    differences below 1e-12 of the squares are not to be believed.  `grain` is rows * unit².
    """
    left = squares - divide(total * total, rows)
    fixed = 1e-9 * (np.sqrt(squares * grain) + grain)
    return left, fixed + 1e-14 * squares, fixed + 1e-12 * squares


def per_row(total: Array, rows: Array) -> Array:
    """Means of bins, 0 where a bin has no row."""
    return np.divide(total, rows, out=np.zeros_like(total), where=rows > 0)


def fourth_powers(found: RegressionStatistics) -> Array:
    """Sum of error⁴, shape [batch]: every squared error at the mean of its bin, which is 12 % wide."""
    rows, squares = found.errors[:, :, 0], found.errors[:, :, 1]
    total: Array = (squares * per_row(squares, rows)).sum(axis=1)
    return total


def mixed(found: RegressionStatistics) -> Array:
    """Sums of (error² actual, error² actual², actual³, actual⁴), shape [batch, 4].

    Within a bin of the error, squared errors are taken at their mean, and actuals as normal with their mean
    and variance: their distribution as a whole is then a mixture over a few hundred bins.
    """
    rows, squares, actual, actual2 = np.moveaxis(found.errors, 2, 0)
    error2, mean = per_row(squares, rows), per_row(actual, rows)
    spread = np.maximum(per_row(actual2, rows) - mean * mean, 0.0)
    third = rows * mean * (mean * mean + 3.0 * spread)
    fourth = rows * (mean**4 + 6.0 * mean * mean * spread + 3.0 * spread * spread)
    return np.stack([part.sum(axis=1) for part in (error2 * actual, error2 * actual2, third, fourth)], axis=1)
