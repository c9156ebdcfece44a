"""Share of the prediction log whose answer cannot be used."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OfLog
from hindsight.statistics.quality import SET_ASIDE


class InvalidShare(OfLog):
    """Rows with an unusable answer / rows of the prediction log.

    A row without an id and a repeated one have shares of their own.
    """

    name = "invalid_share"
    reasons = tuple(reason for reason in SET_ASIDE if reason not in {"null_id", "duplicate"})
