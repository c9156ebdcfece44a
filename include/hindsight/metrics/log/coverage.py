"""Share of a window's predictions that have a label."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Share
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Coverage(Share):
    """Labelled / predictions, both in the window: how much of the truth is in."""

    name = "coverage"
    tasks = ANY_TASK
    direction = Direction.HIGHER
    of_labels = True
    weighted = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        return np.stack([statistics.labelled, statistics.predictions], axis=1)
