"""Which values of the segment columns are frequent: asked before the join, so that it makes few groups.

A value's place in a day's order must not change as rows land, or two runs would keep different values
apart.  So it is placed by the first horizon at which it was known, then by its rows at that time, then by
code point: what is known later only comes behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hindsight.sources.expressions import Column, constant
from hindsight.sources.statement import Statement, bucket
from hindsight.windows import Calendar


def by_day(statement: Statement, calendar: Calendar, top: int) -> sa.Select[Any]:
    """The most frequent values of each segment column on each day: (column, position, place, value)."""
    rows, logged = placed(statement, calendar)
    keys: list[Column] = [rows.c.position]
    conditions: list[Column] = [rows.c.position.is_not(None)]
    if logged:
        known = bucket(rows.c.seen - rows.c.position, calendar.horizons)
        keys.append(known.label("known"))
        conditions.append(known < constant(len(calendar.horizons)))
    return ranked(statement, rows, keys, conditions, top)


def together(statement: Statement, calendar: Calendar, top: int) -> sa.Select[Any]:
    """The most frequent values of each segment column over all days asked about: (column, 0, place, value).

    What was logged after the last of them had ended was not known then.
    """
    rows, logged = placed(statement, calendar)
    conditions: list[Column] = [rows.c.position.is_not(None)]
    if logged:
        conditions.append(rows.c.seen <= constant(calendar.asked[-1]))
    return ranked(statement, rows, [], conditions, top)


def placed(statement: Statement, calendar: Calendar) -> tuple[sa.CTE, bool]:
    """The prediction log's segments, with the day on which each row was logged, if that is known."""
    name = statement.spec.predictions.columns.logged
    columns: list[Any] = [
        statement.segment(segment).label(f"segment_{i}") for i, segment in enumerate(statement.spec.segments)
    ]
    if name is not None:
        columns.append(statement.day_of(statement.known_time(), calendar).label("seen"))
    return statement.placed(calendar, columns), name is not None


def ranked(
    statement: Statement, rows: sa.CTE, keys: Sequence[Any], conditions: Sequence[Column], top: int
) -> sa.Select[Any]:
    """The first values of each column, by `keys`, most rows and code point."""
    names = [f"segment_{i}" for i in range(len(statement.spec.segments))]
    columns = [*keys, *(rows.c[name] for name in names)]
    many: Column = sa.func.count()
    counted = (
        sa.select(*columns, many.label("rows"))
        .where(*conditions)
        .group_by(*unlabelled(columns))
        .cte("counted")
    )
    parts = []
    for i, name in enumerate(names):
        mine = [counted.c[key.name] for key in keys]
        total: Column = sa.cast(sa.func.sum(counted.c.rows), sa.BigInteger)
        found = (
            sa.select(*mine, counted.c[name].label("value"), total.label("rows"))
            .group_by(*mine, counted.c[name])
            .subquery(f"values_{i}")
        )
        day = [found.c.position] if "position" in found.c else []
        order: list[Any] = [found.c.rows.desc(), statement.engine.ordered(found.c.value)]
        if "known" in found.c:
            turn = sa.func.row_number().over(
                partition_by=[found.c.position, found.c.value], order_by=[found.c.known]
            )
            turns = sa.select(*found.c, turn.label("turn")).subquery(f"turns_{i}")
            found = sa.select(turns).where(turns.c.turn == constant(1)).subquery(f"first_{i}")
            day = [found.c.position]
            order = [found.c.known, found.c.rows.desc(), statement.engine.ordered(found.c.value)]
        rank = sa.func.row_number().over(partition_by=day or None, order_by=order)
        parts.append(
            sa.select(
                constant(i).label("field"),
                (day[0] if day else constant(0)).label("position"),
                rank.label("place"),
                found.c.value,
            )
        )
    every = (sa.union_all(*parts) if len(parts) > 1 else parts[0]).subquery("every")
    return sa.select(every).where(every.c.place <= constant(top))


def unlabelled(columns: Sequence[Any]) -> list[Any]:
    """Columns as GROUP BY takes them on every engine: an expression, not its label."""
    return [column.element if isinstance(column, sa.Label) else column for column in columns]
