"""The one statement: from rows of a prediction log and its labels to grouped counts and exact sums.

It runs where the logs lie and returns a line per version, segment and key.  The key is one integer that
packs the day, why a row was set aside, what was said, what turned out true, and three buckets (see
`hindsight.statistics.lines`).  A bucket is the position, in the monitor's horizons, of the first one at which
a fact was known; a superseded label also has the bucket at which it stopped counting.  So one pass over the
rows serves every day and every age.  The same pass counts the predictions of each day by the age of their
first label, to the day: a line of these has no version, and its key is negative.

Ages are differences of local days: a label learnt in the day L counts for a prediction of the day P at the
horizon h exactly if L - P <= h.  A label older than the day before its prediction belongs to another
prediction of that id, and is not joined; so days may be computed together or apart, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Final, Self

import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_VALUE, UNVERSIONED, Convention, OnConflict
from hindsight.errors import SourceError
from hindsight.sources.apart import Apart, told_apart
from hindsight.sources.base import Kind
from hindsight.sources.expressions import Column, constant, decide, flag, instant, summands, text
from hindsight.sources.relation import Relation
from hindsight.sources.shapes import SHAPES
from hindsight.sources.shapes.base import STANDARD, Block
from hindsight.statistics import layout_of
from hindsight.statistics.base import WEIGHTS
from hindsight.statistics.lines import Key
from hindsight.statistics.reasons import REASONS
from hindsight.windows import Calendar

WEIGHT: Final = 1e6
"""The largest weight of a label."""


def bucket(days: Column, horizons: tuple[int, ...], fact: Column | None = None) -> Column:
    """The position of the first horizon at which a fact so many days after its window is known.

    With `fact`, a condition, it is null where that does not hold.
    """
    none = [] if fact is None else [(sa.not_(fact), sa.null())]
    steps = [(days <= constant(age), constant(i)) for i, age in enumerate(horizons)]
    return sa.case(*none, *steps, else_=constant(len(horizons)))


def turn_of(labels: sa.FromClause) -> list[Column]:
    """The order in which labels of one id count: by time, then by everything else that they say."""
    return [labels.c.time, labels.c.actual, *([labels.c.weight] if "weight" in labels.c else [])]


class Statement:
    """A monitor's statistics as a Select, over the relations that hold its logs."""

    def __init__(self, spec: MonitorSpec, log: Relation, truth: Relation) -> None:
        self.spec, self.log, self.truth = spec, log, truth
        self.engine = log.engine
        self.layout = layout_of(spec)
        self.shape = SHAPES[spec.task](spec, log, truth, self.layout)
        self.apart: Apart = {}

    def keeping(self, apart: Apart) -> Self:
        """The same statement, keeping only these segment values apart."""
        made = copy(self)
        made.apart = apart
        return made

    def check(self, calendar: Calendar) -> None:
        """Raise SourceError for the first column that is missing or of the wrong kind."""
        columns, truth = self.spec.predictions.columns, self.spec.ground_truth.columns
        valued = (Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN)
        others: list[tuple[str, str | None, tuple[Kind, ...]]] = [
            ("latency_ms", columns.latency_ms, (Kind.NUMBER,)),
            ("error", columns.error, valued),
            ("cluster", columns.cluster, ()),
            *(("features", name, valued) for name in self.spec.predictions.features),
        ]
        for role, name, held in others:
            if name is not None:
                self.log.column(name, role, *held)
        self.statistics(calendar)  # asks for every column it reads
        kinds = [self.log.kinds.get(columns.id), self.truth.kinds.get(truth.id)]
        if kinds[0] is not kinds[1]:
            raise SourceError(
                f"Column {columns.id!r} of {self.log.location} is {kinds[0]} but "
                f"{truth.id!r} of {self.truth.location} is {kinds[1]}: ids must be of one kind to be joined."
            )

    def statistics(self, calendar: Calendar) -> sa.Select[Any]:
        """Grouped counts and sums of the days asked about; see the module's docstring."""
        joined = self.joined(calendar)
        blocks = [self.lines_of(block, calendar) for block in self.shape.blocks(joined)]
        lines = (sa.union_all(*blocks) if len(blocks) > 1 else blocks[0]).subquery("lines")
        segments = [lines.c[f"segment_{i}"] for i in range(len(self.spec.segments))]
        fixed_keys = [lines.c.version, lines.c.key]
        sums = [
            sa.cast(sa.func.coalesce(sa.func.sum(c), constant(0)), sa.BigInteger).label(c.name)
            for c in lines.c
            if c.name.startswith("sum_")
        ]
        numbers = [sa.cast(sa.func.sum(lines.c.count), sa.BigInteger).label("count"), *sums]
        groups = [[*fixed_keys, segment] for segment in segments] or [fixed_keys]
        delay: Column = constant(-1) - lines.c.delay
        if self.engine.grouping_sets:
            sets = sa.func.grouping_sets(*(sa.tuple_(*group) for group in [*groups, [lines.c.delay]]))
            key = sa.func.coalesce(lines.c.key, delay).label("key")
            return sa.select(lines.c.version, key, *segments, *numbers).group_by(sets)

        def told(group: Sequence[Column], *keys: Column) -> list[Column]:
            """The columns of a group's lines: null for the segments that they are not grouped by."""
            names = {column.name for column in group}
            return [*keys, *(s if s.name in names else sa.null().label(s.name) for s in segments), *numbers]

        parts = [sa.select(*told(group, *fixed_keys)).group_by(*group) for group in groups]
        nobody: Column = sa.null().label("version")
        parts.append(sa.select(*told([], nobody, delay.label("key"))).group_by(lines.c.delay))
        return sa.select(sa.union_all(*parts).subquery("parts"))

    def lines_of(self, block: Block, calendar: Calendar) -> sa.Select[Any]:
        """The rows of a block with their packed key and what is summed."""
        row = block.rows
        fields = {
            **{name: row.c[name] for name in STANDARD if name != "version"},
            "learnt": sa.func.coalesce(row.c.learnt + constant(1), constant(0)),
            "superseded": sa.func.coalesce(row.c.superseded + constant(1), constant(0)),
            "said": sa.func.coalesce(block.said, constant(0)),
            "actual": sa.func.coalesce(block.actual, constant(0)),
        }
        packing = Key.of(self.spec, self.layout, calendar)
        key: Column = sa.cast(row.c.position, sa.BigInteger)
        for name, size in packing.fields:
            if size > 1 and name != "position":
                key = key * constant(size) + fields[name]
        # Rows that a shape counts besides those of the log have no age.
        fields["age"] = (
            sa.func.coalesce(row.c.age + constant(1), constant(0)) if "age" in row.c else constant(0)
        )
        delay: Column = sa.cast(row.c.position, sa.BigInteger)
        for name, size in packing.delay:
            if size > 1 and name != "position":
                delay = delay * constant(size) + fields[name]
        sums = [part.label(f"sum_{i}") for i, part in enumerate(self.summed(block))]
        return sa.select(
            row.c.version,
            *(row.c[f"segment_{i}"] for i in range(len(self.spec.segments))),
            key.label("key"),
            delay.label("delay"),
            (constant(1) if block.count is None else block.count).label("count"),
            *sums,
        )

    def summed(self, block: Block) -> list[Column]:
        """Every part that is summed of a row, null where it does not apply."""
        row, parts = block.rows, []
        weight = row.c.weight if self.layout.weighted else None
        weights = () if weight is None else (weight, weight * weight)
        for term, value in zip(self.layout.summed, (*block.terms, *weights), strict=True):
            weighs = term.labelled and weight is not None and term not in WEIGHTS
            told = value * weight if weighs and weight is not None else value
            known = block.actual.is_not(None)
            parts += [sa.case((known, part)) if term.labelled else part for part in summands(term, told)]
        return parts

    def joined(self, calendar: Calendar, further: Sequence[Any] = ()) -> sa.FromClause:
        """Predictions of the days asked about, once for each label that ever counted; see `said`."""
        said, learnt = self.said(calendar, further), self.learnt(calendar)
        same: Column = said.c.id == learnt.c.id
        near = learnt.c.day >= said.c.position - constant(1)
        known: Column = sa.and_(learnt.c.id.is_not(None), near, said.c.reason == constant(0))
        remark: Column = flag(learnt.c.time < said.c.time)
        first: Column = constant(1)
        until: Column = sa.cast(sa.null(), sa.Integer)
        if not self.spec.ground_truth.unique:
            # One label at most is joined fast by its id alone; of several the old ones must stay away.
            same = sa.and_(same, near, said.c.reason == constant(0))
            known = learnt.c.id.is_not(None)
            # A label counts as the first if the one before it was too old for this prediction.
            before = learnt.c.previous_day >= said.c.position - constant(1)
            first = sa.case((before, constant(0)), else_=constant(1))
            flip = sa.and_(before, learnt.c.previous != learnt.c.actual)
            remark = remark + sa.case((flip, constant(2)), else_=constant(0))
            until = self.until(learnt, before)
        gone, age = until - said.c.position, learnt.c.day - said.c.position
        last, never = calendar.horizons[-1], len(calendar.horizons)
        actual: Column = sa.case((known, learnt.c.actual))
        bucketed = bucket(age, calendar.horizons, known)
        if self.spec.ground_truth.convention is Convention.DEFAULT_NEGATIVE:
            # Of whom nothing was learnt in time: a "no", which counts only where `payloads` says so.
            late = sa.or_(sa.not_(known), age > constant(last))
            silent = sa.and_(said.c.reason == constant(0), first == constant(1), late)
            actual = sa.case((silent, constant(0)), (known, learnt.c.actual))
            bucketed = sa.case((silent, constant(never)), else_=bucketed)
        kept = [c for c in said.c if c.name not in {"id", "time"}]
        weight = [sa.case((known, learnt.c.weight)).label("weight")] if self.layout.weighted else []
        aged = sa.and_(known, first == constant(1), age <= constant(last))
        return (
            sa.select(
                *kept,
                actual.label("actual"),
                *weight,
                bucketed.label("learnt"),
                bucket(gone, calendar.horizons, gone.is_not(None)).label("superseded"),
                first.label("first"),
                sa.case((known, remark), else_=constant(0)).label("remark"),
                sa.case((aged, sa.case((age > constant(0), age), else_=constant(0)))).label("age"),
            )
            .select_from(said.outerjoin(learnt, same))
            .cte("joined")
        )

    def until(self, learnt: sa.FromClause, before: Column) -> Column:
        """The day on which a label stops to count; `before` says that an earlier one counted."""
        policy = self.spec.ground_truth.on_conflict
        if policy is OnConflict.LAST:
            return learnt.c.next_day
        if policy is OnConflict.FIRST:
            return sa.case((before, learnt.c.day))
        return sa.case((before, learnt.c.day), else_=learnt.c.contradicted_day)

    def day_of(self, time: Column, calendar: Calendar) -> Column:
        """The position of the local day that a time falls in; -1 before all days, the last one after them."""
        leaves = [constant(i - 1) for i in range(len(calendar.midnights) + 1)]
        return decide(time, calendar.midnights, leaves, instant)

    def placed(
        self, calendar: Calendar, columns: list[Any], *conditions: Column, called: str = "placed"
    ) -> sa.CTE:
        """Rows of the prediction log with the position of their day, null for a few just outside."""
        name = self.spec.predictions.columns.time
        asked = set(calendar.asked)
        end = calendar.asked[-1] + 2
        outside = sa.cast(sa.null(), sa.Integer)
        leaves = [constant(i - 1) if i - 1 in asked else outside for i in range(end + 1)]
        position = decide(self.log.time(name, "time"), calendar.midnights[:end], leaves, instant)
        inside = sa.or_(*(self.log.during(name, start, after) for start, after in calendar.stretches()))
        rows = (
            sa.select(position.label("position"), *columns)
            .select_from(self.log.rows)
            .where(*self.log.where(), inside, *conditions)
        )
        return self.engine.fenced(rows).cte(called)

    def inside(self, placed: sa.CTE) -> sa.FromClause:
        """Placed rows without those just outside, which only wall clocks bring in."""
        if self.log.kinds[self.spec.predictions.columns.time] is Kind.INSTANT:
            return placed
        return sa.select(placed).where(placed.c.position.is_not(None)).subquery("inside")

    def known_time(self) -> Column:
        """When a prediction was known: when it was logged, or where that is not told, its own time."""
        columns = self.spec.predictions.columns
        own = self.log.time(columns.time, "time")
        if columns.logged is None:
            return own
        return sa.func.coalesce(self.log.time(columns.logged, "logged"), own)

    def label_weight(self) -> Column:
        """How many predictions a label stands for, null where that cannot be."""
        name = self.spec.ground_truth.columns.weight
        assert name is not None
        raw = self.truth.measure(name, "weight")
        good = sa.and_(raw > constant(0.0), raw <= constant(WEIGHT))
        return sa.case((good, raw), else_=sa.null())

    def version(self) -> Column:
        """The version that a row names."""
        name = self.spec.predictions.columns.version
        if name is None:
            return text(UNVERSIONED)
        return sa.func.coalesce(sa.cast(self.log.column(name, "version"), sa.Text), text(UNVERSIONED))

    def segment(self, name: str) -> Column:
        """A segment column's value."""
        return sa.func.coalesce(sa.cast(self.log.column(name, "segments"), sa.Text), text(NO_VALUE))

    def said(
        self, calendar: Calendar, further: Sequence[Any] = (), conditions: Sequence[Column] = ()
    ) -> sa.CTE:
        """Predictions of the days asked about, each with the reason it is set aside, 0 for none.

        `conditions` choose among the rows; they must not part duplicates.  `further` labelled columns of the
        log come along.  Which one of duplicates counts rests on them last,
        so they do not change it but among rows that are else the same.
        """
        columns = self.spec.predictions.columns
        time = self.log.time(columns.time, "time")
        late: list[Any] = []
        if columns.logged is not None:
            logged = self.known_time()
            late = [logged.label("logged"), self.day_of(logged, calendar).label("logged_day")]
        placed = self.placed(
            calendar,
            [
                self.log.column(columns.id, "id").label("id"),
                self.version().label("version"),
                time.label("time"),
                *late,
                *(self.segment(name).label(f"segment_{i}") for i, name in enumerate(self.spec.segments)),
                *self.shape.answer(),
                *further,
            ],
            *conditions,
        )
        return self.judged(self.inside(placed), calendar)

    def judged(self, rows: sa.FromClause, calendar: Calendar) -> sa.CTE:
        """Rows with `reason`: 0 for the ones that count, else why they do not."""
        unusable = [(rows.c.id.is_(None), "null_id"), *self.shape.unusable(rows)]
        reason: Column = sa.case(
            *((condition, constant(REASONS.index(name))) for condition, name in unusable), else_=constant(0)
        )
        known: Column = constant(0)
        if "logged" in rows.c:
            known = bucket(rows.c.logged_day - rows.c.position, calendar.horizons)
        if not self.spec.predictions.unique:
            ranked = sa.select(
                *rows.c,
                reason.label("reason"),
                sa.func.row_number()
                .over(
                    partition_by=[rows.c.position, rows.c.id, rows.c.version, reason],
                    order_by=[
                        *([rows.c.logged] if "logged" in rows.c else []),
                        rows.c.time,
                        *self.total_order(rows),
                    ],
                )
                .label("rank"),
            ).subquery("ranked")
            if "logged" in rows.c:
                known = bucket(ranked.c.logged_day - ranked.c.position, calendar.horizons)
            again = sa.and_(ranked.c.reason == constant(0), ranked.c.rank > constant(1))
            reason = sa.case((again, constant(REASONS.index("duplicate"))), else_=ranked.c.reason)
            rows = ranked
        # Not before duplicates are resolved: which one counts must not depend on what is kept apart.
        told = {
            f"segment_{i}": told_apart(rows.c[f"segment_{i}"], rows.c.position, lists, calendar.asked)
            for i, lists in self.apart.items()
        }
        kept = [
            told[c.name].label(c.name) if c.name in told else c
            for c in rows.c
            if c.name not in {"reason", "rank", "logged", "logged_day"}
        ]
        return sa.select(*kept, known.label("known"), reason.label("reason")).cte("said")

    def total_order(self, rows: sa.FromClause) -> list[Column]:
        """The remaining columns in an order that is the same everywhere: by value, and text by code point."""
        plain = {"position", "id", "version", "time", "logged", "logged_day"}
        return [
            (self.engine.ordered(c) if c.name.startswith(("segment_", "text_")) else c).nulls_last()
            for c in rows.c
            if c.name not in plain
        ]

    def usable_labels(self, calendar: Calendar) -> sa.Subquery:
        """Labels that can be joined to the days asked about, with the position of the day they were
        learnt.
        """
        columns, truth = self.spec.ground_truth.columns, self.truth
        start, end = calendar.midnights[calendar.asked[0] - 1], calendar.midnights[-1]
        time = truth.time(columns.time, "time")
        weight: list[Any] = []
        if columns.weight is not None:
            weight = [self.label_weight().label("weight")]
        rows = (
            sa.select(
                truth.column(columns.id, "id").label("id"),
                self.shape.actual().label("actual"),
                time.label("time"),
                *weight,
            )
            .select_from(truth.rows)
            .where(*truth.where(), truth.during(columns.time, start, end))
            .subquery("raw")
        )
        usable: list[Column] = [rows.c.id.is_not(None), rows.c.actual.is_not(None)]
        usable += [rows.c.time >= instant(start), rows.c.time < instant(end)]
        usable += [rows.c.weight.is_not(None)] if weight else []
        day = self.day_of(rows.c.time, calendar)
        found = sa.select(*rows.c, day.label("day")).where(*usable)
        return self.engine.fenced(found).subquery("usable")

    def learnt(self, calendar: Calendar) -> sa.FromClause:
        """Labels with the days on which the ones before and after them of the same id were learnt."""
        rows = self.usable_labels(calendar)
        if self.spec.ground_truth.unique:
            return rows

        def in_turn(function: sa.FunctionElement[Any]) -> Column:
            return function.over(partition_by=rows.c.id, order_by=turn_of(rows))

        turned = sa.select(
            *rows.c,
            in_turn(sa.func.lead(rows.c.day)).label("next_day"),
            in_turn(sa.func.lag(rows.c.day)).label("previous_day"),
            in_turn(sa.func.lag(rows.c.actual)).label("previous"),
        )
        if self.spec.ground_truth.on_conflict is not OnConflict.ERROR:
            return turned.cte("learnt")
        turn = turned.subquery("turned")
        contradicts = sa.case((turn.c.previous != turn.c.actual, turn.c.day))
        later = sa.func.min(contradicts).over(partition_by=turn.c.id, order_by=turn_of(turn), rows=(1, None))
        return sa.select(*turn.c, later.label("contradicted_day")).cte("learnt")
