"""Days that should have been run by now are named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import NO_LABELS, Grain, Horizon, Span
from hindsight.errors import HindsightError
from hindsight.pipeline import Runtime
from hindsight.pipeline.missing import last_of, missing, refuse_missing
from hindsight.pipeline.present import present_pairs
from hindsight.windows import Pair
from worlds import ZONE, Bench, at, monitor, odd_logs, written

FIRST = date(2013, 3, 5)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


@pytest.fixture
def spec(bench: Bench) -> MonitorSpec:
    """A monitor that has run on its first four days; a run may take until two in the afternoon."""
    spec = at(
        monitor(segments=(), windows=(Span(7),)), written(odd_logs(2, FIRST, 3), "parquet", bench.folder)
    )
    spec = replace(spec, schedule=time(6), maturity=replace(spec.maturity, wait=timedelta(hours=6)))
    bench.run(spec, on(0), on(3))
    return spec


def when(bench: Bench, day: date, hour: int) -> Runtime:
    moment = datetime.combine(day, time(hour), tzinfo=ZONE)
    return bench.runtime(clock=lambda: moment)


def test_a_run_that_may_still_wait_is_not_missing(bench: Bench, spec: MonitorSpec) -> None:
    assert refuse_missing(spec, when(bench, on(5), 13)) == {"missing": 0}
    assert missing(spec, when(bench, on(5), 14)) == [on(4)]


def test_the_days_that_lack_are_named_with_the_cure(bench: Bench, spec: MonitorSpec) -> None:
    with pytest.raises(HindsightError) as refused:
        refuse_missing(spec, when(bench, on(5), 15))
    assert str(refused.value) == (
        "odd lacks 1 day: 2013-03-09.  See in Airflow why they were not run, and then run them: "
        "hindsight run odd --start 2013-03-09 --end 2013-03-09"
    )
    with pytest.raises(HindsightError, match=r"odd lacks 6 days: 2013-03-09, .*, 2013-03-13 and 1 more"):
        refuse_missing(spec, when(bench, on(10), 15))


def test_a_hole_is_missing_for_as_long_as_it_spoils_a_window(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, on(5), on(8))
    assert missing(spec, when(bench, on(9), 15)) == [on(4)]
    bench.run(spec, on(9), on(11))
    assert missing(spec, when(bench, on(12), 15)) == []


def test_where_the_logs_end_nothing_is_missing_after(bench: Bench, spec: MonitorSpec) -> None:
    assert missing(spec, when(bench, on(300), 12), until=on(3)) == []
    assert missing(spec, when(bench, on(300), 12), until=on(5)) == [on(4), on(5)]


def test_a_monitor_that_was_never_switched_on_lacks_nothing(bench: Bench, spec: MonitorSpec) -> None:
    bench.clear()
    assert missing(spec, when(bench, on(300), 12)) == []


def test_hours_are_named_by_their_local_beginning(bench: Bench) -> None:
    hours = [datetime(2013, 3, 5, 5, tzinfo=UTC) + timedelta(hours=i) for i in range(6)]
    place = written(odd_logs(2, FIRST, 1), "parquet", bench.folder)
    hourly = monitor(grain=Grain.HOUR, segments=(), windows=(Span(6, "h"),), schedule=time(0, 10))
    spec = at(hourly, place)
    ages = replace(spec.maturity, horizons=(Horizon(1, "h"),), wait=timedelta(minutes=30))
    spec = replace(spec, maturity=ages)
    bench.run(spec, hours[0], hours[2])
    bench.run(spec, hours[4])
    late = bench.runtime(clock=lambda: hours[5] + timedelta(hours=3, minutes=39))
    assert missing(spec, late) == [hours[3]]
    later = bench.runtime(clock=lambda: hours[5] + timedelta(hours=3, minutes=40))
    with pytest.raises(HindsightError) as refused:
        refuse_missing(spec, later)
    assert "odd lacks 2 hours: 2013-03-05 03:00, 2013-03-05 05:00." in str(refused.value)


def test_days_of_the_reference_that_had_no_run_of_their_own_are_missing(
    bench: Bench, spec: MonitorSpec
) -> None:
    bench.clear()
    spec = replace(spec, reference=Reference(on(1), on(5)))
    for day in (0, 1, 2, 4, 5, 6, 7, 8):
        bench.run(spec, on(day))
    bench.run(spec, on(9), on(10))
    with bench.store.transaction() as connection:
        pairs = present_pairs(connection, bench.store, spec)
    assert Pair(NO_LABELS, on(3)) in pairs, "its statistics are there, for others need them"
    assert missing(spec, when(bench, on(11), 13), until=on(9)) == [on(3)]
    bench.run(spec, on(3))
    assert missing(spec, when(bench, on(11), 15)) == []


def test_a_reference_that_was_only_needed_lacks_no_run(bench: Bench, spec: MonitorSpec) -> None:
    bench.clear()
    spec = replace(spec, reference=Reference(on(-20), on(-16)))
    bench.run(spec, on(0), on(3))
    assert missing(spec, when(bench, on(5), 13)) == []


def test_a_monitor_of_short_windows_is_looked_at_for_a_week_and_a_gap_to_its_beginning(
    bench: Bench, spec: MonitorSpec
) -> None:
    spec = replace(spec, windows=())
    bench.run(spec, on(5), on(9))
    assert missing(spec, when(bench, on(11), 13)) == [on(4)]
    later = when(bench, on(30), 15)
    assert missing(spec, later) == [on(day) for day in range(10, 30)]
    with pytest.raises(HindsightError, match=f"odd lacks 20 days: .* --start {on(10)} --end {on(29)}"):
        refuse_missing(spec, later)


def test_hours_are_looked_at_for_a_week_too(bench: Bench) -> None:
    hours = [datetime(2013, 3, 5, 5, tzinfo=UTC) + timedelta(hours=i) for i in range(60)]
    place = written(odd_logs(2, FIRST, 1), "parquet", bench.folder)
    spec = at(monitor(grain=Grain.HOUR, segments=(), windows=(), schedule=time(0, 10)), place)
    ages = replace(spec.maturity, horizons=(Horizon(1, "h"),), wait=timedelta(minutes=30))
    spec = replace(spec, maturity=ages)
    bench.run(spec, hours[0], hours[2])
    bench.run(spec, hours[4], hours[55])
    late = bench.runtime(clock=lambda: hours[55] + timedelta(hours=3, minutes=45))
    assert missing(spec, late) == [hours[3]]


def test_the_last_hour_of_a_day_that_the_zone_skipped_is_the_last_before_it() -> None:
    apia = monitor(grain=Grain.HOUR, timezone="Pacific/Apia")
    last = datetime(2011, 12, 30, 9, tzinfo=UTC)
    assert [last_of(apia, date(2011, 12, day)) for day in (29, 30, 31)] == [
        last,
        last,
        last + timedelta(days=1),
    ]
