"""Rows that a shape counts besides those of the log: facts that come at one horizon and bring no remark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hindsight.sources.expressions import Column, constant
from hindsight.sources.shapes.base import Shape


def numbers(name: str, count: int) -> sa.Subquery:
    """The whole numbers below `count` as a column of this name."""
    return sa.union_all(*(sa.select(constant(i).label(name)) for i in range(count))).subquery()


def derived(
    shape: Shape,
    rows: sa.FromClause,
    learnt: Column,
    superseded: Column | None,
    *columns: Any,
    where: Sequence[Column] = (),
    times: sa.FromClause | None = None,
) -> sa.Subquery:
    """Rows with the columns of `STANDARD`, counted from the horizon `learnt` on, until `superseded`.

    They are nobody's `first`, so they never wait for a label, and are not remarked on a second time.  Each is
    there once for every row of `times`.
    """
    segments = [rows.c[f"segment_{i}"] for i in range(len(shape.spec.segments))]
    weight: list[Any] = []
    if shape.layout.weighted:
        weight = [rows.c.weight if "weight" in rows.c else sa.cast(sa.null(), sa.Double).label("weight")]
    return (
        sa.select(
            rows.c.position,
            rows.c.version,
            *segments,
            *weight,
            constant(0).label("reason"),
            rows.c.known,
            learnt.label("learnt"),
            (sa.cast(sa.null(), sa.Integer) if superseded is None else superseded).label("superseded"),
            constant(0).label("first"),
            constant(0).label("remark"),
            *columns,
        )
        .select_from(rows if times is None else rows.join(times, sa.true()))
        .where(*where)
        .subquery()
    )
