"""Which pairs a run computes, and which stored windows that touches."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Horizon, Span
from hindsight.errors import HindsightError
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import (
    Calendar,
    DayRange,
    Pair,
    days_of,
    due,
    end_of,
    ends_of,
    exists,
    hours_of,
    shift,
    written,
)

Counted = TypeVar("Counted", Horizon, Span)

REACH: Final = 500
"""Units that one statement reaches over at most: telling many apart costs more than asking once more."""


def zone(spec: MonitorSpec) -> ZoneInfo:
    """The zone in which the monitor's days begin."""
    return ZoneInfo(spec.timezone)


def counted(spec: MonitorSpec, length: Counted) -> Counted:
    """A length as the monitor counts it: at an hourly grain `7d` is `168h`."""
    return length.in_hours() if spec.grain is Grain.HOUR else length


def calendar(spec: MonitorSpec, days: Iterable[date]) -> Calendar:
    """These days in UTC, with the as-ofs at which they are judged."""
    return Calendar.of(days, spec.horizons, zone(spec))


def reference_days(spec: MonitorSpec) -> DayRange | None:
    """The days of the reference, or all hours of them, if it is a span of days."""
    if spec.reference.start is None or spec.reference.end is None:
        return None
    return units_of(spec, DayRange(spec.reference.start, spec.reference.end))


def units_of(spec: MonitorSpec, days: DayRange) -> DayRange:
    """These local days in the monitor's grain: themselves, or all their hours."""
    return hours_of(days, zone(spec)) if spec.grain is Grain.HOUR else days


def lookback(spec: MonitorSpec) -> tuple[int, int]:
    """How many units back the prediction of a label is looked for, and the last horizon's units."""
    last = spec.last_horizon.count
    return 2 * max(last, 24 if spec.grain is Grain.HOUR else 7), last


def due_in(spec: MonitorSpec, days: DayRange) -> set[Pair]:
    """The pairs that fall due in the runs of these days, as far as the zone has the days.

    A day that the zone skipped has no window.  What would fall due in its run does so in the one before,
    which ends at the same instant.
    """
    skipped = shift(days.end, 1)
    runs = days if exists(skipped, zone(spec)) else DayRange(days.start, skipped)
    return {pair for pair in due(runs, spec.horizons) if exists(pair.day, zone(spec))}


def reference_pairs(spec: MonitorSpec, days: DayRange) -> set[Pair]:
    """The reference's own pairs at every horizon at which these days judge a window after it.

    A window that begins after the reference ends is younger than it, so the reference has already
    reached that age: it is mature by the calendar whenever it is compared with.
    """
    reference = reference_days(spec)
    if reference is None:
        return set()
    needed = [h for h in spec.horizons if shift(days.end, -h.count) > reference.end]
    there = [day for day in reference if exists(day, zone(spec))]
    return {Pair(horizon, day) for horizon in needed for day in there}


def computed(spec: MonitorSpec, days: DayRange, present: Collection[Pair]) -> set[Pair]:
    """The pairs a run of these days must compute: what is due, and what the reference still lacks."""
    return due_in(spec, days) | (reference_pairs(spec, days) - set(present))


def outdated(spec: MonitorSpec, pairs: Iterable[Pair], present: Mapping[Pair, str]) -> set[Pair]:
    """The stored pairs, made by another specification, that share a window with one of these.

    They would be added to these, and another unit, filter or segment column does not add.
    """
    reach = range(1 - spec.spans[-1].count, spec.spans[-1].count)
    near = {Pair(pair.horizon, shift(pair.day, ahead)) for pair in pairs for ahead in reach}
    return {pair for pair in near if present.get(pair, spec.made_by) != spec.made_by}


def touched(
    spec: MonitorSpec,
    pairs: Iterable[Pair],
    present: Collection[Pair],
    span: Span,
    allowed: Callable[[DayRange], bool],
) -> dict[Horizon, list[date]]:
    """The last days of the stored windows of this length that hold one of these pairs, by horizon.

    Only those that are `allowed`: a window of which days were removed cannot be made anew.
    """
    asked, there = by_horizon(pairs), by_horizon(present)
    ends = {
        horizon: [
            end
            for end in there.get(horizon, ())
            if holds(end, span, days) and begins(spec, end, span) and allowed(days_of(end, span))
        ]
        for horizon, days in sorted(asked.items())
    }
    return {horizon: found for horizon, found in ends.items() if found}


def by_horizon(pairs: Iterable[Pair]) -> dict[Horizon, list[date]]:
    """The days of these pairs at each horizon, ascending."""
    found: dict[Horizon, list[date]] = {}
    for pair in sorted(pairs):
        found.setdefault(pair.horizon, []).append(pair.day)
    return found


def holds(end: date, span: Span, days: Sequence[date]) -> bool:
    """Whether a window of this length ends on this day and holds one of these ascending ones."""
    if span.calendar and end not in ends_of(end, span):
        return False
    first = bisect_left(days, days_of(end, span).start)
    return first < len(days) and days[first] <= end


def begins(spec: MonitorSpec, end: date, span: Span) -> bool:
    """Whether the zone has the first day of the window of this length that ends on this day.

    One that begins on a skipped day begins at the same instant as the next one, and is left out.
    """
    return exists(days_of(end, span).start, zone(spec))


def refuse_unfinished(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> None:
    """Raise when the last day is not over yet: its snapshot would claim to know what nobody does."""
    over = end_of(days.end, zone(spec))
    if over > runtime.clock():
        raise HindsightError(
            f"{written(days.end, zone(spec))} is not over yet in {spec.timezone}: "
            f"run {spec.monitor} for it after {over.isoformat()}."
        )
