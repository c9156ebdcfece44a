"""The outbox: messages written with the facts they speak of, sent later, each by one sender.

`enqueue` belongs in the transaction that writes the incidents.  A sender claims, commits, sends,
and records in a second transaction.  Who dies in between leaves a lease that runs out by the
database's clock; then the message is claimed again with `attempts` > 1, and since it may have been
accepted, the notifier looks before it sends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hindsight.domain.records import Delivery, Notification
from hindsight.errors import StoreError
from hindsight.store.queries import plain, select
from hindsight.store.rows import NOTIFICATIONS
from hindsight.store.tables import notification as table

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
_NOW = sa.func.clock_timestamp()


def enqueue(conn: sa.Connection, notifications: Iterable[Notification]) -> int:
    """Write messages that are not there yet, by (monitor, day, kind, notifier); return how many were new.

    What is there stays, whatever became of it; that its text differs is logged.  One exception: a message
    that was held back gives way to one that may be sent, for a silent run must not silence a live one.
    """
    return sum(_enqueue(conn, each) for each in notifications)


def _enqueue(conn: sa.Connection, new: Notification) -> bool:
    values = {name: plain(value) for name, value in asdict(new).items()} | {"incidents": list(new.incidents)}
    held_back = sa.and_(table.c.state == Delivery.SUPPRESSED.value, sa.literal(new.state is Delivery.PENDING))
    statement = (
        insert(table)
        .values(values)
        .on_conflict_do_update(
            constraint="notification_key", set_={**values, "updated_at": _NOW}, where=held_back
        )
    )
    if conn.execute(statement.returning(table.c.id)).scalar() is not None:
        return True
    key = {name: values[name] for name in ("monitor", "day", "kind", "notifier")}
    document = conn.execute(sa.select(table.c.document).filter_by(**key)).scalar_one()
    if document != new.document:
        log.warning("%s of %s: the %s message to %s stays as it was first written", *key.values())
    return False


def pending(
    conn: sa.Connection, monitor: str | None = None, limit: int | None = None
) -> list[tuple[int, Notification]]:
    """The messages that are due, oldest day first, without claiming them."""
    return _numbered(conn.execute(_due(monitor, limit, table.c.id, *NOTIFICATIONS.columns)))


def claim(
    conn: sa.Connection,
    monitor: str | None = None,
    limit: int | None = None,
    *,
    lease: timedelta = LEASE,
) -> list[tuple[int, Notification]]:
    """Take the messages that are due: nobody else gets them until the lease has run out.

    Due is what is pending and may be tried again by now, and what a sender took and never recorded.
    Returned are their numbers and what they are now: `sending`, this attempt counted.
    """
    taken = _due(monitor, limit, table.c.id).with_for_update(skip_locked=True).cte("taken")
    lost = table.c.state == Delivery.SENDING.value
    statement = (
        sa.update(table)
        .where(table.c.id == taken.c.id)
        .values(
            state=Delivery.SENDING.value,
            attempts=table.c.attempts + 1,
            lease_until=_NOW + lease,
            next_attempt_at=None,
            updated_at=_NOW,
            error=sa.case(
                (lost, "An earlier sender never said what became of it: it may have been accepted."),
                else_=table.c.error,
            ),
        )
        .returning(table.c.id, *NOTIFICATIONS.columns)
    )
    return sorted(_numbered(conn.execute(statement)), key=lambda each: (each[1].day, each[0]))


def record(
    conn: sa.Connection,
    number: int,
    state: Delivery,
    provider_id: str | None = None,
    error: str | None = None,
    next_attempt_at: datetime | None = None,
) -> None:
    """Say what became of a message.  What was sent stays sent, whatever a late sender says."""
    sent = state is Delivery.SENT
    statement = (
        sa.update(table)
        .where(table.c.id == number)
        .values(
            state=_unless_sent(table.c.state, sa.literal(state.value)),
            provider_id=sa.func.coalesce(provider_id, table.c.provider_id),
            error=_unless_sent(table.c.error, sa.literal(error, table.c.error.type)),
            next_attempt_at=next_attempt_at,
            lease_until=None,
            sent_at=sa.func.coalesce(table.c.sent_at, _NOW) if sent else table.c.sent_at,
            updated_at=_NOW,
        )
    )
    if conn.execute(statement).rowcount == 0:
        raise StoreError(f"The outbox holds no message number {number}.")


def notifications(conn: sa.Connection, monitor: str | None = None) -> list[Notification]:
    """All messages of a monitor, or of all, oldest day first."""
    query = select(NOTIFICATIONS, monitor, ("day", "id"))
    return NOTIFICATIONS.records(conn.execute(query))


def unsent(conn: sa.Connection) -> dict[str, int]:
    """How many messages of each monitor nobody has sent or given up yet."""
    waiting = table.c.state.in_([Delivery.PENDING.value, Delivery.SENDING.value])
    query = (
        sa.select(table.c.monitor, sa.func.count().label("number")).where(waiting).group_by(table.c.monitor)
    )
    return {row.monitor: row.number for row in conn.execute(query)}


def judgements(conn: sa.Connection, monitor: str) -> list[str]:
    """What each message of a monitor that was not held back names, in the order of their writing."""
    query = (
        sa.select(table.c.judgements)
        .where(table.c.monitor == monitor, table.c.state != Delivery.SUPPRESSED.value)
        .order_by(table.c.day, table.c.id)
    )
    return list(conn.scalars(query))


def _due(monitor: str | None, limit: int | None, *columns: sa.Column[Any]) -> sa.Select[Any]:
    waiting = (table.c.state == Delivery.PENDING.value) & (
        table.c.next_attempt_at.is_(None) | (table.c.next_attempt_at <= _NOW)
    )
    lost = (table.c.state == Delivery.SENDING.value) & (table.c.lease_until <= _NOW)
    query = sa.select(*columns).where(waiting | lost).order_by(table.c.day, table.c.id).limit(limit)
    return query if monitor is None else query.where(table.c.monitor == monitor)


def _numbered(rows: Iterable[sa.Row[Any]]) -> list[tuple[int, Notification]]:
    found = list(rows)
    return list(zip((row[0] for row in found), NOTIFICATIONS.records(row[1:] for row in found), strict=True))


def _unless_sent(column: sa.Column[Any], value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.case((table.c.state == Delivery.SENT.value, column), else_=value)
