"""Expected positives over observed ones."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class CalibrationRatio(Metric):
    """Mean score of the labelled rows / their positive rate: 1 is right, 1.2 promises a fifth too many.

    Calibration in the large, known as expected over observed; good for rare positives too.  Too high scores
    here and too low ones there cancel: use `calibration_error` for each level of score.  The value is exact;
    the row error is the delta method's for a ratio of means (Cochran, 1977), and one of few positives (say
    fewer than 30) has a longer tail than it says.
    """

    name = "calibration_ratio"
    tasks = BINARY
    direction = Direction.NEITHER
    family = Family.CHANCES
    error_grows = True
    needs_score = True
    undefined = "no row turned out positive"

    def terms(self, statistics: Statistics) -> Array:
        """Rows, positives, and the sums of score, of score over positives, and of score²."""
        found = binary(statistics)
        rows, scores = found.histograms.sum(axis=2), found.scores[:, :, 1:].sum(axis=(1, 3))
        squares = found.moments[:, :, 1:, 0].sum(axis=(1, 2))
        return np.stack([rows.sum(axis=1), rows[:, 1], scores.sum(axis=1), scores[:, 1], squares], axis=1)

    def value(self, terms: Array) -> Array:
        return divide(terms[:, 2], terms[:, 1])

    def row_error(self, terms: Array) -> Array:
        _, positives, _, of_positive, squares = terms.T
        ratio = self.value(terms)
        spread = np.maximum(squares - 2.0 * ratio * of_positive + ratio * ratio * positives, 0.0)
        return divide(np.sqrt(spread), positives)

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
