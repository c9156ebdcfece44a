"""Local days, their UTC bounds, and which (window, horizon) pairs a run must compute.

All calendar arithmetic of Hindsight is here; the engines only ever see UTC instants made by it.
A day is the span between two local midnights, so one of 23 or 25 hours is just a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
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
    """The days of the window of this length whose last day is `end`."""
    return DayRange(end - timedelta(days=span.count - 1), end)
