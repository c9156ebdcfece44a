"""What was known on a day: the newest horizon from the store, or any as-of from the logs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Span, Status, Task
from hindsight.errors import HindsightError
from hindsight.pipeline.exact import exact_snapshots
from hindsight.pipeline.present import unit_at, unit_before
from hindsight.reading import read_snapshots
from hindsight.store import frames, tables
from hindsight.windows import DayRange, days_of, hours_of, midnight
from scenarios import naive
from scenarios.test_hours import AUTUMN, SPRING, hourly, search_logs, small
from scenarios.test_oracle import agree
from worlds import ZONE, Bench, Logs, at, local, monitor, odd_logs, watched, written

FIRST, DAYS = date(2013, 3, 5), 12
LAST = FIRST + timedelta(days=DAYS - 1)
MONDAY = FIRST + timedelta(days=6)
KEY = ["version", "segment", "window", "window_start", "metric"]


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def begins(day: date) -> datetime:
    return midnight(day, ZONE)


@pytest.fixture(scope="module")
def logs() -> Logs:
    return odd_logs(41, FIRST, DAYS)


@pytest.fixture
def spec(bench: Bench, logs: Logs) -> MonitorSpec:
    """A monitor with weeks and inputs, whose reference is its first days."""
    made = monitor(segments=("origin",), windows=(Span(3), Span.parse("week")))
    metrics = ("recall", "roc_auc", "brier", "mean_score", "duplicate_share", "psi(carrier)")
    made = replace(made, metrics=metrics, predictions=replace(made.predictions, features=("carrier",)))
    return at(watched(made, FIRST, 3), written(logs, "parquet", bench.folder))


def stored(bench: Bench, **wanted: Any) -> list[Snapshot]:
    with bench.store.transaction() as connection:
        return bench.store.snapshots(connection, "odd", **wanted)


@pytest.mark.parametrize("moment", [begins(on(4)), begins(on(9)), local(on(9), 15), begins(on(60))])
def test_of_each_metric_the_newest_horizon_known_by_then(
    bench: Bench, spec: MonitorSpec, moment: datetime
) -> None:
    bench.run(spec, FIRST, LAST + timedelta(days=7))
    newest: dict[tuple[object, ...], Snapshot] = {}
    for row in stored(bench):
        key = (row.version, row.segment, row.window, row.window_start, row.metric)
        if row.as_of <= moment and (key not in newest or newest[key].as_of < row.as_of):
            newest[key] = row
    expected = [row for row in stored(bench) if row in newest.values()]
    found = read_snapshots("odd", as_of=moment, store=bench.store)
    pd.testing.assert_frame_equal(found, frames.frame_of(expected))
    assert not found.duplicated(KEY).any()
    assert set(found["horizon"]) >= ({"0d", "1d", "3d", "7d"} if moment > begins(on(8)) else {"0d", "1d"})


def test_the_filters_narrow_what_was_known(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    only: dict[str, Any] = {"metric": "recall", "window": "1d", "segment": "ALL", "version": "v1"}
    day = {"start": begins(on(2)), "end": begins(on(3))}
    for moment, horizon in ((3, None), (4, "1d"), (5, "1d"), (6, "3d"), (9, "3d"), (10, "7d"), (11, "7d")):
        found = read_snapshots("odd", as_of=begins(on(moment)), store=bench.store, **only, **day)
        assert list(found["horizon"]) == ([] if horizon is None else [horizon]), moment
    found = read_snapshots("odd", as_of=begins(on(11)), at="1d", store=bench.store, **only, **day)
    assert list(found["horizon"]) == ["1d"]


def test_the_view_is_what_is_known_by_now(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    columns = ", ".join(f'"{name}"' for name in KEY)
    query = f"select {columns}, horizon, value, spec_hash from hindsight.latest_snapshot order by {columns}"
    with bench.store.transaction() as connection:
        view = connection.execute(sa.text(query)).all()
    found = read_snapshots("odd", as_of=datetime.now(UTC), store=bench.store)
    rows = [tuple(None if pd.isna(v) else v for v in row) for row in found[[*KEY, "horizon", "value"]].values]
    assert [tuple(row[:7]) for row in view] == sorted(rows, key=lambda row: row[:5])
    assert {row.spec_hash for row in view} == {spec.read_by}
    assert len(view) < len(stored(bench))


@pytest.mark.parametrize("task", [Task.BINARY, Task.RANKING, Task.REGRESSION])
def test_at_an_age_of_a_horizon_a_day_is_its_snapshot_bit_for_bit(
    bench: Bench, spec: MonitorSpec, task: Task
) -> None:
    if task is not Task.BINARY:
        logs = odd_logs(42, FIRST, DAYS, task)
        spec = at(watched(monitor(task), FIRST, 3), written(logs, "table", bench.folder, bench.url))
    bench.run(spec, FIRST, LAST)
    before = bench.dump()
    moment = begins(on(11))
    found = exact_snapshots(spec, moment, DayRange(FIRST, on(10)), bench.runtime(), [Span(1)])
    ages = {10: 0, 9: 1, 7: 3, 3: 7}
    compared = 0
    for day, age in ages.items():
        start = {"start": begins(on(day)), "end": begins(on(day + 1))}
        for horizon in {Horizon(age), NO_LABELS}:
            mine = [row for row in found if (row.window_start, row.horizon) == (start["start"], horizon)]
            theirs = stored(bench, window=Span(1), horizon=horizon, **start)
            assert mine == theirs
            compared += len(mine)
    assert compared > 50
    assert bench.dump() == before, "nothing is stored"


def test_after_the_last_horizon_nothing_changes_any_more(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST + timedelta(days=7))
    found = exact_snapshots(spec, begins(on(70)), DayRange(FIRST, LAST), bench.runtime())
    last = [row for row in found if row.horizon > NO_LABELS and row.window_end <= begins(on(DAYS + 7))]
    # A window that begins before the first day lacks days in the store.
    complete = [
        row
        for row in stored(bench, horizon=Horizon(7))
        if begins(FIRST) <= row.window_start < begins(on(DAYS))
    ]
    assert len(complete) > 300
    there = {(row.window, row.window_start) for row in complete}
    assert [row for row in last if (row.window, row.window_start) in there] == complete
    assert {row.window for row in last} >= {Span(1), Span(3), Span.parse("week")}


@pytest.mark.parametrize("age", [0, 2, 5])
def test_between_horizons_it_is_a_count_on_truncated_logs(
    bench: Bench, spec: MonitorSpec, logs: Logs, age: int
) -> None:
    bench.run(spec, FIRST, LAST + timedelta(days=7))
    moment = on(DAYS + age)
    known = logs.known_before(begins(moment))
    found = exact_snapshots(spec, begins(moment), DayRange(FIRST, LAST), bench.runtime())
    youngest = [row for row in found if row.window_end == begins(on(DAYS)) and row.metric == "recall"]
    assert {row.horizon for row in youngest} == {Horizon(age)}
    by_day = {}
    for day in DayRange(FIRST, moment - timedelta(days=1)):
        at_age = min((moment - day).days - 1, 7)
        then = known.known_before(begins(day + timedelta(days=1 + at_age)))
        by_day[day] = naive.judged(then.predictions, then.labels, day, at_age, "last", naive.BINARY)
    compared = 0
    counted: dict[Any, tuple[list[naive.Judged], dict[str, float | None]]] = {}
    for row in found:
        if row.metric not in ("recall", "roc_auc", "brier", "coverage") or row.status is Status.EMPTY:
            continue
        end = unit_before(spec, row.window_end)
        group = row.version, row.segment, row.window, end
        if group not in counted:
            judged = [each for day in days_of(end, row.window) for each in by_day[day]]
            mine = [each for each in judged if each.version == row.version and row.segment in each.segments]
            counted[group] = mine, naive.binary(mine)
        mine, expected = counted[group]
        agree(row, expected[row.metric], mine)
        compared += 1
    assert compared > 300


def test_what_lands_in_the_future_is_not_in_it(bench: Bench, spec: MonitorSpec, logs: Logs) -> None:
    """The same from logs that end at the as-of, and from all of them."""
    moment = begins(on(9))
    days = DayRange(FIRST, on(8))
    whole = exact_snapshots(spec, moment, days, bench.runtime())
    truncated = at(spec, written(logs.known_before(moment), "table", bench.folder, bench.url))
    assert [values(row) for row in exact_snapshots(truncated, moment, days, bench.runtime())] == [
        values(row) for row in whole
    ]
    assert {str(row.horizon) for row in whole} == {"0d", "1d", "2d", "3d", "4d", "5d", "6d", "7d"}
    assert len(bench.dump().splitlines()) == 5, "nothing is stored, not even what the reference's rows gave"
    with bench.store.transaction() as connection:
        assert connection.execute(sa.text("select count(*) from hindsight.cut")).scalar() == 0


def values(row: Snapshot) -> tuple[object, ...]:
    return row.version, row.segment, row.window, row.window_start, row.horizon, row.metric, row.value, row.n


def test_maturity_is_judged_as_elsewhere(bench: Bench, spec: MonitorSpec) -> None:
    strict = replace(spec, maturity=replace(spec.maturity, min_coverage=0.8))
    found = exact_snapshots(strict, begins(on(9)), DayRange(FIRST, on(8)), bench.runtime(), [Span(1)])
    recalls = {row.horizon: row for row in found if (row.metric, row.segment) == ("recall", "ALL")}
    assert {str(row.maturity) for row in recalls.values()} == {"provisional", "mature"}
    for row in recalls.values():
        assert row.coverage is not None
        assert (str(row.maturity) == "mature") == (row.coverage >= 0.8)
        assert row.as_of == begins(on(9)) or row.horizon == Horizon(7)
        assert row.status is Status.OK


@pytest.mark.parametrize(
    "moment, first, last, sentence",
    [
        (
            begins(on(9)) + timedelta(hours=6),
            0,
            5,
            r"no day of America/New_York begins.*: ask for 2013-03-14T00",
        ),
        (begins(on(9)).replace(tzinfo=None), 0, 5, "has no time zone: give its offset"),
        (begins(on(9)), 9, 11, "was over by 2013-03-14.*: choose earlier days, or a later as-of"),
        (begins(date(2199, 1, 1)), 0, 5, "has not come yet, so nobody knows"),
        (begins(date(2014, 1, 1)), -120, 5, "windows hold 126 days, and one answer reads 120 at most"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(
    bench: Bench, spec: MonitorSpec, moment: datetime, first: int, last: int, sentence: str
) -> None:
    with pytest.raises(HindsightError, match=sentence):
        exact_snapshots(spec, moment, DayRange(on(first), on(last)), bench.runtime(), [Span(1)])


def test_a_unit_is_what_begins(spec: MonitorSpec) -> None:
    assert unit_at(spec, begins(MONDAY)) == MONDAY


DOCS = Path(__file__).parents[2] / "docs" / "store.md"
QUERIES = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_on_the_store_has_queries_that_run(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    found = {}
    with bench.store.transaction() as connection:
        for query in QUERIES:
            mine = query.replace("flight_delay", "odd").replace("2013-07-01", str(on(2)))
            rows = connection.execute(sa.text(mine.replace("2013-07-14", str(on(8))))).mappings().all()
            found[mine] = rows
    assert len(QUERIES) == 7
    known = next(rows for query, rows in found.items() if "distinct on" in query)
    assert {(row["horizon"], row["metric"]) for row in known} >= {("3d", "recall"), ("0d", "mean_score")}
    grown = next(rows for query, rows in found.items() if query.rstrip().endswith("order by as_of;"))
    assert [row["horizon"] for row in grown] == ["1d", "3d", "7d"]
    assert sum(map(len, found.values())) > 20


def test_the_page_on_the_store_names_every_table() -> None:
    page = DOCS.read_text(encoding="utf-8")
    names = [*tables.VIEWS, *(table.name for table in tables.metadata.sorted_tables)]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_at_an_hourly_grain_an_hour_is_its_snapshot_too(bench: Bench) -> None:
    """On the night on which an hour is skipped; between horizons an hour has an age in hours."""
    logs = search_logs(43, SPRING, 2)
    spec = small(at(hourly(SPRING), written(logs, "parquet", bench.folder)))
    units = hours_of(DayRange(SPRING, SPRING + timedelta(days=1)), ZONE)
    bench.run(spec, units.start, units.end)
    moment = begins(SPRING + timedelta(days=1)) + timedelta(hours=5)
    found = exact_snapshots(spec, moment, DayRange(SPRING, SPRING), bench.runtime(), [spec.unit_span])
    assert {str(row.horizon) for row in found} >= {"0d", "6h", "8h", "13h"}
    ages = {spec.horizons[1]: 0, spec.horizons[2]: 0}
    for age in ages:
        theirs = [r for r in stored(bench, window=spec.unit_span, horizon=age) if r.as_of == moment]
        mine = [row for row in found if row.horizon == age and row.as_of == moment]
        if theirs and theirs[0].window_start < begins(SPRING + timedelta(days=1)):
            assert mine == theirs
            ages[age] = len(mine)
    assert any(ages.values())


def test_at_an_hourly_grain_one_answer_holds_a_day_of_the_longest_windows(bench: Bench) -> None:
    """A day of 25 hours, each of which begins a window of a week."""
    place = written(search_logs(43, AUTUMN, 2), "parquet", bench.folder)
    spec = small(at(hourly(AUTUMN, windows=(Span(168, "h"),), detectors=()), place))
    spec = replace(spec, metrics=("accuracy",), maturity=replace(spec.maturity, horizons=(Horizon(1, "h"),)))
    change = AUTUMN + timedelta(days=1)
    moment = begins(change + timedelta(days=8))
    found = exact_snapshots(spec, moment, DayRange(change, change), bench.runtime())
    assert {row.window for row in found} == set(spec.spans)
    longest = {row.window_start for row in found if row.window == spec.spans[-1]}
    assert len(longest) == 25
    later = moment + timedelta(days=4)
    with pytest.raises(HindsightError, match="hold 288 hours, and one answer reads 240 at most"):
        exact_snapshots(spec, later, DayRange(change, change + timedelta(days=4)), bench.runtime())


def test_a_day_that_the_zone_skipped_begins_no_window(bench: Bench) -> None:
    skipped = date(2011, 12, 30)
    for spec in (monitor(timezone="Pacific/Apia"), hourly(skipped, timezone="Pacific/Apia")):
        with pytest.raises(HindsightError, match=r"No window of odd that begins on 2011-12-30 .* was over"):
            exact_snapshots(
                spec, datetime(2012, 1, 4, 10, tzinfo=UTC), DayRange(skipped, skipped), bench.runtime()
            )
