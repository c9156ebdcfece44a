"""Share of predictions in which a feature is missing."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import Share
from hindsight.metrics.inputs.feature import OfFeature
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class NullShare(OfFeature, Share):
    """Null values of the feature / predictions."""

    name = "null_share"
    direction = Direction.LOWER
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        return self.gaps(statistics)[:, [1, 0]]
