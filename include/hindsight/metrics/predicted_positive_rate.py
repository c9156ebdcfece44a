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
        counts = binary(statistics).counts
        return np.stack([counts[:, 1].sum(axis=(1, 2)), counts.sum(axis=(1, 2, 3))], axis=1)
