"""Standard deviation of the scores given."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Metric, binary, divide
from hindsight.metrics.binary.curves import MIDDLES
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ScoreSpread(Metric):
    """sqrt(mean of (score - mean score)²) over all predictions; a model that loses a feature loses spread.

    Needs no labels.  Exact to 4e-5, below which the sums of squares hold no digits: for scores that all lie
    under 1e-4 use `score_quantile`.  The row error is the delta method's, sqrt((m4 - s⁴) / (4 s² n)) with the
    fourth central moment m4 taken from the middles of score bins (Rao, 1973).
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
        rows, total, squares = terms[:, :3].T
        mean = divide(total, rows)
        return np.sqrt(np.maximum(divide(squares, rows) - mean * mean, 0.0))

    def row_error(self, terms: Array) -> Array:
        rows, counts = terms[:, 0], terms[:, 3:]
        mean = divide((counts * MIDDLES).sum(axis=1), rows)
        away = (MIDDLES - mean[:, None]) ** 2
        second = divide((counts * away).sum(axis=1), rows)
        fourth = divide((counts * away * away).sum(axis=1), rows)
        return np.sqrt(divide(np.maximum(fourth - second * second, 0.0), 4.0 * second * rows))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
