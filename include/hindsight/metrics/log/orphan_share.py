"""Share of the labels learnt that belong to no prediction."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OfLearnt


class OrphanShare(OfLearnt):
    """Labels of no known prediction / labels learnt in the window."""

    name = "orphan_share"
    reasons = ("orphan_label",)
