"""Mean feedback on items."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import RANKING, Family, Mean, ranking
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanFeedback(Mean):
    """Mean feedback of the items whose feedback is known: for graded feedback what `ctr` is for clicks."""

    name = "mean_feedback"
    tasks = RANKING
    direction = Direction.HIGHER
    family = Family.ORDER
    undefined = "no item has known feedback"

    def terms(self, statistics: Statistics) -> Array:
        return ranking(statistics).items[:, [0, 2, 3]]
