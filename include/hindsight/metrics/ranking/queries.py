"""How many queries were judged."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import RANKING, Metric, ranking
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Queries(Metric):
    """Queries with known feedback on at least one item; the row error is Poisson's, never below 1."""

    name = "queries"
    tasks = RANKING
    direction = Direction.NEITHER
    weighted = False
    extensive = True
    undefined = "no query has known feedback"

    def terms(self, statistics: Statistics) -> Array:
        return ranking(statistics).queries[:, :1]

    def value(self, terms: Array) -> Array:
        return terms[:, 0]

    def row_error(self, terms: Array) -> Array:
        return np.sqrt(np.maximum(terms[:, 0], 1.0))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
