"""Which pairs a run computes, and which stored windows that touches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Span
from hindsight.errors import HindsightError
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import Calendar, DayRange, Pair, due, ends_of, midnight


def zone(spec: MonitorSpec) -> ZoneInfo:
    """The zone in which the monitor's days begin."""
    return ZoneInfo(spec.timezone)


def calendar(spec: MonitorSpec, days: Iterable[date]) -> Calendar:
    """These days in UTC, with the as-ofs at which they are judged."""
    return Calendar.of(days, spec.horizons, zone(spec))


def reference_days(spec: MonitorSpec) -> DayRange | None:
    """The days of the reference, if it is a span of days."""
    if spec.reference.start is None or spec.reference.end is None:
        return None
    return DayRange(spec.reference.start, spec.reference.end)


def reference_pairs(spec: MonitorSpec, days: DayRange) -> set[Pair]:
    """The reference's own pairs at every horizon at which these days judge a window after it.

    A window that begins after the reference ends is younger than it, so the reference has already
    reached that age: it is mature by the calendar whenever it is compared with.
    """
    reference = reference_days(spec)
    if reference is None:
        return set()
    needed = [h for h in spec.horizons if days.end - timedelta(days=h.count) > reference.end]
    return {Pair(horizon, day) for horizon in needed for day in reference}


def computed(spec: MonitorSpec, days: DayRange, present: Collection[Pair]) -> set[Pair]:
    """The pairs a run of these days must compute: what is due, and what the reference still lacks."""
    return set(due(days, spec.horizons)) | (reference_pairs(spec, days) - set(present))


def outdated(spec: MonitorSpec, pairs: Iterable[Pair], present: Mapping[Pair, str]) -> set[Pair]:
    """The stored pairs, made by another specification, that share a window with one of these.

    They would be added to these, and another unit, filter or segment column does not add.
    """
    reach = range(1 - spec.spans[-1].count, spec.spans[-1].count)
    near = {Pair(pair.horizon, pair.day + timedelta(days=ahead)) for pair in pairs for ahead in reach}
    return {pair for pair in near if present.get(pair, spec.made_by) != spec.made_by}


def touched(pairs: Iterable[Pair], present: Collection[Pair], span: Span) -> dict[Horizon, list[date]]:
    """The last days of the stored windows of this length that hold one of these pairs, by horizon."""
    there = set(present)
    ends: dict[Horizon, set[date]] = {}
    for pair in pairs:
        for end in ends_of(pair.day, span):
            if Pair(pair.horizon, end) in there:
                ends.setdefault(pair.horizon, set()).add(end)
    return {horizon: sorted(found) for horizon, found in sorted(ends.items())}


def refuse_unfinished(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> None:
    """Raise when the last day is not over yet: its snapshot would claim to know what nobody does."""
    over = midnight(days.end + timedelta(days=1), zone(spec))
    if over > runtime.clock():
        raise HindsightError(
            f"{days.end} is not over yet in {spec.timezone}: "
            f"run {spec.monitor} for it after {over.isoformat()}."
        )
