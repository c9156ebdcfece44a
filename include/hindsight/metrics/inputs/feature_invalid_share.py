"""Share of predictions in which a feature is no value of its kind."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import Share
from hindsight.metrics.inputs.feature import OfFeature
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class FeatureInvalidShare(OfFeature, Share):
    """NaN, infinite values, and text where the reference had numbers / predictions."""

    name = "feature_invalid_share"
    direction = Direction.LOWER
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        return self.gaps(statistics)[:, [2, 0]]
