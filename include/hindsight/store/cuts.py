"""What was taken from a reference once and stays: bin edges, lists of categories, the reference's own
counts.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.store.tables import cut as table


def cut(conn: sa.Connection, monitor: str, name: str, basis: str) -> str | None:
    """The payload kept under a name; None if there is none.  `basis` names what it was taken from."""
    query = sa.select(table.c.payload).where(
        table.c.monitor == monitor, table.c.name == name, table.c.basis == basis
    )
    found: str | None = conn.execute(query).scalar()
    return found


def keep_cut(conn: sa.Connection, monitor: str, name: str, basis: str, as_of: datetime, payload: str) -> None:
    """Keep a payload, canonical JSON, as known at `as_of`; one that is there already stays as it is."""
    row = {"monitor": monitor, "name": name, "basis": basis, "as_of": as_of, "payload": payload}
    conn.execute(insert(table).values(row).on_conflict_do_nothing())
