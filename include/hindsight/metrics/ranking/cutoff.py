"""What metrics share that look at the top of a list."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import RANKING, Family, Numbered
from hindsight.statistics import RankingStatistics
from hindsight.statistics.base import Array
from hindsight.statistics.ranking import CUTOFF


class AtCutoff(Numbered):
    """A metric of the first so many positions of judged queries, ten by default."""

    tasks = RANKING
    direction = Direction.HIGHER
    family = Family.ORDER
    weighted = False
    undefined = "no query has known feedback"
    number = float(CUTOFF)
    takes = "a whole number from 1 on"

    def fits(self, number: float) -> bool:
        return number >= 1.0 and number.is_integer()

    def of_lists(self, found: RankingStatistics) -> Array:
        """(ndcg, its square, hits) at the cut-off, shape [batch, 3]."""
        return found.lists[:, found.index(str(int(self.number)))]
