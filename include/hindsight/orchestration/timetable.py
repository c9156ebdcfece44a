"""When a monitor runs, and which local day, or hour, a run is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType

from hindsight.orchestration.bounds import day_begun_at, days_between, named_days
from hindsight.windows import (
    HOUR,
    DayRange,
    day_at,
    end_of,
    exists,
    hour_at,
    hours_of,
    midnight,
    run_time,
    shift,
    start_of,
)

ONE_DAY = timedelta(days=1)
NOON = time(12)


class LocalDayTimetable(Timetable):
    """One run per local day: its data interval is the day, it starts at `at` on the day after.

    A day lies between two midnights of `timezone`, so its interval has 23, 24 or 25 hours; a day that
    the zone skipped altogether (Samoa, 30 December 2011) has no run.

    * **Logical date**: the local midnight that begins the day.  So the run about 18 December is dated
      18 December, whoever made it: the scheduler, a backfill, or a hand.
    * **Scheduled** without catch-up: a monitor that was paused resumes with the last day that is due.
      The run id names the day: `scheduled__2013-12-18T00:00:00-05:00`.
    * **Backfilled**: exactly one run per local day from the first bound to the last, both included; see
      `named_days` for how bounds are read.  Airflow shows and names a run by its `run_after`; for a day
      whose time has come long ago that is noon of the day itself, the one hour that keeps its date on
      nearly every reader's clock.
    * **By hand**: a logical date at midnight names the day that it begins; any other moment means the
      last whole day before it.

    `until` is the last day that has a run, for logs that end, such as the demo's.
    """

    unit: ClassVar[str] = "day"
    a_unit: ClassVar[str] = "a day"
    bounds: ClassVar[str] = "midnights"

    def __init__(self, timezone: str, at: str, until: str | None = None) -> None:
        self.timezone = timezone
        self.at = at
        self.until = until
        self.zone = ZoneInfo(timezone)
        self.schedule = time.fromisoformat(at)
        self.description = f"Each day of {timezone}, at {at} on the next"

    def serialize(self) -> dict[str, Any]:
        return {"timezone": self.timezone, "at": self.at, "until": self.until}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        return cls(**data)

    @property
    def summary(self) -> str:
        return f"{self.at} {self.timezone}"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((type(self), self.timezone, self.at, self.until))

    def interval(self, unit: date) -> DataInterval:
        """The two midnights of a local day, on the monitor's clock."""
        return DataInterval(self._local(start_of(unit, self.zone)), self._local(end_of(unit, self.zone)))

    def run_time(self, unit: date) -> datetime:
        """When the run for a unit is due."""
        return run_time(unit, self.schedule, self.zone)

    def latest_over(self, now: datetime) -> date:
        """The last unit that is over by `now`."""
        return day_at(now, self.zone) - ONE_DAY

    def latest_due(self, now: datetime) -> date:
        """The last unit whose run is due by `now`."""
        unit = self.latest_over(now)
        return unit if self.run_time(unit) <= now else shift(unit, -1)

    def whole_units(self, start: datetime, end: datetime) -> DayRange | None:
        """The units that lie wholly between two moments, if there are any."""
        first, after = day_at(start, self.zone), day_at(end, self.zone)
        if midnight(first, self.zone) < start:
            first += ONE_DAY
        return DayRange(first, after - ONE_DAY) if first < after else None

    def units_of(self, days: DayRange) -> DayRange:
        """The units of these local days: themselves, or their hours."""
        return days

    def named(self, earliest: datetime | None, latest: datetime | None) -> tuple[date | None, date | None]:
        """The first and the last unit that two bounds of a backfill name."""
        return named_days(earliest, latest, self.zone)

    def begun_at(self, moment: datetime) -> date | None:
        """The unit that a logical date names by being its beginning."""
        return day_begun_at(moment, self.zone)

    def filed_at(self, unit: date) -> datetime:
        """The time under which the run of a unit that is long over is filed."""
        return datetime.combine(unit, NOON, tzinfo=self.zone)

    @property
    def last_unit(self) -> date | None:
        """The last unit that has a run, if the logs end."""
        if self.until is None:
            return None
        last = date.fromisoformat(self.until)
        return self.units_of(DayRange(last - ONE_DAY, last)).end  # the zone may have skipped the last

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        now = datetime.now(UTC)
        first, last = self.named(restriction.earliest, restriction.latest)
        candidates = [unit for unit in (first, self._unit_after(last_automated_data_interval)) if unit]
        if not restriction.catchup:
            candidates.append(self.latest_due(now))
        if not candidates:
            return None
        unit = max(candidates)
        unit = unit if exists(unit, self.zone) else shift(unit, 1)
        if any(end and unit > end for end in (last, self.last_unit)):
            return None
        due = self.run_time(unit)
        filed = self.filed_at(unit) if restriction.catchup and due <= now else due
        return DagRunInfo(run_after=self._local(filed), data_interval=self.interval(unit))

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        return self.interval(self.begun_at(run_after) or self.latest_over(run_after))

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: datetime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        if run_type == DagRunType.SCHEDULED and data_interval is not None:
            return run_type.generate_run_id(suffix=self._local(data_interval.start).isoformat())
        return super().generate_run_id(
            run_type=run_type, run_after=pendulum.instance(run_after), data_interval=data_interval, **extra
        )

    def _unit_after(self, last: DataInterval | None) -> date | None:
        """The unit to run after an earlier run, which may have been made under another zone or grain."""
        if last is None:
            return None
        day = day_at(last.end, self.zone)
        return day if midnight(day, self.zone) > last.start else day + ONE_DAY

    def _local(self, moment: datetime) -> pendulum.DateTime:
        return pendulum.instance(moment.astimezone(self.zone))


class HourTimetable(LocalDayTimetable):
    """One run per hour: its data interval is the hour, it starts the minutes of `at` after the hour's end.

    Hours are whole hours of UTC, so no change of the clock loses or doubles one; they are shown on the
    clock of `timezone`.

    * **Logical date**: the beginning of the hour, as for days.
    * **Scheduled** without catch-up; the run id names the hour: `scheduled__2013-12-18T05:00:00-05:00`.
    * **Backfilled**: two bounds that both name days, by being midnights on one clock, or as the form sends
      them, mean all hours of those days.  Any other bounds are moments, and mean every hour that begins from
      the first to the last, both included.  A run is filed under the beginning of its hour.
    * **By hand**: a logical date at a whole hour names the hour that begins then; any other moment means the
      last whole hour before it.
    """

    unit: ClassVar[str] = "hour"
    a_unit: ClassVar[str] = "an hour"
    bounds: ClassVar[str] = "whole hours"

    def __init__(self, timezone: str, at: str, until: str | None = None) -> None:
        super().__init__(timezone, at, until)
        self.description = f"Each hour, {self.schedule.minute} minutes after it is over"

    @property
    def summary(self) -> str:
        return f"hourly, {self.schedule.minute} min after, {self.timezone}"

    def interval(self, unit: date) -> DataInterval:
        """The two ends of an hour, in UTC: on a local clock the two hours of one name would seem equal."""
        return DataInterval(
            pendulum.instance(start_of(unit, self.zone)), pendulum.instance(end_of(unit, self.zone))
        )

    def latest_over(self, now: datetime) -> date:
        return shift(hour_at(now), -1)

    def whole_units(self, start: datetime, end: datetime) -> DayRange | None:
        first, after = self._from(start), hour_at(end)
        return DayRange(first, shift(after, -1)) if first < after else None

    def units_of(self, days: DayRange) -> DayRange:
        return hours_of(days, self.zone)

    def named(self, earliest: datetime | None, latest: datetime | None) -> tuple[date | None, date | None]:
        days = earliest and latest and days_between(earliest, latest, self.zone)
        if days:
            # Of a day that the zone skipped the last hour is before the first, and there is no run.
            return self._from(midnight(days[0], self.zone)), shift(hour_at(end_of(days[1], self.zone)), -1)
        return earliest and self._from(earliest), latest and hour_at(latest)

    def begun_at(self, moment: datetime) -> date | None:
        hour = hour_at(moment)
        return hour if hour == moment else None

    def filed_at(self, unit: date) -> datetime:
        return start_of(unit, self.zone)

    def _unit_after(self, last: DataInterval | None) -> date | None:
        return last and self._from(last.end)

    @staticmethod
    def _from(moment: datetime) -> datetime:
        """The first hour that begins at a moment or after it."""
        hour = hour_at(moment)
        return hour if hour == moment else hour + HOUR
