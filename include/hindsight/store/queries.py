"""Questions to the tables: which rows, in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.sql.compiler import SQLCompiler

from hindsight.domain.values import Length, Span
from hindsight.errors import StoreError
from hindsight.store.rows import Codec, Record

Wanted = str | Length | Collection[str] | Collection[Length] | None


def select(
    codec: Codec[Any],
    monitor: str | None,
    order: tuple[str, ...],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    **wanted: Wanted,
) -> sa.Select[Any]:
    """The rows of a monitor (None: of all) whose columns are as wanted, in the given order.

    None wants anything, a collection any of its members; `start` and `end` bound `window_start`,
    half-open, and must have a time zone.
    """
    query, values = _asked(codec, monitor, order, start, end, wanted)
    return query.params(values)


def rows(
    conn: sa.Connection,
    codec: Codec[Record],
    monitor: str | None,
    order: tuple[str, ...],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    **wanted: Wanted,
) -> list[Record]:
    """The records of the rows that `select` gives, for what is asked often.

    The question is made and compiled once, and the driver is asked directly: it takes half the time.
    """
    query, values = _asked(codec, monitor, order, start, end, wanted)
    compiled = _compiled(query, conn.dialect)
    driver = cast(psycopg.Connection[Any], conn.connection.driver_connection)
    try:
        with driver.cursor() as cursor:
            cursor.execute(compiled.string, compiled.construct_params(values))
            return codec.records(cursor)
    except psycopg.OperationalError as error:
        if driver.closed:  # else the transaction would try to roll back, and that error would hide this one
            conn.invalidate(error)
        raise


@lru_cache(512)
def _compiled(query: sa.Select[Any], dialect: sa.Dialect) -> SQLCompiler:
    return query.compile(dialect=dialect)


def _asked(
    codec: Codec[Any],
    monitor: str | None,
    order: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    wanted: Mapping[str, Wanted],
) -> tuple[sa.Select[Any], dict[str, Any]]:
    """A question and what to put into it."""
    values: dict[str, Any] = {}
    if start is not None:
        values["start"] = _zoned(start)
    if end is not None:
        values["end"] = _zoned(end)
    among = []
    for name, value in {"monitor": monitor, **wanted}.items():
        if isinstance(value, (str, Length)):
            values[f"wanted_{name}"] = plain(value)
        elif value is not None and len(value) == 1:
            values[f"wanted_{name}"] = plain(next(iter(value)))
        elif value is not None:
            values[f"wanted_{name}"] = [plain(each) for each in value]
            among.append(name)
    return _question(codec, order, tuple(values), frozenset(among)), values


@cache
def _question(
    codec: Codec[Any], order: tuple[str, ...], given: tuple[str, ...], among: frozenset[str]
) -> sa.Select[Any]:
    """The rows of a table for which all that is given holds; made once, for making it takes longer than
    asking it.
    """
    columns = codec.table.c
    query = sa.select(*codec.columns).order_by(*(_ascending(columns[name]) for name in order))
    for each in given:
        name = each.removeprefix("wanted_")
        if each == "start":
            query = query.where(columns.window_start >= sa.bindparam(each))
        elif each == "end":
            query = query.where(columns.window_start < sa.bindparam(each))
        elif name in among:
            several = sa.bindparam(each, type_=ARRAY(columns[name].type))
            query = query.where(columns[name] == sa.any_(several))
        else:
            query = query.where(columns[name] == sa.bindparam(each))
    return query


def newest(
    codec: Codec[Any],
    monitor: str | None,
    key: tuple[str, ...],
    order: tuple[str, ...],
    as_of: datetime,
    **filters: Any,
) -> sa.Select[Any]:
    """Of the rows that `select` gives, for each key the one with the greatest as_of up to this one."""
    known = (
        select(codec, monitor, (), **filters)
        .where(codec.table.c.as_of <= _zoned(as_of))
        .ext(distinct_on(*(codec.table.c[name] for name in key)))
        .order_by(*(codec.table.c[name] for name in key), codec.table.c.as_of.desc())
        .subquery()
    )
    columns = [known.c[column.name] for column in codec.columns]
    return sa.select(*columns).order_by(*(_ascending(known.c[name]) for name in order))


def plain(value: Any) -> Any:
    """A value as the driver takes it: days as text such as `7d`, members of vocabularies as their word."""
    return str(value) if isinstance(value, (str, Length)) else value


def _zoned(bound: datetime) -> datetime:
    if bound.tzinfo is None:
        raise StoreError(f"The bound {bound.isoformat()} has no time zone: give it one, such as UTC.")
    return bound


def _ascending(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Text by code point, lengths by their hours: 7d comes before 28d, those of the calendar come last."""
    if getattr(column, "name", "") in {"window", "horizon"}:
        calendar = ((column == name, 1_000_000 + days) for name, days in Span.CALENDAR.items())
        count = sa.cast(sa.func.left(column, -1), sa.Integer())
        return sa.case(*calendar, (column.like("%h"), count), else_=24 * count)
    return column
