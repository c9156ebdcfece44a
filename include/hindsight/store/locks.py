"""Advisory locks of the database, by name, held until the transaction ends."""

from __future__ import annotations

from hashlib import blake2b

import sqlalchemy as sa


def take(conn: sa.Connection, name: str) -> None:
    """Wait until nobody else holds the lock of this name, and hold it to the end of the transaction."""
    conn.execute(_TAKE, {"number": number(name)})


def try_take(conn: sa.Connection, name: str) -> bool:
    """Hold the lock of this name to the end of the transaction, unless somebody else holds it now."""
    return bool(conn.scalar(_TRY, {"number": number(name)}))


_NUMBER = sa.bindparam("number", type_=sa.BigInteger)
_TAKE = sa.select(sa.func.pg_advisory_xact_lock(_NUMBER))
_TRY = sa.select(sa.func.pg_try_advisory_xact_lock(_NUMBER))


def number(name: str) -> int:
    """The signed 64-bit number of a lock; the prefix keeps clear of other programs in the database.

    >>> number("monitor flight_delay")
    7055074167576774475
    """
    digest = blake2b(f"hindsight {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
