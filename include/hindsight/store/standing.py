"""Threads whose incident stands otherwise than their first message shows."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from hindsight.domain.records import Thread
from hindsight.domain.values import IncidentState, Resolution, Severity
from hindsight.store.rows import THREADS
from hindsight.store.tables import incident, thread

BETWEEN = " "
NOTED = "\n"
"""What parts how an incident stands from what else a thread shows of it; no name holds one."""


def standing(
    state: IncidentState,
    severity: Severity,
    resolved_on: date | None,
    resolution: Resolution | None,
    acknowledged_until: date | None,
    acknowledged_by: str | None = None,
) -> str:
    """How an incident stands, in a few words: what of it the first message of a thread shows.

    >>> standing(IncidentState.ACKNOWLEDGED, Severity.CRITICAL, None, None, date(2013, 4, 19), "Ann")
    'acknowledged critical 2013-04-19 Ann'
    """
    parts = (state, severity, resolved_on, resolution, acknowledged_until, acknowledged_by)
    return BETWEEN.join(str(part) for part in parts if part is not None)


def unsettled(conn: sa.Connection, monitor: str) -> list[Thread]:
    """The threads of a monitor that may have something to show: their incident is open, or has changed."""
    shown = sa.or_(incident.c.resolved_on.is_(None), _otherwise())
    query = _joined(*THREADS.columns).where(thread.c.monitor == monitor, shown)
    return THREADS.records(conn.execute(query.order_by(thread.c.notifier, thread.c.message)))


def restless(conn: sa.Connection) -> list[str]:
    """The monitors one of whose incidents stands otherwise than its thread shows, in one question."""
    return sorted(set(conn.scalars(_joined(thread.c.monitor).where(_otherwise()))))


def _joined(*columns: sa.Column[Any]) -> sa.Select[Any]:
    same = (thread.c.monitor == incident.c.monitor) & (thread.c.incident == incident.c.id)
    return sa.select(*columns).join_from(thread, incident, same)


def _otherwise() -> sa.ColumnElement[bool]:
    def day(column: sa.Column[Any]) -> sa.ColumnElement[str]:
        return sa.func.to_char(column, "YYYY-MM-DD")

    now = sa.func.concat_ws(
        BETWEEN,
        incident.c.state,
        incident.c.severity,
        day(incident.c.resolved_on),
        incident.c.resolution,
        day(incident.c.acknowledged_until),
        incident.c.acknowledged_by,
    )
    return sa.func.split_part(thread.c.shown, NOTED, 1) != now
