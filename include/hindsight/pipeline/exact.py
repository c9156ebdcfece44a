"""What was known at any as-of, also between horizons: computed from the logs on demand, and not stored.

Every definition is the pipeline's own code, given a specification whose horizons are the ages asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from hindsight.domain.records import Snapshot, StatisticRow
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Grain, Horizon, Span
from hindsight.errors import HindsightError
from hindsight.pipeline.extract import opened
from hindsight.pipeline.inputs import taken
from hindsight.pipeline.join import Computed, compute
from hindsight.pipeline.plan import begins, units_of, zone
from hindsight.pipeline.present import unit_at
from hindsight.pipeline.quality import counted
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.segments import Lists, listed
from hindsight.pipeline.snapshots import assembled, frame, rows_of_log, windows_of
from hindsight.sources.base import Source
from hindsight.sources.statement import Statement
from hindsight.windows import DayRange, Pair, as_of, days_of, distance, ends_of, exists, start_of

MOST: Final[Mapping[Grain, int]] = {Grain.DAY: 120, Grain.HOUR: 240}
"""Days, or hours, whose rows are read for one answer: windows of 168h that begin on a day hold up to 192."""

TOGETHER: Final = 14
"""Days that one statement reads: each has an age of its own, and so each other one is counted at it, too."""


def exact_snapshots(
    spec: MonitorSpec, moment: datetime, days: DayRange, runtime: Runtime, spans: Collection[Span] = ()
) -> list[Snapshot]:
    """The snapshots of the windows that begin on these days, as known at this moment; of all lengths if none
    is named.

    Each says its real age as its horizon.  A single day is what a snapshot at that age would be.  A longer
    window is all that was known then of its days, each at its own age, and is as old as its last day.  After
    the last horizon nothing changes any more: what was learnt later counts nowhere.  What needs no labels is
    of horizon 0, as ever.

    HindsightError if the as-of is no midnight (no full hour at an hourly grain) or has not come, if none of
    the windows was over by then, or if they hold more days than one answer should read.  The logs are read as
    they are now: a row that landed after the as-of counts if what it says was known before.
    """
    at = unit_beginning(spec, moment)
    if moment > runtime.clock():
        raise HindsightError(
            f"{moment.isoformat()} has not come yet, so nobody knows what will be known of {spec.monitor} "
            "by then: ask for an earlier as-of."
        )
    wanted = {span: ends_on(spec, days, span, at) for span in sorted(spans or spec.spans)}
    needed = sorted({day for span, ends in wanted.items() for end in ends for day in days_of(end, span)})
    if not needed:
        raise HindsightError(
            f"No window of {spec.monitor} that begins on {days.start} to {days.end} was over by "
            f"{moment.isoformat()}: choose earlier days, or a later as-of."
        )
    most = MOST[spec.grain]
    if len(needed) > most:
        raise HindsightError(
            f"These windows hold {len(needed)} {spec.grain}s, and one answer reads {most} at most: "
            "choose fewer by --start and --end, or shorter ones by --window."
        )
    known = Known(spec, at, needed, runtime)
    found = [row for span, ends in wanted.items() for end in ends for row in known.window(span, end)]
    return sorted(found, key=place)


def place(row: Snapshot) -> tuple[object, ...]:
    """Where a snapshot stands among others: the order in which the store gives them."""
    return row.window_start, row.window, row.horizon, row.version, row.segment, row.metric


def unit_beginning(spec: MonitorSpec, moment: datetime) -> date:
    """The day, or the hour, that begins at this moment; HindsightError if none does."""
    if moment.tzinfo is None:
        raise HindsightError(
            f"{moment.isoformat()} has no time zone: give its offset, such as {moment.isoformat()}+00:00."
        )
    unit = unit_at(spec, moment)
    if start_of(unit, zone(spec)) != moment.astimezone(UTC):
        begin = start_of(unit, zone(spec)).astimezone(zone(spec)).isoformat()
        raise HindsightError(
            f"At {moment.isoformat()} no {spec.grain} of {spec.timezone} begins, and windows are judged only "
            f"where one does: ask for {begin}."
        )
    return unit


def ends_on(spec: MonitorSpec, days: DayRange, span: Span, at: date) -> list[date]:
    """The last days of the windows of this length that begin on these days and are over when `at` begins."""
    if not any(exists(day, zone(spec)) for day in days):
        return []
    ends = [ends_of(day, span)[-1] for day in units_of(spec, days) if exists(day, zone(spec))]
    there = set(units_of(spec, days))
    return [
        end
        for end in dict.fromkeys(ends)
        if end < at and days_of(end, span).start in there and begins(spec, end, span)
    ]


class Known:
    """What was known of some days when a day began: the statistics of each, at its own age."""

    def __init__(self, spec: MonitorSpec, at: date, days: Sequence[date], runtime: Runtime) -> None:
        self._spec = spec
        self._ages = {day: age_of(spec, day, at) for day in days if exists(day, zone(spec))}
        self._made: dict[Pair, Computed] = {}
        with opened(spec, runtime) as (source, statement), runtime.store.transaction() as connection:
            passing = connection.begin_nested()
            lists = listed(spec, days, source, statement, connection, runtime.store)
            self._cuts = taken(spec, days, source, statement, connection, runtime.store)
            passing.rollback()  # what had to be taken from the reference for this answer is not kept
            for part in in_parts(sorted(self._ages)):
                self._made |= self._computed(part, source, statement, lists)

    def _computed(
        self, days: Sequence[date], source: Source, statement: Statement, lists: Lists
    ) -> dict[Pair, Computed]:
        spec = self._spec
        ages = {self._ages[day] for day in days}
        # The last horizon stays, for it says when the truth is due.
        rule = replace(spec.maturity, horizons=tuple(sorted({*ages, spec.last_horizon} - {NO_LABELS})))
        aged = replace(spec, maturity=rule)
        pairs = {Pair(horizon, day) for day in days for horizon in (NO_LABELS, self._ages[day])}
        reading = Statement(aged, statement.log, statement.truth)
        return compute(aged, sorted(pairs), source, reading, lists, self._cuts)

    def window(self, span: Span, end: date) -> Iterator[Snapshot]:
        """The snapshots of the window of this length that ends on this day."""
        days, age = days_of(end, span), self._ages[end]
        there = [day for day in days if day in self._ages]
        yield from self._read(span, end, NO_LABELS, [Pair(NO_LABELS, day) for day in there])
        if age > NO_LABELS or len(days) > 1:
            known = [Pair(self._ages[day], day) for day in there]
            for row in self._read(span, end, max(age, self._spec.horizons[1]), known):
                yield replace(row, horizon=age, as_of=as_of(end, age, zone(self._spec)))

    def _read(self, span: Span, end: date, horizon: Horizon, pairs: Sequence[Pair]) -> Iterator[Snapshot]:
        """A window's metrics of those kept at this horizon, from the statistics of these pairs."""
        spec, days = self._spec, days_of(end, span)
        rows: dict[tuple[str, str], dict[date, StatisticRow]] = {}
        for pair in pairs:
            for row in self._made[pair].rows:
                rows.setdefault((row.version, row.segment), {})[pair.day] = row
        known = assembled(spec, days, horizon, rows, self._cuts if horizon == NO_LABELS else {})
        states = [self._made[pair].state for pair in pairs]
        oddities = counted(spec, days, states, max(pair.horizon for pair in pairs))
        frames = [replace(frame(spec, span, horizon, end, days, {}), missing=())]
        yield from windows_of(spec, span, horizon, frames, known)
        yield from rows_of_log(spec, span, horizon, frames, oddities)


def age_of(spec: MonitorSpec, day: date, at: date) -> Horizon:
    """How old a day's labels are when `at` begins; the last horizon is as old as they get."""
    count = min(distance(day, at) - 1, spec.last_horizon.count)
    return Horizon(count, spec.unit_span.unit)


def in_parts(days: Sequence[date]) -> Iterator[Sequence[date]]:
    """So many days at once as one statement reads."""
    return (days[first : first + TOGETHER] for first in range(0, len(days), TOGETHER))
