"""Harmonic mean of precision and recall."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class F1(Metric):
    """2 tp / (2 tp + fp + fn): right yeses against all that was said or was yes; true negatives do not count.

    With p = tp / (tp + fp + fn) it is 2 p / (1 + p), so the row error is p's binomial one times the
    derivative 2 / (1 + p)² (delta method).
    """

    name = "f1"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no labelled row was positive or predicted positive"

    def terms(self, statistics: Statistics) -> Array:
        tp, fp, fn, _ = binary(statistics).confusion.T
        return np.stack([tp, fp + fn], axis=1)

    def value(self, terms: Array) -> Array:
        tp, wrong = terms[:, 0], terms[:, 1]
        return divide(2.0 * tp, 2.0 * tp + wrong)

    def row_error(self, terms: Array) -> Array:
        tp, wrong = terms[:, 0], terms[:, 1]
        share = (tp + 2.0) / (tp + wrong + 4.0)
        error: Array = np.sqrt(divide(share * (1.0 - share), tp + wrong)) * 2.0 / (1.0 + share) ** 2
        return error

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows
