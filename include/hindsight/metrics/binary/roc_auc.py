"""Area under the ROC curve, from score histograms."""

from __future__ import annotations

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class RocAuc(Metric):
    """The chance that a positive row scores above a negative one, ties counting half.

    Rows that share a bin count as ties, so the value can be off by at most
    sum(pos_b * neg_b) / (2 * pos * neg), which `bound` reports.  The row error is DeLong's (1988), its
    placements read from the bins; with only 10 positives in 28 days ± 1.96 errors hold the truth in 89 %
    (measured in the tests), with 50 in 95 %.
    """

    name = "roc_auc"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.ORDER
    adjustable = True
    needs_score = True
    undefined = "the labelled rows are all of one class"

    def terms(self, statistics: Statistics) -> Array:
        return binary(statistics).histograms.reshape(len(statistics), 2 * BINS)

    def value(self, terms: Array) -> Array:
        negative, positive = terms[:, :BINS], terms[:, BINS:]
        below = np.cumsum(negative, axis=1) - 0.5 * negative
        return divide((positive * below).sum(axis=1), negative.sum(axis=1) * positive.sum(axis=1))

    def row_error(self, terms: Array) -> Array:
        negative, positive = terms[:, :BINS], terms[:, BINS:]
        negatives, positives = negative.sum(axis=1), positive.sum(axis=1)
        area = self.value(terms)[:, None]
        below = divide(
            np.cumsum(negative, axis=1) - 0.5 * negative, np.broadcast_to(negatives[:, None], negative.shape)
        )
        above = divide(
            np.cumsum(positive, axis=1) - 0.5 * positive, np.broadcast_to(positives[:, None], positive.shape)
        )
        of_positives = divide((positive * (below - area) ** 2).sum(axis=1), positives - 1.0)
        of_negatives = divide((negative * (1.0 - above - area) ** 2).sum(axis=1), negatives - 1.0)
        return np.sqrt(divide(of_positives, positives) + divide(of_negatives, negatives))

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows

    def bound(self, terms: Array) -> Array:
        negative, positive = terms[:, :BINS], terms[:, BINS:]
        ties = (negative * positive).sum(axis=1)
        return divide(ties, 2.0 * negative.sum(axis=1) * positive.sum(axis=1))
