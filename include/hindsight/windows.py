"""Local days, their UTC bounds, and which (window, horizon) pairs a run must compute.

All calendar arithmetic of Hindsight is here; the engines only ever see UTC instants made by it.
A day is the span between two local midnights, so one of 23 or 25 hours is just a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from hindsight.domain.values import Horizon, Span


@dataclass(frozen=True, slots=True)
class DayRange:
    """Local days from `start` to `end`, both included.

    >>> days = DayRange(date(2013, 3, 30), date(2013, 4, 1))
    >>> len(days), [day.day for day in days]
    (3, [30, 31, 1])
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"the days end on {self.end}, before they start on {self.start}")

    def __len__(self) -> int:
        return (self.end - self.start).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=i) for i in range(len(self)))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.start <= day <= self.end


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A day judged at a label age: what is computed, stored and replaced as one."""

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


def as_of(day: date, horizon: Horizon, zone: ZoneInfo) -> datetime:
    """When the window `day` is judged at this age: local midnight, that many calendar days after it ends."""
    return midnight(day + timedelta(days=1 + horizon.count), zone)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Consecutive local days as UTC instants, some of which are asked about.

    Day i is [midnights[i], midnights[i + 1]).  Day 0 is the one before the first that is asked, for a label
    may be a little older than its prediction; the last midnight is the latest as-of of the last day asked.
    """

    first: date
    midnights: tuple[datetime, ...]
    asked: tuple[int, ...]
    horizons: tuple[int, ...]

    @classmethod
    def of(cls, days: Iterable[date], horizons: Iterable[Horizon], zone: ZoneInfo) -> Self:
        """The calendar for these days, judged at these ages."""
        ages = tuple(sorted(horizon.count for horizon in horizons))
        chosen = sorted(days)
        first = chosen[0] - timedelta(days=1)
        count = (chosen[-1] - first).days + ages[-1] + 2
        midnights = tuple(midnight(first + timedelta(days=i), zone) for i in range(count))
        return cls(first, midnights, tuple((day - first).days for day in chosen), ages)

    def day(self, position: int) -> date:
        """The local day at a position."""
        return self.first + timedelta(days=position)

    def position(self, day: date) -> int:
        """Where a local day stands."""
        return (day - self.first).days

    def as_of(self, position: int, horizon: int) -> datetime:
        """When a day is judged at an age in days."""
        return self.midnights[position + 1 + horizon]

    def stretches(self) -> list[tuple[datetime, datetime]]:
        """The spans of time that the days asked about cover, neighbours joined."""
        merged: list[tuple[datetime, datetime]] = []
        for position in self.asked:
            start, end = self.midnights[position], self.midnights[position + 1]
            if merged and merged[-1][1] == start:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        return merged


def run_day(moment: datetime, zone: ZoneInfo) -> date:
    """The local day that ends at this as-of: the inverse of `as_of(day, NO_LABELS, zone)`."""
    return moment.astimezone(zone).date() - timedelta(days=1)


def run_time(day: date, schedule: time, zone: ZoneInfo) -> datetime:
    """When the run for `day` starts: at `schedule`, local time, on the next day."""
    return datetime.combine(day + timedelta(days=1), schedule, tzinfo=zone).astimezone(UTC)


def due(days: DayRange, horizons: Iterable[Horizon]) -> list[Pair]:
    """The pairs that fall due in the runs of these days: (D, 0) and (D - h, h) for each run day D.

    >>> [str(p.day) + "@" + str(p.horizon)
    ...  for p in due(DayRange(date(2013, 4, 8), date(2013, 4, 8)), [Horizon(0), Horizon(7)])]
    ['2013-04-08@0d', '2013-04-01@7d']
    """
    return [Pair(h, day - timedelta(days=h.count)) for h in sorted(horizons) for day in days]


def days_of(end: date, span: Span) -> DayRange:
    """The days of the window of this length whose last day is `end`.

    >>> len(days_of(date(2013, 2, 28), Span.parse("month")))
    28
    """
    if span.calendar == "month":
        return DayRange(end.replace(day=1), end)
    if span.calendar == "week":
        return DayRange(end - timedelta(days=end.weekday()), end)
    return DayRange(end - timedelta(days=span.count - 1), end)


def ends_of(day: date, span: Span) -> list[date]:
    """The last days of the windows of this length that hold a day; a calendar has one such window.

    >>> [str(end) for end in ends_of(date(2013, 2, 26), Span.parse("month"))]
    ['2013-02-28']
    """
    if span.calendar == "month":
        return [(day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)]
    if span.calendar == "week":
        return [day + timedelta(days=6 - day.weekday())]
    return [day + timedelta(days=ahead) for ahead in range(span.count)]
