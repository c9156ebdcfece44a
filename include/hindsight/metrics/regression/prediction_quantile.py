"""Quantile of the predicted values."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import regression
from hindsight.metrics.regression.quantiles import BinnedQuantile
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class PredictionQuantile(BinnedQuantile):
    """The smallest prediction that at least the given share of all do not exceed, the median by default.

    In the target's unit; needs no labels and so moves first.  See `BinnedQuantile` for bound and row error.
    """

    name = "prediction_quantile"
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        found = regression(statistics)
        return np.column_stack([found.values, found.volume[:, 3]])
