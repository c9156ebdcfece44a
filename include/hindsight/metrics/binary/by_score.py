"""What metrics share that look at label coverage by score."""

from __future__ import annotations

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Metric, binary
from hindsight.metrics.binary.coverage_gap import labelled_rows
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class CoverageByScore(Metric):
    """A metric of how many rows of each score bin have a label; 0 where that does not depend on the score."""

    tasks = BINARY
    direction = Direction.LOWER
    of_labels = True
    weighted = False
    needs_score = True

    def terms(self, statistics: Statistics) -> Array:
        """Labelled rows by score bin, then all rows by score bin."""
        found = binary(statistics)
        return np.column_stack([labelled_rows(found).sum(axis=1), found.said.sum(axis=1)])

    def rows(self, terms: Array) -> Array:
        rows: Array = terms[:, BINS:].sum(axis=1)
        return rows
