"""Share of predictions that say yes."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Share, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class PredictedPositiveRate(Share):
    """Predicted positives / predictions; needs no labels and so moves first."""

    name = "predicted_positive_rate"
    tasks = BINARY
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        said = binary(statistics).said.sum(axis=2)
        return np.stack([said[:, 1], said.sum(axis=1)], axis=1)
