"""Incidents as the fold left them: the whole list of a monitor, written anew each time."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hindsight.domain.records import Incident
from hindsight.errors import StoreError
from hindsight.store.bulk import copy
from hindsight.store.queries import rows as rows_of
from hindsight.store.rows import INCIDENTS

INCIDENT_ORDER = ("opened_on", "incident_class", "id", "monitor")


def incidents(conn: sa.Connection, monitor: str | None = None) -> list[Incident]:
    """The incidents of a monitor, or of all, oldest first."""
    return rows_of(conn, INCIDENTS, monitor, INCIDENT_ORDER)


def replace_incidents(conn: sa.Connection, monitor: str, rows: Iterable[Incident]) -> None:
    """Put `rows` in the place of all incidents of the monitor; of each class one may be open."""
    rows = list(rows)
    for row in rows:
        if row.monitor != monitor:
            raise StoreError(f"The incident {row.id!r} is of {row.monitor!r} and not of {monitor!r}.")
    conn.execute(_REMOVE, {"whose": monitor})
    copy(conn, INCIDENTS, rows)


_REMOVE = sa.delete(INCIDENTS.table).where(INCIDENTS.table.c.monitor == sa.bindparam("whose"))
