"""How evenly decisions fall on yes and no."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class DecisionEntropy(Metric):
    """-p ln p - (1 - p) ln(1 - p), p the share of predicted positives: 0 if all are alike, ln 2 = 0.69 if
    even.

    Needs no labels; a collapse to one answer shows whatever the usual share is.  It does not say to which
    side: see `predicted_positive_rate`.  The row error is the delta method's to second order, for at an even
    split the first derivative is 0 (Miller, 1955, for entropies): sqrt(ln(p / (1 - p))² p (1 - p) / n + 1 /
    (2 n²)), p after adding two of each.
    """

    name = "decision_entropy"
    tasks = BINARY
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        said = binary(statistics).said.sum(axis=2)
        return np.stack([said[:, 1], said.sum(axis=1)], axis=1)

    def value(self, terms: Array) -> Array:
        share = divide(terms[:, 0], terms[:, 1])
        value = np.zeros(len(terms))
        for part in (share, 1.0 - share):
            value -= part * np.log(np.where(part > 0, part, 1.0))
        return value

    def row_error(self, terms: Array) -> Array:
        yes, rows = terms.T
        share = (yes + 2.0) / (rows + 4.0)
        slope = np.log(share / (1.0 - share))
        first = divide(slope * slope * share * (1.0 - share), rows)
        return np.sqrt(first + divide(np.full_like(rows, 0.5), rows * rows))

    def rows(self, terms: Array) -> Array:
        return terms[:, 1]
