"""Share of predictions whose score lies where next to nothing gets a label."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Metric, binary, divide
from hindsight.metrics.binary.coverage_gap import labelled_rows
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

DUE: Final = 10.0
"""Labels that a bin would have at the window's coverage, to be judged: fewer may all be absent by chance."""

NEXT_TO_NOTHING: Final = 0.1
"""The share of these that a bin has at most."""


class UnlabelledRange(Metric):
    """Predictions in bins of the score that have almost no label / predictions.

    Of a bin that would have at least 10 labels at the window's own coverage there is at most a tenth of
    them. So a model that decides which truth is learnt (scores above 0.8 are blocked, and nobody hears
    what they were) shows here, while labels that come for few but for all alike do not.  Without
    dependence a bin is such by chance in 0.05 % of cases.  Bins with few predictions are never counted:
    pool weeks.  The row error is that of a share, with the bins taken as known.
    """

    name = "unlabelled_range"
    tasks = BINARY
    direction = Direction.LOWER
    of_labels = True
    weighted = False
    needs_score = True
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        """Labelled rows by score bin, then all rows by score bin."""
        found = binary(statistics)
        return np.column_stack([labelled_rows(found).sum(axis=1), found.said.sum(axis=1)])

    def value(self, terms: Array) -> Array:
        labelled, rows = terms[:, :BINS], terms[:, BINS:]
        known, whole = labelled.sum(axis=1), rows.sum(axis=1)
        due = rows * np.divide(known, whole, out=np.zeros(len(terms)), where=whole > 0)[:, None]
        dark = (due >= DUE) & (labelled <= NEXT_TO_NOTHING * due)
        share = divide(np.where(dark, rows, 0.0).sum(axis=1), whole)
        return np.where(known > 0, share, np.nan)

    def row_error(self, terms: Array) -> Array:
        whole, known = terms[:, BINS:].sum(axis=1), terms[:, :BINS].sum(axis=1)
        share = (np.nan_to_num(self.value(terms)) * whole + 2.0) / (whole + 4.0)
        return np.where(known > 0, np.sqrt(divide(share * (1.0 - share), whole)), np.nan)

    def rows(self, terms: Array) -> Array:
        rows: Array = terms[:, BINS:].sum(axis=1)
        return rows
