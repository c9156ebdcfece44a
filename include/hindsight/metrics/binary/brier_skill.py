"""How much better the scores are than the base rate."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class BrierSkill(Metric):
    """1 - Brier score / (p (1 - p)): 0 is as good as always giving the window's own base rate p, 1 is
    perfect.

    Unlike the Brier score it does not improve by itself when positives get rarer (Murphy, 1973).  With a
    base rate that is not known beforehand a guess looks slightly bad.  The value is exact; the row error is
    the delta method's, its fourth moment taking every row at the mean score of its bin.  Rare positives make
    it skewed: of a window of 28 days with 50 of them, ± 1.96 errors hold the truth in 90 %, with 10 in 88 %
    (in the tests).
    """

    name = "brier_skill"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.CHANCES
    needs_score = True
    undefined = "the labelled rows are all of one class"

    def terms(self, statistics: Statistics) -> Array:
        found = binary(statistics)
        rows, scores = found.counts[:, :, 1:].sum(axis=(1, 3)), found.scores[:, :, 1:].sum(axis=(1, 3))
        squares = found.moments[:, :, 1:, 0].sum(axis=1)
        of_positive = np.maximum(rows[:, 1] - 2.0 * scores[:, 1] + squares[:, 1], 0.0)
        no, yes = found.score_of_bins[:, 0], found.score_of_bins[:, 1]
        negative, positive = found.histograms[:, 0], found.histograms[:, 1]
        fourth = (negative * no**4 + positive * (1.0 - yes) ** 4).sum(axis=1)
        return np.stack([rows.sum(axis=1), rows[:, 1], squares[:, 0], of_positive, fourth], axis=1)

    def value(self, terms: Array) -> Array:
        rows, positives, of_negative, of_positive = terms[:, :4].T
        return 1.0 - divide((of_negative + of_positive) * rows, positives * (rows - positives))

    def row_error(self, terms: Array) -> Array:
        rows, positives, of_negative, of_positive, fourth = terms.T
        rate, brier = divide(positives, rows), divide(of_negative + of_positive, rows)
        chance = rate * (1.0 - rate)
        by_brier = divide(np.ones_like(rows), chance)
        by_rate = -brier * (1.0 - 2.0 * rate) * by_brier**2
        spread = np.maximum(divide(fourth, rows) - brier * brier, 0.0)
        together = divide(of_positive, rows) - brier * rate
        variance = by_brier**2 * spread + 2.0 * by_brier * by_rate * together + by_rate**2 * chance
        return np.sqrt(divide(np.maximum(variance, 0.0), rows))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
