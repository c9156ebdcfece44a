"""Root mean squared error."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Metric, divide, mean_error, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class RootMeanSquaredError(Metric):
    """sqrt(mean of (prediction - actual)²), in the target's unit; heavy tails make it restless.

    The row error is that of the mean squared error divided by 2 rmse (delta method).
    """

    name = "rmse"
    tasks = REGRESSION
    direction = Direction.LOWER
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).errors[:, [0, 3, 4]]

    def value(self, terms: Array) -> Array:
        return np.sqrt(divide(terms[:, 1], terms[:, 0]))

    def row_error(self, terms: Array) -> Array:
        return divide(mean_error(terms[:, 0], terms[:, 1], terms[:, 2]), 2.0 * self.value(terms))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
