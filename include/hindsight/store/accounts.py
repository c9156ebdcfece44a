"""What an account of incidents asks of the store: messages about one, and how far a monitor has come."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hindsight.domain.records import Delivery, Notification
from hindsight.store.outbox import numbered
from hindsight.store.rows import NOTIFICATIONS
from hindsight.store.tables import detection, incident, notification, silence


def messages_about(
    conn: sa.Connection,
    monitor: str,
    incident_id: str,
    limit: int,
    *,
    states: Collection[Delivery] = (),
    whole: bool = False,
) -> list[tuple[int, Notification]]:
    """The messages that name an incident, with their numbers, newest first; in these states, or in any.

    Only `whole` ones have their document: it is most of a message, and who asks what became of it needs none.
    """
    columns: list[sa.ColumnElement[Any]] = [
        sa.literal("").label("document") if column.name == "document" and not whole else column
        for column in NOTIFICATIONS.columns
    ]
    query = sa.select(notification.c.id, *columns).where(_names(monitor, incident_id))
    if states:
        query = query.where(notification.c.state.in_([state.value for state in states]))
    return numbered(conn.execute(query.order_by(notification.c.id.desc()).limit(limit)))


def count_about(conn: sa.Connection, monitor: str, incident_id: str) -> int:
    """How many messages name an incident."""
    query = sa.select(sa.func.count()).select_from(notification).where(_names(monitor, incident_id))
    return conn.scalar(query) or 0


def newest_judged(
    conn: sa.Connection, monitor: str, detectors: Collection[str] | None = None
) -> datetime | None:
    """The as_of of the newest judgement of a monitor, by these detectors or by any."""
    query = sa.select(sa.func.max(detection.c.as_of)).where(detection.c.monitor == monitor)
    if detectors is not None:
        query = query.where(detection.c.detector.in_(list(detectors)))
    found: datetime | None = conn.scalar(query)
    return found


def is_known(conn: sa.Connection, monitor: str) -> bool:
    """Whether there is anything to tell of a monitor: an incident, a silence or a message."""
    there = (sa.select(table.c.monitor).where(table.c.monitor == monitor) for table in _TOLD_OF)
    return bool(conn.scalar(sa.select(sa.or_(*(query.exists() for query in there)))))


_TOLD_OF = (incident, silence, notification)


def _names(monitor: str, incident_id: str) -> sa.ColumnElement[bool]:
    return (notification.c.monitor == monitor) & notification.c.incidents.contains([incident_id])
