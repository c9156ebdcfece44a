"""Questions to the tables: which rows, in which order."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from hindsight.domain.values import Length, Span
from hindsight.errors import StoreError
from hindsight.store.rows import Codec

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
    columns = codec.table.c
    query = _ordered(codec, order)
    if start is not None:
        query = query.where(columns.window_start >= _zoned(start))
    if end is not None:
        query = query.where(columns.window_start < _zoned(end))
    for name, value in {"monitor": monitor, **wanted}.items():
        if isinstance(value, (str, Length)):
            query = query.where(columns[name] == plain(value))
        elif value is not None:
            query = query.where(columns[name].in_([plain(each) for each in value]))
    return query


@cache
def _ordered(codec: Codec[Any], order: tuple[str, ...]) -> sa.Select[Any]:
    """All rows of a table, ordered; made once, for making it takes longer than asking it."""
    return sa.select(*codec.columns).order_by(*(_ascending(codec.table.columns[name]) for name in order))


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
