"""Standard deviation of the predicted values."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Metric, divide, regression
from hindsight.metrics.regression.moments import distances
from hindsight.metrics.regression.quantiles import HIGH, LOW
from hindsight.metrics.spread import spread_error
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

MIDDLES: Final[Array] = 0.5 * (LOW + HIGH)
WIDTHS: Final[Array] = HIGH - LOW
TOO_LITTLE: Final = "the predictions differ by less than their sums can tell"


class PredictionSpread(Metric):
    """sqrt(mean of (prediction - its mean)²), in the target's unit; needs no labels, so it moves first.

    A model that lost an input often loses spread.  0 if all predictions are in one bin and do not differ by
    more than rounding; undefined if they differ, but by less than a millionth of their size or 3e-5 of the
    unit.  For the row error see `spread_error`.
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
        return np.sqrt(self._variance(terms))

    def row_error(self, terms: Array) -> Array:
        rows, counts = terms[:, 0], terms[:, 4:]
        unit = np.sqrt(divide(terms[:, 3], rows))[:, None]
        return spread_error(rows, self._variance(terms), counts, unit * MIDDLES, unit * WIDTHS)

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]

    def why(self, terms: Array) -> list[str]:
        return [self.undefined if row[0] == 0 else TOO_LITTLE for row in terms]

    def _variance(self, terms: Array) -> Array:
        rows, total, squares, grain = terms[:, :4].T
        spread, rounding, least = distances(rows, total, squares, grain)
        # Rows in one bin that do not differ beyond rounding are a collapse: no spread.
        alike = ((terms[:, 4:] > 0).sum(axis=1) <= 1) & (np.abs(spread) <= rounding)
        return divide(np.where(alike, 0.0, np.where(spread > least, spread, np.nan)), rows)
