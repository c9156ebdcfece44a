"""How much label coverage depends on the score."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.metrics.base import divide
from hindsight.metrics.binary.by_score import CoverageByScore
from hindsight.statistics.base import Array

THIRDS: Final = 3


class ScoreCoverageGap(CoverageByScore):
    """Largest - smallest coverage of the thirds of a window's predictions by score; 0 if it does not depend
    on it.

    Thirds are of the window's own predictions, by frozen bins of the score; a bin that two thirds share
    counts for each in proportion, as if its labels were spread evenly.  A difference of the largest and
    the smallest is above 0 by chance: with 300 predictions and no dependence by 0.08, with 30,000 by
    0.008 (measured in the tests).  The row error is that of the difference of the two shares.
    """

    name = "score_coverage_gap"
    undefined = "there is no prediction"

    def _thirds(self, terms: Array) -> tuple[Array, Array]:
        """Labelled rows and rows of each third, [batch, thirds]."""
        labelled, rows = terms[:, :BINS], terms[:, BINS:]
        after = np.cumsum(rows, axis=1)
        whole = after[:, -1:]
        parts = []
        for third in range(THIRDS):
            low, high = whole * third / THIRDS, whole * (third + 1) / THIRDS
            inside = np.clip(np.minimum(after, high) - np.maximum(after - rows, low), 0.0, None)
            share = np.divide(inside, rows, out=np.zeros_like(rows), where=rows > 0)
            parts.append(((labelled * share).sum(axis=1), inside.sum(axis=1)))
        return np.stack([part[0] for part in parts], axis=1), np.stack([part[1] for part in parts], axis=1)

    def value(self, terms: Array) -> Array:
        labelled, rows = self._thirds(terms)
        share = divide(labelled, rows)
        value: Array = share.max(axis=1) - share.min(axis=1)
        return value

    def row_error(self, terms: Array) -> Array:
        labelled, rows = self._thirds(terms)
        share = divide(labelled, rows)
        smooth = (labelled + 2.0) / (rows + 4.0)
        variance = divide(smooth * (1.0 - smooth), rows)
        known = np.isfinite(share)
        ends = np.where(known, share, -1.0).argmax(axis=1), np.where(known, share, 2.0).argmin(axis=1)
        both = np.stack([np.take_along_axis(variance, end[:, None], axis=1)[:, 0] for end in ends], axis=1)
        error: Array = np.sqrt(both.sum(axis=1))
        return error
