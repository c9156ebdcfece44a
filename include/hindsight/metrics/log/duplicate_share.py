"""Share of the prediction log that repeats an id and version of the same day."""

from __future__ import annotations

from hindsight.metrics.log.oddities import OfLog


class DuplicateShare(OfLog):
    """Repeated rows / rows of the prediction log; not counted where the log is declared unique."""

    name = "duplicate_share"
    reasons = ("duplicate",)
