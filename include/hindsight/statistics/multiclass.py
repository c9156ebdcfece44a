"""Statistics of a choice among classes: a confusion table, how sure it was, and scores class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.spec import MonitorSpec
from hindsight.statistics.base import Array, Cells, Layout, Term
from hindsight.statistics.named import Named

PLAIN: Final = (
    Term("confidence"),
    Term("confidence2"),
    Term("loss", labelled=True),
    Term("loss2", labelled=True),
    Term("brier", labelled=True),
    Term("brier2", labelled=True),
)
WEIGHTED: Final = (*PLAIN, Term("weighted", labelled=True))
"""With weights the confidence of labelled rows is summed twice: as it is, and times the weight."""


@dataclass(frozen=True)
class MulticlassStatistics(Named):
    """What a window of a multiclass model leaves behind; `names` are the classes, in the monitor's order.

    Over all rows, never weighted: `said` of shape [batch, predicted class] and `spread` of shape [batch,
    (rows with scores, confidence, confidence²)], a row's confidence being the score of its predicted class.
    Over labelled rows, weighted where labels have weights: `table` of shape [batch, predicted, actual],
    `confidence` of shape [batch, bin of the confidence, (rows, confidence, hits, confidence of hits)],
    `moments` of shape [batch, (rows with scores, log loss, its square, Brier score, its square)], and
    `one_vs_rest`, the scores given to each class, of shape [batch, class, actual is another 0 / this one 1,
    bin].  Without scores the last three are zero.
    """

    said: Array
    spread: Array
    table: Array
    confidence: Array
    moments: Array
    one_vs_rest: Array

    @classmethod
    def zeros(cls, batch: int, classes: tuple[str, ...] = ()) -> Self:
        """So many windows without a row.

        >>> MulticlassStatistics.zeros(1, ("cat", "dog")).table.shape
        (1, 2, 2)
        """
        count = len(classes)
        shapes = [(4,), (count,), (3,), (count, count), (BINS, 4), (5,), (count, 2, BINS)]
        return cls(*(np.zeros((batch, *shape)) for shape in shapes)).named(classes)

    @property
    def right(self) -> Array:
        """Labelled rows rightly decided, and labelled rows: [batch, 2]."""
        table = self.table
        return np.stack([np.trace(table, axis1=1, axis2=2), table.sum(axis=(1, 2))], axis=1)


class MulticlassLayout(Layout):
    """`said` is predicted class * bins + bin of the confidence, `actual` is 0 for none, else 1 + class.

    With scores, each labelled row is counted once more for each class c: `said` is then (classes + c) *
    bins + bin of that class's score, `actual` is 2 where c is what turned out true, else 1.
    """

    kind = MulticlassStatistics

    def __init__(self, spec: MonitorSpec) -> None:
        self.classes = spec.classes
        self.scored = spec.predictions.columns.scores is not None
        self.weighted = spec.ground_truth.columns.weight is not None
        self.terms = WEIGHTED if self.weighted else PLAIN
        if not self.scored:
            self.terms = ()
        self.rows_said = len(self.classes) * BINS
        self.said = self.rows_said * (2 if self.scored else 1)
        self.actuals = 1 + max(len(self.classes), 2)

    def zeros(self, batch: int) -> MulticlassStatistics:
        return MulticlassStatistics.zeros(batch, self.classes)

    def of_cells(self, cells: Cells, batch: int) -> MulticlassStatistics:
        made = self.zeros(batch)
        which, place = np.divmod(cells.said, BINS)
        weight = self.weight(cells)
        of_rows = which < len(self.classes)
        told = of_rows & (cells.actual > 0)
        hit = cells.actual == which + 1
        made.rows[:] = self.counted(cells, batch)
        np.add.at(made.said, (cells.window[of_rows], which[of_rows]), cells.count[of_rows])
        np.add.at(made.table, (cells.window[told], which[told], cells.actual[told] - 1), weight[told])
        if self.scored:
            term = cells.terms
            confidence = term["weighted"] if self.weighted else term["confidence"]
            of_all = np.stack([cells.count, term["confidence"], term["confidence2"]], axis=1)
            of_bins = np.stack([weight, confidence, weight * hit, confidence * hit], axis=1)
            of_told = np.stack([weight, *(term[n] for n in ("loss", "loss2", "brier", "brier2"))], axis=1)
            np.add.at(made.spread, cells.window[of_rows], of_all[of_rows])
            np.add.at(made.confidence, (cells.window[told], place[told]), of_bins[told])
            np.add.at(made.moments, cells.window[told], of_told[told])
            apart = ~of_rows
            where = (cells.window, which - len(self.classes), cells.actual - 1, place)
            made.one_vs_rest[tuple(index[apart] for index in where)] = weight[apart]
        return made
