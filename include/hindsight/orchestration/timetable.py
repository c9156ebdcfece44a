"""When a monitor runs, and which local day a run is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType

from hindsight.orchestration.bounds import day_begun_at, named_days
from hindsight.windows import midnight, run_time

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
        return isinstance(other, LocalDayTimetable) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self.timezone, self.at, self.until))

    def interval(self, day: date) -> DataInterval:
        """The two midnights of a local day, on the monitor's clock."""
        return DataInterval(
            self._local(midnight(day, self.zone)), self._local(midnight(day + ONE_DAY, self.zone))
        )

    def run_time(self, day: date) -> datetime:
        """When the run for `day` is due."""
        return run_time(day, self.schedule, self.zone)

    def latest_due(self, now: datetime) -> date:
        """The last day whose run is due by `now`."""
        day = now.astimezone(self.zone).date() - ONE_DAY
        return day if self.run_time(day) <= now else day - ONE_DAY

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        now = datetime.now(UTC)
        first, last = named_days(restriction.earliest, restriction.latest, self.zone)
        candidates = [day for day in (first, self._day_after(last_automated_data_interval)) if day]
        if not restriction.catchup:
            candidates.append(self.latest_due(now))
        if not candidates:
            return None
        day = self._existing(max(candidates))
        if (last and day > last) or (self.until and day > date.fromisoformat(self.until)):
            return None
        due = self.run_time(day)
        filed = datetime.combine(day, NOON, tzinfo=self.zone) if restriction.catchup and due <= now else due
        return DagRunInfo(run_after=self._local(filed), data_interval=self.interval(day))

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        named = day_begun_at(run_after, self.zone)
        return self.interval(named or run_after.astimezone(self.zone).date() - ONE_DAY)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: datetime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        if run_type == DagRunType.SCHEDULED and data_interval is not None:
            return run_type.generate_run_id(suffix=self._local(data_interval.start).isoformat())
        return super().generate_run_id(
            run_type=run_type, run_after=pendulum.instance(run_after), data_interval=data_interval, **extra
        )

    def _day_after(self, last: DataInterval | None) -> date | None:
        """The day to run after an earlier run, which may have been made under another time zone."""
        if last is None:
            return None
        day = last.end.astimezone(self.zone).date()
        return day if midnight(day, self.zone) > last.start else day + ONE_DAY

    def _existing(self, day: date) -> date:
        """`day`, or the next one where the zone skipped it."""
        return day if midnight(day, self.zone) < midnight(day + ONE_DAY, self.zone) else day + ONE_DAY

    def _local(self, moment: datetime) -> pendulum.DateTime:
        return pendulum.instance(moment.astimezone(self.zone))
