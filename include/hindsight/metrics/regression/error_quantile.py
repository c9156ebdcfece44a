"""Quantile of the errors."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Family, regression
from hindsight.metrics.regression.quantiles import BinnedQuantile
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ErrorQuantile(BinnedQuantile):
    """The smallest error, prediction - actual, that at least the given share of labelled rows do not exceed.

    `error_quantile(0.5)`, which the bare name means, is the median error; 0.05 and 0.95 show the tails that
    a mean hides.  In the target's unit.  See `BinnedQuantile` for bound and row error.
    """

    name = "error_quantile"
    direction = Direction.NEITHER
    family = Family.BIAS
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        found = regression(statistics)
        return np.column_stack([found.errors[:, :, 0], found.sums[:, 6]])
