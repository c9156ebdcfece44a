"""A search engine by the hour: labels minutes to hours late, across changes of the clock.

The oracle shares no arithmetic with the pipeline: an hour is pandas' floor of a UTC time, and what was known
of it is asked row by row of the truncated logs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Delivery, Notification, Snapshot
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import NO_LABELS, Grain, Horizon, Notify, Span, Verdict
from hindsight.errors import HindsightError
from hindsight.pipeline import run_days
from hindsight.store import Store
from hindsight.windows import DayRange, hours_of
from scenarios import naive
from worlds import ZONE, Bench, Logs, at, in_a_row, monitor, written

SPRING, AUTUMN = date(2013, 3, 9), date(2013, 11, 2)
"""The clock changes on the day after: it has 23 hours, or 25."""

CLOCK = 26
"""The place of the hour, of those from the first day on, with which the clock changes."""

AGES = (1, 6, 24)
HOUR = timedelta(hours=1)
UNLABELLED = {"volume", "mean_score", "predicted_positive_rate"}


def hours(first: date, days: int) -> list[datetime]:
    """All hours of local days."""
    begins, ends = (
        pd.Timestamp(day, tz=str(ZONE)).tz_convert("UTC").to_pydatetime()
        for day in (first, first + timedelta(days=days))
    )
    return [begins + i * HOUR for i in range(round((ends - begins) / HOUR))]


def search_logs(seed: int, first: date, days: int) -> Logs:
    """Two to nine predictions an hour, some on its very bounds; labels from a minute to a day and more late.

    Some have no label, some are corrected, some logged late or twice.  On the last day the model is wrong.
    """
    draw = random.Random(seed)
    predictions: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    every = hours(first, days)
    for number, begins in enumerate(every):
        for i in range(draw.randint(2, 9)):
            request_id = f"s{number}-{i}"
            moment = begins + draw.choice(
                [timedelta(0), HOUR - timedelta(microseconds=1), HOUR * draw.random()]
            )
            score = draw.random()
            row = {
                "request_id": request_id,
                "predicted_at": moment,
                "logged_at": moment + draw.choice([0, 0, 0, 1, 90]) * timedelta(minutes=1),
                "score": score,
                "version": draw.choice(["v1", "v2"]),
                "origin": draw.choice(["JFK", "LGA", None]),
                "carrier": "UA",
            }
            predictions.append(row)
            if draw.random() < 0.03:
                predictions.append(row | {"logged_at": row["logged_at"] + HOUR, "score": 0.5})
            if draw.random() < 0.05:
                continue
            right = draw.random() < (0.9 if number < len(every) - 24 else 0.1)
            actual = float((score >= 0.5) == right)
            late = draw.choice([1, 10, 40, 40, 70, 200, 400, 1500]) * draw.random() * timedelta(minutes=1)
            labels.append({"request_id": request_id, "actual": actual, "label_at": moment + late})
            if draw.random() < 0.1:
                again = moment + late + draw.choice([HOUR, 7 * HOUR, 30 * HOUR])
                labels.append({"request_id": request_id, "actual": 1.0 - actual, "label_at": again})
    draw.shuffle(predictions)
    draw.shuffle(labels)
    return Logs(predictions, labels)


def hourly(first: date, **changes: Any) -> MonitorSpec:
    """A monitor by the hour whose reference is the first local day."""
    spec = monitor(
        grain=Grain.HOUR,
        windows=(Span(24, "h"),),
        segments=("origin",),
        reference=Reference(start=first, end=first),
        detectors=(
            Threshold(metric="accuracy", min=0.6, window=Span(6, "h"), at=Horizon(1, "h"), name="low"),
            Threshold(
                metric="accuracy", relative=-0.2, window=Span(24, "h"), at=Horizon(1, "h"), name="worse"
            ),
        ),
    )
    horizons = tuple(Horizon(age, "h") for age in AGES)
    return replace(spec, maturity=replace(spec.maturity, horizons=horizons, min_coverage=0.3), **changes)


def small(spec: MonitorSpec) -> MonitorSpec:
    return replace(spec, segments=(), metrics=("accuracy", "mean_score"))


def judged(logs: Logs, begins: datetime, age: int) -> list[naive.Judged]:
    """What a person with a pencil would count for an hour, so many hours after it."""
    as_of = begins + (1 + age) * HOUR
    known = logs.known_before(as_of)
    labels: dict[str, list[tuple[Any, Any]]] = {}
    for row in known.labels:
        if row["label_at"] >= begins - HOUR:
            labels.setdefault(row["request_id"], []).append((row["label_at"], int(row["actual"])))
    mine: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(known.predictions, key=lambda row: row["logged_at"]):
        if pd.Timestamp(row["predicted_at"]).floor("h") == begins:
            mine.setdefault((row["request_id"], row["version"]), row)
    return [
        naive.Judged(
            begins.date(),
            version,
            ("ALL", f"origin={row['origin'] or '(null)'}"),
            (row["score"],),
            naive.counting(sorted(labels.get(request_id, [])), "last"),
        )
        for (request_id, version), row in mine.items()
    ]


@pytest.mark.parametrize("first, kind", [(SPRING, "table"), (AUTUMN, "parquet")])
def test_random_hours_equal_a_naive_count_on_what_was_known(bench: Bench, first: date, kind: str) -> None:
    logs, every = search_logs(first.month, first, 3), hours(first, 3)
    spec = at(hourly(first), written(logs, kind, bench.folder, bench.url))
    bench.run(spec, every[16], every[66])
    draw = random.Random(first.month)
    compared = 0
    for begins in [*every[CLOCK - 1 : CLOCK + 2], *draw.sample(every[30:40], 1)]:
        for age in (0, *AGES):
            compared += compare(bench, logs, [begins], Span(1, "h"), age)
    for ends in draw.sample(every[39:42], 1):
        compared += compare(
            bench, logs, [ends - i * HOUR for i in range(24)], Span(24, "h"), draw.choice(AGES)
        )
    assert compared > 400


def compare(bench: Bench, logs: Logs, of: list[datetime], span: Span, age: int) -> int:
    """Every group and metric of a window; returns how many values were compared."""
    rows = [row for begins in of for row in judged(logs, begins, age)]
    start = min(of)
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(
            connection, "odd", window=span, horizon=Horizon(age, "h"), start=start, end=start + HOUR
        )
    assert {each.as_of for each in found} == {max(of) + (1 + age) * HOUR}
    groups = {(row.version, segment) for row in rows for segment in row.segments}
    assert {(each.version, each.segment) for each in found} == (groups or {("(none)", "ALL")})
    if not rows:
        return 0
    of_group = {
        (version, segment): naive.binary([r for r in rows if r.version == version and segment in r.segments])
        for version, segment in groups
    }
    for snapshot in found:
        expected = of_group[snapshot.version, snapshot.segment][snapshot.metric]
        assert (snapshot.metric in UNLABELLED) == (age == 0)
        close = 2e-9 + (snapshot.bound or 0.0)
        assert snapshot.value == (None if expected is None else pytest.approx(expected, abs=close)), snapshot
    return len(found)


CHANGE = hours(AUTUMN, 2)[CLOCK - 3 : CLOCK + 4]
"""A night by the hour, in which one hour of the clock comes twice, and the model is wrong."""


@pytest.fixture(scope="module")
def night(session_bench: Bench) -> MonitorSpec:
    """Their monitor and its logs, for all tests that run them."""
    logs = search_logs(5, AUTUMN, 2)
    return at(small(hourly(AUTUMN)), written(logs, "table", session_bench.folder, session_bench.url))


@pytest.fixture(scope="module")
def whole(session_bench: Bench, night: MonitorSpec) -> str:
    """What one backfill of them leaves."""
    session_bench.clear()
    session_bench.run(night, CHANGE[0], CHANGE[-1])
    left = session_bench.dump()
    session_bench.clear()
    return left


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda b, s: in_a_row(b, s, CHANGE), id="hour by hour"),
        pytest.param(
            lambda b, s: in_a_row(b, s, random.Random(2).sample(CHANGE, len(CHANGE))), id="shuffled"
        ),
        pytest.param(
            lambda b, s: (b.run(s, CHANGE[4], CHANGE[-1]), b.run(s, CHANGE[0], CHANGE[4])), id="halves"
        ),
    ],
)
def test_any_order_of_hours_leaves_the_same_bytes(
    bench: Bench, night: MonitorSpec, whole: str, way: Callable[[Bench, MonitorSpec], Any]
) -> None:
    assert '"performance"' in whole.partition("# incident")[2], (
        "a world in which nothing happens shows nothing"
    )
    way(bench, night)
    assert bench.dump() == whole


def test_an_hour_run_live_leaves_what_a_backfill_leaves(bench: Bench) -> None:
    logs, every = search_logs(6, SPRING, 2), hours(SPRING, 2)
    spec = small(hourly(SPRING))
    for hour in every[CLOCK - 2 : CLOCK + 3]:
        known = logs.known_before(hour + HOUR)
        bench.run(at(spec, written(known, "parquet", bench.folder)), hour)
    live = bench.dump()
    bench.clear()
    bench.run(at(spec, written(logs, "parquet", bench.folder)), every[CLOCK - 2], every[CLOCK + 2])
    assert bench.dump() == live


def test_the_windows_of_a_day_are_its_hours_and_lie_side_by_side(bench: Bench) -> None:
    for first, count in ((SPRING, 23), (AUTUMN, 25)):
        spec = small(hourly(first, reference=Reference(), detectors=()))
        spec = at(spec, written(search_logs(1, first, 2), "parquet", bench.folder))
        change = first + timedelta(days=1)
        units = hours_of(DayRange(change, change), ZONE)
        bench.run(spec, units.start, units.end)
        found = volumes(bench.store)
        assert len(found) == len(units) == count
        assert all(a.window_end == b.window_start for a, b in pairwise(found))
        assert sum(each.value or 0.0 for each in found) > 40
        bench.clear()


def volumes(store: Store) -> list[Snapshot]:
    """One row for each hour: all versions have it once."""
    with store.transaction() as connection:
        rows = store.snapshots(
            connection, "odd", metric="volume", window=Span(1, "h"), horizon=NO_LABELS, segment="ALL"
        )
    return sorted({row.window_start: row for row in rows}.values(), key=lambda row: row.window_start)


def test_lengths_are_ordered_by_their_hours(bench: Bench) -> None:
    spec = at(small(hourly(SPRING)), written(search_logs(1, SPRING, 2), "parquet", bench.folder))
    every = hours(SPRING, 2)
    bench.run(spec, every[9], every[38])
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(
            connection, "odd", metric="accuracy", segment="ALL", start=every[9], end=every[10]
        )
    found = list(dict.fromkeys((str(row.window), str(row.horizon)) for row in rows))
    assert found == [(span, age) for span in ("1h", "6h", "24h") for age in ("1h", "6h", "24h")][: len(found)]
    assert len(found) == 8


def live(bench: Bench, spec: MonitorSpec, hour: datetime) -> None:
    run_days(spec, DayRange(hour, hour), bench.runtime(), Notify.LIVE)


def sent(bench: Bench) -> list[Notification]:
    """The messages that went out; a note that later labels changed a verdict is none."""
    with bench.store.transaction() as connection:
        found = bench.store.notifications(connection, "odd")
    return [m for m in found if m.state is not Delivery.SUPPRESSED and not m.kind.startswith("revised")]


def test_the_first_bad_hour_of_a_day_is_told_at_once_and_once(bench: Bench) -> None:
    logs = search_logs(5, SPRING, 3)
    logs = replace(logs, predictions=[row | {"version": "v1"} for row in logs.predictions])
    spec = at(small(hourly(SPRING)), written(logs, "table", bench.folder, bench.url))
    every = hours(SPRING, 3)
    bench.run(spec, every[46], every[49])
    told: list[tuple[datetime, int]] = []
    for hour in every[50:56]:
        live(bench, spec, hour)
        told.append((hour, len(sent(bench))))
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd", verdict=Verdict.BREACH, horizon=Horizon(1, "h"))
        incidents = bench.store.incidents(connection, "odd")
    messages = sent(bench)
    first = min(each.as_of for each in found if each.as_of > every[50])
    assert first.astimezone(ZONE).hour not in (0, 23), "neither the first nor the last hour of a day"
    since = [count for hour, count in told if hour + HOUR >= first]
    assert since[0] == 1, "at once"
    assert [count for hour, count in told if hour + HOUR < first] == [0] * (len(told) - len(since))
    same_day = [
        count
        for hour, count in told
        if hour + HOUR >= first and (hour + HOUR).astimezone(ZONE).date() == first.astimezone(ZONE).date()
    ]
    assert len(same_day) > 3
    assert set(same_day) == {1}, "and once"
    assert len({(each.day, each.kind) for each in messages}) == len(messages)
    (opened,) = (each for each in incidents if each.opened_on == first.astimezone(ZONE).date())
    assert opened.opened_on == messages[0].day
    assert "6 hours to the one from" in messages[0].document


def test_what_was_not_computed_is_named_by_its_hour(bench: Bench) -> None:
    spec = at(small(hourly(AUTUMN)), written(search_logs(1, AUTUMN, 2), "parquet", bench.folder))
    every = hours(AUTUMN, 2)
    bench.run(spec, every[8], every[28])
    bench.run(spec, every[31])
    with bench.store.transaction() as connection:
        (row,) = bench.store.snapshots(
            connection,
            "odd",
            metric="volume",
            window=Span(24, "h"),
            horizon=NO_LABELS,
            segment="ALL",
            version="v1",
            start=every[8],
            end=every[9],
        )
    assert row.reason == "2 of 24 hours were not computed at 0d, the first is 2013-11-03 04:00"


APIA = "Pacific/Apia"


def skipping_logs() -> Logs:
    """Rows of every local day of Samoa at the turn of 2011, which had no 30 December."""
    rows, labels = [], []
    for number in range(12):
        moment = datetime(2011, 12, 26, 20, tzinfo=UTC) + timedelta(days=number)
        for i in range(6):
            row_id = f"a{number}-{i}"
            rows.append(
                {
                    "request_id": row_id,
                    "predicted_at": moment,
                    "logged_at": moment,
                    "score": (i + 1) / 8,
                    "version": "v1",
                    "origin": "JFK",
                    "carrier": "UA",
                }
            )
            labels.append(
                {"request_id": row_id, "actual": float(i % 2), "label_at": moment + timedelta(days=1)}
            )
    return Logs(rows, labels)


def test_a_day_that_the_zone_skipped_has_no_window_and_nothing_is_lost(bench: Bench) -> None:
    spec = monitor(
        timezone=APIA,
        metrics=("accuracy",),
        windows=(Span(3),),
        detectors=(Threshold(metric="volume", min=1, at=NO_LABELS),),
    )
    spec = at(spec, written(skipping_logs(), "parquet", bench.folder))
    first, last = date(2011, 12, 28), date(2012, 1, 2)
    days = [day for day in DayRange(first, last) if day != date(2011, 12, 30)]
    bench.run(spec, first, last)
    whole = bench.dump()
    with bench.store.transaction() as connection:
        for span, count in ((Span(1), 5), (Span(3), 4)):
            rows = bench.store.snapshots(
                connection, "odd", metric="volume", window=span, horizon=NO_LABELS, segment="ALL"
            )
            # Of the windows of three days the one that would begin on the skipped day is left out.
            assert len(rows) == count
            assert len({row.window_start for row in rows}) == count
        assert len(bench.store.detections(connection, "odd")) == 5
        ages = {
            row.as_of
            for row in bench.store.snapshots(
                connection, "odd", metric="coverage", window=Span(1), horizon=Horizon(3), segment="ALL"
            )
        }
    assert len(ages) == 4, "each run has one; three days before the run of 2 January there was no day"
    for way in (days, days[::-1]):
        bench.clear()
        for day in way:
            bench.run(spec, day)
        assert bench.dump() == whole


def test_the_hours_of_a_zone_that_skips_a_day_are_all_there(bench: Bench) -> None:
    spec = at(hourly(date(2011, 12, 28), timezone=APIA), written(skipping_logs(), "parquet", bench.folder))
    units = hours_of(DayRange(date(2011, 12, 29), date(2012, 1, 1)), spec_zone(spec))
    assert len(units) == 72
    bench.run(spec, units.start, units.end)
    assert len(volumes(bench.store)) == 24 + 72, "the reference and the days asked for"


def spec_zone(spec: MonitorSpec) -> Any:
    from hindsight.pipeline.plan import zone

    return zone(spec)


@pytest.mark.parametrize("stored, told", [(Grain.DAY, Grain.HOUR), (Grain.HOUR, Grain.DAY)])
def test_another_grain_under_the_same_name_is_refused_and_changes_nothing(
    bench: Bench, stored: Grain, told: Grain
) -> None:
    """The hour that begins at midnight has the key of the day: it would be written over it."""
    place = written(search_logs(1, SPRING, 2), "parquet", bench.folder)
    midnight = hours(SPRING, 1)[0]
    hourly_one = at(small(hourly(SPRING, reference=Reference(), detectors=(), windows=())), place)
    daily = at(monitor(metrics=("accuracy",), segments=(), windows=()), place)
    runs: dict[Grain, tuple[MonitorSpec, date]] = {
        Grain.DAY: (daily, SPRING),
        Grain.HOUR: (hourly_one, midnight),
    }
    bench.run(*runs[stored])
    before = bench.dump()
    must = (
        f"The store holds {stored}s of 'odd', and its file says `grain: {told}`.* put `grain: {stored}` back"
    )
    with pytest.raises(HindsightError, match=must):
        bench.run(*runs[told])
    assert bench.dump() == before
