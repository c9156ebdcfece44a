"""Recording: what became of messages that were claimed, or that they wait after all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from hindsight.domain.records import Delivery
from hindsight.store.sending import Batch, ours
from hindsight.store.tables import notification as table

_NOW = sa.func.clock_timestamp()


def record(
    conn: sa.Connection,
    batch: Batch,
    state: Delivery,
    *,
    provider_id: str | None = None,
    error: str | None = None,
    pause: timedelta = timedelta(0),
    ambiguous: bool | None = None,
    most: int | None = None,
) -> None:
    """Say what became of a batch.  What was sent stays sent, whatever a late sender says.

    Sent, the newest message is it and the others are merged into it.  What is to be tried again (`pending`)
    waits for `pause`, and is given up where it was tried `most` times.  `ambiguous` says whether it may have
    been accepted: True after such a try, False where that is settled, None if all is as it was.
    """
    ids = [number for number, _ in batch.rows]
    done = state in (Delivery.SENT, Delivery.LOGGED)
    values: dict[str, Any] = {
        "state": state.value,
        "error": error,
        "next_attempt_at": None,
        "lease_until": None,
        "updated_at": _NOW,
    }
    if ambiguous is not None:
        began = sa.func.coalesce(table.c.ambiguous_since, table.c.updated_at)
        values["ambiguous_since"] = began if ambiguous else None
    if done:
        leads = table.c.id == batch.number
        values |= {
            "state": sa.case((leads, state.value), else_=Delivery.MERGED.value),
            "provider_id": sa.case((leads, provider_id), else_=table.c.provider_id),
            "sent_at": sa.func.coalesce(table.c.sent_at, _NOW),
            "batch": batch.number,
        }
    elif state is Delivery.PENDING:
        spent = table.c.attempts >= most if most is not None else sa.false()
        values |= {
            "state": sa.case((spent, Delivery.DEAD.value), else_=Delivery.PENDING.value),
            "next_attempt_at": sa.case((spent, None), else_=_NOW + pause),
        }
    mine = table.c.id.in_(ids) if done else ours(batch)
    conn.execute(sa.update(table).where(mine).values(values))


def postpone(conn: sa.Connection, batch: Batch, pause: timedelta) -> None:
    """Put a batch back for so long, not because anything went wrong: no attempt is counted."""
    values = {
        "state": Delivery.PENDING.value,
        "attempts": table.c.attempts - 1,
        "error": None,
        "next_attempt_at": _NOW + pause,
        "lease_until": None,
        "updated_at": _NOW,
    }
    conn.execute(sa.update(table).where(ours(batch)).values(values))
