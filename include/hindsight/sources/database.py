"""A database behind SQLAlchemy: the statement is pushed down, statistics come back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from hindsight.domain.spec import Location
from hindsight.errors import SourceError
from hindsight.sources.base import Kind, Source
from hindsight.sources.warehouses import warehouse_of


class DatabaseSource(Source):
    """A table, or a query, behind a connection id.

    Which databases there are, and how each is kept from writing, is in `hindsight.sources.warehouses`.
    """

    def __init__(self, location: Location, database_url: Callable[[str], sa.URL], root: Path) -> None:
        assert location.connection is not None
        self._name = location.connection
        url = database_url(location.connection)
        self._warehouse = warehouse_of(url, self._name)
        self.engine = self._warehouse.engine
        try:
            self._engine = self._warehouse.open(url)
        except (ImportError, sa.exc.NoSuchModuleError) as error:
            raise SourceError(
                f"Connection {self._name!r} is of type {url.get_backend_name()!r}, whose package is not "
                f"installed: install {self._warehouse.package} ({first_line(error)})."
            ) from error

    def close(self) -> None:
        self._engine.dispose()

    def relation(
        self, location: Location, name: str, texts: Collection[str] = ()
    ) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        rows: sa.FromClause
        if location.query is not None:
            if not self._warehouse.read_only and leaves_its_brackets(location.query):
                raise SourceError(
                    f"The query on connection {self._name!r} is more than one SELECT: it holds a semicolon "
                    "or a closing bracket too many, and this database cannot be opened for reading only."
                )
            query = as_written(location.query)
            kinds = self._kinds(query.columns().subquery(name), location)
            rows = query.columns(*map(column_of, kinds)).subquery(name)
        else:
            schema, _, table = (location.table or "").rpartition(".")
            kinds = self._kinds(sa.table(table, schema=schema or None), location)
            rows = sa.table(table, *map(column_of, kinds), schema=schema or None).alias(name)
        return self._warehouse.shaped(rows, kinds, location, name)

    def _kinds(self, rows: sa.FromClause, location: Location) -> Mapping[str, Kind]:
        what = "The query" if location.query is not None else f"Table {location.table!r}"
        with self._asked(f"{what} on connection {self._name!r} cannot be read") as connection:
            return self._warehouse.kinds(connection, rows, location)

    def columns(self, statement: sa.Select[Any]) -> dict[str, npt.NDArray[Any]]:
        rows = self._rows(statement)
        names = [column.name for column in statement.selected_columns]
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        value = self._warehouse.value
        return {name: array(values, value) for name, values in zip(names, columns, strict=True)}

    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        value = self._warehouse.value
        return [tuple(map(value, row)) for row in self._rows(statement)]

    def _rows(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._asked(f"The query on connection {self._name!r} failed") as connection:
            self._warehouse.before(connection)
            return connection.execute(statement).all()

    @contextmanager
    def _asked(self, failed: str) -> Iterator[sa.Connection]:
        """A connection, with what the database says in the words of the monitor."""
        faults: tuple[type[Exception], ...] = (sa.exc.DBAPIError, *self._warehouse.faults())
        try:
            with self._engine.connect() as connection:
                yield connection
        except faults as error:
            raise SourceError(f"{failed}: {self._warehouse.said(error)}") from error


def array(values: Sequence[Any], value: Callable[[Any], Any]) -> npt.NDArray[Any]:
    """A column of the answer: integers as such, everything else as objects, each sent through `value`."""
    if set(map(type, values)) <= {int}:
        return np.array(values, dtype=np.int64)
    return np.array(list(map(value, values)), dtype=object)


def column_of(name: str) -> sa.ColumnClause[Any]:
    """A column by its name; what it holds is `Kind`'s business."""
    return sa.column(name)


def as_written(query: str) -> sa.TextClause:
    """A user's query: a colon in it is a cast or a time, no parameter; its last line may be a comment."""
    return sa.text(query.strip().rstrip(";").replace(":", r"\:") + "\n")


QUOTED: Final = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `[^`]*` | --[^\n]* | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)


def leaves_its_brackets(query: str) -> bool:
    """Whether a query, put in brackets, would end before its end.

    >>> leaves_its_brackets("select ';)' as x from t -- all; of it)")
    False
    >>> leaves_its_brackets("select 1) as x; delete from t; select * from (select 1")
    True
    """
    depth = 0
    for sign in QUOTED.sub(" ", query.strip().rstrip(";")):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0 or sign == ";":
            return True
    return False


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
