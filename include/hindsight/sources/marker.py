"""What is asked of a marker: how far the feed of labels says it has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hindsight.sources.expressions import instant
from hindsight.sources.relation import Relation


def progress(marker: Relation, time: str, now: datetime) -> sa.Select[Any]:
    """The greatest time of a marker's rows that has passed by `now`, and the greatest of all.

    One from the future proves nothing: what is learnt by then cannot have landed yet.
    """
    said = marker.time(time, "time of the marker")
    passed = sa.case((said <= instant(now), said))
    return sa.select(sa.func.max(passed), sa.func.max(said)).select_from(marker.rows).where(*marker.where())
