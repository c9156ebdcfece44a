"""The one statement: from rows of a prediction log and its labels to grouped counts and exact sums.

It runs where the logs lie and returns a line per (segment column, segment, window, version, reason set
aside, predicted, outcome, score bin, three buckets, remark).  A bucket is the position, in the monitor's
horizons, of the first one at which a fact was known; a superseded label also has the bucket at which it
stopped counting.  `hindsight.statistics` turns these lines into the statistics at every horizon.

Windows are told apart by a tree of comparisons with UTC instants bound as parameters, score bins by
exact comparisons, and every term is a fixed-point integer before it is summed: two runs agree to the
last bit, whatever the engine's threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hindsight.domain.bins import BINS, LINEAR_BINS, TAIL_BINS, TAIL_EDGES
from hindsight.domain.spec import Location, MonitorSpec
from hindsight.domain.values import NO_VALUE, UNVERSIONED, OnConflict, Task
from hindsight.errors import SourceError
from hindsight.sources.base import Kind, Source

ONE: Final = 1e9
"""Fixed point: terms are held in billionths."""

SMALLEST: Final = 1e-15
"""Scores are kept this far from 0 and 1 in the log loss, which is infinite there."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LARGEST: Final = 1e6
"""The largest size, in `unit`s, of a regression's value; beyond it a row is set aside."""

Column = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """A window in UTC, and the as-of instant of each of the monitor's horizons."""

    start: datetime
    end: datetime
    known: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that can be selected from, as their location describes them."""

    location: Location
    rows: sa.FromClause
    kinds: Mapping[str, Kind]

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
            return column
        return sa.func.timezone(self.location.timezone, column)

    def during(self, name: str, start: datetime | None, end: datetime) -> Column:
        """A condition on the bare column that an index can serve; for wall clocks a day wider than asked."""
        column = self.rows.c[name]
        if self.kinds[name] is Kind.INSTANT:
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


def open_relation(source: Source, location: Location, name: str) -> Relation:
    """The rows of a location in an open source."""
    return Relation(location, *source.relation(location, name))


def instant(moment: datetime) -> Column:
    """A bound UTC instant."""
    return sa.literal(moment, sa.DateTime(timezone=True))


def number(column: Column) -> Column:
    """A column as a 64-bit float."""
    return sa.cast(column, sa.Double)


def constant(value: float | int) -> Column:
    """A number written into the statement; floats in exponent form, which every engine reads as a double."""
    return sa.literal_column(f"{value:.17e}" if isinstance(value, float) else str(value))


def fixed(term: Column, *, wide: bool = False) -> Column:
    """A term in whole billionths: sums of integers do not depend on their order."""
    whole = sa.func.floor(term * constant(ONE) + constant(0.5))
    return sa.cast(whole, sa.Numeric(38, 0) if wide else sa.BigInteger)


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


def window_of(time: Column, windows: Sequence[WindowBounds]) -> Column:
    """The position of the window that a time falls in, null between and outside them."""
    edges: list[datetime] = []
    leaves: list[Column] = [sa.null()]
    for position, window in enumerate(windows):
        if edges and edges[-1] == window.start:
            leaves[-1] = constant(position)
        else:
            edges.append(window.start)
            leaves.append(constant(position))
        edges.append(window.end)
        leaves.append(sa.null())
    return decide(time, edges, leaves, instant)


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


def decision(relation: Relation, name: str, role: str) -> Column:
    """A yes/no column as 1, 0 or, for anything else, null."""
    column = relation.column(name, role, Kind.BOOLEAN, Kind.NUMBER)
    if relation.kinds[name] is Kind.BOOLEAN:
        return sa.case((column, constant(1)), (sa.not_(column), constant(0)), else_=sa.null())
    return sa.case(
        (column == constant(1), constant(1)), (column == constant(0), constant(0)), else_=sa.null()
    )


def measure(relation: Relation, name: str, role: str, unit: float) -> Column:
    """A finite number in `unit`s, or null: NaN, infinities and what is too large to sum exactly."""
    value = number(relation.column(name, role, Kind.NUMBER)) / constant(float(unit))
    return sa.case((sa.and_(value >= constant(-LARGEST), value <= constant(LARGEST)), value), else_=sa.null())


def bucket(time: Column, bounds: sa.FromClause, horizons: int) -> Column:
    """The position of the first horizon whose as-of lies after a time; `horizons` if none does."""
    steps = [(time < bounds.c[f"known_{i}"], constant(i)) for i in range(horizons)]
    return sa.case(*steps, else_=constant(horizons))


class Statement:
    """The statistics of a monitor's windows as one Select, with the relations it reads."""

    def __init__(
        self, spec: MonitorSpec, predictions: Relation, labels: Relation, collation: str | None
    ) -> None:
        self.spec, self.predictions, self.labels = spec, predictions, labels
        self.collation = collation
        self.binary = spec.task is Task.BINARY

    def check(self) -> None:
        """Raise SourceError for the first column that is missing or of the wrong kind."""
        columns = self.spec.predictions.columns
        for name, role in (
            (columns.latency_ms, "latency_ms"),
            *((f, "features") for f in self.spec.predictions.features),
        ):
            if name is not None:
                self.predictions.column(name, role)
        nobody = WindowBounds(EPOCH, EPOCH + timedelta(days=1), (EPOCH,) * len(self.spec.horizons))
        self.statistics([nobody])  # asks for every column it reads
        log, truth = self.predictions, self.labels
        kinds = [log.kinds.get(columns.id), truth.kinds.get(self.spec.ground_truth.columns.id)]
        if None not in kinds and kinds[0] is not kinds[1]:
            raise SourceError(
                f"Column {columns.id!r} of {log.location} is {kinds[0]} but "
                f"{self.spec.ground_truth.columns.id!r} of {truth.location} is {kinds[1]}: "
                "ids must be of one kind to be joined."
            )

    def statistics(self, windows: Sequence[WindowBounds]) -> sa.Select[Any]:
        """Grouped counts and sums of all windows; see the module's docstring."""
        horizons = len(self.spec.horizons)
        bounds = sa.values(
            sa.column("position", sa.Integer),
            *(sa.column(f"known_{i}", sa.DateTime(timezone=True)) for i in range(horizons)),
            name="bounds",
        ).data([(position, *window.known) for position, window in enumerate(windows)])
        said = self.said(windows)
        learnt = self.learnt(max(window.known[-1] for window in windows))
        joined = said.join(bounds, said.c.position == bounds.c.position).outerjoin(
            learnt, sa.and_(said.c.id == learnt.c.id, said.c.reason.is_(None))
        )
        early = learnt.c.time < said.c.time
        flip = learnt.c.flip == constant(1)
        row = sa.select(
            *(c for c in said.c if c.name not in {"id", "time", "known"}),
            learnt.c.actual,
            sa.func.coalesce(learnt.c.first, constant(1)).label("first"),
            bucket(said.c.known, bounds, horizons).label("known"),
            sa.case(
                (learnt.c.id.is_not(None), bucket(learnt.c.time, bounds, horizons)), else_=sa.null()
            ).label("learnt"),
            sa.case(
                (learnt.c.until.is_not(None), bucket(learnt.c.until, bounds, horizons)), else_=sa.null()
            ).label("superseded"),
            sa.case(
                (sa.and_(early, flip), constant(3)),
                (flip, constant(2)),
                (early, constant(1)),
                else_=constant(0),
            ).label("remark"),
        ).select_from(joined)
        return self.grouped(row.cte("joined"))

    def volume(self, windows: Sequence[WindowBounds]) -> sa.Select[Any]:
        """Rows of the prediction log per window: (position, rows)."""
        placed = self.placed(windows, [])
        keys: list[Column] = [placed.c.position]
        return sa.select(*keys, sa.func.count()).where(placed.c.position.is_not(None)).group_by(*keys)

    def repeated(self, windows: Sequence[WindowBounds]) -> sa.Select[Any]:
        """One id that a window holds more than once with the same version, and how often; else no row."""
        columns = self.spec.predictions.columns
        log = self.predictions
        version = log.column(columns.version, "version") if columns.version else constant(0)
        placed = self.placed(windows, [log.column(columns.id, "id").label("id"), version.label("version")])
        keys = [placed.c.position, placed.c.id, placed.c.version]
        counted = sa.select(placed.c.id, sa.func.count()).where(
            placed.c.position.is_not(None), placed.c.id.is_not(None)
        )
        return counted.group_by(*keys).having(sa.func.count() > constant(1)).limit(1)

    def repeated_label(self, before: datetime) -> sa.Select[Any]:
        """One id that has more than one usable label by then, and how many; no row if none has."""
        learnt = self.learnt(before)
        counted = sa.select(learnt.c.id, sa.func.count()).group_by(learnt.c.id)
        return counted.having(sa.func.count() > constant(1)).limit(1)

    def watermark(self, now: datetime) -> sa.Select[Any]:
        """The time of the newest label; one from the future, by a wrong clock, proves nothing of the feed."""
        truth = self.labels
        time = truth.time(self.spec.ground_truth.columns.time, "time")
        return (
            sa.select(sa.func.max(time)).select_from(truth.rows).where(*truth.where(), time <= instant(now))
        )

    def landed(self, window: WindowBounds, before: datetime) -> sa.Select[Any]:
        """How many ids a window has, and how many of them have a label learnt before an instant."""
        truth, columns = self.labels, self.spec.ground_truth.columns
        placed = self.placed(
            [window], [self.predictions.column(self.spec.predictions.columns.id, "id").label("id")]
        )
        said = sa.select(placed.c.id).where(placed.c.position.is_not(None)).distinct().subquery("said_ids")
        learnt = (
            sa.select(truth.column(columns.id, "id").label("id"))
            .select_from(truth.rows)
            .where(*truth.where(), truth.time(columns.time, "time") < instant(before))
            .distinct()
            .subquery("learnt_ids")
        )
        counts: list[Column] = [sa.func.count(said.c.id), sa.func.count(learnt.c.id)]
        return sa.select(*counts).select_from(said.outerjoin(learnt, said.c.id == learnt.c.id))

    def label_quality(self, days: Sequence[WindowBounds], lookback: int, last: int) -> sa.Select[Any]:
        """Labels learnt on each day after the first `lookback` ones, by what is odd about them.

        Gives (position, reason, rows).  `days` are consecutive.  A label is an `orphan_label` if none of
        the `lookback` days before it, nor its own, has a prediction of its id that was known by the end
        of its day, and `after_last_horizon` if only days more than `last` before it have one.
        """
        truth, columns = self.labels, self.spec.ground_truth.columns
        actual = (
            decision(truth, columns.actual, "actual")
            if self.binary
            else measure(truth, columns.actual, "actual", self.spec.ground_truth.unit)
        )
        time = truth.time(columns.time, "time")
        asked = days[lookback:]
        learnt = (
            sa.select(
                window_of(time, asked).label("position"),
                truth.column(columns.id, "id").label("id"),
                sa.case((actual.is_(None), constant(1)), else_=constant(0)).label("invalid"),
            )
            .select_from(truth.rows)
            .where(*truth.where(), truth.during(columns.time, asked[0].start, asked[-1].end))
            .subquery("learnt")
        )
        keys = [learnt.c.position, learnt.c.id, learnt.c.invalid]
        labels = (
            sa.select(*keys, sa.func.count().label("rows"))
            .where(learnt.c.position.is_not(None))
            .group_by(*keys)
            .cte("labels_of_days")
        )
        log, named = self.predictions, self.spec.predictions.columns
        known = log.time(named.logged, "logged") if named.logged else log.time(named.time, "time")
        # The day by whose end a prediction was known: a row that is logged later was not there yet.
        seen = decide(known, [day.end for day in days], [constant(i) for i in range(len(days) + 1)], instant)
        placed = self.placed(days, [log.column(named.id, "id").label("id"), seen.label("seen")])
        said = (
            sa.select(placed.c.position, placed.c.id, sa.func.min(placed.c.seen).label("seen"))
            .where(placed.c.position.is_not(None))
            .group_by(placed.c.position, placed.c.id)
            .cte("said")
        )
        own = labels.c.position + constant(lookback)
        near = sa.and_(
            said.c.id == labels.c.id,
            said.c.seen <= own,
            said.c.position <= own,
            said.c.position >= own - constant(lookback),
        )
        matched = (
            sa.select(*labels.c, sa.func.max(said.c.position).label("newest"))
            .select_from(labels.outerjoin(said, near))
            .group_by(*labels.c)
            .subquery("matched")
        )
        reason = sa.case(
            (matched.c.id.is_(None), sa.literal_column("'null_label_id'")),
            (matched.c.invalid == constant(1), sa.literal_column("'invalid_label'")),
            (matched.c.newest.is_(None), sa.literal_column("'orphan_label'")),
            (
                matched.c.newest < matched.c.position + constant(lookback - last),
                sa.literal_column("'after_last_horizon'"),
            ),
            else_=sa.literal_column("'label'"),
        )
        judged = sa.select(matched.c.position, reason.label("reason"), matched.c.rows).subquery("judged")
        return sa.select(judged.c.position, judged.c.reason, sa.func.sum(judged.c.rows)).group_by(
            judged.c.position, judged.c.reason
        )

    def placed(self, windows: Sequence[WindowBounds], columns: Sequence[Column]) -> sa.CTE:
        """Rows of the prediction log with the position of their window, null for a few just outside."""
        log, name = self.predictions, self.spec.predictions.columns.time
        position = window_of(log.time(name, "time"), windows).label("position")
        inside = sa.or_(*(log.during(name, start, end) for start, end in spans(windows)))
        return sa.select(position, *columns).select_from(log.rows).where(*log.where(), inside).cte("placed")

    def grouped(self, joined: sa.CTE) -> sa.Select[Any]:
        """Lines per segment column; the terms are computed once a row, before the segments fan out."""
        terms = self.terms(joined)
        keys = [
            "position",
            "version",
            "reason",
            "predicted",
            "outcome",
            "bin",
            "known",
            "learnt",
            "superseded",
            "first",
        ]
        width = max(1, len(self.spec.segments))
        outcome = (
            joined.c.actual
            if self.binary
            else sa.case((joined.c.actual.is_not(None), constant(0)), else_=sa.null())
        )
        termed = sa.select(
            *(outcome.label(name) if name == "outcome" else joined.c[name] for name in (*keys, "remark")),
            *(joined.c[f"segment_{i}"] for i in range(len(self.spec.segments))),
            *(term.label(f"term_{i}") for i, term in enumerate(terms)),
        ).cte("termed")
        source: sa.FromClause = termed
        which: Column = constant(0)
        segment: Column = termed.c.segment_0 if self.spec.segments else sa.literal_column("''")
        if width > 1:
            sets = sa.values(sa.column("which", sa.Integer), name="sets").data([(i,) for i in range(width)])
            source = termed.join(sets, sa.true())
            which = sets.c.which
            segment = sa.case(*((which == constant(i), termed.c[f"segment_{i}"]) for i in range(width)))
        fanned = sa.select(
            which.label("which"),
            segment.label("segment"),
            *(c for c in termed.c if not c.name.startswith("segment_")),
        ).select_from(source)
        lines = fanned.subquery("fanned")
        group = [lines.c[name] for name in ("which", "segment", *keys, "remark")]
        sums = [sa.func.sum(lines.c[f"term_{i}"]) for i in range(len(terms))]
        return sa.select(*group, sa.func.count(), *sums).group_by(*group)

    def terms(self, row: sa.CTE) -> list[Column]:
        """What is summed, in the order that `hindsight.statistics` expects for the task."""
        if self.binary:
            score, hit = row.c.score, row.c.actual == constant(1)
            miss = sa.case((hit, constant(1.0) - score), else_=score)
            # Not 1 - miss: that would round away the last digits of a tiny score.
            given = sa.case((hit, score), else_=constant(1.0) - score)
            clipped = sa.case(
                (given < constant(SMALLEST), constant(SMALLEST)),
                (given > constant(1 - SMALLEST), constant(1 - SMALLEST)),
                else_=given,
            )
            loss = -sa.func.ln(clipped)
            labelled = [miss * miss, miss * miss * miss * miss, loss, loss * loss]
            plain = [score, score * score]
            return [fixed(t) for t in plain] + [
                sa.case((row.c.actual.is_not(None), fixed(t)), else_=constant(0)) for t in labelled
            ]
        value, actual = row.c.value, row.c.actual
        error = value - actual
        plain = [value, value * value]
        labelled = [
            error,
            sa.func.abs(error),
            error * error,
            error * error * error * error,
            actual,
            actual * actual,
        ]
        return [fixed(t, wide=True) for t in plain] + [
            sa.case((actual.is_not(None), fixed(t, wide=True)), else_=sa.cast(constant(0), sa.Numeric(38, 0)))
            for t in labelled
        ]

    def said(self, windows: Sequence[WindowBounds]) -> sa.CTE:
        """Predictions in the windows, each with the reason it is set aside, if any."""
        log, columns = self.predictions, self.spec.predictions.columns
        time = log.time(columns.time, "time")
        known = log.time(columns.logged, "logged") if columns.logged else time
        version = sa.cast(log.column(columns.version, "version"), sa.Text) if columns.version else sa.null()
        fields: list[Column] = [
            log.column(columns.id, "id").label("id"),
            sa.func.coalesce(version, sa.literal_column(f"'{UNVERSIONED}'")).label("version"),
            time.label("time"),
            known.label("known"),
            *(
                sa.func.coalesce(
                    sa.cast(log.column(name, "segments"), sa.Text), sa.literal_column(f"'{NO_VALUE}'")
                ).label(f"segment_{i}")
                for i, name in enumerate(self.spec.segments)
            ),
            *self.answer(),
        ]
        placed = self.placed(windows, fields)
        return self.judged(sa.select(placed).where(placed.c.position.is_not(None)).subquery("inside"))

    def answer(self) -> list[Column]:
        """The model's answer as clean columns, null where it is not usable."""
        log, columns = self.predictions, self.spec.predictions.columns
        if not self.binary:
            assert columns.prediction is not None
            return [
                measure(log, columns.prediction, "prediction", self.spec.ground_truth.unit).label("value")
            ]
        score: Column = constant(0.0)
        if columns.score is not None:
            raw = number(log.column(columns.score, "score", Kind.NUMBER))
            # NaN is greater than 1 to PostgreSQL and DuckDB alike, so the range test refuses it too.
            score = sa.case((sa.and_(raw >= constant(0.0), raw <= constant(1.0)), raw), else_=sa.null())
        if columns.prediction is not None:
            predicted = decision(log, columns.prediction, "prediction")
        else:
            predicted = sa.case(
                (score >= constant(float(self.spec.predictions.threshold)), constant(1)), else_=constant(0)
            )
        return [score.label("score"), predicted.label("predicted")]

    def judged(self, rows: sa.FromClause) -> sa.CTE:
        """Rows with `reason`: null for the ones that count, else why they do not."""
        unusable: list[tuple[Column, Column]] = [(rows.c.id.is_(None), sa.literal_column("'null_id'"))]
        if self.binary:
            unusable += [
                (rows.c.score.is_(None), sa.literal_column("'invalid_score'")),
                (rows.c.predicted.is_(None), sa.literal_column("'invalid_prediction'")),
            ]
        else:
            unusable += [(rows.c.value.is_(None), sa.literal_column("'invalid_prediction'"))]
        reason: Column = sa.case(*unusable, else_=sa.null())
        if not self.spec.predictions.unique:
            first_said = sa.func.row_number().over(
                partition_by=[rows.c.position, rows.c.id, rows.c.version, reason],
                order_by=[rows.c.known, rows.c.time, *self.total_order(rows)],
            )
            ranked = sa.select(*rows.c, reason.label("reason"), first_said.label("rank")).subquery("ranked")
            rows, reason = (
                ranked,
                sa.case(
                    (ranked.c.reason.is_not(None), ranked.c.reason),
                    (ranked.c.rank > constant(1), sa.literal_column("'duplicate'")),
                    else_=sa.null(),
                ),
            )
        kept = [c for c in rows.c if c.name not in {"reason", "rank", "score", "value", "predicted"}]
        usable = reason.is_(None)
        if self.binary:
            answer = [
                sa.case((usable, rows.c.predicted), else_=sa.null()).label("predicted"),
                sa.case((usable, bin_of(rows.c.score)), else_=sa.null()).label("bin"),
                sa.case((usable, rows.c.score), else_=constant(0.0)).label("score"),
            ]
        else:
            answer = [
                constant(0).label("predicted"),
                constant(0).label("bin"),
                sa.case((usable, rows.c.value), else_=constant(0.0)).label("value"),
            ]
        return sa.select(*kept, *answer, reason.label("reason")).cte("said")

    def total_order(self, rows: sa.FromClause) -> list[Column]:
        """The remaining columns in an order that is the same everywhere: by value, and text by code point."""
        columns = [
            c for c in rows.c if c.name in {"score", "value", "predicted"} or c.name.startswith("segment_")
        ]
        collated = [
            sa.collate(c, self.collation) if self.collation and c.name.startswith("segment_") else c
            for c in columns
        ]
        return [c.nulls_last() for c in collated]

    def learnt(self, before: datetime) -> sa.CTE:
        """Labels with the time until which each counts, as `on_conflict` says."""
        truth, columns = self.labels, self.spec.ground_truth.columns
        actual = (
            decision(truth, columns.actual, "actual")
            if self.binary
            else measure(truth, columns.actual, "actual", self.spec.ground_truth.unit)
        )
        time = truth.time(columns.time, "time")
        raw = (
            sa.select(truth.column(columns.id, "id").label("id"), actual.label("actual"), time.label("time"))
            .select_from(truth.rows)
            .where(*truth.where(), truth.during(columns.time, None, before))
            .subquery("raw")
        )
        nothing = sa.cast(sa.null(), sa.DateTime(timezone=True))
        usable = (raw.c.id.is_not(None), raw.c.actual.is_not(None), raw.c.time < instant(before))
        if self.spec.ground_truth.unique:
            plain = sa.select(
                *raw.c, nothing.label("until"), constant(1).label("first"), constant(0).label("flip")
            ).where(*usable)
            return plain.cte("learnt")

        def in_turn(function: sa.FunctionElement[Any]) -> Column:
            return function.over(partition_by=raw.c.id, order_by=[raw.c.time, raw.c.actual])

        ranked = (
            sa.select(
                *raw.c,
                in_turn(sa.func.row_number()).label("rank"),
                in_turn(sa.func.lead(raw.c.time)).label("next_time"),
                in_turn(sa.func.lag(raw.c.actual)).label("previous"),
                in_turn(sa.func.first_value(raw.c.actual)).label("initial"),
            )
            .where(*usable)
            .subquery("ranked_labels")
        )
        first = sa.case((ranked.c.rank == constant(1), constant(1)), else_=constant(0))
        flip = sa.case((ranked.c.previous != ranked.c.actual, constant(1)), else_=constant(0))
        kept = [ranked.c.id, ranked.c.actual, ranked.c.time]
        policy = self.spec.ground_truth.on_conflict
        until: Column = nothing
        if policy is OnConflict.LAST:
            until = ranked.c.next_time
        elif policy is OnConflict.FIRST:
            until = sa.case((first == constant(1), nothing), else_=ranked.c.time)
        else:
            conflict = sa.case((ranked.c.actual != ranked.c.initial, ranked.c.time), else_=nothing)
            earliest = sa.func.min(conflict).over(partition_by=ranked.c.id)
            until = sa.case((first == constant(1), earliest), else_=ranked.c.time)
        return sa.select(*kept, until.label("until"), first.label("first"), flip.label("flip")).cte("learnt")


def spans(windows: Sequence[WindowBounds]) -> list[tuple[datetime, datetime]]:
    """The stretches of time that the windows cover, neighbours joined."""
    merged: list[tuple[datetime, datetime]] = []
    for window in windows:
        if merged and merged[-1][1] == window.start:
            merged[-1] = (merged[-1][0], window.end)
        else:
            merged.append((window.start, window.end))
    return merged
