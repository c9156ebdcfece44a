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
    with conn.begin_nested():
        before = conn.scalar(_LIMIT, {"limit": f"{max(int(seconds * 1000), 1)}ms"})
        yield
        conn.execute(_UNLIMIT, {"limit": before})


_SETTING = "statement_timeout"
_SET = sa.func.set_config(_SETTING, sa.bindparam("limit", type_=sa.String), True)
_LIMIT = sa.select(sa.func.current_setting(_SETTING), _SET)
_UNLIMIT = sa.select(_SET)
