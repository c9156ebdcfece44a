"""Standard deviation of the scores given."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Metric, binary, divide
from hindsight.metrics.binary.curves import MIDDLES, WIDTHS
from hindsight.metrics.spread import spread_error
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ScoreSpread(Metric):
    """sqrt(mean of (score - mean score)²) over all predictions; a model that loses a feature loses spread.

    Needs no labels.  Exact to 4e-5, below which the sums of squares hold no digits: for scores that all lie
    under 1e-4 use `score_quantile`.  For the row error see `spread_error`: that of scores that are all alike
    is 0.
    """

    name = "score_spread"
    tasks = BINARY
    direction = Direction.NEITHER
    labelled = False
    needs_score = True
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        found = binary(statistics)
        return np.column_stack([found.predictions, found.spread, found.said.sum(axis=1)])

    def value(self, terms: Array) -> Array:
        return np.sqrt(self._variance(terms))

    def row_error(self, terms: Array) -> Array:
        return spread_error(terms[:, 0], self._variance(terms), terms[:, 3:], MIDDLES, WIDTHS)

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]

    def _variance(self, terms: Array) -> Array:
        rows, total, squares = terms[:, :3].T
        mean = divide(total, rows)
        return np.maximum(divide(squares, rows) - mean * mean, 0.0)
