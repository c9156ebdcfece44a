"""The outbox: messages written with the facts they speak of, sent later, each by one sender, in order.

`enqueue` belongs in the transaction that writes the incidents.  A sender claims, commits, sends, and records
in a second transaction (see `hindsight.store.sending` and `hindsight.store.recording`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.domain.records import Delivery, Notification
from hindsight.errors import StoreError
from hindsight.store.queries import plain, select
from hindsight.store.rows import NOTIFICATIONS
from hindsight.store.tables import notification as table

log = logging.getLogger(__name__)

WAITING = (Delivery.PENDING, Delivery.SENDING)
_NOW = sa.func.clock_timestamp()


def enqueue(conn: sa.Connection, notifications: Iterable[Notification]) -> int:
    """Write messages that are not there yet; return how many were new, see `lay`."""
    return sum(lay(conn, notifications))


def lay(conn: sa.Connection, notifications: Iterable[Notification]) -> list[bool]:
    """Write messages that are not there yet, by (monitor, day, kind, notifier); says of each if it was new.

    What is there stays, whatever became of it; that its text differs is logged.  One exception: a message
    that was held back gives way to one that may be sent, for a silent run must not silence a live one.
    """
    rows = [_values(each) for each in notifications]
    if not rows:
        return []
    once: dict[tuple[Any, ...], dict[str, Any]] = {}
    found = [once.setdefault(_key(row), row) is row for row in rows]
    written = {tuple(row) for row in conn.execute(_LAY, list(once.values()))}
    found = [is_first and _key(row) in written for row, is_first in zip(rows, found, strict=True)]
    for row, is_new in zip(rows, found, strict=True):
        if is_new:
            continue
        key = {name: row[name] for name in _KEY}
        document = conn.execute(sa.select(table.c.document).filter_by(**key)).scalar_one()
        if document != row["document"]:
            log.warning("%s of %s: the %s message to %s stays as it was first written", *key.values())
    return found


_KEY = ("monitor", "day", "kind", "notifier")


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _values(new: Notification) -> dict[str, Any]:
    values = {each.name: getattr(new, each.name) for each in fields(new)}
    lists = {"incidents": list(new.incidents), "tellings": list(new.tellings)}
    return {name: plain(value) for name, value in values.items()} | lists


def _laid() -> Any:
    """The statement that writes a message, or puts it in the place of one that was held back."""
    statement = insert(table)
    gives_way = sa.and_(
        table.c.state == Delivery.SUPPRESSED.value, statement.excluded.state == Delivery.PENDING.value
    )
    values = {column.name: statement.excluded[column.name] for column in NOTIFICATIONS.columns}
    return statement.on_conflict_do_update(
        constraint="notification_key", set_={**values, "updated_at": _NOW}, where=gives_way
    ).returning(*(table.c[name] for name in _KEY))


_LAY = _laid()


def notifications(conn: sa.Connection, monitor: str | None = None) -> list[Notification]:
    """All messages of a monitor, or of all, oldest day first."""
    query = select(NOTIFICATIONS, monitor, ("day", "id"))
    return NOTIFICATIONS.records(conn.execute(query))


def numbered(rows: Iterable[sa.Row[Any]]) -> list[tuple[int, Notification]]:
    """Messages with their numbers, from rows that begin with the number."""
    found = list(rows)
    return list(zip((row[0] for row in found), NOTIFICATIONS.records(row[1:] for row in found), strict=True))


def newest(
    conn: sa.Connection, monitor: str | None = None, limit: int = 50, states: Collection[Delivery] = ()
) -> list[tuple[int, Notification]]:
    """The messages of a monitor, or of all, with their numbers, newest first; in these states, or in any."""
    query = sa.select(table.c.id, *NOTIFICATIONS.columns).order_by(table.c.id.desc()).limit(limit)
    if monitor is not None:
        query = query.where(table.c.monitor == monitor)
    if states:
        query = query.where(table.c.state.in_([state.value for state in states]))
    return numbered(conn.execute(query))


def message(conn: sa.Connection, number: int) -> list[tuple[int, Notification]]:
    """All rows that were sent as the one message of this number, oldest first."""
    into_it = (table.c.batch == number) & (table.c.state == Delivery.MERGED.value)
    together = sa.or_(table.c.id == number, into_it)
    query = sa.select(table.c.id, *NOTIFICATIONS.columns).where(together).order_by(table.c.id)
    return numbered(conn.execute(query))


def resend(conn: sa.Connection, number: int) -> list[tuple[int, Notification]]:
    """Have a message sent again, although it was sent, given up, held back or merged; only on request.

    One that others were merged into takes them along.  What it was counted for begins anew, and it gets a key
    of its own, by which no earlier one is found; but what was given up and may have been accepted is asked
    for first, with all that was in the same message.
    StoreError if there is none of this number, or if it waits to be sent anyhow.
    """
    question = sa.select(table.c.state, table.c.batch).where(table.c.id == number).with_for_update()
    found, batch = conn.execute(question).one_or_none() or (None, None)
    if found is None:
        raise StoreError(
            f"The outbox holds no message number {number}: `hindsight notify list` shows the numbers."
        )
    if found in WAITING:
        raise StoreError(
            f"Message number {number} is {found}: it waits to be sent anyhow, and cannot be sent again."
        )
    merged = (table.c.batch == number) & (table.c.state == Delivery.MERGED.value)
    doubtful = (table.c.state == Delivery.DEAD.value) & table.c.ambiguous_since.is_not(None)
    statement = (
        sa.update(table)
        .where((table.c.id == number) | merged | (doubtful & (table.c.batch == batch)))
        .values(
            state=Delivery.PENDING.value,
            attempts=0,
            error=None,
            next_attempt_at=None,
            ambiguous_since=sa.case((doubtful, table.c.ambiguous_since)),
            batch=sa.case((doubtful, table.c.batch)),
            resent=sa.case((doubtful, table.c.resent), else_=table.c.resent + 1),
            sent_at=None,
            lease_until=None,
            updated_at=_NOW,
        )
        .returning(table.c.id, *NOTIFICATIONS.columns)
    )
    return sorted(numbered(conn.execute(statement)), key=lambda each: each[0])


def unsent(conn: sa.Connection) -> dict[str, int]:
    """How many messages of each monitor nobody has sent or given up yet."""
    waiting = table.c.state.in_([Delivery.PENDING.value, Delivery.SENDING.value])
    query = (
        sa.select(table.c.monitor, sa.func.count().label("number")).where(waiting).group_by(table.c.monitor)
    )
    return {row.monitor: row.number for row in conn.execute(query)}


def died(conn: sa.Connection, within: timedelta) -> dict[str, list[str]]:
    """What went wrong last with the messages of each monitor that were given up in this time until now."""
    lately = (table.c.state == Delivery.DEAD.value) & (table.c.updated_at > _NOW - within)
    query = sa.select(table.c.monitor, table.c.notifier, table.c.error).where(lately).order_by(table.c.id)
    found: dict[str, list[str]] = {}
    for row in conn.execute(query):
        kind = row.notifier.partition(":")[0]
        found.setdefault(row.monitor, []).append(f"{kind}: {row.error or 'no reason was noted'}")
    return found


def judgements(conn: sa.Connection, monitor: str, since: date = date.min) -> list[str]:
    """What each message of a monitor that was not held back names, in the order of their writing.

    Those of earlier days than `since` are left out, and so is what several channels were told alike.
    """
    last = sa.func.max(table.c.id)
    query = (
        sa.select(table.c.judgements)
        .where(
            table.c.monitor == monitor,
            table.c.state != Delivery.SUPPRESSED.value,
            table.c.day >= since,
            table.c.judgements != "[]",
        )
        .group_by(table.c.day, table.c.judgements)
        .order_by(table.c.day, last)
    )
    return list(conn.scalars(query))
