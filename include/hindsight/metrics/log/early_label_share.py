"""Share of labelled predictions whose label is older than they are."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OddShare
from hindsight.statistics import QualityStatistics
from hindsight.statistics.base import Array
from hindsight.statistics.reasons import CONTRADICTING, EARLY


class EarlyLabelShare(OddShare):
    """Labels learnt before their prediction was made / predictions that have had a label, as of the horizon.

    Such a label counts if it is at most a day older.  Clocks that differ bring a few; many mean that ids are
    used again or that the truth leaks into the model.
    """

    name = "early_label_share"
    reasons = (EARLY,)
    undefined = "no prediction has a label"

    def whole(self, statistics: QualityStatistics) -> Array:
        return statistics.told + statistics.count(CONTRADICTING)
