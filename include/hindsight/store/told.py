"""What each channel was told, and under which of its messages an incident goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.domain.records import Telling, Thread
from hindsight.store.queries import select
from hindsight.store.rows import TELLINGS, THREADS


def tellings(conn: sa.Connection, monitor: str) -> set[Telling]:
    """Everything that a monitor's channels were told, or will be."""
    return set(TELLINGS.records(conn.execute(select(TELLINGS, monitor, ()))))


def tell(conn: sa.Connection, rows: Iterable[Telling]) -> set[Telling]:
    """Note down what a channel is told; returns what was not noted before."""
    values = [asdict(row) for row in dict.fromkeys(rows)]
    if not values:
        return set()
    statement = insert(TELLINGS.table).values(values).on_conflict_do_nothing()
    return set(TELLINGS.records(conn.execute(statement.returning(*TELLINGS.columns))))


def threads(conn: sa.Connection, monitor: str) -> list[Thread]:
    """The threads of a monitor's incidents."""
    return THREADS.records(conn.execute(select(THREADS, monitor, ("notifier", "incident"))))


def keep_thread(conn: sa.Connection, thread: Thread) -> None:
    """Write a thread, or what it shows now in the place of what it showed; where it lies stays as it was."""
    statement = insert(THREADS.table).values(asdict(thread))
    key = ["monitor", "notifier", "incident"]
    conn.execute(statement.on_conflict_do_update(index_elements=key, set_={"shown": thread.shown}))
