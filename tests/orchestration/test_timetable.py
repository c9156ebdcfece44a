"""Local days as runs: no day lost or doubled, whatever the zone and the clocks that change in it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
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

from hindsight.orchestration.timetable import LocalDayTimetable

NEW_YORK = LocalDayTimetable("America/New_York", "06:00")

zones = st.sampled_from(
    [
        "America/New_York",
        "America/Sao_Paulo",  # the clock skipped midnight
        "America/Havana",  # midnight comes twice
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",  # half an hour of summer time
        "Pacific/Apia",  # 30 December 2011 did not happen
        "Pacific/Kiritimati",
        "UTC",
    ]
)
days = st.dates(date(2005, 1, 1), date(2024, 12, 31))
clocks = st.times().map(lambda clock: f"{clock:%H:%M}")


def enumerated(timetable: LocalDayTimetable, first: datetime, last: datetime) -> Iterator[DagRunInfo]:
    """As `iter_dagrun_infos_between` asks for the runs of a backfill."""
    restriction = TimeRestriction(pendulum.instance(first), pendulum.instance(last), catchup=True)
    info: DagRunInfo | None = None
    while info := timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction):
        yield info


def local_dates(timetable: LocalDayTimetable, infos: list[DagRunInfo]) -> list[date]:
    starts = [info.data_interval.start for info in infos if info.data_interval]
    return [start.astimezone(timetable.zone).date() for start in starts]


@given(zones, clocks, days, st.integers(0, 40))
def test_a_backfill_of_n_days_makes_n_runs_that_touch_and_cover_them(
    zone: str, clock: str, first: date, more: int
) -> None:
    timetable = LocalDayTimetable(zone, clock)
    last = first + timedelta(days=more)
    bounds = (datetime.combine(day, datetime.min.time(), tzinfo=UTC) for day in (first, last))
    infos = list(enumerated(timetable, *bounds))
    skipped = {date(2011, 12, 30)} if zone == "Pacific/Apia" else set()
    asked = [first + timedelta(days=i) for i in range(more + 1)]
    assert local_dates(timetable, infos) == [day for day in asked if day not in skipped]
    intervals = [info.data_interval for info in infos if info.data_interval]
    assert all(before.end == after.start for before, after in pairwise(intervals))
    assert all(info.logical_date == interval.start for info, interval in zip(infos, intervals, strict=True))


@given(zones, clocks, days)
def test_a_run_is_due_on_the_next_local_day_and_never_before_its_day_is_over(
    zone: str, clock: str, day: date
) -> None:
    timetable = LocalDayTimetable(zone, clock)
    due = timetable.run_time(day)
    assert due >= timetable.interval(day).end
    assert timetable.latest_due(due) == day
    assert timetable.latest_due(due - timedelta(microseconds=1)) == day - timedelta(days=1)


@pytest.mark.parametrize(
    "day, hours", [(date(2013, 3, 10), 23), (date(2013, 11, 3), 25), (date(2013, 7, 1), 24)]
)
def test_a_day_has_the_hours_that_the_clock_gives_it(day: date, hours: int) -> None:
    start, end = NEW_YORK.interval(day)
    assert (end - start) == timedelta(hours=hours)


def test_a_backfilled_run_is_filed_under_its_own_day() -> None:
    (info,) = enumerated(NEW_YORK, datetime(2013, 12, 18, tzinfo=UTC), datetime(2013, 12, 18, tzinfo=UTC))
    assert info.run_after.isoformat() == "2013-12-18T12:00:00-05:00"
    assert info.logical_date is not None
    assert info.logical_date.isoformat() == "2013-12-18T00:00:00-05:00"


def test_a_backfill_of_a_day_whose_run_is_not_yet_due_waits_for_its_time() -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    timetable = LocalDayTimetable("Etc/GMT+12", "23:59")
    due = timetable.run_time(yesterday)
    assert due > datetime.now(UTC)
    (info,) = enumerated(timetable, *[datetime.combine(yesterday, datetime.min.time(), tzinfo=UTC)] * 2)
    assert info.run_after == due


def scheduled(
    timetable: LocalDayTimetable, last: DataInterval | None, **bounds: datetime
) -> DagRunInfo | None:
    """As the scheduler asks for the next run of a DAG without catch-up."""
    earliest, latest = (
        pendulum.instance(bounds[name]) if name in bounds else None for name in ("start", "end")
    )
    return timetable.next_dagrun_info(
        last_automated_data_interval=last, restriction=TimeRestriction(earliest, latest, catchup=False)
    )


def test_a_new_or_paused_monitor_starts_with_the_last_day_that_is_due() -> None:
    due = NEW_YORK.latest_due(datetime.now(UTC))
    for last in (None, NEW_YORK.interval(date(2013, 12, 18))):
        info = scheduled(NEW_YORK, last)
        assert info is not None
        assert info.data_interval == NEW_YORK.interval(due)
        assert info.run_after == NEW_YORK.run_time(due)


def test_the_run_after_the_last_due_one_is_the_next_day_at_its_time() -> None:
    due = NEW_YORK.latest_due(datetime.now(UTC))
    info = scheduled(NEW_YORK, NEW_YORK.interval(due))
    assert info is not None
    assert info.data_interval == NEW_YORK.interval(due + timedelta(days=1))
    assert info.run_after == NEW_YORK.run_time(due + timedelta(days=1)) > datetime.now(UTC)


def test_a_start_in_the_future_is_waited_for_and_an_end_in_the_past_ends_all() -> None:
    future = datetime(2099, 5, 1, tzinfo=UTC)
    info = scheduled(NEW_YORK, None, start=future)
    assert info is not None
    assert info.data_interval == NEW_YORK.interval(date(2099, 5, 1))
    assert scheduled(NEW_YORK, None, end=datetime(2013, 12, 31, tzinfo=UTC)) is None


def test_no_run_is_scheduled_after_the_last_day_of_logs_that_end() -> None:
    timetable = LocalDayTimetable("America/New_York", "06:00", "2013-12-31")
    assert scheduled(timetable, None) is None
    bounds = (datetime(2013, 12, 30, tzinfo=UTC), datetime(2014, 1, 5, tzinfo=UTC))
    assert local_dates(timetable, list(enumerated(timetable, *bounds))) == [
        date(2013, 12, 30),
        date(2013, 12, 31),
    ]


@given(zones, zones, days)
def test_a_monitor_that_moves_to_another_zone_neither_repeats_a_logical_date_nor_leaves_a_gap(
    old: str, new: str, day: date
) -> None:
    before = LocalDayTimetable(old, "06:00").interval(day)
    timetable = LocalDayTimetable(new, "06:00")
    far = pendulum.datetime(2030, 1, 1)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=before, restriction=TimeRestriction(None, far, catchup=True)
    )
    assert info is not None
    assert info.data_interval is not None
    assert before.start < info.data_interval.start <= before.end


@given(zones, days, st.timedeltas(timedelta(microseconds=1), timedelta(hours=22)))
def test_a_manual_moment_means_the_last_whole_day_before_it(zone: str, day: date, since: timedelta) -> None:
    timetable = LocalDayTimetable(zone, "06:00")
    moment = timetable.interval(day).start + since
    if moment.astimezone(UTC).time() == datetime.min.time():
        return  # a midnight as written: the next test
    inferred = timetable.infer_manual_data_interval(run_after=pendulum.instance(moment.astimezone(UTC)))
    local = moment.astimezone(timetable.zone).date()
    assert inferred == timetable.interval(local - timedelta(days=1))


@given(zones, days)
def test_a_manual_midnight_names_the_day_that_it_begins(zone: str, day: date) -> None:
    timetable = LocalDayTimetable(zone, "06:00")
    for midnight in (timetable.interval(day).start, pendulum.datetime(day.year, day.month, day.day)):
        inferred = timetable.infer_manual_data_interval(run_after=midnight)
        own = day if midnight.date() == day else midnight.astimezone(timetable.zone).date()
        assert inferred == timetable.interval(own)


def test_a_scheduled_run_id_names_the_day_and_not_the_time_of_running() -> None:
    interval = NEW_YORK.interval(date(2013, 12, 18))
    run_after = pendulum.instance(NEW_YORK.run_time(date(2013, 12, 18)))
    named = {
        kind: NEW_YORK.generate_run_id(run_type=kind, run_after=run_after, data_interval=interval)
        for kind in (DagRunType.SCHEDULED, DagRunType.MANUAL)
    }
    assert named[DagRunType.SCHEDULED] == "scheduled__2013-12-18T00:00:00-05:00"
    assert named[DagRunType.MANUAL] == "manual__2013-12-19T11:00:00+00:00"


def test_it_is_registered_and_survives_serialization() -> None:
    decoded = decode_timetable(encode_timetable(NEW_YORK))
    assert decoded == NEW_YORK
    assert decoded.summary == "06:00 America/New_York"
    assert decoded != LocalDayTimetable("America/New_York", "07:00")
    assert len({NEW_YORK, decoded}) == 1
    assert isinstance(decoded, LocalDayTimetable)
    assert decoded.zone == ZoneInfo("America/New_York")
