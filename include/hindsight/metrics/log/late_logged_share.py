"""Share of predictions that reached the log after their day had ended."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OddShare
from hindsight.statistics import QualityStatistics
from hindsight.statistics.base import Array
from hindsight.statistics.reasons import LATE


class LateLoggedShare(OddShare):
    """Predictions logged after their day / predictions known at the horizon.

    At 0d there can be none, so it is kept at later horizons, although it needs no labels.  Always 0 where the
    log has no `logged` column.
    """

    name = "late_logged_share"
    reasons = (LATE,)
    undefined = "there is no prediction"

    def whole(self, statistics: QualityStatistics) -> Array:
        return statistics.predictions
