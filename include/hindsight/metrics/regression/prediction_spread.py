"""Standard deviation of the predicted values."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Metric, divide, regression
from hindsight.metrics.regression.quantiles import HIGH, LOW
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class PredictionSpread(Metric):
    """sqrt(mean of (prediction - its mean)²), in the target's unit; needs no labels, so it moves first.

    A model that lost an input often loses spread.  The row error is the delta method's, sqrt((m4 - s⁴) / (4
    s² n)) with the fourth central moment m4 taken from the middles of value bins (Rao, 1973).
    """

    name = "prediction_spread"
    tasks = REGRESSION
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        found = regression(statistics)
        return np.column_stack([found.volume, found.values])

    def value(self, terms: Array) -> Array:
        rows, total, squares, grain = terms[:, :4].T
        spread = squares - divide(total * total, rows)
        # What is left of equal values after rounding is not a spread.
        return np.sqrt(divide(np.where(spread > 1e-9 * (squares + grain), spread, 0.0), rows))

    def row_error(self, terms: Array) -> Array:
        rows, counts = terms[:, 0], terms[:, 4:]
        middles = np.sqrt(divide(terms[:, 3], rows))[:, None] * (0.5 * (LOW + HIGH))
        mean = divide((counts * middles).sum(axis=1), rows)
        away = (middles - mean[:, None]) ** 2
        second = divide((counts * away).sum(axis=1), rows)
        fourth = divide((counts * away * away).sum(axis=1), rows)
        return np.sqrt(divide(np.maximum(fourth - second * second, 0.0), 4.0 * second * rows))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
