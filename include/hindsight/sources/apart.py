"""Segment values that are kept apart, and one name for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from hindsight.domain.values import OTHER
from hindsight.sources.expressions import Column, constant, decide, text

Apart = Mapping[int, Mapping[int, tuple[str, ...]]]
"""By number of the segment column and position of the day: the values kept apart; all of them if not told."""


def told_apart(
    segment: Column, position: Column, lists: Mapping[int, tuple[str, ...]], asked: Sequence[int]
) -> Column:
    """A segment's value if it is kept apart on its day, else `(other)`.

    The values come from rows, so they are bound.
    """
    bound: dict[str, Column] = {}

    def leaf(values: tuple[str, ...] | None) -> Column:
        if values is None:
            return segment
        kept = [bound.setdefault(value, sa.literal(value, sa.Text)) for value in values]
        return sa.case((segment.in_(kept), segment), else_=text(OTHER))

    edges: list[int] = []
    leaves: list[tuple[str, ...] | None] = []
    for day in asked:
        values = lists.get(day)
        if not leaves or values != leaves[-1]:
            edges.append(day)
            leaves.append(values)
    return decide(position, edges[1:], [leaf(values) for values in leaves], constant)
