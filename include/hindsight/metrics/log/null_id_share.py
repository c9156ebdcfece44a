"""Share of the prediction log that has no id."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OfLog


class NullIdShare(OfLog):
    """Rows whose id is null / rows of the prediction log."""

    name = "null_id_share"
    reasons = ("null_id",)
