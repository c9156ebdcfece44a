"""How much label coverage depends on the decision."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Metric, binary, divide
from hindsight.statistics import BinaryStatistics, Statistics
from hindsight.statistics.base import Array


def labelled_rows(found: BinaryStatistics) -> Array:
    """Rows with a label by decision and score bin, never weighted: [batch, decision, bin]."""
    rows: Array = found.said - found.counts[:, :, 0]
    return rows


class CoverageGap(Metric):
    """Coverage of the predicted positives - coverage of the predicted negatives; 0 if the truth comes for
    both alike.

    Where a decision stops what would have told the truth, as a loan that is not given, it is far from 0, and
    recall and precision are then those of the labelled only.  Labels that come later for one class than for
    the other make a gap at a young age that closes.  See `score_coverage_gap` for coverage that depends on
    the score within a decision.  The row error is that of the difference of two shares, each after adding two
    labelled and two unlabelled rows.
    """

    name = "coverage_gap"
    tasks = BINARY
    direction = Direction.NEITHER
    of_labels = True
    weighted = False
    undefined = "all predictions are the same decision"

    def terms(self, statistics: Statistics) -> Array:
        """Labelled rows and rows, of either decision."""
        found = binary(statistics)
        return np.column_stack([labelled_rows(found).sum(axis=2), found.said.sum(axis=2)])

    def value(self, terms: Array) -> Array:
        return divide(terms[:, 1], terms[:, 3]) - divide(terms[:, 0], terms[:, 2])

    def row_error(self, terms: Array) -> Array:
        variance = np.zeros(len(terms))
        for labelled, rows in ((terms[:, 0], terms[:, 2]), (terms[:, 1], terms[:, 3])):
            share = (labelled + 2.0) / (rows + 4.0)
            variance += divide(share * (1.0 - share), rows)
        return np.sqrt(variance)

    def rows(self, terms: Array) -> Array:
        rows: Array = terms[:, 2:].sum(axis=1)
        return rows
