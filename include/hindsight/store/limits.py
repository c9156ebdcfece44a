"""A part of a transaction that may fail, or take too long, without ending the whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


@contextmanager
def apart(conn: sa.Connection, seconds: float) -> Iterator[None]:
    """What goes wrong within is undone and raised, and the transaction lives on.

    A single statement may take so many seconds; after that, what was allowed before is allowed again.
    """
    setting = "statement_timeout"
    with conn.begin_nested():
        limit = f"{max(int(seconds * 1000), 1)}ms"
        before = conn.scalar(
            sa.select(sa.func.current_setting(setting), sa.func.set_config(setting, limit, True))
        )
        yield
        conn.execute(sa.select(sa.func.set_config(setting, before, True)))
