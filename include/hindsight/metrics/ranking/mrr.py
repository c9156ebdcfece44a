"""Mean reciprocal rank."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import RANKING, Family, Mean, ranking
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanReciprocalRank(Mean):
    """Mean over judged queries of 1 / position of the first chosen item, 0 if there is none (Voorhees, 1999).

    Only the first choice counts: for lists that are worked through, use `ndcg`.  A query is judged as soon as
    feedback on one of its items is known.
    """

    name = "mrr"
    tasks = RANKING
    direction = Direction.HIGHER
    family = Family.ORDER
    weighted = False
    undefined = "no query has known feedback"

    def terms(self, statistics: Statistics) -> Array:
        return ranking(statistics).queries
