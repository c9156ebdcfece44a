"""A predicted number, with an interval or without."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from hindsight.sources.expressions import Column, constant, flag, signed_bin
from hindsight.sources.shapes.base import Block, Shape
from hindsight.sources.shapes.derived import derived
from hindsight.statistics.regression import RegressionLayout

RATIO = 1e6
"""The largest relative error of a row; it takes an actual of next to nothing to reach it."""


class RegressionShape(Shape):
    """Cells by error, and by value; see `hindsight.statistics.regression.RegressionLayout`."""

    layout: RegressionLayout

    def answer(self) -> list[sa.Label[object]]:
        columns, unit = self.spec.predictions.columns, self.layout.unit
        assert columns.prediction is not None
        found = [self.log.measure(columns.prediction, "prediction", unit).label("value")]
        if self.layout.interval:
            assert columns.lower is not None
            assert columns.upper is not None
            found.append(self.log.measure(columns.lower, "lower", unit).label("lower"))
            found.append(self.log.measure(columns.upper, "upper", unit).label("upper"))
        return found

    def unusable(self, rows: sa.FromClause) -> list[tuple[Column, str]]:
        found: list[tuple[Column, str]] = [(rows.c.value.is_(None), "invalid_prediction")]
        if self.layout.interval:
            lower, upper = rows.c.lower, rows.c.upper
            bad = sa.or_(lower.is_(None), upper.is_(None), lower > upper)
            found.append((bad, "invalid_interval"))
        return found

    def actual(self) -> Column:
        return self.truth.measure(self.spec.ground_truth.columns.actual, "actual", self.layout.unit)

    def blocks(self, joined: sa.FromClause) -> Iterator[Block]:
        told = sa.select(joined, (joined.c.value - joined.c.actual).label("error")).subquery()
        # Named columns: each term asks again whether there is an actual.
        rows = sa.select(told, (constant(1) + signed_bin(told.c.error)).label("code")).subquery()
        yield Block(rows, constant(0), rows.c.code, self.terms(rows))
        once = [joined.c.reason == constant(0), joined.c.first == constant(1)]
        values = derived(self, joined, joined.c.known, None, joined.c.value, where=once)
        nothing = [sa.cast(sa.null(), sa.Double) for _ in self.layout.terms]
        yield Block(values, constant(1) + signed_bin(values.c.value), sa.cast(sa.null(), sa.Integer), nothing)

    def terms(self, rows: sa.FromClause) -> list[Column]:
        """The layout's terms of a row."""
        value, actual, error = rows.c.value, rows.c.actual, rows.c.error
        absolute = sa.func.abs(error)
        ratio = absolute / sa.func.abs(actual)
        ape = sa.case(
            (actual == constant(0.0), sa.null()),
            (absolute >= constant(RATIO) * sa.func.abs(actual), constant(RATIO)),
            else_=ratio,
        )
        size = sa.func.abs(actual) + sa.func.abs(value)
        sape = sa.case(
            (size > constant(0.0), constant(2.0) * absolute / size),
            (size == constant(0.0), constant(0.0)),
        )
        counted = sa.case((actual != constant(0.0), constant(1.0)))
        point = [value, value * value, error, absolute, error * error, actual, actual * actual]
        relative = [counted, ape, ape * ape, sape, sape * sape]
        if not self.layout.interval:
            return [*point, *relative]
        lower, upper = rows.c.lower, rows.c.upper
        width = upper - lower
        inside = flag(sa.and_(actual >= lower, actual <= upper))
        tail = (1.0 - self.spec.predictions.interval) / 2.0
        loss = constant(0.5) * (self.pinball(actual - lower, tail) + self.pinball(actual - upper, 1.0 - tail))
        return [*point, *relative, width, width * width, inside * constant(1.0), loss, loss * loss]

    def pinball(self, above: Column, level: float) -> Column:
        """The pinball loss of a quantile that the actual exceeds by so much."""
        return sa.case((above >= constant(0.0), constant(level) * above), else_=constant(level - 1.0) * above)
