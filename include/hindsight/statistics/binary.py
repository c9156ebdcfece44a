"""Statistics of a yes/no decision: counts by decision, outcome and score bin, and a few exact sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Final, Self

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.spec import MonitorSpec
from hindsight.statistics.base import Array, Cells, Layout, Statistics, Term

PLAIN: Final = (Term("score"), Term("score2"), Term("loss", labelled=True))
WEIGHTED: Final = (*PLAIN, Term("weighted", labelled=True), Term("weighted2", labelled=True))
"""With weights the scores of labelled rows are summed twice: as they are, and times the weight."""


CLUSTERS: Final = "clusters"
"""Where a payload holds the sums over clusters."""

CELLS: Final = ((1, 1), (1, 0), (0, 1), (0, 0))
"""(decision, outcome) of the confusion matrix, in the order of `BinaryStatistics.confusion`."""

PRODUCTS: Final = tuple(combinations_with_replacement(range(len(CELLS)), 2))
"""Of which two cells each sum over clusters is the product; after them comes the number of clusters."""

CLUSTER_SUMS: Final = len(PRODUCTS) + 1


@dataclass(frozen=True)
class BinaryStatistics(Statistics):
    """What a window of a binary model leaves behind.

    `counts` and `scores` (sum of scores) have shape [batch, predicted 0/1, outcome none/0/1, bin];
    `moments` has shape [batch, predicted, outcome, 2] with the sums of score² and of log loss; where labels
    have weights, all three hold weighted sums for labelled rows.  `said` and `spread` are over all rows and
    never weighted: rows by decision and score bin, [batch, predicted, bin], and sums of score and score²,
    [batch, 2].  `clusters`, of shape [batch, 11], are the sums over clusters of products of the confusion
    matrix's cells, upper triangle row by row, and the number of clusters; 0 where rows have none.
    """

    counts: Array
    scores: Array
    moments: Array
    said: Array
    spread: Array
    clusters: Array

    @classmethod
    def zeros(cls, batch: int) -> Self:
        """So many windows without a row.

        >>> (BinaryStatistics.zeros(2) + BinaryStatistics.zeros(2)).predictions
        array([0., 0.])
        """
        cells = (batch, 2, 3, BINS)
        return cls(
            np.zeros((batch, 4)),
            np.zeros(cells),
            np.zeros(cells),
            np.zeros((batch, 2, 3, 2)),
            np.zeros((batch, 2, BINS)),
            np.zeros((batch, 2)),
            np.zeros((batch, CLUSTER_SUMS)),
        )

    @property
    def confusion(self) -> Array:
        """Labelled rows as [batch, tp, fp, fn, tn]."""
        table = self.counts[:, :, 1:].sum(axis=3)
        return np.stack([table[:, 1, 1], table[:, 1, 0], table[:, 0, 1], table[:, 0, 0]], axis=1)

    @property
    def histograms(self) -> Array:
        """Labelled rows by outcome and score bin: [batch, outcome 0/1, bin]."""
        return np.ascontiguousarray(self.counts[:, :, 1:].sum(axis=1))

    @property
    def score_of_bins(self) -> Array:
        """Mean score of the labelled rows by outcome and bin, 0 where there are none: [batch, outcome,
        bin].
        """
        rows, scores = self.histograms, self.scores[:, :, 1:].sum(axis=1)
        means: Array = np.divide(scores, rows, out=np.zeros_like(rows), where=rows > 0)
        return means


class BinaryLayout(Layout):
    """`said` is decision * bins + score bin, `actual` is 0 for none, 1 for no and 2 for yes."""

    kind = BinaryStatistics
    said = rows_said = 2 * BINS
    actuals = 3

    def __init__(self, spec: MonitorSpec) -> None:
        self.weighted = spec.ground_truth.columns.weight is not None
        self.terms = WEIGHTED if self.weighted else PLAIN

    def zeros(self, batch: int) -> BinaryStatistics:
        return BinaryStatistics.zeros(batch)

    def of_cells(self, cells: Cells, batch: int) -> BinaryStatistics:
        made = BinaryStatistics.zeros(batch)
        predicted, cell = np.divmod(cells.said, BINS)
        where = (cells.window, predicted, cells.actual, cell)
        labelled = self.weighted & (cells.actual > 0)
        scores, squares = cells.terms["score"], cells.terms["score2"]
        np.add.at(made.said, (cells.window, predicted, cell), cells.count)
        np.add.at(made.spread, cells.window, np.stack([scores, squares], axis=1))
        if self.weighted:
            scores = np.where(labelled, cells.terms["weighted"], scores)
            squares = np.where(labelled, cells.terms["weighted2"], squares)
        made.rows[:] = self.counted(cells, batch)
        made.counts[where] = self.weight(cells)
        made.scores[where] = scores
        np.add.at(made.moments, where[:3], np.stack([squares, cells.terms["loss"]], axis=1))
        return made

    def parse(self, payloads: Sequence[Mapping[str, Any] | None]) -> BinaryStatistics:
        made = super().parse(payloads)
        assert isinstance(made, BinaryStatistics)
        for i, payload in enumerate(payloads):
            if payload and CLUSTERS in payload:
                made.clusters[i] = payload[CLUSTERS]
        return made
