"""Weighted harmonic mean of precision and recall."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Numbered, binary, delta_error, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class FBeta(Numbered):
    """(1 + b²) tp / ((1 + b²) tp + b² fn + fp): recall counts b times as much as precision (van Rijsbergen,
    1979).

    `f_beta(2)`, which the bare name means, is for misses that hurt, `f_beta(0.5)` for false alarms that do.
    True negatives do not count.  Where errors have prices, use `cost`.  The row error is the delta method's,
    after adding two true positives, one false positive and one false negative; with b = 1 it is f1's.
    """

    name = "f_beta"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no labelled row was positive or predicted positive"
    number = 2.0
    takes = "a number above 0"

    def fits(self, number: float) -> bool:
        return 0.0 < number <= 1e6

    def terms(self, statistics: Statistics) -> Array:
        return binary(statistics).confusion[:, :3]

    def _whole(self, terms: Array) -> tuple[float, Array]:
        """b², and the denominator."""
        square = self.number * self.number
        tp, fp, fn = terms.T
        return square, (1.0 + square) * tp + square * fn + fp

    def value(self, terms: Array) -> Array:
        square, whole = self._whole(terms)
        return divide((1.0 + square) * terms[:, 0], whole)

    def row_error(self, terms: Array) -> Array:
        counts = terms + np.array([2.0, 1.0, 1.0])
        square, whole = self._whole(counts)
        value = self.value(counts)
        slopes = np.stack([(1.0 + square) * (1.0 - value), -value, -square * value], axis=1) / whole[:, None]
        rows = self.rows(terms)
        return delta_error(counts, slopes) * np.sqrt(divide(rows + 4.0, rows))

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows
