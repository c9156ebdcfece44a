"""Where the store lies: a URL taken apart, and a name for it that can be told to anybody."""

from __future__ import annotations

import sqlalchemy as sa

from hindsight.errors import StoreError

_DRIVER = "postgresql+psycopg"
_SCHEMES = ("postgresql", "postgres", _DRIVER)
_FORM = "postgresql://user:password@host:5432/database"


def parse(url: str | sa.URL) -> sa.URL:
    """The URL for our driver.  StoreError if it names no PostgreSQL; the URL itself is never repeated."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, TypeError, ValueError):
        raise StoreError(
            f"The URL of the store cannot be read (it is not repeated here, for it may hold a password): "
            f"give one such as {_FORM}."
        ) from None
    if parsed.drivername not in _SCHEMES:
        raise StoreError(
            f"The store is a PostgreSQL database, but its URL begins with {parsed.drivername!r}: "
            f"give one such as {_FORM}."
        )
    return parsed.set(drivername=_DRIVER)


def secrets(url: sa.URL) -> tuple[str, ...]:
    """What must be told to nobody.

    >>> secrets(sa.make_url("postgresql://ann:secret@db.example.com/warehouse?sslpassword=deep"))
    ('secret', 'deep')
    """
    found = (url.password, *(url.query.get(name) for name in ("password", "sslpassword")))
    return tuple(secret for secret in found if secret and isinstance(secret, str))


def place(url: sa.URL) -> str:
    """The host and database of a URL in words, without user and password.

    >>> place(sa.make_url("postgresql://ann:secret@db.example.com/warehouse"))
    "the database 'warehouse' at db.example.com:5432"
    """
    host = url.host or url.query.get("host") or "localhost"
    if not isinstance(host, str):
        host = ",".join(host)
    port = "" if host.startswith("/") else f":{url.port or 5432}"
    return f"the database {url.database or url.username or 'postgres'!r} at {host}{port}"
