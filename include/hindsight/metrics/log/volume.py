"""How many predictions there were."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Metric
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Volume(Metric):
    """Usable predictions in the window; the row error is Poisson's, never below 1."""

    name = "volume"
    tasks = ANY_TASK
    direction = Direction.NEITHER
    labelled = False
    extensive = True
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        return statistics.predictions[:, None]

    def value(self, terms: Array) -> Array:
        return terms[:, 0]

    def row_error(self, terms: Array) -> Array:
        return np.sqrt(np.maximum(terms[:, 0], 1.0))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
