"""Quantile of the sizes of errors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Family, regression
from hindsight.metrics.regression.quantiles import SIZE_BOUNDS, BinnedQuantile, folded
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class AbsoluteErrorQuantile(BinnedQuantile):
    """The smallest |prediction - actual| that at least the given share of labelled rows do not exceed.

    `absolute_error_quantile(0.9)` is what nine of ten predictions keep to; the bare name means 0.5, the
    median.  In the target's unit.  See `BinnedQuantile` for bound and row error.
    """

    name = "absolute_error_quantile"
    direction = Direction.LOWER
    family = Family.ERRORS
    undefined = "no prediction has a label"
    low: ClassVar[Array] = SIZE_BOUNDS[:-1]
    high: ClassVar[Array] = SIZE_BOUNDS[1:]

    def terms(self, statistics: Statistics) -> Array:
        found = regression(statistics)
        return np.column_stack([folded(found.errors[:, :, 0]), found.sums[:, 6]])
