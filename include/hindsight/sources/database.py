"""Any SQLAlchemy database: the statement is pushed down, statistics come back."""

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

    On PostgreSQL each statement runs in a read-only transaction with UTC as its zone, so that a `query`
    in a YAML file cannot write.
    """

    def __init__(self, location: Location, database_url: Callable[[str], sa.URL], root: Path) -> None:
        assert location.connection is not None
        self._name = location.connection
        url = database_url(location.connection)
        self._engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
        if self._engine.dialect.name == "postgresql":
            self.text_collation = "C"  # type: ignore[misc]

    def close(self) -> None:
        self._engine.dispose()

    def relation(self, location: Location, name: str) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        rows: sa.FromClause
        if location.query is not None:
            rows = self._query(location.query.strip().rstrip(";"), name)
        else:
            schema, _, table = (location.table or "").rpartition(".")
            rows = sa.table(table, schema=schema or None)
        kinds = self._kinds(rows, location)
        columns = [sa.column(column) for column in kinds]
        if location.query is not None:
            named = sa.text(location.query.strip().rstrip(";")).columns(*columns)
            return named.subquery(name), kinds
        return sa.table(rows.name, *columns, schema=rows.schema).alias(name), kinds  # type: ignore[attr-defined]

    def _query(self, query: str, name: str) -> sa.FromClause:
        # A colon in a user's query is a cast or a time, never a parameter of ours.
        return sa.text(query.replace(":", r"\:")).columns().subquery(name)

    def _kinds(self, rows: sa.FromClause, location: Location) -> Mapping[str, Kind]:
        statement = sa.select(sa.text("*")).select_from(rows).limit(0)
        with self._engine.connect() as connection:
            try:
                cursor = connection.execute(statement).cursor
            except sa.exc.DBAPIError as error:
                raise SourceError(f"{location} on connection {self._name!r} cannot be read: {said(error)}") from error
            assert cursor is not None and cursor.description is not None
            return {column[0]: self._kind(column[1]) for column in cursor.description}

    def _kind(self, code: object) -> Kind:
        return POSTGRES_KINDS.get(code, Kind.OTHER) if isinstance(code, int) else Kind.OTHER

    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        try:
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "postgresql":
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
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


def said(error: sa.exc.DBAPIError) -> str:
    """The database's own first line, without the statement and its parameters."""
    return str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
