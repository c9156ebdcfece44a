"""Share of items that were chosen."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import RANKING, Family, Share, ranking
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ClickThroughRate(Share):
    """Items with feedback above 0 / items with known feedback; another event's rate if that is the feedback.

    It says as much about what was asked for as about the order: watch `ndcg` or `mrr` for the order
    alone.  The row error takes items as independent; those of a query are not quite.
    """

    name = "ctr"
    tasks = RANKING
    direction = Direction.HIGHER
    family = Family.ORDER
    undefined = "no item has known feedback"

    def terms(self, statistics: Statistics) -> Array:
        return ranking(statistics).items[:, [1, 0]]
