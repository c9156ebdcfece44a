"""Local days: where they begin, when they are judged, and which pairs a run computes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hindsight.domain.values import NO_LABELS, Horizon, Span
from hindsight.windows import (
    Calendar,
    DayRange,
    Pair,
    as_of,
    days_of,
    due,
    ends_of,
    midnight,
    run_day,
    run_time,
)

ZONES = [
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",  # skipped midnight until 2018
    "Asia/Beirut",  # skips midnight
    "Africa/Cairo",  # skips midnight
    "America/Havana",  # skips midnight, and has it twice
    "Atlantic/Azores",  # has midnight twice
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Kiritimati",
    "Pacific/Chatham",
    "Europe/Berlin",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(2000, 1, 1), date(2035, 12, 31))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    "zone, day, begins",
    [
        ("America/New_York", date(2013, 3, 10), utc(2013, 3, 10, 5)),
        ("America/New_York", date(2013, 3, 11), utc(2013, 3, 11, 4)),
        ("America/New_York", date(2013, 11, 3), utc(2013, 11, 3, 4)),
        ("America/New_York", date(2013, 11, 4), utc(2013, 11, 4, 5)),
        ("America/Sao_Paulo", date(2018, 11, 4), utc(2018, 11, 4, 3)),  # begins at 01:00
        ("America/Sao_Paulo", date(2018, 11, 5), utc(2018, 11, 5, 2)),
        ("Asia/Beirut", date(2024, 3, 31), utc(2024, 3, 30, 22)),  # begins at 01:00
        ("Asia/Beirut", date(2024, 4, 1), utc(2024, 3, 31, 21)),
        ("Atlantic/Azores", date(2013, 10, 27), utc(2013, 10, 27, 0)),  # midnight comes twice: the first
        ("Atlantic/Azores", date(2013, 10, 28), utc(2013, 10, 28, 1)),
        ("America/Havana", date(2023, 11, 5), utc(2023, 11, 5, 4)),
        ("Asia/Kathmandu", date(2024, 1, 1), utc(2023, 12, 31, 18, 15)),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, day: date, begins: datetime) -> None:
    assert midnight(day, ZoneInfo(zone)) == begins
    assert begins.astimezone(ZoneInfo(zone)).date() == day
    assert (begins - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day - timedelta(days=1)


@pytest.mark.parametrize(
    "zone, day, hours",
    [
        ("America/New_York", date(2013, 3, 10), 23),
        ("America/New_York", date(2013, 11, 3), 25),
        ("America/New_York", date(2013, 6, 1), 24),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("Atlantic/Azores", date(2013, 10, 27), 25),
    ],
)
def test_a_day_of_23_or_25_hours_is_just_a_day(zone: str, day: date, hours: float) -> None:
    length = midnight(day + timedelta(days=1), ZoneInfo(zone)) - midnight(day, ZoneInfo(zone))
    assert length == timedelta(hours=hours)


@given(zones, st.datetimes(datetime(2000, 1, 1), datetime(2035, 12, 31)))  # noqa: DTZ001
@example(ZoneInfo("America/Sao_Paulo"), datetime(2018, 11, 4, 3))  # noqa: DTZ001
@example(ZoneInfo("Atlantic/Azores"), datetime(2013, 10, 27, 1, 30))  # noqa: DTZ001
def test_days_partition_time(zone: ZoneInfo, naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    day = moment.astimezone(zone).date()
    assert midnight(day, zone) <= moment < midnight(day + timedelta(days=1), zone)


@given(zones, days)
def test_the_run_day_of_a_days_end_is_that_day(zone: ZoneInfo, day: date) -> None:
    assert run_day(as_of(day, NO_LABELS, zone), zone) == day


@given(zones, days, st.integers(0, 400))
def test_a_window_is_judged_at_the_midnight_that_ends_the_day_of_its_age(
    zone: ZoneInfo, day: date, age: int
) -> None:
    moment = as_of(day, Horizon(age), zone)
    assert moment == midnight(day + timedelta(days=age + 1), zone)
    assert run_day(moment, zone) == day + timedelta(days=age)
    assert moment.tzinfo is UTC


@given(zones, days, st.times())
def test_a_run_starts_on_the_next_day_after_its_window_has_ended(
    zone: ZoneInfo, day: date, schedule: time
) -> None:
    moment = run_time(day, schedule.replace(tzinfo=None), zone)
    assert moment >= as_of(day, NO_LABELS, zone)
    assert abs(moment - midnight(day + timedelta(days=1), zone)) < timedelta(hours=26)


def test_a_run_in_a_skipped_hour_starts_when_the_clock_has_passed_it() -> None:
    new_york = ZoneInfo("America/New_York")
    assert run_time(date(2013, 3, 9), time(2, 30), new_york) == utc(2013, 3, 10, 7, 30)
    assert run_time(date(2013, 3, 9), time(6), new_york) == utc(2013, 3, 10, 10)


@given(days, st.integers(1, 40), st.sets(st.integers(0, 60), min_size=1, max_size=4))
def test_runs_day_by_day_compute_the_pairs_of_one_run_of_all_their_days(
    first: date, length: int, ages: set[int]
) -> None:
    horizons = [Horizon(age) for age in ages]
    whole = DayRange(first, first + timedelta(days=length - 1))
    one_by_one = [pair for day in whole for pair in due(DayRange(day, day), horizons)]
    together = due(whole, horizons)
    assert sorted(one_by_one) == sorted(together)
    assert len(set(together)) == len(together) == length * len(horizons)
    assert set(whole) == {pair.day + timedelta(days=pair.horizon.count) for pair in together}


def test_a_run_computes_each_age_for_the_day_that_has_reached_it() -> None:
    found = due(DayRange(date(2024, 3, 8), date(2024, 3, 9)), [Horizon(7), NO_LABELS])
    assert found == [
        Pair(NO_LABELS, date(2024, 3, 8)),
        Pair(NO_LABELS, date(2024, 3, 9)),
        Pair(Horizon(7), date(2024, 3, 1)),
        Pair(Horizon(7), date(2024, 3, 2)),
    ]


@given(days, st.integers(1, 60))
def test_a_window_has_as_many_days_as_it_says_and_ends_where_it_should(end: date, length: int) -> None:
    window = days_of(end, Span(length))
    assert len(window) == length == len(list(window))
    assert window.end == end
    assert end in window
    assert window.start - timedelta(days=1) not in window
    assert "a day" not in window


def test_a_range_of_days_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="the days end on 2024-03-01, before they start on 2024-03-02"):
        DayRange(date(2024, 3, 2), date(2024, 3, 1))


SPANS = [Span(1), Span(7), Span(28), Span.parse("week"), Span.parse("month")]


@given(days, st.sampled_from(SPANS))
def test_the_windows_that_hold_a_day_are_those_whose_days_it_is_among(day: date, span: Span) -> None:
    ends = ends_of(day, span)
    assert len(ends) == (1 if span.calendar else span.count)
    assert all(day in days_of(end, span) and days_of(end, span).end == end for end in ends)
    near = DayRange(day - timedelta(days=40), day + timedelta(days=40))
    whole = [end for end in near if span.calendar == "" or ends_of(end, span) == [end]]
    assert ends == [end for end in whole if day in days_of(end, span)]


@pytest.mark.parametrize(
    "end, length, weekdays",
    [
        (date(2013, 2, 28), 28, (4, 3)),
        (date(2012, 2, 29), 29, (2, 2)),
        (date(2013, 3, 31), 31, (4, 6)),
        (date(2013, 12, 31), 31, (6, 1)),
    ],
)
def test_a_month_is_as_long_as_it_is(end: date, length: int, weekdays: tuple[int, int]) -> None:
    month = days_of(end, Span.parse("month"))
    assert (month.start.day, len(month)) == (1, length)
    assert (month.start.weekday(), month.end.weekday()) == weekdays
    assert ends_of(month.start, Span.parse("month")) == ends_of(end, Span.parse("month")) == [end]


@given(days)
def test_a_week_is_from_monday_to_sunday(day: date) -> None:
    (end,) = ends_of(day, Span.parse("week"))
    week = days_of(end, Span.parse("week"))
    assert (week.start.weekday(), week.end.weekday(), len(week)) == (0, 6, 7)
    assert day in week


@given(
    zones, days, st.sets(st.integers(0, 40), min_size=1, max_size=6), st.sets(st.integers(0, 60), min_size=1)
)
def test_a_calendar_holds_every_instant_that_its_days_are_judged_by(
    zone: ZoneInfo, first: date, numbers: set[int], ages: set[int]
) -> None:
    asked = [first + timedelta(days=i) for i in numbers]
    found = Calendar.of(sorted(asked, reverse=True), map(Horizon, ages), zone)
    assert [found.day(position) for position in found.asked] == sorted(asked)
    assert [found.position(day) for day in sorted(asked)] == list(found.asked)
    assert found.asked[0] == 1, "a label may be of the day before"
    assert found.horizons == tuple(sorted(ages))
    assert list(found.midnights) == sorted(set(found.midnights))
    for position in found.asked:
        day = found.day(position)
        assert found.midnights[position] == midnight(day, zone)
        for age in ages:
            assert found.as_of(position, age) == as_of(day, Horizon(age), zone)
    assert found.midnights[-1] == as_of(max(asked), Horizon(max(ages)), zone)


def test_neighbouring_days_are_asked_for_as_one_stretch() -> None:
    start = date(2024, 3, 1)
    asked = [start + timedelta(days=i) for i in (0, 1, 2, 5, 7, 8)]
    found = Calendar.of(asked, [NO_LABELS], ZoneInfo("UTC")).stretches()
    assert found == [
        (utc(2024, 3, 1), utc(2024, 3, 4)),
        (utc(2024, 3, 6), utc(2024, 3, 7)),
        (utc(2024, 3, 8), utc(2024, 3, 10)),
    ]
