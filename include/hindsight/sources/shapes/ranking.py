"""Lists of items shown for a query, and what was done with the items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from hindsight.sources.base import Kind
from hindsight.sources.expressions import Column, constant, flag, number, squarable, summands
from hindsight.sources.shapes.base import Block, Shape
from hindsight.sources.shapes.derived import derived, numbers
from hindsight.statistics.base import LIMB, ONE, Term
from hindsight.statistics.ranking import RankingLayout

BEST = 31.0
"""The greatest feedback: its gain, 2^31 - 1, is about what two ratios of doubles can still tell apart."""


GAIN = Term("gain", wide=True)


class RankingShape(Shape):
    """Cells by feedback on items, and a row per judged query and horizon; see `RankingLayout`.

    A query is what the rows of one day, version and value of every segment column have in common; if a
    segment column differs within a query, it is counted once for each value.  A query is judged as soon as
    feedback on one of its items is known; items without feedback then count as not chosen.
    """

    layout: RankingLayout

    def answer(self) -> list[sa.Label[object]]:
        columns = self.spec.predictions.columns
        assert columns.position is not None
        assert columns.query is not None
        raw = self.log.measure(columns.position, "position")
        place = sa.case((sa.and_(raw >= constant(1.0), raw == sa.func.floor(raw)), raw), else_=sa.null())
        query = self.log.column(columns.query, "query", Kind.TEXT, Kind.NUMBER)
        return [place.label("place"), sa.cast(query, sa.Text).label("text_query")]

    def unusable(self, rows: sa.FromClause) -> list[tuple[Column, str]]:
        return [(rows.c.place.is_(None), "invalid_position"), (rows.c.text_query.is_(None), "null_query")]

    def actual(self) -> Column:
        name = self.spec.ground_truth.columns.actual
        column = self.truth.column(name, "actual", Kind.NUMBER, Kind.BOOLEAN)
        if self.truth.kinds[name] is Kind.BOOLEAN:
            return self.truth.decision(name, "actual") * constant(1.0)
        raw = sa.cast(column, sa.Double)
        return sa.case(
            (sa.and_(raw >= constant(0.0), raw <= constant(BEST)), squarable(raw)), else_=sa.null()
        )

    def blocks(self, joined: sa.FromClause) -> Iterator[Block]:
        feedback = joined.c.actual
        chosen = sa.case((feedback > constant(0.0), constant(2)), (feedback == constant(0.0), constant(1)))
        nothing = [sa.cast(sa.null(), sa.Double) for _ in self.layout.terms[2:]]
        yield Block(joined, constant(0), chosen, [feedback, feedback * feedback, *nothing])
        yield self.queries(joined)

    def judged(self, joined: sa.FromClause) -> sa.Subquery:
        """A row per item with feedback and horizon at which it counts, with its place in the ideal order."""
        horizons = numbers("horizon", len(self.spec.horizons))
        horizon = horizons.c.horizon
        counts = [
            joined.c.reason == constant(0),
            joined.c.known <= horizon,
            joined.c.learnt <= horizon,
            sa.or_(joined.c.superseded.is_(None), joined.c.superseded > horizon),
        ]
        keys = [*(joined.c[name] for name in self.keys), horizon]
        ideal = sa.func.row_number().over(partition_by=keys, order_by=joined.c.actual.desc())
        return (
            sa.select(
                *keys,
                joined.c.place,
                joined.c.actual.label("feedback"),
                (sa.func.power(constant(2.0), joined.c.actual) - constant(1.0)).label("gain"),
                ideal.label("ideal"),
            )
            .select_from(joined.join(horizons, sa.true()))
            .where(*counts)
            .subquery()
        )

    @property
    def keys(self) -> list[str]:
        """What tells one query from another."""
        return [
            "position",
            "version",
            *(f"segment_{i}" for i in range(len(self.spec.segments))),
            "text_query",
        ]

    def queries(self, joined: sa.FromClause) -> Block:
        """Judged queries: what one is at a horizon comes with it, and goes again at the next."""
        item = self.judged(joined)
        keys = [*(item.c[name] for name in self.keys), item.c.horizon]
        hit = item.c.feedback > constant(0.0)

        def discounted(place: Column, cutoff: int) -> Column:
            within = place <= constant(cutoff)
            gain = item.c.gain / sa.func.ln(constant(1.0) + place)
            # Whole numbers, so that the sum does not depend on the order of a query's items.
            high, low = (
                sa.func.sum(sa.case((within, part), else_=constant(0))) for part in summands(GAIN, gain)
            )
            return number(high) * constant(float(LIMB)) + number(low)

        measures: list[Any] = [
            sa.func.max(sa.case((hit, constant(1.0) / item.c.place), else_=constant(0.0))).label("rr")
        ]
        for k in self.layout.cutoffs:
            near = sa.and_(hit, item.c.place <= constant(k))
            measures += [
                discounted(item.c.place, k).label(f"gained_{k}"),
                discounted(item.c.ideal, k).label(f"ideal_{k}"),
                sa.func.max(flag(near) * constant(1.0)).label(f"hit_{k}"),
            ]
        query = sa.select(*keys, *measures).group_by(*keys).subquery()
        values: list[Column] = [query.c.rr, query.c.rr * query.c.rr]
        for k in self.layout.cutoffs:
            ideal = query.c[f"ideal_{k}"]
            ndcg = sa.case((ideal > constant(0.0), query.c[f"gained_{k}"] / ideal), else_=constant(0.0))
            values += [ndcg, ndcg * ndcg, query.c[f"hit_{k}"]]
        turns = numbers("goes", 2)
        sign = constant(1) - constant(2) * turns.c.goes
        bucket = query.c.horizon + turns.c.goes
        # Whole billionths, so that what goes is exactly what came.
        moved = [
            sign * sa.func.floor(value * constant(ONE) + constant(0.5)) / constant(ONE) for value in values
        ]
        changes = (
            sa.select(
                *(query.c[name] for name in self.keys),
                bucket.label("known"),
                sign.label("sign"),
                *(value.label(f"value_{i}") for i, value in enumerate(moved)),
            )
            .select_from(query.join(turns, sa.true()))
            .where(bucket < constant(len(self.spec.horizons)))
            .subquery()
        )
        names = ["sign", *(f"value_{i}" for i in range(len(moved)))]
        rows = derived(self, changes, changes.c.known, None, *(changes.c[name] for name in names))
        nothing = [sa.cast(sa.null(), sa.Double) for _ in self.layout.terms[:2]]
        return Block(
            rows,
            constant(1),
            constant(1),
            [*nothing, *(rows.c[name] for name in names[1:])],
            rows.c.sign,
        )
