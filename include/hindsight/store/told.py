"""What each channel was told, and under which of its messages an incident goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.domain.records import Telling, Thread
from hindsight.store.queries import rows as rows_of
from hindsight.store.rows import TELLINGS, THREADS


def tellings(conn: sa.Connection, monitor: str) -> set[Telling]:
    """Everything that a monitor's channels were told, or will be."""
    return set(rows_of(conn, TELLINGS, monitor, ()))


def tell(conn: sa.Connection, rows: Iterable[Telling]) -> set[Telling]:
    """Note down what a channel is told; returns what was not noted before."""
    values = [asdict(row) for row in dict.fromkeys(rows)]
    return set(TELLINGS.records(conn.execute(_TELL, values))) if values else set()


_TELL = insert(TELLINGS.table).on_conflict_do_nothing().returning(*TELLINGS.columns)


def threads(conn: sa.Connection, monitor: str) -> list[Thread]:
    """The threads of a monitor's incidents."""
    return rows_of(conn, THREADS, monitor, ("notifier", "incident"))


def keep_thread(conn: sa.Connection, thread: Thread, *, anew: bool = False) -> None:
    """Write a thread, or what it shows now in the place of what it showed; where it lies stays as it was,
    unless it begins anew because its first message is no more.
    """
    statement = insert(THREADS.table).values(asdict(thread))
    key = ["monitor", "notifier", "incident"]
    kept: dict[str, object] = {"shown": thread.shown}
    if anew:
        kept |= {"provider_id": thread.provider_id, "message": thread.message}
    conn.execute(statement.on_conflict_do_update(index_elements=key, set_=kept))
