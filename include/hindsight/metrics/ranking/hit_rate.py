"""Share of queries with a choice near the top."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.base import Share, ranking
from hindsight.metrics.ranking.cutoff import AtCutoff
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class HitRate(AtCutoff, Share):
    """Judged queries with a chosen item among the first k positions / judged queries; k is 10 by default."""

    name = "hit_rate"

    def terms(self, statistics: Statistics) -> Array:
        found = ranking(statistics)
        return np.column_stack([self.of_lists(found)[:, 2], found.queries[:, 0]])
