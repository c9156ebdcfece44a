"""Labels that come at odd times, each case by its name; what a log holds besides is in `test_bad_input`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Maturity, OnConflict, Span, Status
from hindsight.errors import HindsightError
from hindsight.pipeline import readiness, run_days
from hindsight.windows import DayRange
from pipeline.test_bad_input import Seen, seen
from worlds import (
    LABEL_TYPES,
    PREDICTION_TYPES,
    Bench,
    Logs,
    Row,
    at,
    label,
    local,
    monitor,
    prediction,
    written,
)

DAY = date(2013, 3, 12)
NEXT = DAY + timedelta(days=1)
KINDS = pytest.mark.parametrize("kind", ["parquet", "table"])


@KINDS
def test_labels_before_predictions(bench: Bench, kind: str) -> None:
    """They count and are remarked on; what was learnt before the day before is of something else."""
    rows = [prediction(f"r{i}", DAY, hour=12) for i in range(3)]
    labels = [label("r0", DAY, hour=11.9), label("r1", DAY, hour=-23.9), label("r2", DAY, hour=-24.1)]
    found = seen(bench, rows, labels, kind=kind)
    assert found.counts(1) == (3, 2)
    assert found.quality(1)["label_before_prediction"] == 2
    assert found.value("coverage") == pytest.approx(2 / 3)


@KINDS
def test_labels_from_the_future(bench: Bench, kind: str) -> None:
    """They count once their time has come, whenever they are read, and prove nothing of the feed before."""
    rows = [prediction("now", DAY), prediction("later", DAY), prediction("never", DAY)]
    labels = [label("now", DAY, hour=20), label("later", DAY, hour=40), label("never", date(2199, 1, 1))]
    assert seen(bench, rows, labels, kind=kind).counts(0) == (3, 1)
    assert Seen(bench).counts(1) == (3, 2)
    place = written(Logs(rows, labels[2:]), kind, bench.folder, bench.url)
    spec = at(monitor(segments=()), place)
    clock = local(NEXT, 6)
    answer = readiness(spec, DAY, bench.runtime(clock=lambda: clock))
    assert not answer.ready
    assert "no label yet" in answer.reason


@KINDS
def test_labels_with_clock_skew(bench: Bench, kind: str) -> None:
    """A clock that is minutes ahead or behind moves a label over an as-of, and that is all it does."""
    rows = [prediction(f"r{i}", DAY, hour=23.99) for i in range(4)]
    behind, ahead = timedelta(minutes=-5), timedelta(minutes=5)
    labels = [label(f"r{i}", DAY, hour=24) for i in range(4)]
    skewed = [row | {"label_at": row["label_at"] + (behind, ahead)[i % 2]} for i, row in enumerate(labels)]
    found = seen(bench, rows, skewed, kind=kind)
    assert (found.counts(0), found.counts(1)) == ((4, 2), (4, 4))
    assert found.quality(1).get("label_before_prediction", 0) == 2, "minutes before the prediction it is of"


NEW_YORK = "America/New_York"
NAIVE = {"predicted_at": "timestamp", "logged_at": "timestamp"}


def half_hours(day: date, hours: list[float]) -> tuple[list[Row], list[Row]]:
    """Rows and labels at these times of a wall clock, which knows nothing of a change."""
    rows, labels = [], []
    for hour in hours:
        said = datetime.combine(day, time()) + timedelta(hours=hour)
        rows.append(prediction(f"r{hour}", day) | {"predicted_at": said, "logged_at": said})
        labels.append({"request_id": f"r{hour}", "actual": 1.0, "label_at": said})
    return rows, labels


@pytest.mark.parametrize("kind", ["parquet", "table", "csv", "jsonl"])
@pytest.mark.parametrize(
    "day, hours",
    [
        pytest.param(date(2013, 11, 3), [0.0, 0.5, 1.0, 1.5, 2.0, 23.5], id="the hour that comes twice"),
        pytest.param(date(2013, 3, 10), [0.0, 1.5, 2.0, 2.5, 3.0, 23.5], id="the hour that is skipped"),
    ],
)
def test_labels_in_naive_local_time_across_a_change_of_clocks(
    bench: Bench, kind: str, day: date, hours: list[float]
) -> None:
    """Each is of its day and counts once there, whichever of two instants its time may mean, or none."""
    rows, labels = half_hours(day, hours)
    spec = monitor(segments=())
    spec = replace(
        spec,
        predictions=replace(spec.predictions, timezone=NEW_YORK),
        ground_truth=replace(spec.ground_truth, timezone=NEW_YORK),
    )
    logs = Logs(rows, labels, PREDICTION_TYPES | NAIVE, LABEL_TYPES | {"label_at": "timestamp"})
    bench.run(
        at(spec, written(logs, kind, bench.folder, bench.url)),
        day - timedelta(days=1),
        day + timedelta(days=1),
    )
    found = Seen(bench, day)
    assert found.counts(0) == found.counts(1) == (len(hours), len(hours))
    assert "label_before_prediction" not in found.quality(1)
    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        assert Seen(bench, other).states[Horizon(0)].predictions == 0


@KINDS
@pytest.mark.parametrize("policy, actual", [(OnConflict.LAST, 1.0), (OnConflict.FIRST, 1.0)])
def test_a_label_corrected_twice(bench: Bench, kind: str, policy: OnConflict, actual: float) -> None:
    """Each correction counts from its own age on: yes, then no, then yes again."""
    spec = monitor(segments=())
    spec = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    labels = [
        label("a", NEXT, 1.0, 1),
        label("a", NEXT + timedelta(days=1), 0.0, 1),
        label("a", NEXT + timedelta(days=3), 1.0, 1),
    ]
    spec = at(spec, written(Logs([prediction("a", DAY)], labels), kind, bench.folder, bench.url))
    bench.run(spec, DAY, DAY + timedelta(days=7))
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(
            connection,
            "odd",
            metric="positive_rate",
            window=spec.unit_span,
            start=local(DAY, 0),
            end=local(DAY, 1),
        )
        states = bench.store.window_states(connection, "odd", local(DAY, 0), local(DAY, 1))
    corrected = 0.0 if policy is OnConflict.LAST else 1.0
    assert [(str(r.horizon), r.value) for r in rows] == [("1d", 1.0), ("3d", corrected), ("7d", actual)]
    contradictions = {str(s.horizon): s.quality.get("contradicting_label", 0) for s in states}
    assert contradictions == {"0d": 0, "1d": 0, "3d": 1, "7d": 2}


def test_a_months_labels_arriving_in_one_hour(bench: Bench) -> None:
    """Windows judged before stay without truth; those judged after have it, however old they were."""
    days = [DAY - timedelta(days=i) for i in range(30)]
    rows = [prediction(f"{day}-{i}", day, 0.2 + 0.1 * i) for day in days for i in range(6)]
    at_once = [label(row["request_id"], NEXT, 1.0, hour=9 + i / 200) for i, row in enumerate(rows)]
    made = monitor(segments=(), metrics=("recall",))
    spec = replace(made, maturity=replace(made.maturity, horizons=(Horizon(1), Horizon(30))))
    spec = at(spec, written(Logs(rows, at_once), "parquet", bench.folder))
    bench.run(spec, days[-1], DAY + timedelta(days=30))
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(
            connection,
            "odd",
            metric="recall",
            window=spec.unit_span,
            start=local(days[-1], 0),
            end=local(DAY, 1),
        )
    early = [row for row in found if row.horizon == Horizon(1) and row.as_of <= local(NEXT, 0)]
    assert {(row.value, row.maturity) for row in early} == {(None, Maturity.PROVISIONAL)}
    assert len(early) == 29
    late = [row for row in found if row.horizon == Horizon(30)]
    assert {(row.coverage, row.maturity, row.status) for row in late} == {(1.0, Maturity.MATURE, Status.OK)}
    assert len(late) == 30


def test_labels_that_stop(bench: Bench) -> None:
    """It is a lack of truth and not a bad model: no value, provisional, and a run that waits."""
    days = [DAY + timedelta(days=i) for i in range(6)]
    rows = [prediction(f"{day}-{i}", day, 0.2 + 0.1 * i) for day in days for i in range(6)]
    labels = [label(f"{day}-{i}", day + timedelta(days=1), 1.0) for day in days[:2] for i in range(6)]
    spec = at(monitor(segments=()), written(Logs(rows, labels), "parquet", bench.folder))
    bench.run(spec, days[0], days[-1])
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(
            connection, "odd", metric=["accuracy", "coverage"], window=Span(1), horizon=Horizon(1)
        )
    of_metric = {
        name: [(r.value, r.maturity) for r in found if r.metric == name and r.window_start >= local(DAY, 0)]
        for name in ("accuracy", "coverage")
    }
    assert [value is None for value, _ in of_metric["accuracy"]] == [False, False, True, True, True]
    assert [value for value, _ in of_metric["coverage"]] == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert {maturity for _, maturity in of_metric["accuracy"][2:]} == {Maturity.PROVISIONAL}
    answer = readiness(spec, days[-1], bench.runtime())
    assert not answer.ready
    assert "the newest label is of 2013-03-14" in answer.reason


@KINDS
def test_a_coverage_above_one_by_duplicates(bench: Bench, kind: str) -> None:
    """Four labels of two predictions, one of which was logged three times, cover them once."""
    rows = [
        prediction("a", DAY),
        prediction("a", DAY, hour=12.1),
        prediction("a", DAY, hour=13),
        prediction("b", DAY),
    ]
    labels = [label("a", NEXT, 1.0, hour) for hour in (1, 2, 3)] + [label("b", NEXT, 1.0)]
    found = seen(bench, rows, labels, kind=kind)
    assert found.counts(1) == (2, 2)
    assert found.value("coverage") == 1.0
    assert found.quality(1)["duplicate"] == 2


def test_a_run_for_a_day_not_yet_over(bench: Bench) -> None:
    """It is refused with the time from which on it can be, and writes nothing."""
    spec: MonitorSpec = at(monitor(), written(Logs([prediction("a", DAY)], []), "parquet", bench.folder))
    moment = datetime(2013, 3, 13, 3, 59, 59, tzinfo=UTC)
    sentence = "2013-03-12 is not over yet in America/New_York: run odd for it after 2013-03-13T04:00:00"
    for days in (DayRange(DAY, DAY), DayRange(DAY - timedelta(days=3), DAY)):
        with pytest.raises(HindsightError, match=sentence):
            run_days(spec, days, bench.runtime(clock=lambda: moment))
    assert len(bench.dump().splitlines()) == 5
