"""Mean chance that scores give to the likelier outcome."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import CLASSIFICATION, Mean, binary, divide
from hindsight.metrics.binary.curves import EDGES, MIDDLES, WIDTHS
from hindsight.statistics import MulticlassStatistics, Statistics
from hindsight.statistics.base import Array

UPPER: Final = EDGES[:-1] >= 0.5
"""Bins whose scores are at least 0.5; no bin holds scores of both sides."""


class Confidence(Mean):
    """Mean of max(score, 1 - score) over all predictions, between 0.5 and 1.

    Of a multiclass model it is the mean score of the class that it says.

    Needs no labels.  For a calibrated model it is the accuracy to expect (Hendrycks and Gimpel, 2017); a
    model can be confident and wrong, so it is no replacement for labels.  Exact, unless labels have
    weights: then the labelled rows of a bin are taken at their weighted mean score, and `bound` says how
    far that may be off.  The row error takes every row at the mean score of its bin.
    """

    name = "confidence"
    tasks = CLASSIFICATION
    direction = Direction.NEITHER
    labelled = False
    needs_score = True
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        """Rows, sum, sum of squares, and how far the sum may be off."""
        if isinstance(statistics, MulticlassStatistics):
            return np.column_stack([statistics.spread, np.zeros(len(statistics))])
        found = binary(statistics)
        said = found.said.sum(axis=1)
        unlabelled = found.counts[:, :, 0].sum(axis=1)
        labelled = said - unlabelled
        weights, weighted = found.histograms.sum(axis=1), found.scores[:, :, 1:].sum(axis=(1, 2))
        mean = np.divide(
            weighted, weights, out=np.broadcast_to(MIDDLES, weights.shape).copy(), where=weights > 0
        )
        scores = found.scores[:, :, 0].sum(axis=1) + labelled * mean
        sure = np.where(UPPER, scores, said - scores)
        squares = np.divide(sure * sure, said, out=np.zeros_like(said), where=said > 0)
        uneven = statistics.rows[:, 3] - 2.0 * statistics.rows[:, 2] + statistics.rows[:, 1]
        doubt = np.where(uneven[:, None] > 0, labelled * WIDTHS, 0.0)
        return np.stack([said.sum(axis=1), *(part.sum(axis=1) for part in (sure, squares, doubt))], axis=1)

    def bound(self, terms: Array) -> Array:
        return divide(terms[:, 3], terms[:, 0])
