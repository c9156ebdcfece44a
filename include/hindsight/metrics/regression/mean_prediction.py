"""Mean of the predicted values."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanPrediction(Mean):
    """Mean prediction, in the target's unit; needs no labels and so moves first."""

    name = "mean_prediction"
    tasks = REGRESSION
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).volume[:, :3]
