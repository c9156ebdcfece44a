"""Which local day a moment names, where a person or a form wrote a moment and meant a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from hindsight.windows import HOUR, midnight

ONE_DAY = timedelta(days=1)
LAST_MILLISECOND = (59, 999000)
"""The seconds and microseconds with which the form ends a day."""


def day_begun_at(moment: datetime, zone: ZoneInfo) -> date | None:
    """The day that `moment` names by being its midnight: the monitor's own, or as it was written.

    >>> new_york = ZoneInfo("America/New_York")
    >>> day_begun_at(datetime(2013, 12, 18, 5, tzinfo=UTC), new_york)
    datetime.date(2013, 12, 18)
    >>> day_begun_at(datetime(2013, 12, 18, tzinfo=UTC), new_york)
    datetime.date(2013, 12, 18)
    >>> day_begun_at(datetime(2013, 12, 18, 15, 20, tzinfo=UTC), new_york) is None
    True
    """
    moment = _plain(moment)
    local = moment.astimezone(zone).date()
    if midnight(local, zone) == moment:
        return local
    return moment.date() if moment.time() == time() else None


def named_days(
    earliest: datetime | None, latest: datetime | None, zone: ZoneInfo
) -> tuple[date | None, date | None]:
    """The first and the last local day that two bounds of a backfill name.

    Bounds come as dates on the command line (midnight, UTC unless Airflow has another default zone), in
    any zone through the REST API, and from the form of the UI as UTC instants of the *reader's* midnight
    and of the last millisecond of the reader's day.  All of them mean calendar days:

    1. a bound with an offset of its own (`2013-12-18T09:00+05:30`) is the date as it was written;
    2. a UTC instant that is a midnight of the monitor's zone, or the last minute before one, is that day;
    3. where the last bound is, to the millisecond, the end of a day in some zone, the form made both: they
       are read on that clock;
    4. any other UTC instant is its UTC date, whatever the time of day.
    """
    first = None if earliest is None else _plain(earliest)
    last = None if latest is None else _plain(latest)
    reader = None if last is None else _reader_offset(last)
    return first and _named_day(first, zone, reader), last and _named_day(last, zone, reader)


def days_between(earliest: datetime, latest: datetime, zone: ZoneInfo) -> tuple[date, date] | None:
    """The first and the last local day, if these bounds are midnights on one clock; None if they are moments.

    The clock is the monitor's, or the one on which both were written, or the reader's, whose form ends at a
    day's last millisecond.
    """
    first, last = _plain(earliest), _plain(latest)
    own = [bound.astimezone(zone).date() for bound in (first, last)]
    if [midnight(day, zone) for day in own] == [first, last]:
        return own[0], own[1]
    days = named_days(earliest, latest, zone)
    return (days[0], days[1]) if days[0] and days[1] and _on_one_clock(first, last) else None


def _on_one_clock(first: datetime, last: datetime) -> bool:
    """Whether two bounds are midnights as they were written, or as the form of a reader sends them.

    In another half of the year that clock may be an hour off.
    """
    reader = _reader_offset(last)
    if reader is not None:
        clock = first.astimezone(reader)
        return clock.time() == time() or (clock + HOUR).time() == time() or (clock - HOUR).time() == time()
    end = last + timedelta(milliseconds=1) if (last.second, last.microsecond) == LAST_MILLISECOND else last
    apart = (first.utcoffset() or timedelta()) - (last.utcoffset() or timedelta())
    return first.time() == end.time() == time() and abs(apart) <= HOUR


def _named_day(bound: datetime, zone: ZoneInfo, reader: timezone | None) -> date:
    if bound.utcoffset():
        return bound.date()
    local = bound.astimezone(zone).date()
    if midnight(local, zone) == bound or midnight(local + ONE_DAY, zone) - bound <= timedelta(minutes=1):
        return local
    clock = bound if reader is None else bound.astimezone(reader)
    if reader is not None and clock.time() == time(23):
        clock += timedelta(hours=1)  # midnight all the same: this bound lies in the other half of the year
    return clock.date()


def _reader_offset(latest: datetime) -> timezone | None:
    """The UTC offset of the clock on which `latest` is the last millisecond of a day, if it is one.

    Of the two offsets that show midnight at this instant (such as +14 and -10) the smaller wins, but
    +13 and +14 before -11 and -12, where hardly anybody lives.
    """
    if latest.utcoffset() or (latest.second, latest.microsecond) != LAST_MILLISECOND:
        return None
    end = latest.astimezone(UTC) + timedelta(milliseconds=1)
    since = timedelta(hours=end.hour, minutes=end.minute)
    return timezone(-since if since <= timedelta(hours=10) else ONE_DAY - since)


def _plain(moment: datetime) -> datetime:
    """The same moment and reading in the standard library's type; pendulum's arithmetic differs."""
    return datetime.combine(moment.date(), moment.time(), tzinfo=timezone(moment.utcoffset() or timedelta()))
