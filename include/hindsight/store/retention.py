"""Taking away what is too old, and remembering from when on there is something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.domain.records import Retained
from hindsight.domain.values import IncidentClass
from hindsight.store.rows import DETECTIONS, RETAINED, SNAPSHOTS, STATISTICS, WINDOW_STATES

Stretch = tuple[datetime, datetime]


def retained(conn: sa.Connection, monitor: str) -> Retained:
    """From when on the results of a monitor are there; without a row nothing was ever removed."""
    table = RETAINED.table
    query = sa.select(*RETAINED.columns).where(table.c.monitor == monitor)
    found = RETAINED.records(conn.execute(query))
    return found[0] if found else Retained(monitor)


def keep_retained(conn: sa.Connection, row: Retained) -> None:
    """Put a monitor's marks in the place of those before."""
    values = {"statistics_from": row.statistics_from, "snapshots_from": row.snapshots_from}
    statement = insert(RETAINED.table).values(monitor=row.monitor, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["monitor"], set_=values))


def remove_statistics(conn: sa.Connection, monitor: str, before: datetime, spared: Stretch | None) -> int:
    """Remove states and statistics of days that begin before an instant; returns how many days and ages."""
    removed = 0
    for table in (STATISTICS.table, WINDOW_STATES.table):
        old = sa.and_(table.c.monitor == monitor, table.c.window_start < before)
        removed = conn.execute(sa.delete(table).where(old, _outside(table, spared))).rowcount
    return removed


def remove_snapshots(conn: sa.Connection, monitor: str, before: datetime, spared: Stretch | None) -> int:
    """Remove snapshots of windows that have ended by an instant; returns how many."""
    table = SNAPSHOTS.table
    old = sa.and_(table.c.monitor == monitor, table.c.window_end <= before)
    return conn.execute(sa.delete(table).where(old, _outside(table, spared))).rowcount


def remove_detections(conn: sa.Connection, monitor: str, before: Mapping[IncidentClass, datetime]) -> int:
    """Remove each class's detections of what was known by an instant; returns how many."""
    table = DETECTIONS.table
    removed = 0
    for incident_class, moment in before.items():
        old = sa.and_(table.c.monitor == monitor, table.c.incident_class == incident_class.value)
        removed += conn.execute(sa.delete(table).where(old, table.c.as_of <= moment)).rowcount
    return removed


def _outside(table: sa.Table, spared: Stretch | None) -> sa.ColumnElement[bool]:
    """Windows that do not lie wholly within a stretch."""
    if spared is None:
        return sa.true()
    return sa.or_(table.c.window_start < spared[0], table.c.window_end > spared[1])
