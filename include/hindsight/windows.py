"""Local days and hours, their UTC bounds, and which (window, horizon) pairs a run must compute.

All calendar arithmetic of Hindsight is here; the engines only ever see UTC instants made by it.
A day is the span between two local midnights, so one of 23 or 25 hours is just a day.  What is said of
days holds for hours where the monitor's grain is the hour: both are *units*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self, TypeVar
from zoneinfo import ZoneInfo

from hindsight.domain.values import Horizon, Span

Unit = TypeVar("Unit", bound=date)
"""The smallest window of a monitor: a `date` at a daily grain; at an hourly one an aware UTC `datetime`.

Hours are whole hours of UTC.  Every hour exists once, so no change of the clock matters to them; where the
zone's offset is no whole number of hours (Asia/Kolkata) they begin at half past, local time.
"""

HOUR: Final = timedelta(hours=1)
MOMENT: Final = timedelta(microseconds=1)


def step(unit: date) -> timedelta:
    """How far it is from a unit to the next."""
    return HOUR if isinstance(unit, datetime) else timedelta(days=1)


def shift(unit: Unit, count: int) -> Unit:
    """The unit that is so many units later.

    >>> str(shift(date(2013, 3, 1), -1)), str(shift(datetime(2013, 3, 1, tzinfo=UTC), -1))
    ('2013-02-28', '2013-02-28 23:00:00+00:00')
    """
    return unit + count * step(unit)


def distance(first: date, last: date) -> int:
    """How many units later the last one is: the inverse of `shift`."""
    return (last - first) // step(first)


@dataclass(frozen=True, slots=True)
class DayRange:
    """Local days, or hours, from `start` to `end`, both included.

    >>> days = DayRange(date(2013, 3, 30), date(2013, 4, 1))
    >>> len(days), [day.day for day in days]
    (3, [30, 31, 1])
    >>> len(DayRange(datetime(2013, 3, 30, tzinfo=UTC), datetime(2013, 3, 30, 23, tzinfo=UTC)))
    24
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"the days end on {self.end}, before they start on {self.start}")

    def __len__(self) -> int:
        return distance(self.start, self.end) + 1

    def __iter__(self) -> Iterator[date]:
        return (shift(self.start, i) for i in range(len(self)))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.start <= day <= self.end


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A day, or an hour, judged at a label age: what is computed, stored and replaced as one."""

    horizon: Horizon
    day: date


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a local day begins.

    Where the clock skips midnight it is the first instant of the day; where midnight comes twice, the first.

    >>> midnight(date(2013, 3, 10), ZoneInfo("America/New_York")).isoformat()
    '2013-03-10T05:00:00+00:00'
    >>> midnight(date(2013, 3, 11), ZoneInfo("America/New_York")).isoformat()
    '2013-03-11T04:00:00+00:00'
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def start_of(unit: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a unit begins."""
    return unit if isinstance(unit, datetime) else midnight(unit, zone)


def end_of(unit: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a unit ends: the next one begins."""
    return start_of(shift(unit, 1), zone)


def exists(unit: date, zone: ZoneInfo) -> bool:
    """Whether there is such a day: a zone that changes sides of the date line skips one.

    >>> exists(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
    False
    """
    return start_of(unit, zone) < end_of(unit, zone)


def written(unit: date, zone: ZoneInfo) -> str:
    """A unit as people say it: a day by its date, an hour by its local beginning; of two alike, with offset.

    >>> written(date(2013, 7, 1), ZoneInfo("UTC"))
    '2013-07-01'
    >>> [written(datetime(2013, 11, 3, hour, tzinfo=UTC), ZoneInfo("America/New_York")) for hour in (4, 5)]
    ['2013-11-03 00:00', '2013-11-03 01:00 -0400']
    """
    if not isinstance(unit, datetime):
        return unit.isoformat()
    local = unit.astimezone(zone)
    twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{local:%Y-%m-%d %H:%M %z}" if twice else f"{local:%Y-%m-%d %H:%M}"


def hours_of(days: DayRange, zone: ZoneInfo) -> DayRange:
    """The hours that end on these local days, the last one at midnight.

    >>> len(hours_of(DayRange(date(2013, 3, 10), date(2013, 3, 10)), ZoneInfo("America/New_York")))
    23
    """
    first, after = midnight(days.start, zone), end_of(days.end, zone)
    return DayRange(hour_at(first), shift(hour_at(after), -1))


def day_at(moment: datetime, zone: ZoneInfo) -> date:
    """The local day that holds this moment, as a plain date: a moment may be of a type with its own dates."""
    local = moment.astimezone(zone)
    return date(local.year, local.month, local.day)


def hour_at(moment: datetime) -> datetime:
    """The hour that holds this moment, as a plain datetime."""
    utc = moment.astimezone(UTC)
    return datetime(utc.year, utc.month, utc.day, utc.hour, tzinfo=UTC)


def as_of(day: date, horizon: Horizon, zone: ZoneInfo) -> datetime:
    """When a window is judged at this age: so many calendar days, or hours, after its last unit ends."""
    return start_of(shift(day, 1 + horizon.count), zone)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Consecutive units as UTC instants, some of which are asked about.

    Unit i is [midnights[i], midnights[i + 1]).  Unit 0 is the one before the first that is asked, for a label
    may be a little older than its prediction; the last instant is the latest as-of of the last unit asked.
    """

    first: date
    midnights: tuple[datetime, ...]
    asked: tuple[int, ...]
    horizons: tuple[int, ...]

    @classmethod
    def of(cls, days: Iterable[date], horizons: Iterable[Horizon], zone: ZoneInfo) -> Self:
        """The calendar for these units, judged at these ages."""
        ages = tuple(sorted(horizon.count for horizon in horizons))
        chosen = sorted(days)
        first = shift(chosen[0], -1)
        count = distance(first, chosen[-1]) + ages[-1] + 2
        midnights = tuple(start_of(shift(first, i), zone) for i in range(count))
        return cls(first, midnights, tuple(distance(first, day) for day in chosen), ages)

    def day(self, position: int) -> date:
        """The unit at a position."""
        return shift(self.first, position)

    def position(self, day: date) -> int:
        """Where a unit stands."""
        return distance(self.first, day)

    def as_of(self, position: int, horizon: int) -> datetime:
        """When a unit is judged at an age in units."""
        return self.midnights[position + 1 + horizon]

    def stretches(self) -> list[tuple[datetime, datetime]]:
        """The spans of time that the units asked about cover, neighbours joined."""
        merged: list[tuple[datetime, datetime]] = []
        for position in self.asked:
            start, end = self.midnights[position], self.midnights[position + 1]
            if merged and merged[-1][1] == start:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        return merged


def run_day(moment: datetime, zone: ZoneInfo) -> date:
    """The local day of the moment just before this as-of: the day that ends then, or that holds the hour."""
    return day_at(moment.astimezone(UTC) - MOMENT, zone)


def local_days(units: Iterable[date], zone: ZoneInfo) -> DayRange:
    """The local days of units: those days themselves, or the days that hold the hours."""
    days = {run_day(shift(unit, 1), zone) if isinstance(unit, datetime) else unit for unit in units}
    return DayRange(min(days), max(days))


def run_time(day: date, schedule: time, zone: ZoneInfo) -> datetime:
    """When the run for a unit starts: at `schedule` of the next day, or so many minutes after the hour."""
    if isinstance(day, datetime):
        return end_of(day, zone) + timedelta(minutes=schedule.minute)
    return datetime.combine(day + timedelta(days=1), schedule, tzinfo=zone).astimezone(UTC)


def due(days: DayRange, horizons: Iterable[Horizon]) -> list[Pair]:
    """The pairs that fall due in the runs of these days: (D, 0) and (D - h, h) for each run day D.

    >>> [str(p.day) + "@" + str(p.horizon)
    ...  for p in due(DayRange(date(2013, 4, 8), date(2013, 4, 8)), [Horizon(0), Horizon(7)])]
    ['2013-04-08@0d', '2013-04-01@7d']
    """
    return [Pair(h, shift(day, -h.count)) for h in sorted(horizons) for day in days]


def days_of(end: date, span: Span) -> DayRange:
    """The days, or hours, of the window of this length whose last one is `end`.

    >>> len(days_of(date(2013, 2, 28), Span.parse("month")))
    28
    """
    if span.calendar == "month":
        return DayRange(end.replace(day=1), end)
    if span.calendar == "week":
        return DayRange(end - timedelta(days=end.weekday()), end)
    return DayRange(shift(end, 1 - span.count), end)


def runs_of(units: Iterable[date], most: int) -> list[list[date]]:
    """Ascending units in parts, each of which reaches over so many units at most.

    >>> [[day.day for day in part] for part in runs_of([date(2013, 3, n) for n in (1, 2, 4, 9)], 3)]
    [[1, 2], [4], [9]]
    """
    parts: list[list[date]] = []
    for unit in units:
        if parts and distance(parts[-1][0], unit) < most:
            parts[-1].append(unit)
        else:
            parts.append([unit])
    return parts


def ends_of(day: date, span: Span) -> list[date]:
    """The last units of the windows of this length that hold a unit; a calendar has one such window.

    >>> [str(end) for end in ends_of(date(2013, 2, 26), Span.parse("month"))]
    ['2013-02-28']
    """
    if span.calendar == "month":
        return [(day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)]
    if span.calendar == "week":
        return [day + timedelta(days=6 - day.weekday())]
    return [shift(day, ahead) for ahead in range(span.count)]
