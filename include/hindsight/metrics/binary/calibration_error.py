"""How far scores are from the rates at which they come true."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.bins import LINEAR_BINS, TAIL_BINS
from hindsight.domain.values import Direction
from hindsight.metrics.base import CLASSIFICATION, Family, Metric, binary, divide
from hindsight.statistics import MulticlassStatistics, Statistics
from hindsight.statistics.base import Array

GROUPS: Final = 10
STARTS: Final = (0, *range(TAIL_BINS + 9, TAIL_BINS + LINEAR_BINS, 10))
"""The first score bin of each group: 0, and those that begin at 0.1, 0.2 ... 0.9."""


def of_confidence(found: MulticlassStatistics) -> Array:
    """The terms of a multiclass model: its score is its confidence, and positive is to be right.

    Squares of the confidence are taken at the mean of each score bin.
    """
    rows, scores, hits, of_hits = np.moveaxis(found.confidence, 2, 0)
    squares = np.divide(scores * scores, rows, out=np.zeros_like(rows), where=rows > 0)
    error = (hits - 2.0 * of_hits + squares).sum(axis=1)
    return np.column_stack([np.add.reduceat(hits - scores, STARTS, axis=1), rows.sum(axis=1), error])


class CalibrationError(Metric):
    """Mean over rows of |mean score - positive rate| of the row's group, ten groups of equal width in score.

    The expected calibration error (Naeini and others, 2015; Guo and others, 2017).  Exact for its ten groups.
    For a multiclass model the score is that of the class it says, and the rate is how often that is right.
    Where nearly all scores lie in one group, as for rare positives, it is |mean score - positive rate|: use
    `calibration_ratio` there.

    A sum of absolute values is too high in small samples: a perfectly calibrated model gets some 0.8
    sqrt(groups * mean of score (1 - score) / rows), 0.03 for a thousand rows over all scores, and not 0. The
    row error is the delta method's with the sign of each group's gap taken as known.  It covers the truth as
    often as it should where the gaps of most groups are larger than twice their noise; of a calibrated model
    ± 1.96 errors hold the true 0 in a third of windows only, whatever their size (measured in the tests).
    Compare with a reference of about as many rows, and look at the same scores by `brier_skill`.
    """

    name = "calibration_error"
    tasks = CLASSIFICATION
    direction = Direction.LOWER
    family = Family.CHANCES
    needs_score = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        """Per group positives less sum of scores; then rows, and the sum of (score - outcome)²."""
        if isinstance(statistics, MulticlassStatistics):
            return of_confidence(statistics)
        found = binary(statistics)
        scores = found.scores[:, :, 1:].sum(axis=(1, 2))
        gaps = np.add.reduceat(found.histograms[:, 1] - scores, STARTS, axis=1)
        rows, positive = found.histograms.sum(axis=(1, 2)), found.histograms[:, 1].sum(axis=1)
        of_positive = found.scores[:, :, 2].sum(axis=(1, 2))
        squares = found.moments[:, :, 1:, 0].sum(axis=(1, 2))
        return np.column_stack([gaps, rows, np.maximum(positive - 2.0 * of_positive + squares, 0.0)])

    def value(self, terms: Array) -> Array:
        return divide(np.abs(terms[:, :GROUPS]).sum(axis=1), terms[:, GROUPS])

    def row_error(self, terms: Array) -> Array:
        rows, squares = terms[:, GROUPS], terms[:, GROUPS + 1]
        value = self.value(terms)
        return np.sqrt(divide(np.maximum(divide(squares, rows) - value * value, 0.0), rows))

    def rows(self, terms: Array) -> Array:
        return terms[:, GROUPS]
