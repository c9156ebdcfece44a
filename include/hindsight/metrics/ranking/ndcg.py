"""Normalised discounted cumulative gain."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.base import Mean, ranking
from hindsight.metrics.ranking.cutoff import AtCutoff
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Ndcg(AtCutoff, Mean):
    """Mean over judged queries of the gain of the first k positions over that of the ideal order.

    `ndcg(k)`; the bare name means 10.  An item gains (2^feedback - 1) / log2(1 + position) (Järvelin and
    Kekäläinen, 2002, with the gain of Burges and others, 2005).  Items without known feedback gain nothing;
    a query in which nothing was chosen has 0.
    """

    name = "ndcg"

    def terms(self, statistics: Statistics) -> Array:
        found = ranking(statistics)
        return np.column_stack([found.queries[:, 0], self.of_lists(found)[:, :2]])
