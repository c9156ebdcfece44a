"""Root mean squared error."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.base import divide
from hindsight.metrics.regression.mse import MeanSquaredError
from hindsight.statistics.base import Array


class RootMeanSquaredError(MeanSquaredError):
    """sqrt(mean of (prediction - actual)²), in the target's unit; heavy tails make it restless.

    The row error is that of the mean squared error divided by 2 rmse (delta method: Rao, 1973), and 0
    where more than one row has no error at all.
    """

    name = "rmse"

    def value(self, terms: Array) -> Array:
        return np.sqrt(super().value(terms))

    def row_error(self, terms: Array) -> Array:
        value = self.value(terms)
        error = divide(super().row_error(terms), 2.0 * value)
        return np.where((value == 0.0) & (terms[:, 0] > 1), 0.0, error)
