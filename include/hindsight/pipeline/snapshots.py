"""Fourth task: read every metric of every touched window from the stored statistics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any, Final, Self

import numpy as np
import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.records import Snapshot, StatisticRow
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, UNVERSIONED, Horizon, Maturity, Span, Status
from hindsight.metrics import ALWAYS, Metric, find
from hindsight.metrics.base import Argument, Part
from hindsight.metrics.estimate import measured
from hindsight.pipeline.inputs import cuts_of
from hindsight.pipeline.kept import kept_of
from hindsight.pipeline.plan import due_in, touched, zone
from hindsight.pipeline.present import own_pairs, unit_at
from hindsight.pipeline.quality import quality_of
from hindsight.pipeline.runtime import Runtime, uncollected
from hindsight.pipeline.truth import maturity_of, not_due
from hindsight.statistics import QualityStatistics, Statistics, layout_of
from hindsight.statistics.base import Array
from hindsight.statistics.inputs import Cuts, InputLayout, InputStatistics
from hindsight.windows import DayRange, Pair, as_of, days_of, distance, end_of, exists, start_of, written

AT_ONCE: Final = 62
"""Windows of a length that are read together: memory does not grow with history."""

DENSE: Final = 1024
"""Days of version and segment whose statistics are computed with in one piece."""


def compute_snapshots(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> dict[str, Any]:
    """Replace the snapshots of every window that holds a pair due in these days, and make those that lack."""
    faults.reach("compute_snapshots.begin")
    with runtime.store.transaction(spec.monitor) as connection:
        faults.reach("compute_snapshots.locked")
        present = own_pairs(connection, runtime.store, spec)
        kept = kept_of(connection, runtime.store, spec)
        lacking = set(present) - snapped(connection, spec, runtime)
        pairs = due_in(spec, days) | {p for p in lacking if kept.reads(DayRange(p.day, p.day))}
        ends = {span: touched(spec, pairs, present, span, kept.reads) for span in spec.spans}
        count = make_snapshots(spec, ends, present, connection, runtime)
        faults.reach("compute_snapshots.written")
    faults.reach("compute_snapshots.committed")
    return {"snapshots": count, "pairs": len(pairs)}


@uncollected()
def make_snapshots(
    spec: MonitorSpec,
    ends: Mapping[Span, Mapping[Horizon, Sequence[date]]],
    present: Mapping[Pair, str],
    connection: sa.Connection,
    runtime: Runtime,
) -> int:
    """Replace the snapshots of the windows that end on these days; returns how many they have now."""
    count = 0
    longest = spec.spans[-1].count
    for horizon in spec.horizons:
        last_days = sorted({end for found in ends.values() for end in found.get(horizon, ())})
        for needed, part in together(last_days, longest):
            known = history(spec, needed, horizon, connection, runtime)
            oddities = oddities_of(spec, needed, horizon, connection, runtime)
            for span in spec.spans:
                mine = [end for end in ends[span].get(horizon, ()) if part[0] <= end <= part[-1]]
                frames = [frame(spec, span, horizon, end, needed, present) for end in mine]
                # Made while they are written, so that we and the server work at the same time.
                rows = chain.from_iterable(
                    chain(
                        windows_of(spec, span, horizon, same, known),
                        rows_of_log(spec, span, horizon, same, oddities),
                    )
                    for same in by_length(frames)
                )
                faults.reach("compute_snapshots.computed")
                partitions = [(span, each.start, horizon) for each in frames]
                count += runtime.store.replace_snapshots(connection, spec.monitor, partitions, rows)
                faults.reach("compute_snapshots.replaced")
    return count


def snapped(connection: sa.Connection, spec: MonitorSpec, runtime: Runtime) -> set[Pair]:
    """The pairs whose day has been read: one metric of those kept at each horizon tells."""
    found = runtime.store.snapshot_places(connection, spec.monitor, ALWAYS, spec.unit_span)
    return {Pair(row.horizon, unit_at(spec, row.window_start)) for row in found}


@dataclass(frozen=True)
class Batch:
    """The statistics of some groups in one piece, one group's days after the other's."""

    keys: Sequence[tuple[str, str]]
    statistics: Statistics
    terms: dict[str, Array] = field(default_factory=dict)

    def terms_of(self, metric: Metric) -> Array:
        """What a metric is made of; windows of every length are added up from it."""
        if metric.name not in self.terms:
            self.terms[metric.name] = metric.terms(self.statistics)
        return self.terms[metric.name]

    def each(self) -> Iterator[tuple[tuple[str, str], Statistics]]:
        """The groups one by one; they share their memory with the whole."""
        days = len(self.statistics) // len(self.keys)
        return ((key, self.statistics[i * days : (i + 1) * days]) for i, key in enumerate(self.keys))


@dataclass(frozen=True)
class History:
    """A monitor's statistics at one horizon over consecutive days, by version and segment."""

    days: DayRange
    batches: Sequence[Batch]
    groups: Mapping[tuple[str, str], Statistics]
    lived: Mapping[tuple[str, str], np.ndarray[Any, np.dtype[np.bool_]]]
    """Whether the group has rows on each day."""
    inputs: Mapping[tuple[str, str], InputStatistics]
    """What came in, if the monitor asks for it at this horizon."""


def history(
    spec: MonitorSpec,
    days: DayRange,
    horizon: Horizon,
    connection: sa.Connection,
    runtime: Runtime,
    segments: Sequence[str] | None = None,
) -> History:
    """The stored statistics of these days at one horizon."""
    start, end = start_of(days.start, zone(spec)), end_of(days.end, zone(spec))
    rows: dict[tuple[str, str], dict[date, StatisticRow]] = {}
    found = runtime.store.statistics(
        connection, spec.monitor, start, end, horizons=[horizon], segments=segments
    )
    # What another specification made is not added to.
    places = runtime.store.state_places(connection, spec.monitor, start, end, horizons=[horizon])
    own = {place.window_start for place in places if place.spec_hash == spec.made_by}
    for row in found:
        if row.window_start in own:
            day = unit_at(spec, row.window_start)
            rows.setdefault((row.version, row.segment), {})[day] = row
    cuts = cuts_of(spec, connection, runtime.store) if metrics_at(spec, horizon, Part.INPUTS) else {}
    return assembled(spec, days, horizon, rows, cuts)


def assembled(
    spec: MonitorSpec,
    days: DayRange,
    horizon: Horizon,
    rows: Mapping[tuple[str, str], Mapping[date, StatisticRow]],
    cuts: Cuts,
) -> History:
    """The history of these rows, given by version and segment and then by day; `cuts` bin the features."""
    layout = layout_of(spec)
    of_inputs: InputLayout | None = None
    if metrics_at(spec, horizon, Part.INPUTS):
        of_inputs = InputLayout(spec, cuts)
    batches, lived, inputs = [], {}, {}
    every, size = sorted(rows), max(1, DENSE // len(days))
    for keys in (every[first : first + size] for first in range(0, len(every), size)):
        told: list[Mapping[str, Any] | None] = []
        for key in keys:
            by_day = rows[key]
            payloads = [json.loads(by_day[day].payload) if day in by_day else None for day in days]
            lived[key] = np.array([day in by_day for day in days])
            if of_inputs is not None:
                inputs[key] = of_inputs.parse(payloads, features=key[1] == ALL)
            told += payloads
        batches.append(Batch(keys, layout.parse(told)))
    groups = {key: statistics for batch in batches for key, statistics in batch.each()}
    return History(days, batches, groups, lived, inputs)


def by_length(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames of as many days each: months differ."""
    return [[each for each in frames if each.length == n] for n in sorted({each.length for each in frames})]


def together(ends: Sequence[date], longest: int) -> Iterator[tuple[DayRange, list[date]]]:
    """Ascending last days in parts of a bounded number; each with the days it needs."""
    part: list[date] = []
    for end in ends:
        if part and (distance(part[-1], end) > longest or len(part) == AT_ONCE):
            yield DayRange(days_of(part[0], Span(longest)).start, part[-1]), part
            part = []
        part.append(end)
    if part:
        yield DayRange(days_of(part[0], Span(longest)).start, part[-1]), part


def metrics_at(spec: MonitorSpec, horizon: Horizon, part: Part = Part.OUTCOMES) -> list[Metric]:
    """A part's metrics that are kept at this horizon: those without labels at 0, the others later."""
    found = [find(name) for name in dict.fromkeys((*ALWAYS, *spec.metrics))]
    return [metric for metric in found if metric.part is part and metric.labelled == (horizon > NO_LABELS)]


@dataclass(frozen=True, slots=True)
class Frame:
    """A window to be read: its UTC bounds, where its days begin in the history, and those never computed."""

    start: datetime
    end: datetime
    as_of: datetime
    at: int
    length: int
    missing: tuple[date, ...]
    spec_hash: str


def frame(
    spec: MonitorSpec, span: Span, horizon: Horizon, end: date, known: DayRange, present: Mapping[Pair, str]
) -> Frame:
    """The frame of the window of this length that ends on this day."""
    days = days_of(end, span)
    return Frame(
        start=start_of(days.start, zone(spec)),
        end=end_of(end, zone(spec)),
        as_of=as_of(end, horizon, zone(spec)),
        at=distance(known.start, days.start),
        length=len(days),
        missing=tuple(day for day in days if Pair(horizon, day) not in present and exists(day, zone(spec))),
        spec_hash=spec.read_by,
    )


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of one group over the windows of a history, ready to write; None for what is undefined."""

    metric: Metric
    value: list[float | None]
    error: list[float | None]
    rows: list[float]
    bound: list[float | None]
    why: list[str]
    """Why there is no value, by window; empty if all have one."""

    @classmethod
    def of(
        cls,
        metric: Metric,
        statistics: Statistics,
        length: int,
        groups: int = 1,
        terms: Array | None = None,
    ) -> Self:
        found = measured(metric, statistics, length, groups, terms)
        nothing: list[float | None] = [None] * len(found.value)
        bound = nothing if found.bound is None else finite(found.bound)
        value = finite(found.value)
        why = metric.why(found.total) if None in value else []
        return cls(metric, value, finite(found.standard_error), found.rows.tolist(), bound, why)


def windows_of(
    spec: MonitorSpec, span: Span, horizon: Horizon, frames: Sequence[Frame], known: History
) -> Iterator[Snapshot]:
    """Snapshots of all groups and metrics; a window without a row has them once, for nobody's version."""
    if not frames:
        return
    length, days = frames[0].length, len(known.days)
    alive: set[int] = set()
    for batch in known.batches:
        read = Columns.of(spec, horizon, batch, length)
        for number, key in enumerate(batch.keys):
            lived = known.lived[key]
            chosen = [i for i, each in enumerate(frames) if lived[each.at : each.at + length].any()]
            alive.update(chosen)
            first = number * (days - length + 1)
            yield from rows_of(
                spec, span, horizon, key, [(frames[i], first + frames[i].at) for i in chosen], read
            )
            if key in known.inputs:
                mine = [(frames[i], frames[i].at) for i in chosen]
                yield from rows_of_inputs(spec, span, horizon, key, mine, known.inputs[key])
    dead = [(each, 0) for i, each in enumerate(frames) if i not in alive]
    nobody = UNVERSIONED, ALL
    nothing = Columns.of(spec, horizon, Batch([nobody], layout_of(spec).zeros(length)), length)
    yield from rows_of(spec, span, horizon, nobody, dead, nothing)
    if metrics_at(spec, horizon, Part.INPUTS):
        yield from rows_of_inputs(spec, span, horizon, nobody, dead, InputLayout(spec, {}).zeros(length))


@dataclass(frozen=True, slots=True)
class Columns:
    """What is read of outcomes at a horizon, over the windows of several groups."""

    coverage: Column
    metrics: list[Column]

    @classmethod
    def of(cls, spec: MonitorSpec, horizon: Horizon, batch: Batch, length: int) -> Self:
        coverage, *metrics = [
            Column.of(metric, batch.statistics, length, len(batch.keys), batch.terms_of(metric))
            for metric in (find("coverage"), *metrics_at(spec, horizon))
        ]
        return cls(coverage, metrics)


def rows_of(
    spec: MonitorSpec,
    span: Span,
    horizon: Horizon,
    key: tuple[str, str],
    frames: Sequence[tuple[Frame, int]],
    read: Columns,
) -> Iterator[Snapshot]:
    """One group's snapshots of each metric in each window; with a window comes its place in the columns."""
    for each, at in frames:
        predictions, share = read.coverage.rows[at], read.coverage.value[at]
        silent = not_due(spec, horizon, each.as_of, share)
        for column in read.metrics:
            yield snapshot(spec, span, horizon, key, each, at, column, predictions, share, silent)


def rows_of_inputs(
    spec: MonitorSpec,
    span: Span,
    horizon: Horizon,
    key: tuple[str, str],
    frames: Sequence[tuple[Frame, int]],
    statistics: InputStatistics,
) -> Iterator[Snapshot]:
    """One group's snapshots of what came in; those of a feature are kept for all segments together."""
    if not frames:
        return
    length = frames[0][0].length
    calls = Column.of(find("volume"), statistics, length)
    for metric in metrics_at(spec, horizon, Part.INPUTS):
        if key[1] == ALL or metric.argument is not Argument.FEATURE:
            column = Column.of(metric, statistics, length)
            for each, at in frames:
                yield snapshot(spec, span, horizon, key, each, at, column, calls.rows[at], None)


def oddities_of(
    spec: MonitorSpec, days: DayRange, horizon: Horizon, connection: sa.Connection, runtime: Runtime
) -> QualityStatistics:
    """What was odd about the logs of these days; of none where the monitor does not ask."""
    if not metrics_at(spec, horizon, Part.QUALITY):
        return QualityStatistics.of([])
    return quality_of(spec, days, horizon, connection, runtime)


def rows_of_log(
    spec: MonitorSpec, span: Span, horizon: Horizon, frames: Sequence[Frame], known: QualityStatistics
) -> Iterator[Snapshot]:
    """Snapshots of the logs as a whole: of nobody's version and all rows."""
    asked = metrics_at(spec, horizon, Part.QUALITY)
    if not asked or not frames:
        return
    length = frames[0].length
    coverage = Column.of(find("coverage"), known, length)
    for column in [Column.of(metric, known, length) for metric in asked]:
        for each in frames:
            predictions, share = coverage.rows[each.at], coverage.value[each.at]
            yield snapshot(spec, span, horizon, (UNVERSIONED, ALL), each, each.at, column, predictions, share)


def snapshot(
    spec: MonitorSpec,
    span: Span,
    horizon: Horizon,
    key: tuple[str, str],
    frame: Frame,
    at: int,
    column: Column,
    predictions: float,
    share: float | None,
    silent: str | None = None,
) -> Snapshot:
    """One row, with a name for every way of having no value; `silent` says why labels tell nothing yet."""
    metric, asked = column.metric, spec.maturity.min_coverage
    value, error = column.value[at], column.error[at]
    status, reason = Status.OK, None
    of_log = metric.part is Part.QUALITY  # it says what is wrong with the truth, so it does not wait for it
    of_labels = metric.labelled and not of_log
    maturity = maturity_of(spec, share, silent) if of_labels else Maturity.MATURE
    if of_labels and share is not None and share < asked:
        reason = f"{share:.0%} of the predictions have a label, {asked:.0%} are asked for"
    if frame.missing:
        status, maturity, value, error = Status.UNDEFINED, Maturity.PENDING, None, None
        first = frame.missing[0]
        which = f"{len(frame.missing)} of {frame.length} {spec.grain}s were not computed at {horizon}"
        reason = f"{which}, the first is {written(first, zone(spec))}"
    elif of_log:
        if value is None:
            status, reason, error = Status.EMPTY, column.why[at], None
    elif predictions == 0:
        status, reason = Status.EMPTY, "there is no prediction in the window"
        if metric.name != "volume":  # nothing is a volume, too
            value = error = None
    elif of_labels and silent is not None:
        reason = silent
        if metric.name != "coverage":  # it says how many labels there are, whatever silence means
            status, value, error = Status.UNDEFINED, None, None
    elif value is None:
        status, reason, error = Status.UNDEFINED, column.why[at], None
    return Snapshot(  # by position, for a year makes a million of them
        spec.monitor,
        *key,
        span,
        frame.start,
        frame.end,
        frame.as_of,
        horizon,
        metric.name,
        value,
        error,
        round(column.rows[at]),
        None if value is None else column.bound[at],
        share if metric.labelled else None,
        maturity,
        status,
        reason,
        frame.spec_hash,
    )


def finite(values: Array) -> list[float | None]:
    """Floats, with None for what is undefined."""
    there = np.isfinite(values)
    return [value if ok else None for value, ok in zip(values.tolist(), there.tolist(), strict=True)]
