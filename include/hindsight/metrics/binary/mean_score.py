"""Mean of the scores given."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Mean, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanScore(Mean):
    """Mean score of all predictions; needs no labels and so moves first."""

    name = "mean_score"
    tasks = BINARY
    direction = Direction.NEITHER
    labelled = False
    needs_score = True
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        found = binary(statistics)
        return np.column_stack([found.predictions, found.spread])
