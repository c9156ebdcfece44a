"""Share of the labels learnt that cannot be used."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OfLearnt


class InvalidLabelShare(OfLearnt):
    """Labels without an id or with no usable value / labels learnt in the window."""

    name = "invalid_label_share"
    reasons = ("invalid_label", "null_label_id")
