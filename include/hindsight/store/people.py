"""What people did to incidents, and the silences they wanted."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.domain.records import Action, Silence
from hindsight.store.queries import plain, rows
from hindsight.store.rows import ACTIONS, SILENCES, Codec


def keep_action(conn: sa.Connection, action: Action) -> bool:
    """Write what somebody did; returns whether it was not there yet."""
    return _keep(conn, ACTIONS, action)


def actions(conn: sa.Connection, monitor: str | None = None) -> list[Action]:
    """What was done to the incidents of a monitor, or of all, oldest first."""
    return rows(conn, ACTIONS, monitor, ("day", "at", "id"))


def keep_silence(conn: sa.Connection, silence: Silence) -> bool:
    """Write a silence; returns whether it was not there yet."""
    return _keep(conn, SILENCES, silence)


def silences(conn: sa.Connection, monitor: str | None = None) -> list[Silence]:
    """The silences of a monitor, or of all, those that are over included, oldest first."""
    return rows(conn, SILENCES, monitor, ("start", "at", "id"))


def end_silence(conn: sa.Connection, monitor: str, silence: str, day: date, author: str) -> bool:
    """End a silence from this run day on; returns False if none such lasts."""
    table = SILENCES.table
    found = sa.and_(table.c.monitor == monitor, table.c.id == silence, table.c.ended_on.is_(None))
    return conn.execute(sa.update(table).where(found).values(ended_on=day, ended_by=author)).rowcount == 1


def _keep(conn: sa.Connection, codec: Codec[Any], row: Any) -> bool:
    values = {name: plain(value) for name, value in asdict(row).items()}
    return conn.execute(insert(codec.table).values(values).on_conflict_do_nothing()).rowcount == 1
