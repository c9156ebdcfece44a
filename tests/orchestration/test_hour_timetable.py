"""Hours as runs: none lost or doubled, and bounds that name days or moments."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.utils.types import DagRunType
from hypothesis import given
from hypothesis import strategies as st

from hindsight.domain.values import Notify
from hindsight.orchestration.timetable import HourTimetable, LocalDayTimetable
from hindsight.orchestration.window import BadRequest, RunKind, resolve_run
from hindsight.windows import DayRange
from orchestration.test_timetable import enumerated, scheduled, zones
from orchestration.test_window import seen_by

NEW_YORK = HourTimetable("America/New_York", "00:10")
HOUR = timedelta(hours=1)
FIVE = datetime(2013, 7, 1, 5, tzinfo=UTC)
moments = st.integers(0, 20 * 365 * 24 * 3600).map(
    lambda s: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


def starts(infos: list[DagRunInfo]) -> list[datetime]:
    return [info.data_interval.start for info in infos if info.data_interval]


@given(zones, moments, st.integers(0, 60))
def test_a_backfill_of_n_hours_makes_n_runs_that_touch_and_cover_them(
    zone: str, moment: datetime, more: int
) -> None:
    timetable = HourTimetable(zone, "00:10")
    first = moment.replace(minute=0, second=0, microsecond=0)
    last = first + more * HOUR
    # The first bound lies a second before its hour, so that neither names a day.
    infos = list(enumerated(timetable, first - timedelta(seconds=1), last + timedelta(minutes=1)))
    assert starts(infos) == [first + i * HOUR for i in range(more + 1)]
    intervals = [info.data_interval for info in infos if info.data_interval]
    assert all(interval.end - interval.start == HOUR for interval in intervals)
    assert all(before.end == after.start for before, after in pairwise(intervals))
    assert all(info.logical_date == interval.start for info, interval in zip(infos, intervals, strict=True))


@pytest.mark.parametrize(
    "first, last, count",
    [
        (datetime(2013, 3, 9, tzinfo=UTC), datetime(2013, 3, 11, tzinfo=UTC), 71),
        (datetime(2013, 11, 2, tzinfo=UTC), datetime(2013, 11, 4, tzinfo=UTC), 73),
        # as the form in the UI sends the days of a reader in Berlin
        (datetime(2013, 6, 30, 22, tzinfo=UTC), datetime(2013, 7, 1, 21, 59, 59, 999000, tzinfo=UTC), 24),
    ],
)
def test_bounds_that_are_days_mean_all_their_local_hours(first: datetime, last: datetime, count: int) -> None:
    infos = list(enumerated(NEW_YORK, first, last))
    assert len(infos) == len(set(starts(infos))) == count
    local = [start.astimezone(NEW_YORK.zone) for start in starts(infos)]
    assert (local[0].hour, local[-1].hour) == (0, 23)


@pytest.mark.parametrize(
    "first, last, hours",
    [
        # a midnight of UTC and one of the monitor's clock
        (datetime(2013, 12, 18, 0, tzinfo=UTC), datetime(2013, 12, 18, 5, tzinfo=UTC), 6),
        (datetime(2013, 12, 18, 5, tzinfo=UTC), datetime(2013, 12, 19, 0, tzinfo=UTC), 20),
        # an hour that is no reader's midnight, up to the end of one in Berlin
        (datetime(2013, 12, 18, 9, tzinfo=UTC), datetime(2013, 12, 18, 22, 59, 59, 999000, tzinfo=UTC), 14),
    ],
)
def test_bounds_that_are_midnights_of_different_clocks_are_moments(
    first: datetime, last: datetime, hours: int
) -> None:
    assert starts(list(enumerated(NEW_YORK, first, last))) == [first + i * HOUR for i in range(hours)]


@pytest.mark.parametrize("reader", ["Europe/Berlin", "America/St_Johns", "Pacific/Honolulu", "Asia/Kolkata"])
@pytest.mark.parametrize("day", [date(2013, 7, 4), date(2013, 12, 18)])
def test_the_form_means_whole_days_on_either_side_of_a_change_of_the_clock(reader: str, day: date) -> None:
    bounds = [
        datetime.combine(when, clock, tzinfo=ZoneInfo(reader)).astimezone(UTC)
        for when, clock in ((day, time()), (date(2013, 12, 18), time(23, 59, 59, 999000)))
    ]
    infos = starts(list(enumerated(NEW_YORK, *bounds)))
    local = [infos[0].astimezone(NEW_YORK.zone), infos[-1].astimezone(NEW_YORK.zone)]
    assert [(each.date(), each.hour) for each in local] == [(day, 0), (date(2013, 12, 18), 23)]


def test_a_backfilled_run_is_filed_under_its_own_hour() -> None:
    infos = list(enumerated(NEW_YORK, FIVE, FIVE + HOUR))
    assert [info.run_after.isoformat() for info in infos] == [
        "2013-07-01T01:00:00-04:00",
        "2013-07-01T02:00:00-04:00",
    ]


@given(zones, moments)
def test_a_run_is_due_some_minutes_after_its_hour_is_over(zone: str, moment: datetime) -> None:
    timetable = HourTimetable(zone, "00:10")
    hour = moment.replace(minute=0, second=0, microsecond=0)
    due = timetable.run_time(hour)
    assert due == hour + HOUR + timedelta(minutes=10)
    assert timetable.latest_due(due) == hour
    assert timetable.latest_due(due - timedelta(microseconds=1)) == hour - HOUR


def test_the_scheduler_runs_hour_after_hour_and_resumes_with_the_last_that_is_due() -> None:
    due = NEW_YORK.latest_due(datetime.now(UTC))
    for last in (None, NEW_YORK.interval(FIVE)):
        info = scheduled(NEW_YORK, last)
        assert info is not None
        assert info.data_interval == NEW_YORK.interval(due)
    assert isinstance(due, datetime)
    info = scheduled(NEW_YORK, NEW_YORK.interval(due))
    assert info is not None
    assert info.data_interval == NEW_YORK.interval(due + HOUR)
    assert info.run_after == due + 2 * HOUR + timedelta(minutes=10)


def test_no_run_is_scheduled_after_the_last_day_of_logs_that_end() -> None:
    timetable = HourTimetable("America/New_York", "00:10", "2013-12-31")
    assert scheduled(timetable, None) is None
    bounds = (datetime(2013, 12, 31, tzinfo=UTC), datetime(2014, 1, 5, tzinfo=UTC))
    assert len(list(enumerated(timetable, *bounds))) == 24


@given(zones, st.dates(date(2012, 1, 1), date(2024, 12, 31)))
def test_a_monitor_that_changes_its_grain_goes_on_where_it_was(zone: str, day: date) -> None:
    daily, hourly = LocalDayTimetable(zone, "06:00"), HourTimetable(zone, "00:10")
    far = TimeRestriction(None, pendulum.datetime(2030, 1, 1, 1), catchup=True)
    before = daily.interval(day)
    info = hourly.next_dagrun_info(last_automated_data_interval=before, restriction=far)
    assert info is not None
    assert info.data_interval is not None
    assert before.end <= info.data_interval.start < before.end + HOUR


@given(moments)
def test_a_manual_moment_means_the_hour_it_begins_or_the_last_whole_one(moment: datetime) -> None:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    inferred = NEW_YORK.infer_manual_data_interval(run_after=pendulum.instance(moment))
    assert inferred == NEW_YORK.interval(hour if moment == hour else hour - HOUR)
    assert NEW_YORK.infer_manual_data_interval(run_after=pendulum.instance(hour)) == NEW_YORK.interval(hour)


def test_the_two_hours_of_one_oclock_have_ids_of_their_own() -> None:
    ids = {
        NEW_YORK.generate_run_id(
            run_type=DagRunType.SCHEDULED,
            run_after=pendulum.instance(hour),
            data_interval=NEW_YORK.interval(hour),
        )
        for hour in (datetime(2013, 11, 3, 5, tzinfo=UTC), datetime(2013, 11, 3, 6, tzinfo=UTC))
    }
    assert ids == {"scheduled__2013-11-03T01:00:00-04:00", "scheduled__2013-11-03T01:00:00-05:00"}


def test_it_is_registered_and_survives_serialization() -> None:
    decoded = decode_timetable(encode_timetable(NEW_YORK))
    assert decoded == NEW_YORK
    assert decoded.summary == "hourly, 10 min after, America/New_York"
    assert decoded != LocalDayTimetable("America/New_York", "00:10")
    assert len({NEW_YORK, decoded, LocalDayTimetable("America/New_York", "00:10")}) == 2


NOW = datetime(2013, 12, 31, 15, 20, tzinfo=UTC)
"""Twenty past ten in New York."""


def test_a_run_of_an_hour_judges_it() -> None:
    hour = datetime(2013, 12, 18, 5, tzinfo=UTC)
    for run_type, kind in (("scheduled", RunKind.SCHEDULED), ("backfill", RunKind.BACKFILL)):
        run = resolve_run(seen_by(NEW_YORK, run_type, interval=NEW_YORK.interval(hour)), NOW)
        assert (run.days, run.kind) == (DayRange(hour, hour), kind)
        assert type(run.days.start) is datetime


def test_a_run_by_hand_judges_the_last_hour_that_is_over() -> None:
    run = resolve_run(seen_by(NEW_YORK, "manual", run_after=NOW), NOW)
    hour = datetime(2013, 12, 31, 14, tzinfo=UTC)
    assert (run.days, run.kind, run.notify) == (DayRange(hour, hour), RunKind.MANUAL, Notify.LIVE)


def test_the_days_of_a_window_run_are_all_their_hours() -> None:
    run = resolve_run(seen_by(NEW_YORK, "manual", start="2013-03-10", end="2013-03-10"), NOW)
    assert len(run.days) == 23
    assert run.kind is RunKind.WINDOW


def test_of_a_day_that_is_not_over_the_hours_count_that_were_when_the_run_was_made() -> None:
    asked = seen_by(NEW_YORK, "manual", run_after=NOW, start="2013-12-30", end="2013-12-31")
    for now in (NOW, NOW + timedelta(hours=3)):  # a later task of the same run sees the same hours
        days = resolve_run(asked, now).days
        assert (len(days), days.end) == (24 + 10, datetime(2013, 12, 31, 14, tzinfo=UTC))


@pytest.mark.parametrize(
    "interval, conf, sentence",
    [
        (
            None,
            {"start": "2014-01-02", "end": "2014-01-02"},
            (
                "2014-01-02 23:00 is not over yet in America/New_York: the last whole hour is 2013-12-31 "
                "09:00; choose an hour no later than that."
            ),
        ),
        (
            DataInterval(pendulum.datetime(2013, 12, 18, 5, 10), pendulum.datetime(2013, 12, 18, 5, 50)),
            {},
            (
                "The data interval from 2013-12-18 05:10:00+00:00 to 2013-12-18 05:50:00+00:00 holds no "
                "whole hour of America/New_York: give the whole hours that bound the hours, or the "
                "parameters start and end."
            ),
        ),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_its_cure(
    interval: DataInterval | None, conf: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        resolve_run(seen_by(NEW_YORK, "manual", interval=interval, **conf), NOW)
    assert str(refused.value) == sentence


def test_a_day_that_the_zone_skipped_has_no_hours_to_run() -> None:
    apia = HourTimetable("Pacific/Apia", "00:10")
    with pytest.raises(BadRequest, match="2011-12-30 is no day in Pacific/Apia: the zone skipped it"):
        resolve_run(seen_by(apia, "manual", start="2011-12-30", end="2011-12-30"), NOW)


def test_a_backfill_of_a_day_that_the_zone_skipped_makes_no_run() -> None:
    apia = HourTimetable("Pacific/Apia", "00:10")
    skipped, before = datetime(2011, 12, 30, tzinfo=UTC), datetime(2011, 12, 29, tzinfo=UTC)
    assert list(enumerated(apia, skipped, skipped)) == []
    hours = starts(list(enumerated(apia, before, skipped)))
    assert (len(hours), hours[-1]) == (24, datetime(2011, 12, 30, 9, tzinfo=UTC))


def test_logs_that_end_on_a_day_that_the_zone_skipped_end_on_the_day_before() -> None:
    apia = HourTimetable("Pacific/Apia", "00:10", "2011-12-30")
    assert apia.last_unit == datetime(2011, 12, 30, 9, tzinfo=UTC)
    assert scheduled(apia, None) is None
