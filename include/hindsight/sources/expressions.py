"""Pieces of SQL that a monitor's statements are made of.

Days are told apart by a tree of comparisons with UTC instants bound as parameters, bins by exact
comparisons, and every term is a fixed-point integer before it is summed: two runs agree to the last bit,
whatever the engine's threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from hindsight.domain.bins import BINS, LINEAR_BINS, SIGNED_BINS, SIZE_EDGES, SIZES, TAIL_BINS, TAIL_EDGES
from hindsight.statistics.base import LIMB, ONE, Term

LARGEST: Final = 1e6
"""The largest size, in `unit`s, of a regression's value; beyond it a row is set aside."""

TINY: Final = 1e-100
"""What is smaller in size is 0."""

Column = sa.ColumnElement[Any]


def instant(moment: datetime) -> Column:
    """A bound UTC instant."""
    return sa.literal(moment, sa.DateTime(timezone=True))


def number(column: Column) -> Column:
    """A column as a 64-bit float."""
    return sa.cast(column, sa.Double)


def squarable(value: Column) -> Column:
    """A number, or 0 where its square would be too small for a float: PostgreSQL fails at that."""
    near = sa.and_(value > constant(-TINY), value < constant(TINY))
    return sa.case((near, constant(0.0)), else_=value)


def constant(value: float | int) -> Column:
    """A number written into the statement; floats in exponent form, which every engine reads as a double."""
    return sa.literal_column(f"{value:.16e}" if isinstance(value, float) else str(value))


def text(value: str) -> Column:
    """One of our own words as a literal; what comes from a file or a row is bound instead."""
    assert value.replace("(", "").replace(")", "").replace("_", "").isalnum()
    return sa.literal_column(f"'{value}'")


def flag(condition: Column) -> Column:
    """1 where a condition holds, else 0."""
    return sa.case((condition, constant(1)), else_=constant(0))


def fixed(term: Column) -> Column:
    """A term in whole billionths: sums of integers do not depend on their order."""
    return sa.cast(sa.func.floor(term * constant(ONE) + constant(0.5)), sa.BigInteger)


def summands(term: Term, value: Column) -> list[Column]:
    """What is summed for a term: its billionths, for a wide one as high and low part."""
    if not term.wide:
        return [fixed(value)]
    # Not floor first and the parts then: to Spark a floor is a 64-bit integer, which a wide term exceeds.
    billionths = value * constant(ONE) + constant(0.5)
    high = sa.func.floor(billionths / constant(float(LIMB)))
    low = sa.func.floor(billionths - high * constant(float(LIMB)))
    return [sa.cast(high, sa.BigInteger), sa.cast(low, sa.BigInteger)]


def decide(
    value: Column, edges: Sequence[Any], leaves: Sequence[Column], bound: Callable[[Any], Column]
) -> Column:
    """The leaf that a value falls to between ascending edges, by a balanced tree of comparisons.

    `leaves` has one more entry than `edges`: leaf i holds edges[i-1] <= value < edges[i].
    """
    if not edges:
        return leaves[0]
    middle = len(edges) // 2
    return sa.case(
        (value < bound(edges[middle]), decide(value, edges[:middle], leaves[: middle + 1], bound)),
        else_=decide(value, edges[middle + 1 :], leaves[middle + 1 :], bound),
    )


def bin_of(score: Column) -> Column:
    """The frozen bin of a score in [0, 1]; see `hindsight.domain.bins`."""
    rest = constant(1.0) - score
    low = decide(score, TAIL_EDGES, [constant(i) for i in range(TAIL_BINS)], constant)
    high = decide(rest, TAIL_EDGES, [constant(BINS - 1 - i) for i in range(TAIL_BINS)], constant)
    middle = sa.cast(sa.func.floor(score * constant(100.0)), sa.Integer) + constant(TAIL_BINS - 1)
    clamped = sa.case(
        (middle < constant(TAIL_BINS), constant(TAIL_BINS)),
        (middle > constant(TAIL_BINS + LINEAR_BINS - 1), constant(TAIL_BINS + LINEAR_BINS - 1)),
        else_=middle,
    )
    return sa.case((score < constant(0.01), low), (rest < constant(0.01), high), else_=clamped)


def size_bin(size: Column) -> Column:
    """The bin of a number that is not negative: 0 below 1e-6, `SIZES` + 1 from 1e6 on."""
    return decide(size, SIZE_EDGES, [constant(i) for i in range(SIZES + 2)], constant)


def signed_bin(value: Column) -> Column:
    """The bin of a number, ascending: the middle one holds what is smaller than 1e-6 on either side."""
    side = sa.case((value < constant(0.0), constant(-1)), else_=constant(1))
    placed = constant(SIGNED_BINS // 2) + side * size_bin(sa.func.abs(value))
    return sa.case((value.is_not(None), placed))
