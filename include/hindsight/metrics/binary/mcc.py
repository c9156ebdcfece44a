"""Correlation of decision and outcome."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary, delta_error, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MatthewsCorrelation(Metric):
    """(tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)), between -1 and 1; 0 is a guess.

    All four counts enter, so it is low if any of them is bad (Matthews, 1975).  It moves with the base rate:
    do not compare segments of different ones by it.  scikit-learn calls it 0 where it is undefined here.
    The row error is the delta method's for a multinomial table, half a row added to each cell.
    """

    name = "mcc"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "the labelled rows are all of one class, or all got the same decision"

    def terms(self, statistics: Statistics) -> Array:
        return binary(statistics).confusion

    def value(self, terms: Array) -> Array:
        tp, fp, fn, tn = terms.T
        # The roots one by one: the product of four large counts loses digits, and weights may overflow it.
        roots = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
        return divide(tp * tn - fp * fn, roots)

    def row_error(self, terms: Array) -> Array:
        counts = terms + 0.5
        tp, fp, fn, tn = counts.T
        said, said_no, yes, no = tp + fp, fn + tn, tp + fn, fp + tn
        roots = np.sqrt(said) * np.sqrt(said_no) * np.sqrt(yes) * np.sqrt(no)
        half = 0.5 * self.value(counts)
        slopes = [
            tn / roots - half * (1.0 / said + 1.0 / yes),
            -fn / roots - half * (1.0 / said + 1.0 / no),
            -fp / roots - half * (1.0 / said_no + 1.0 / yes),
            tp / roots - half * (1.0 / said_no + 1.0 / no),
        ]
        return delta_error(counts, np.stack(slopes, axis=1))

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows

    def why(self, terms: Array) -> list[str]:
        tp, fp, fn, tn = terms.T
        one_class = (tp + fn == 0) | (fp + tn == 0)
        return [
            "the labelled rows are all of one class" if one else "all labelled rows got the same decision"
            for one in one_class
        ]
