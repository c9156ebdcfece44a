"""What a run is asked to do: which local days or hours, on whose behalf, and whom it may tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hindsight.domain.values import Notify
from hindsight.errors import HindsightError
from hindsight.windows import DayRange, exists, written

if TYPE_CHECKING:
    from hindsight.orchestration.timetable import LocalDayTimetable


class BadRequest(HindsightError):
    """A run was asked for days or a notify mode that cannot be; trying again will not help."""


class RunKind(StrEnum):
    """On whose behalf a run judges its days."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is asked to do; `days` are hours where the monitor's grain is the hour."""

    days: DayRange
    kind: RunKind
    notify: Notify

    @property
    def may_wait(self) -> bool:
        """Whether labels that are late are worth waiting for: history is as landed as it will ever be."""
        return self.kind in (RunKind.SCHEDULED, RunKind.MANUAL)


def resolve_window(context: Mapping[str, Any], now: datetime | None = None) -> DayRange:
    """The local days, or hours, that the run of this task context judges."""
    return resolve_run(context, now).days


def resolve_run(context: Mapping[str, Any], now: datetime | None = None) -> Run:
    """Read the request from a task's context, the same in each task of the run.

    * A scheduled run and each run of a backfill judge the day of their data interval.
    * A window run names its days by the parameters `start` and `end`, both included.
    * A run by hand without them judges one day: the one that its logical date names by being its
      midnight, else the last whole day before its logical date (or before now, where it has none).  A
      data interval given through the REST API is taken as it is, and may hold many days.

    Scheduled runs and runs of one day by hand speak live, backfills and window runs are silent, unless
    the parameter `notify` says otherwise.  A day that is not over is refused with `BadRequest`.

    At an hourly grain all this holds of hours, but that `start` and `end` still name days: all hours of them,
    of today those that were over when the run was made.
    """
    params = context["params"]
    timetable: LocalDayTimetable = context["dag"].timetable
    made_by = context["dag_run"].run_type.value
    asked = _asked(params)
    if made_by in ("scheduled", "backfill"):
        if asked:
            raise BadRequest(
                f"A {made_by} run takes its day from its data interval, but start={params['start']!r} and "
                f"end={params['end']!r} were given: leave both empty, or trigger one run by hand with them."
            )
        kind = RunKind(made_by)
        days = _whole_days(context["data_interval_start"], context["data_interval_end"], timetable)
    elif asked:
        kind, days = RunKind.WINDOW, _units_asked(asked, context["dag_run"].run_after, timetable)
    else:
        days = _by_hand(context, timetable)
        kind = RunKind.MANUAL if len(days) == 1 else RunKind.WINDOW
    _refuse_unfinished(days, timetable, now or datetime.now(UTC))
    return Run(days, kind, _notify(params, kind))


def _asked(params: Mapping[str, Any]) -> DayRange | None:
    """The days named by the parameters; None where they are empty."""
    start, end = (_day(params, name) for name in ("start", "end"))
    if start is None and end is None:
        return None
    if start is None or end is None:
        given, missing = ("end", "start") if start is None else ("start", "end")
        raise BadRequest(
            f"Only {given}={params[given]!r} was given: give {missing} too (the same day for one day), "
            "or neither."
        )
    if end < start:
        raise BadRequest(f"end={end} is before start={start}: give the earlier day as start.")
    return DayRange(start, end)


def _units_asked(asked: DayRange, made_at: datetime, timetable: LocalDayTimetable) -> DayRange:
    """The units of the days asked for; of hours those that were over when the run was made."""
    if not any(exists(day, timetable.zone) for day in asked):
        raise BadRequest(f"{asked.start} is no day in {timetable.timezone}: the zone skipped it.")
    units, last = timetable.units_of(asked), timetable.latest_over(made_at)
    if isinstance(last, datetime) and units.start <= last < units.end:
        return DayRange(units.start, last)
    return units


def _day(params: Mapping[str, Any], name: str) -> date | None:
    value = params.get(name)
    try:
        return None if value in (None, "") else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRequest(f"{name}={value!r} is not a day such as '2013-12-18'.") from None


def _by_hand(context: Mapping[str, Any], timetable: LocalDayTimetable) -> DayRange:
    run_after, logical_date = context["dag_run"].run_after, context.get("logical_date")
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    # `airflow dags trigger --logical-date` infers the interval from the moment of triggering, the REST API
    # from the logical date.  Read both from the logical date, and keep an interval that somebody chose.
    chosen = start is not None and start != timetable.infer_manual_data_interval(run_after=run_after).start
    if not chosen:
        start, end = timetable.infer_manual_data_interval(run_after=logical_date or run_after)
    return _whole_days(start, end, timetable)


def _whole_days(start: Any, end: Any, timetable: LocalDayTimetable) -> DayRange:
    days = timetable.whole_units(start, end)
    if days is None:
        raise BadRequest(
            f"The data interval from {start} to {end} holds no whole {timetable.unit} of "
            f"{timetable.timezone}: give the {timetable.bounds} that bound the {timetable.unit}s, or the "
            "parameters start and end."
        )
    return days


def _refuse_unfinished(days: DayRange, timetable: LocalDayTimetable, now: datetime) -> None:
    last = timetable.latest_over(now)
    if days.end > last:
        unfinished, latest = (written(unit, timetable.zone) for unit in (days.end, last))
        raise BadRequest(
            f"{unfinished} is not over yet in {timetable.timezone}: the last whole {timetable.unit} is "
            f"{latest}; choose {timetable.a_unit} no later than that."
        )


def _notify(params: Mapping[str, Any], kind: RunKind) -> Notify:
    mode = params.get("notify")
    if mode is None:
        return Notify.NONE if kind in (RunKind.BACKFILL, RunKind.WINDOW) else Notify.LIVE
    try:
        return Notify(mode)
    except ValueError:
        raise BadRequest(f"notify={mode!r} is none of {', '.join(Notify)}.") from None
