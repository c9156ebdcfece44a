"""Coefficient of determination."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Metric, divide, mean_error, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class R2(Metric):
    """1 - squared error / spread of the actuals around their mean: 0 is as good as that mean, less is worse.

    The row error takes the spread as known: that of the mean squared error over the variance of the
    actuals.  It is only the floor; a pooled window takes its error from the spread of its days.
    """

    name = "r2"
    tasks = REGRESSION
    direction = Direction.HIGHER
    undefined = "the labelled rows have no spread"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).errors[:, [0, 3, 4, 5, 6, 7]]

    def value(self, terms: Array) -> Array:
        return 1.0 - divide(terms[:, 1], self._spread(terms))

    def row_error(self, terms: Array) -> Array:
        return divide(mean_error(terms[:, 0], terms[:, 1], terms[:, 2]) * terms[:, 0], self._spread(terms))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]

    def _spread(self, terms: Array) -> Array:
        """Sum of squared distances of the actuals from their mean."""
        rows, actual, actual2, grain = terms[:, 0], terms[:, 3], terms[:, 4], terms[:, 5]
        spread = actual2 - divide(actual * actual, rows)
        # What is left of equal actuals after rounding is not a spread.
        return np.where(spread > 1e-9 * (actual2 + grain), spread, 0.0)
