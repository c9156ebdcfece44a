"""Mean of recall and specificity."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class BalancedAccuracy(Metric):
    """(recall + specificity) / 2, what accuracy would be were both classes as frequent; 0.5 is a guess.

    For rare positives it rests on few rows, and it says nothing of how many of the flagged are false: watch
    precision beside it.  The row error adds up the binomial ones of its two shares (Brodersen and others,
    2010, treat them as independent too), each after adding two successes and two failures.
    """

    name = "balanced_accuracy"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "the labelled rows are all of one class"

    def terms(self, statistics: Statistics) -> Array:
        return binary(statistics).confusion

    def value(self, terms: Array) -> Array:
        tp, fp, fn, tn = terms.T
        return 0.5 * (divide(tp, tp + fn) + divide(tn, tn + fp))

    def row_error(self, terms: Array) -> Array:
        tp, fp, fn, tn = terms.T
        variance = np.zeros(len(terms))
        for right, whole in ((tp, tp + fn), (tn, tn + fp)):
            share = (right + 2.0) / (whole + 4.0)
            variance += divide(share * (1.0 - share), whole)
        return 0.5 * np.sqrt(variance)

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows
