"""The rows of a location, and what a column of them must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hindsight.domain.spec import Location
from hindsight.errors import SourceError
from hindsight.sources.base import Kind, Source
from hindsight.sources.engines import Engine
from hindsight.sources.expressions import LARGEST, Column, constant, number, squarable


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that can be selected from, as their location describes them."""

    location: Location
    rows: sa.FromClause
    kinds: Mapping[str, Kind]
    engine: Engine

    def column(self, name: str, role: str, *kinds: Kind) -> Column:
        """A column that exists and is of one of these kinds; SourceError otherwise."""
        if name not in self.kinds:
            raise SourceError(
                f"{self.location} has no column {name!r} ({role}); it has {', '.join(sorted(self.kinds))}."
            )
        if kinds and self.kinds[name] not in kinds:
            wanted = " or ".join(kinds)
            raise SourceError(
                f"Column {name!r} of {self.location} ({role}) is {self.kinds[name]}, not {wanted}."
            )
        return self.rows.c[name]

    def time(self, name: str, role: str) -> Column:
        """A time as an instant: wall clocks are read in the location's zone."""
        column = self.column(name, role, Kind.INSTANT, Kind.WALL_CLOCK)
        if self.kinds[name] is Kind.INSTANT:
            return self.engine.instant(column)
        return self.engine.utc(column, self.location.timezone)

    def during(self, name: str, start: datetime | None, end: datetime) -> Column:
        """A condition on the bare column that an index can serve; for wall clocks a day wider than asked."""
        column: Column = self.rows.c[name]
        if self.kinds[name] is Kind.INSTANT:
            column = self.engine.instant(column)
            bounds = (start, end)
        else:
            zone, day = ZoneInfo(self.location.timezone), timedelta(days=1)
            bounds = (
                start and (start - day).astimezone(zone).replace(tzinfo=None),
                (end + day).astimezone(zone).replace(tzinfo=None),
            )
        below = column < bounds[1]
        return below if bounds[0] is None else sa.and_(column >= bounds[0], below)

    def where(self) -> list[Column]:
        """The location's `where`, as equalities with bound parameters."""
        return [self.column(name, "where") == value for name, value in self.location.where.items()]

    def decision(self, name: str, role: str) -> Column:
        """A yes/no column as 1, 0 or, for anything else, null."""
        column = self.column(name, role, Kind.BOOLEAN, Kind.NUMBER)
        if self.kinds[name] is Kind.BOOLEAN:
            return sa.case((column, constant(1)), (sa.not_(column), constant(0)), else_=sa.null())
        return sa.case(
            (column == constant(1), constant(1)), (column == constant(0), constant(0)), else_=sa.null()
        )

    def share(self, name: str, role: str) -> Column:
        """A number in [0, 1], or null."""
        raw = number(self.column(name, role, Kind.NUMBER))
        # NaN is greater than 1 to PostgreSQL and DuckDB alike, so the range test refuses it too.
        return sa.case((sa.and_(raw >= constant(0.0), raw <= constant(1.0)), squarable(raw)), else_=sa.null())

    def measure(self, name: str, role: str, unit: float = 1.0) -> Column:
        """A finite number in `unit`s, or null: NaN, infinities and what is too large to sum exactly."""
        raw = number(self.column(name, role, Kind.NUMBER))
        # Asked before dividing, which could leave what a float holds.
        most = constant(LARGEST * float(unit))
        inside = sa.and_(raw >= -most, raw <= most)
        return sa.case((inside, squarable(raw) / constant(float(unit))), else_=sa.null())


def open_relation(source: Source, location: Location, name: str, texts: Collection[str] = ()) -> Relation:
    """The rows of a location in an open source; `texts` name columns that are text whatever they look
    like.
    """
    return Relation(location, *source.relation(location, name, texts), source.engine)
