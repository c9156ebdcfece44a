"""Questions to the tables: which rows, in which order."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hindsight.domain.values import Days, Span
from hindsight.errors import StoreError
from hindsight.store.rows import Codec

Wanted = str | Days | Collection[str] | Collection[Days] | None


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
    query = sa.select(*codec.columns).order_by(*(_ascending(columns[name]) for name in order))
    if start is not None:
        query = query.where(columns.window_start >= _zoned(start))
    if end is not None:
        query = query.where(columns.window_start < _zoned(end))
    for name, value in {"monitor": monitor, **wanted}.items():
        if isinstance(value, (str, Days)):
            query = query.where(columns[name] == plain(value))
        elif value is not None:
            query = query.where(columns[name].in_([plain(each) for each in value]))
    return query


def plain(value: Any) -> Any:
    """A value as the driver takes it: days as text such as `7d`, members of vocabularies as their word."""
    return str(value) if isinstance(value, (str, Days)) else value


def _zoned(bound: datetime) -> datetime:
    if bound.tzinfo is None:
        raise StoreError(f"The bound {bound.isoformat()} has no time zone: give it one, such as UTC.")
    return bound


def _ascending(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Text by code point, days by their number: 7d comes before 28d, and those of the calendar come last."""
    if column.name in {"window", "horizon"}:
        calendar = ((column == name, 10_000 + days) for name, days in Span.CALENDAR.items())
        return sa.case(*calendar, else_=sa.cast(sa.func.replace(column, "d", ""), sa.Integer()))
    return column
