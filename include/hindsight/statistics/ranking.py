"""Statistics of lists that were shown: feedback on their items, and how high up the chosen ones stood."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from hindsight.domain.spec import MonitorSpec
from hindsight.statistics.base import Array, Cells, Layout, Term
from hindsight.statistics.named import Named
from hindsight.statistics.totals import totals

CUTOFF: Final = 10
"""Down to which position a list is looked at, where a metric does not say."""

AT: Final = re.compile(r"^(?:ndcg|hit_rate)\(([0-9]+)\)$")


def cutoffs_of(metrics: Iterable[str]) -> tuple[int, ...]:
    """The positions down to which these metrics look, ascending; always with the one that is the default.

    >>> cutoffs_of(["mrr", "ndcg(5)", "hit_rate(20)"])
    (5, 10, 20)
    """
    asked = (AT.match(name) for name in metrics)
    return tuple(sorted({CUTOFF, *(int(found[1]) for found in asked if found)}))


@dataclass(frozen=True)
class RankingStatistics(Named):
    """What a window of a ranking leaves behind; `names` are the cut-offs, written as numbers.

    `items` of shape [batch, (labelled items, chosen ones, feedback, feedback²)] is weighted where labels
    have weights.  `queries` of shape [batch, (judged queries, reciprocal rank, its square)] and `lists` of
    shape [batch, cut-off, (ndcg, its square, hits)] count lists with feedback on at least one item, and
    know no weights.
    """

    items: Array
    queries: Array
    lists: Array

    @classmethod
    def zeros(cls, batch: int, cutoffs: tuple[int, ...] = (CUTOFF,)) -> Self:
        """So many windows without a row.

        >>> RankingStatistics.zeros(2, (5, 10)).lists.shape
        (2, 2, 3)
        """
        shapes = [(4,), (4,), (3,), (len(cutoffs), 3)]
        made = cls(*(np.zeros((batch, *shape)) for shape in shapes))
        return made.named(tuple(str(cutoff) for cutoff in cutoffs))


class RankingLayout(Layout):
    """`said` is 0 for an item, whose `actual` is 1 for no feedback and 2 for some, and 1 for a judged query.

    The terms of queries are sums of what came with a horizon minus what it replaced.
    """

    kind = RankingStatistics
    said = 2
    rows_said = 1
    actuals = 3

    def __init__(self, spec: MonitorSpec) -> None:
        self.cutoffs = cutoffs_of(spec.metrics)
        self.weighted = spec.ground_truth.columns.weight is not None
        of_lists = (f"{name}_{k}" for k in self.cutoffs for name in ("ndcg", "ndcg2", "hit"))
        self.terms = (
            Term("feedback", labelled=True),
            Term("feedback2", labelled=True),
            # Queries have no weight, so these are not `labelled`.
            *(Term(name) for name in ("rr", "rr2", *of_lists)),
        )

    def zeros(self, batch: int) -> RankingStatistics:
        return RankingStatistics.zeros(batch, self.cutoffs)

    def of_cells(self, cells: Cells, batch: int) -> RankingStatistics:
        made = self.zeros(batch)
        of_items, of_queries = cells.said == 0, cells.said == 1
        told = of_items & (cells.actual > 0)
        weight, term = self.weight(cells), cells.terms
        made.rows[:] = self.counted(cells, batch)
        chosen = weight * (cells.actual == 2)
        made.items[:] = totals(cells, batch, told, weight, chosen, term["feedback"], term["feedback2"])
        made.queries[:] = totals(cells, batch, of_queries, cells.count, term["rr"], term["rr2"])
        for i, k in enumerate(self.cutoffs):
            made.lists[:, i] = totals(
                cells, batch, of_queries, *(term[f"{name}_{k}"] for name in ("ndcg", "ndcg2", "hit"))
            )
        return made
