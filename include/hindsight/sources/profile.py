"""The second statement: what came in, from the prediction log alone.

It reads the days whose horizon 0 is computed, and of them the rows known by the end of their day, and it
resolves duplicates as the first statement does.  A line is (version, segments, key, value, count, sums).
The key packs a block, the position of the day, and a code (see `hindsight.statistics.inputs`).  Block 0
counts the calls by their latency and sums what fails and what the team defined; each further one counts a
feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from hindsight.errors import SourceError
from hindsight.sources.base import Kind
from hindsight.sources.expressions import Column, constant, decide, flag, number, size_bin, summands, text
from hindsight.sources.statement import Statement
from hindsight.statistics.base import Term
from hindsight.statistics.cuts import KNOWN, LARGEST_NUMBER, TILES, CategoryCut, Cut, NumberCut
from hindsight.statistics.inputs import FIRST, INVALID, LATEST, NULL
from hindsight.statistics.profiled import CALL_SUMS, CODES, CUSTOM_SUMS
from hindsight.statistics.reasons import REASONS
from hindsight.windows import Calendar

LARGEST_SUMMAND: Final = 1e6
"""The largest number that a custom sum may have of a row."""

WIDE: Final = Term("wide", wide=True)
VALUED: Final = (Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN)


def wanted(statement: Statement) -> bool:
    """Whether the monitor asks for anything that this statement gives."""
    spec = statement.spec
    columns = spec.predictions.columns
    named = spec.predictions.features or spec.custom or columns.latency_ms or columns.error
    return bool(named)


class Profile:
    """What came in, as a Select; `cuts` are the frozen ones of features, and a feature without is not
    binned.
    """

    def __init__(
        self, statement: Statement, cuts: Mapping[str, Cut], custom: Sequence[str] | None = None
    ) -> None:
        self.statement, self.log, self.spec = statement, statement.log, statement.spec
        self.cuts = cuts
        self.custom = tuple(self.spec.custom) if custom is None else tuple(custom)

    def lines(self, calendar: Calendar) -> sa.Select[Any]:
        """Counts and sums of the days asked about; see the module's docstring."""
        said = self.said(calendar)
        blocks = [*self._calls(said, calendar)]
        for i, name in enumerate(self.spec.predictions.features):
            blocks.append(self._feature(said, calendar, i, name))
        return sa.select(sa.union_all(*blocks).subquery("lines")) if len(blocks) > 1 else blocks[0]

    def said(self, calendar: Calendar) -> sa.CTE:
        """Predictions with what came in: features, latency, failure, and what custom sums are of."""
        return self.statement.said(calendar, [*self._features(), *self._call_columns()])

    def _features(self) -> Iterator[Any]:
        for i, name in enumerate(self.spec.predictions.features):
            column = self.log.column(name, "features", *VALUED)
            kind = self.log.kinds[name]
            if kind is Kind.NUMBER and not isinstance(self.cuts.get(name), CategoryCut):
                yield number(column).label(f"input_{i}")
            elif kind is Kind.BOOLEAN:
                told = sa.case((column, text("true")), (sa.not_(column), text("false")), else_=sa.null())
                yield sa.cast(told, sa.Text).label(f"text_{i}")
            else:
                yield sa.cast(column, sa.Text).label(f"text_{i}")

    def _call_columns(self) -> Iterator[Any]:
        columns = self.spec.predictions.columns
        if columns.latency_ms is not None:
            raw = number(self.log.column(columns.latency_ms, "latency_ms", Kind.NUMBER))
            good = sa.and_(raw >= constant(0.0), raw <= constant(LATEST * 1000.0))
            yield sa.case((good, raw), else_=sa.null()).label("latency")
        if columns.error is not None:
            yield self._failed(columns.error).label("failed")
        for i, name in enumerate(self.custom):
            of = self.spec.custom[name]
            for side, expression in (("over", of.numerator), ("under", of.denominator)):
                # The line's end closes a comment that the expression may end with.
                value = number(sa.literal_column(f"({expression}\n)"))
                yield sa.func.coalesce(value, constant(0.0)).label(f"{side}_{i}")

    def _failed(self, name: str) -> Column:
        """1 where a call failed: its error is neither null, nor false, 0 or empty."""
        column = self.log.column(name, "error", *VALUED)
        well: dict[Kind, Column] = {Kind.NUMBER: constant(0), Kind.TEXT: sa.literal_column("''")}
        kind = self.log.kinds[name]
        if kind is Kind.BOOLEAN:
            return sa.case((column, constant(1)), else_=constant(0))
        return flag(sa.and_(column.is_not(None), column != well[kind]))

    def _calls(self, said: sa.CTE, calendar: Calendar) -> Iterator[sa.Select[Any]]:
        """Block 0, for each segment column once; calls are all rows but duplicates."""
        code: Column = constant(NULL)
        sums: list[Column] = [said.c.failed if "failed" in said.c else constant(0)]
        if "latency" in said.c:
            late = said.c.latency
            code = sa.case((late.is_(None), constant(INVALID)), else_=size_bin(late) + constant(FIRST))
            seconds = late / constant(1000.0)
            sums += [*summands(WIDE, seconds), *summands(WIDE, seconds * seconds)]
        else:
            sums += [constant(0)] * 4
        for i, _ in enumerate(self.custom):
            over, under = said.c[f"over_{i}"], said.c[f"under_{i}"]
            good = sa.and_(*(abs_within(side, LARGEST_SUMMAND) for side in (over, under)))
            for value in (over, under, over * over, over * under, under * under):
                sums += [sa.case((good, part), else_=constant(0)) for part in summands(WIDE, value)]
            sums.append(sa.case((good, constant(0)), else_=constant(1)))
        duplicate = constant(REASONS.index("duplicate"))
        rows = self._keyed(said, calendar, 0, code, sums, said.c.reason != duplicate)
        segments = [rows.c[f"segment_{i}"] for i in range(len(self.spec.segments))]
        if not segments:
            yield self._counted(rows, [], None, [])
        for mine in segments:
            others = [s if s is mine else sa.cast(sa.null(), sa.Text).label(s.name) for s in segments]
            yield self._counted(rows, others, None, [mine])

    def _feature(self, said: sa.CTE, calendar: Calendar, i: int, name: str) -> sa.Select[Any]:
        """Block 1 + i: a feature of the predictions that count."""
        cut = self.cuts.get(name)
        value: Column | None = None
        sums: list[Column] = []
        if f"input_{i}" in said.c:
            x = said.c[f"input_{i}"]
            finite = sa.and_(x >= constant(-LARGEST_NUMBER), x <= constant(LARGEST_NUMBER))
            cell: Column = constant(FIRST)
            if isinstance(cut, NumberCut):
                leaves = [constant(FIRST + b) for b in range(cut.bins)]
                cell = decide(x, cut.edges, leaves, constant)
                low, high = (constant(bound) for bound in cut.reach)
                # Not z first: what lies very far off may not be representable.
                z = (x - constant(cut.centre)) / constant(cut.scale)
                near = sa.and_(x >= low, x <= high)
                sums = [constant(1), *summands(WIDE, z), *summands(WIDE, z * z)]
                sums = [sa.case((near, part), else_=constant(0)) for part in sums]
            code: Column = sa.case((x.is_(None), constant(NULL)), (finite, cell), else_=constant(INVALID))
        else:
            x = said.c[f"text_{i}"]
            seen: Column = constant(INVALID if isinstance(cut, NumberCut) else FIRST)
            if isinstance(cut, CategoryCut):
                known = x.in_([sa.literal(v, sa.Text) for v in cut.values]) if cut.values else sa.false()
                seen = sa.case((known, constant(FIRST)), else_=constant(FIRST + 1))
                value = sa.case((known, x), else_=sa.null())
            code = sa.case((x.is_(None), constant(NULL)), else_=seen)
        rows = self._keyed(said, calendar, 1 + i, code, sums, said.c.reason == constant(0), value)
        blank = [sa.cast(sa.null(), sa.Text).label(f"segment_{j}") for j in range(len(self.spec.segments))]
        return self._counted(rows, blank, rows.c.value if value is not None else None, [])

    def _keyed(
        self,
        said: sa.CTE,
        calendar: Calendar,
        block: int,
        code: Column,
        sums: Sequence[Column],
        condition: Column,
        value: Column | None = None,
    ) -> sa.Subquery:
        """Rows known by the end of their day, with their packed key and what is summed of them."""
        days = constant(len(calendar.midnights))
        place = (constant(block) * days + sa.cast(said.c.position, sa.BigInteger)) * constant(CODES)
        told = [] if value is None else [sa.cast(value, sa.Text).label("value")]
        return (
            sa.select(
                said.c.version,
                *(said.c[f"segment_{i}"] for i in range(len(self.spec.segments)) if block == 0),
                (place + code).label("key"),
                *told,
                *(part.label(f"sum_{i}") for i, part in enumerate(sums)),
            )
            .where(said.c.known == constant(0), condition)
            .subquery(f"block_{block}")
        )

    def _counted(
        self, rows: sa.Subquery, segments: Sequence[Any], value: Column | None, by: Sequence[Column]
    ) -> sa.Select[Any]:
        """A block's lines, padded to as many sums as any block has."""
        most = CALL_SUMS + CUSTOM_SUMS * len(self.custom)
        sums = []
        for i in range(most):
            name = f"sum_{i}"
            nothing: Column = sa.cast(constant(0), sa.BigInteger)
            if name in rows.c:
                summed = sa.func.coalesce(sa.func.sum(rows.c[name]), constant(0))
                sums.append(sa.cast(summed, sa.BigInteger).label(name))
            else:
                sums.append(nothing.label(name))
        keys = [rows.c.version, rows.c.key, *by, *([] if value is None else [value])]
        return sa.select(
            rows.c.version,
            *segments,
            rows.c.key,
            (sa.cast(sa.null(), sa.Text) if value is None else value).label("value"),
            sa.cast(sa.func.count(), sa.BigInteger).label("count"),
            *sums,
        ).group_by(*keys)

    def tiles(self, calendar: Calendar) -> sa.Select[Any] | None:
        """Of each number among the features: (feature, tile, greatest, least) in equal parts of its
        values.
        """
        said, blocks = self.said(calendar), []
        for i in range(len(self.spec.predictions.features)):
            if f"input_{i}" not in said.c:
                continue
            x = said.c[f"input_{i}"]
            rows = (
                sa.select(x.label("x"), sa.func.ntile(constant(TILES)).over(order_by=x).label("tile"))
                .where(*self._counts(said), x >= constant(-LARGEST_NUMBER), x <= constant(LARGEST_NUMBER))
                .subquery(f"tiled_{i}")
            )
            blocks.append(
                sa.select(
                    constant(i).label("feature"),
                    rows.c.tile,
                    sa.func.max(rows.c.x).label("greatest"),
                    sa.func.min(rows.c.x).label("least"),
                ).group_by(rows.c.tile)
            )
        return sa.select(sa.union_all(*blocks).subquery("tiles")) if blocks else None

    def values(self, calendar: Calendar, feature: int) -> sa.Select[Any]:
        """The values of a category, most frequent first: as many as are remembered, and one more."""
        said = self.said(calendar)
        x = said.c[f"text_{feature}"]
        counted = (
            sa.select(x.label("value"), sa.func.count().label("rows"))
            .where(*self._counts(said), x.is_not(None))
            .group_by(x)
            .subquery("counted")
        )
        ordered = self.statement.engine.ordered(counted.c.value)
        return sa.select(counted.c.value).order_by(counted.c.rows.desc(), ordered).limit(KNOWN + 1)

    def categories(self) -> list[int]:
        """Which features are categories, by what their columns hold."""
        names = self.spec.predictions.features
        return [i for i, name in enumerate(names) if self.log.kinds[name] is not Kind.NUMBER]

    def _counts(self, said: sa.CTE) -> tuple[Column, Column]:
        return said.c.reason == constant(0), said.c.known == constant(0)


def abs_within(value: Column, largest: float) -> Column:
    """Whether a number is this large at most, on either side of 0; NaN is not."""
    return sa.and_(value >= constant(-largest), value <= constant(largest))


def culprit(profile: Profile, run: Any, calendar: Calendar, failed: SourceError) -> SourceError:
    """What is wrong, in words that name the custom sum at fault, if one is."""
    for name in profile.spec.custom:
        alone = Profile(profile.statement, {}, [name])
        said = alone.said(calendar)
        try:
            run(sa.select(sa.func.sum(said.c.over_0), sa.func.sum(said.c.under_0)))
        except SourceError as error:
            of = profile.spec.custom[name]
            ratio = f"({of.numerator}) / ({of.denominator})"
            return SourceError(f"The custom sum {name!r} cannot be computed as {ratio}: {error}")
    return failed
