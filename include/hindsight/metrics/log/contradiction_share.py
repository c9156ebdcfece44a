"""Share of labels that contradict the one before them."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OddShare
from hindsight.statistics import QualityStatistics
from hindsight.statistics.base import Array
from hindsight.statistics.reasons import CONTRADICTING


class ContradictionShare(OddShare):
    """Contradicting labels / (labelled predictions + contradicting labels), as of the horizon.

    The whole are the labels that said something new of a prediction, so it is a share under every
    `on_conflict`, also where a contradicted prediction has no label any more.  Always 0 where labels are
    declared unique.
    """

    name = "contradiction_share"
    reasons = (CONTRADICTING,)
    undefined = "no prediction has a label"

    def whole(self, statistics: QualityStatistics) -> Array:
        return statistics.told + statistics.count(CONTRADICTING)
