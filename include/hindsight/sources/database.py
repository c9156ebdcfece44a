"""A database behind SQLAlchemy: the statement is pushed down, statistics come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hindsight.domain.spec import Location
from hindsight.errors import SourceError
from hindsight.sources.base import Kind, Source


class DatabaseSource(Source):
    """A table, or a query, behind a connection id.

    Each statement runs in a read-only transaction with UTC as its zone, so that a `query` in a YAML file
    cannot write.  PostgreSQL, for now: others are refused with a sentence.
    """

    text_collation = "C"

    def __init__(self, location: Location, database_url: Callable[[str], sa.URL], root: Path) -> None:
        assert location.connection is not None
        self._name = location.connection
        url = database_url(location.connection)
        if url.get_backend_name() != "postgresql":
            raise SourceError(
                f"Connection {self._name!r} is of type {url.get_backend_name()!r}: logs "
                "are read from PostgreSQL, or from `files`."
            )
        engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
        self._engine = engine.execution_options(postgresql_readonly=True)

    def close(self) -> None:
        self._engine.dispose()

    def relation(self, location: Location, name: str) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        if location.query is not None:
            query = as_written(location.query)
            kinds = self._kinds(query.columns().subquery(name), location)
            return query.columns(*map(column_of, kinds)).subquery(name), kinds
        schema, _, table = (location.table or "").rpartition(".")
        kinds = self._kinds(sa.table(table, schema=schema or None), location)
        return sa.table(table, *map(column_of, kinds), schema=schema or None).alias(name), kinds

    def _kinds(self, rows: sa.FromClause, location: Location) -> Mapping[str, Kind]:
        statement = sa.select(sa.text("*")).select_from(rows).limit(0)
        try:
            with self._engine.connect() as connection:
                cursor = connection.execute(statement).cursor
                assert cursor is not None
                return {name: self._kind(code) for name, code, *_ in cursor.description or ()}
        except sa.exc.DBAPIError as error:
            what = "The query" if location.query is not None else f"Table {location.table!r}"
            raise SourceError(f"{what} on connection {self._name!r} cannot be read: {said(error)}") from error

    def _kind(self, code: object) -> Kind:
        return POSTGRES_KINDS.get(code, Kind.OTHER) if isinstance(code, int) else Kind.OTHER

    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
                return [tuple(row) for row in connection.execute(statement)]
        except sa.exc.DBAPIError as error:
            raise SourceError(f"The query on connection {self._name!r} failed: {said(error)}") from error


POSTGRES_KINDS: Mapping[int, Kind] = {
    16: Kind.BOOLEAN,
    **dict.fromkeys((20, 21, 23, 700, 701, 1700), Kind.NUMBER),
    **dict.fromkeys((25, 1042, 1043, 2950), Kind.TEXT),
    1114: Kind.WALL_CLOCK,
    1184: Kind.INSTANT,
}
"""PostgreSQL's type numbers (pg_type.oid), as its drivers report them."""


def column_of(name: str) -> sa.ColumnClause[Any]:
    """A column by its name; what it holds is `Kind`'s business."""
    return sa.column(name)


def as_written(query: str) -> sa.TextClause:
    """A user's query: a colon in it is a cast or a time, no parameter; its last line may be a comment."""
    return sa.text(query.strip().rstrip(";").replace(":", r"\:") + "\n")


def said(error: sa.exc.DBAPIError) -> str:
    """The database's own first line, without the statement and its parameters."""
    return str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
