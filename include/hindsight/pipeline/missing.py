"""Which days have no run although it was due long ago."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain
from hindsight.errors import HindsightError
from hindsight.pipeline.plan import units_of, zone
from hindsight.pipeline.present import present_pairs, unit_at
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.stale import run_units
from hindsight.windows import DayRange, exists, local_days, run_time, shift, written

GRACE: Final = timedelta(hours=2)
"""How long after it may wait no longer a run can take."""

NAMED: Final = 5


def refuse_missing(spec: MonitorSpec, runtime: Runtime, until: date | None = None) -> dict[str, int]:
    """Raise HindsightError that names the days which should have been run by now and were not.

    Looked at are as many days as the longest window has, a week at least, and further back all days of a gap
    that reaches into them; `until` is the last day that is run at all, for logs that end.  A monitor that has
    never run lacks none: it has not been switched on.
    """
    lacking = missing(spec, runtime, until)
    if not lacking:
        return {"missing": 0}
    names = [written(day, zone(spec)) for day in lacking]
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    days = local_days(lacking, zone(spec))
    unit = f"{spec.grain}" + "s" * (len(names) != 1)
    raise HindsightError(
        f"{spec.monitor} lacks {len(names)} {unit}: {shown}.  See in Airflow why they were not run, and then "
        f"run them: hindsight run {spec.monitor} --start {days.start} --end {days.end}"
    )


def missing(spec: MonitorSpec, runtime: Runtime, until: date | None = None) -> list[date]:
    """The days, or hours, that lack, of those that are looked at."""
    with runtime.store.transaction() as connection:
        pairs = present_pairs(connection, runtime.store, spec)
    # A day of the reference is computed by whichever run first needs it, and so may be there without its own.
    run = set(run_units(spec, pairs))
    last = last_due(spec, runtime.clock())
    if until is not None:
        last = min(last, last_of(spec, until))
    if not run or last < min(run):
        return []
    week = 7 * 24 if spec.grain is Grain.HOUR else 7
    first = max(min(run), shift(last, 1 - max(week, spec.spans[-1].count)))
    while first not in run:
        first = shift(first, -1)
    return [day for day in DayRange(first, last) if day not in run and exists(day, zone(spec))]


def last_due(spec: MonitorSpec, now: datetime) -> date:
    """The last day, or hour, whose run should be over by now, however long it waited for labels."""
    day = unit_at(spec, now)
    while run_time(day, spec.schedule, zone(spec)) + spec.maturity.wait + GRACE > now:
        day = shift(day, -1)
    return day


def last_of(spec: MonitorSpec, day: date) -> date:
    """The last unit of a local day; of one that the zone skipped, the last before it."""
    return units_of(spec, DayRange(day - timedelta(days=1), day)).end
