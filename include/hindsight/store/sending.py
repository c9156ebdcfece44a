"""Claiming: who sends what lies in the outbox, and in which order; `recording` says what became of it.

Messages of one monitor to one *channel* go out in the order of their numbers: no later one overtakes, and
never do two senders serve one channel at once.  All that wait are claimed as one `Batch`, led by the newest.

Who dies after claiming leaves a lease that runs out by the database's clock.  Then exactly the same batch is
claimed again, and since it may have been accepted, the channel is asked before it is sent again.
Only once that is settled may newer messages join.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from hindsight.domain.records import Delivery, Notification
from hindsight.domain.values import Severity
from hindsight.store import locks
from hindsight.store.outbox import WAITING, numbered
from hindsight.store.rows import NOTIFICATIONS
from hindsight.store.tables import notification as table

LEASE: Final = timedelta(minutes=10)
"""How long a sender has before its messages are another's; longer than any receiver is waited for."""

_NOW = sa.func.clock_timestamp()
_PENDING = table.c.state == Delivery.PENDING.value
_SENDING = table.c.state == Delivery.SENDING.value
_WAITING = table.c.state.in_([state.value for state in WAITING])
_LATER = _PENDING & (table.c.next_attempt_at > _NOW)
_LOST = "An earlier sender never said what became of it: it may have been accepted."


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages to one channel that are sent as one, with their numbers, oldest first.

    The newest leads: its key is the message's key, its number the message's number.
    """

    rows: tuple[tuple[int, Notification], ...]

    @property
    def number(self) -> int:
        return self.rows[-1][0]

    @property
    def leader(self) -> Notification:
        return self.rows[-1][1]

    @property
    def notes(self) -> tuple[Notification, ...]:
        return tuple(row for _, row in self.rows)

    @property
    def attempts(self) -> int:
        """How often somebody set out to send what has waited longest."""
        return max(row.attempts for row in self.notes)

    @property
    def ambiguous_since(self) -> datetime | None:
        """When the first try began that may have been accepted, for all we know; None where there is none."""
        return min((row.ambiguous_since for row in self.notes if row.ambiguous_since), default=None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one channel has not sent yet; `error` is why, and None where nothing went wrong."""

    notifier: str
    number: int
    under_way: bool
    error: str | None


def due(conn: sa.Connection) -> list[str]:
    """The monitors for which something may be sent now, in one question to the whole outbox."""
    return sorted(set(conn.scalars(_due().with_only_columns(table.c.monitor))))


def waiting(conn: sa.Connection, monitor: str) -> list[Waiting]:
    """What each channel of a monitor has not sent yet; it reads no message."""
    error = sa.func.max(table.c.error).filter(_PENDING)
    query = (
        sa.select(table.c.notifier, sa.func.count(), sa.func.bool_or(_SENDING), error)
        .where(_WAITING, table.c.monitor == monitor)
        .group_by(table.c.notifier)
        .order_by(table.c.notifier)
    )
    return [Waiting(*row) for row in conn.execute(query)]


def claim(
    conn: sa.Connection, monitor: str, *, lease: timedelta = LEASE, besides: Collection[str] = ()
) -> Batch | None:
    """Take what is due on one channel: nobody else sends to it until this is recorded, or the lease is over.

    Due is a channel if something waits there that may be tried by now, if no sender is at work on it, and
    if none of its messages has to wait because it failed.  What waits for the end of quiet hours holds
    back nothing, and goes along; something critical that nobody has tried yet ends all waits but that for
    another sender.  Channels that are named in `besides` are left alone.
    """
    for notifier in list(conn.scalars(_due(monitor).with_only_columns(table.c.notifier))):
        if notifier in besides or not locks.try_take(conn, f"channel {monitor} {notifier}"):
            continue
        # Another sender may have come and gone before the lock was ours: only now is it sure what there is.
        number = conn.scalar(_due(monitor, notifier).with_only_columns(sa.func.count()))
        rows = _lock(conn, monitor, notifier) if number else []
        if rows and len(rows) >= (number or 0):
            return _take(conn, _together(rows), lease)
    return None


def join(
    conn: sa.Connection, batch: Batch, *, arrived: bool | None, lease: timedelta = LEASE
) -> Batch | None:
    """Take along what has come to wait on the channel besides, once a doubtful batch is to be sent again.

    `arrived` is False if it surely did not arrive, and None if nobody can tell.  None is returned if the
    lease was over and the batch is another's now.
    """
    if not _still_ours(conn, batch):
        return None
    numbers = [number for number, _ in batch.rows]
    if arrived is False:
        conn.execute(sa.update(table).where(table.c.id.in_(numbers)).values(ambiguous_since=None))
    rows = _lock(conn, batch.leader.monitor, batch.leader.notifier)
    return _take(conn, [row.id for row in rows], lease, mine=numbers)


def part(conn: sa.Connection, batch: Batch, *, lease: timedelta = LEASE) -> bool:
    """Have each message of a batch stand by itself, also if its sender dies; the lease begins anew.

    False if the lease was over and one of them is another's now.
    """
    if not _still_ours(conn, batch):
        return False
    values = {"batch": table.c.id, "lease_until": _NOW + lease}
    conn.execute(sa.update(table).where(ours(batch)).values(values))
    return True


def _due(monitor: str | None = None, notifier: str | None = None) -> sa.Select[Any]:
    """The channels that `claim` may serve, the one whose oldest message has waited longest first.

    What failed names its error and has to wait; what merely waits for the end of quiet hours names none.
    """
    at_work = _SENDING & (table.c.lease_until > _NOW)
    blocked = sa.func.bool_or(_LATER & table.c.error.is_not(None))
    urgent = sa.func.bool_or(
        _PENDING & (table.c.severity == Severity.CRITICAL.value) & (table.c.attempts == 0)
    )
    ready = sa.func.bool_or(~at_work & (_SENDING | table.c.next_attempt_at.is_(None) | ~_LATER))
    query = (
        sa.select(table.c.monitor, table.c.notifier)
        .where(_WAITING)
        .group_by(table.c.monitor, table.c.notifier)
        .having(~sa.func.bool_or(at_work), ~blocked | urgent, ready)
        .order_by(sa.func.min(table.c.id))
    )
    if monitor is not None:
        query = query.where(table.c.monitor == monitor)
    return query if notifier is None else query.where(table.c.notifier == notifier)


def _lock(conn: sa.Connection, monitor: str, notifier: str) -> Sequence[sa.Row[Any]]:
    """All that waits on a channel, oldest first, but for what somebody else holds just now."""
    query = (
        sa.select(table.c.id, table.c.batch, _SENDING.label("lost"), table.c.ambiguous_since)
        .where(_WAITING, table.c.monitor == monitor, table.c.notifier == notifier)
        .order_by(table.c.id)
        .with_for_update(skip_locked=True)
    )
    return conn.execute(query).all()


def _together(rows: Sequence[sa.Row[Any]]) -> list[int]:
    """What is sent as one: all; but first, by itself, what may have been accepted already."""
    doubtful = next((row for row in rows if row.lost or row.ambiguous_since), None)
    if doubtful is None:
        return [row.id for row in rows]
    return [row.id for row in rows if row is doubtful or (row.batch and row.batch == doubtful.batch)]


def _take(conn: sa.Connection, ids: Sequence[int], lease: timedelta, mine: Sequence[int] = ()) -> Batch:
    known = table.c.id.in_(mine)
    lost = _SENDING & ~known
    began = sa.func.coalesce(table.c.ambiguous_since, table.c.updated_at)
    statement = (
        sa.update(table)
        .where(table.c.id.in_(ids))
        .values(
            state=Delivery.SENDING.value,
            attempts=sa.case((known, table.c.attempts), else_=table.c.attempts + 1),
            batch=max(ids),
            lease_until=_NOW + lease,
            next_attempt_at=None,
            updated_at=_NOW,
            ambiguous_since=sa.case((lost, began), else_=table.c.ambiguous_since),
            error=sa.case((lost, _LOST), else_=table.c.error),
        )
        .returning(table.c.id, *NOTIFICATIONS.columns)
    )
    return Batch(tuple(sorted(numbered(conn.execute(statement)), key=lambda row: row[0])))


def ours(batch: Batch) -> sa.ColumnElement[bool]:
    """The rows of a batch that nobody has claimed since: each claim counts an attempt."""
    claimed = [(number, row.attempts) for number, row in batch.rows]
    return _SENDING & sa.tuple_(table.c.id, table.c.attempts).in_(claimed)


def _still_ours(conn: sa.Connection, batch: Batch) -> bool:
    query = sa.select(table.c.id).where(ours(batch)).with_for_update()
    return len(conn.execute(query).all()) == len(batch.rows)
