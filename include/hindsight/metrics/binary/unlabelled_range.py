"""Share of predictions whose score lies where next to nothing gets a label."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.metrics.base import divide
from hindsight.metrics.binary.by_score import CoverageByScore
from hindsight.statistics.base import Array

DUE: Final = 10.0
"""Labels that a bin would have at the window's coverage, to be judged: fewer may all be absent by chance."""

NEXT_TO_NOTHING: Final = 0.1
"""The share of these that a bin has at most."""


ENOUGH: Final = 0.9
"""The share of the predictions that must lie in bins that can be judged."""

TOO_FEW: Final = "too few predictions have a label to say of which scores none comes"


def merged(values: Array, due: Array) -> Array:
    """These values by bin, those of bins with too few labels due added up in the first of each group.

    Bins are added until twice as many are due as must be: so a group that ends never has too few.

    >>> merged(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[9.0, 9.0, 50.0, 9.0]])).tolist()
    [[11.0, 0.0, 4.0, 0.0]]
    """
    small = due < DUE
    before = np.cumsum(np.where(small, due, 0.0), axis=1) - np.where(small, due, 0.0)
    group = np.floor(before / (2.0 * DUE)).astype(np.int64)
    seen = np.maximum.accumulate(np.where(small, group, -1), axis=1)
    opens = small & (group > np.column_stack([np.full(len(due), -1), seen[:, :-1]]))
    bins = np.broadcast_to(np.arange(due.shape[1]), due.shape)
    target = np.where(small, np.maximum.accumulate(np.where(opens, bins, 0), axis=1), bins)
    found = np.zeros_like(values)
    np.add.at(found, (np.arange(len(due))[:, None], target), values)
    return found


class UnlabelledRange(CoverageByScore):
    """Predictions in bins of the score that have almost no label / predictions.

    Of a bin that would have at least 10 labels at the window's own coverage there is at most a tenth of
    them. So a model that decides which truth is learnt (scores above 0.8 are blocked, and nobody hears
    what they were) shows here, while labels that come for few but for all alike do not.  Without
    dependence a bin is such by chance in 0.05 % of cases.  Bins with fewer are taken together with the next
    such, until they would have 10.  Where less than 90 % of the predictions lie in bins that can be judged
    so, it is undefined: pool weeks.  The row error is that of a share, with the bins taken as known.
    """

    name = "unlabelled_range"
    undefined = "no prediction has a label"

    def value(self, terms: Array) -> Array:
        labelled, rows = terms[:, :BINS], terms[:, BINS:]
        known, whole = labelled.sum(axis=1), rows.sum(axis=1)
        covered = np.divide(known, whole, out=np.zeros(len(terms)), where=whole > 0)[:, None]
        due = rows * covered
        labelled, rows = merged(labelled, due), merged(rows, due)
        due = rows * covered
        judged = due >= DUE
        dark = judged & (labelled <= NEXT_TO_NOTHING * due)
        share = divide(np.where(dark, rows, 0.0).sum(axis=1), whole)
        enough = np.where(judged, rows, 0.0).sum(axis=1) >= ENOUGH * whole
        return np.where((known > 0) & enough, share, np.nan)

    def why(self, terms: Array) -> list[str]:
        known = terms[:, :BINS].sum(axis=1) > 0
        return [TOO_FEW if each else self.undefined for each in known]

    def row_error(self, terms: Array) -> Array:
        whole, known = terms[:, BINS:].sum(axis=1), terms[:, :BINS].sum(axis=1)
        share = (self.value(terms) * whole + 2.0) / (whole + 4.0)
        return np.where(known > 0, np.sqrt(divide(share * (1.0 - share), whole)), np.nan)
