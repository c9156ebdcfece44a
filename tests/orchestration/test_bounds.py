"""Which days a backfill's bounds name: every way in which people and forms write 18 to 31 December."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindsight.orchestration.bounds import day_begun_at, named_days

MONITORS = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "UTC"]
READERS = [*MONITORS, "Pacific/Honolulu", "America/St_Johns", "Asia/Tokyo"]
FIRST, LAST = date(2013, 12, 18), date(2013, 12, 31)


def at(day: date, clock: time, zone: str) -> datetime:
    """A bound as Airflow hands it over."""
    return pendulum.instance(datetime.combine(day, clock, tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("written_in", READERS)
@pytest.mark.parametrize(
    "clocks", [("00:00", "00:00"), ("00:00", "23:59:59"), ("15:20", "02:10"), ("06:00", "18:00")]
)
def test_a_bound_is_the_date_as_written_whatever_its_zone_and_time(
    monitor: str, written_in: str, clocks: tuple[str, str]
) -> None:
    first, last = (
        at(day, time.fromisoformat(clock), written_in)
        for day, clock in zip((FIRST, LAST), clocks, strict=True)
    )
    assert named_days(first, last, ZoneInfo(monitor)) == (FIRST, LAST)


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("first_day", [FIRST, date(2013, 7, 4), date(2013, 3, 10), date(2013, 11, 3)])
def test_the_form_in_the_ui_means_the_days_on_the_readers_own_calendar(
    monitor: str, reader: str, first_day: date
) -> None:
    """The form sends midnight, and the last millisecond of a day, of the reader's zone, both in UTC."""
    first = at(first_day, time(), reader).in_timezone("UTC")
    last = at(LAST, time(23, 59, 59, 999000), reader).in_timezone("UTC")
    assert named_days(first, last, ZoneInfo(monitor)) == (first_day, LAST)


@pytest.mark.parametrize("monitor", MONITORS)
def test_midnights_of_the_monitors_zone_given_in_utc_name_its_days(monitor: str) -> None:
    first, last = (at(day, time(), monitor).in_timezone("UTC") for day in (FIRST, LAST))
    assert named_days(first, last, ZoneInfo(monitor)) == (FIRST, LAST)


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_last_second_of_the_monitors_day_given_in_utc_still_is_that_day(monitor: str) -> None:
    last = at(LAST, time(23, 59, 59), monitor).in_timezone("UTC")
    assert named_days(None, last, ZoneInfo(monitor)) == (None, LAST)


@given(
    day=st.dates(date(1980, 1, 1), date(2037, 1, 1)),
    length=st.integers(0, 400),
    clocks=st.tuples(st.times(), st.times()),
    offset=st.integers(-12 * 4, 14 * 4).filter(bool),
    monitor=st.sampled_from(MONITORS),
)
def test_bounds_with_an_offset_of_their_own_never_lose_or_gain_a_day(
    day: date, length: int, clocks: tuple[time, time], offset: int, monitor: str
) -> None:
    zone = pendulum.fixed_timezone(offset * 900)
    days = (day, day + timedelta(days=length))
    bounds = [pendulum.instance(datetime.combine(d, c), tz=zone) for d, c in zip(days, clocks, strict=True)]
    assert named_days(bounds[0], bounds[1], ZoneInfo(monitor)) == days


def test_no_bound_names_no_day() -> None:
    assert named_days(None, None, ZoneInfo("UTC")) == (None, None)


@pytest.mark.parametrize(
    "moment, named",
    [
        (datetime(2013, 12, 18, tzinfo=UTC), date(2013, 12, 18)),
        (datetime(2013, 12, 18, 5, tzinfo=UTC), date(2013, 12, 18)),
        (datetime(2013, 12, 18, tzinfo=ZoneInfo("Asia/Kolkata")), date(2013, 12, 18)),
        (datetime(2013, 12, 18, 4, 59, 59, tzinfo=UTC), None),
        (datetime(2013, 12, 18, 0, 0, 1, tzinfo=UTC), None),
    ],
)
def test_only_a_midnight_names_a_day(moment: datetime, named: date | None) -> None:
    assert day_begun_at(moment, ZoneInfo("America/New_York")) == named
