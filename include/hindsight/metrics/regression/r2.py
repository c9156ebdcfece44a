"""Coefficient of determination."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Metric, divide, regression
from hindsight.metrics.regression.moments import distances, fourth_powers, mixed
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class R2(Metric):
    """1 - squared error / spread of the actuals around their mean: 0 is as good as that mean, less is worse.

    The row error is the delta method's for a ratio (Rao, 1973): with r = 1 - R² and d the distance of a
    row's actual from the mean actual, sqrt(sum of (error² - r d²)²) / spread.  Fourth moments are read from
    the error bins (see `moments`); where actuals differ by less than a ten-thousandth of their size it is
    too wide.
    """

    name = "r2"
    tasks = REGRESSION
    direction = Direction.HIGHER
    family = Family.ERRORS
    undefined = "the labelled rows have no spread"

    def terms(self, statistics: Statistics) -> Array:
        found = regression(statistics)
        return np.column_stack([found.sums[:, [0, 3, 4, 5, 6]], fourth_powers(found), mixed(found)])

    def value(self, terms: Array) -> Array:
        return 1.0 - divide(terms[:, 1], self._spread(terms))

    def row_error(self, terms: Array) -> Array:
        rows, error2, actual, actual2, _, error4, error2_actual, error2_actual2, actual3, actual4 = terms.T
        spread, mean = self._spread(terms), divide(actual, rows)
        rest = divide(error2, spread)
        both = error2_actual2 - 2.0 * mean * error2_actual + mean * mean * error2
        fourth = actual4 - 4.0 * mean * actual3 + 6.0 * mean * mean * actual2 - 3.0 * rows * mean**4
        fourth = np.maximum(fourth, divide(spread * spread, rows))
        squares = error4 - 2.0 * rest * np.maximum(both, 0.0) + rest * rest * fourth
        return np.sqrt(divide(np.maximum(squares, 0.0) * rows, rows - 1.0)) * divide(
            np.ones(len(terms)), spread
        )

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]

    def _spread(self, terms: Array) -> Array:
        """Sum of squared distances of the actuals from their mean."""
        rows, actual, actual2, grain = terms[:, 0], terms[:, 2], terms[:, 3], terms[:, 4]
        spread, _, least = distances(rows, actual, actual2, grain)
        # What is left of equal actuals after rounding is not a spread.
        return np.where(spread > least, spread, 0.0)
