"""How labels come and change: delays, the ledger of changed labels, and the metrics read from both."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Snapshot, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import (
    Convention,
    Grain,
    Horizon,
    IncidentClass,
    OnConflict,
    Span,
    Status,
    Task,
    Verdict,
)
from hindsight.metrics import find
from hindsight.metrics.estimate import estimate
from hindsight.pipeline.truth import CHANGES, Truth
from hindsight.sources import feed
from hindsight.statistics.quality import Met, QualityStatistics
from worlds import Bench, Logs, Row, at, label, local, monitor, prediction, written

DAY = date(2013, 3, 12)
METRICS = ("recall", "flip_rate", "label_delay", "label_delay(0.9)", "time_to_know(0.5)", "time_to_know")


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def ran(bench: Bench, rows: list[Row], labels: list[Row], spec: MonitorSpec | None = None) -> MonitorSpec:
    made = spec or monitor(segments=(), metrics=METRICS)
    made = at(made, written(Logs(rows, labels), "parquet", bench.folder))
    bench.run(made, DAY, day(8))
    return made


def state(bench: Bench, horizon: int, of: date = DAY) -> WindowState:
    with bench.store.transaction() as connection:
        (found,) = bench.store.window_states(
            connection, "odd", local(of, 0), local(of, 1), horizons=[Horizon(horizon)]
        )
    return found


def metric(bench: Bench, name: str, horizon: int, days: int = 1) -> Snapshot:
    with bench.store.transaction() as connection:
        (found,) = bench.store.snapshots(
            connection,
            "odd",
            metric=name,
            horizon=Horizon(horizon),
            window=Span(days),
            start=local(DAY, 0),
            end=local(DAY, 1),
        )
    return found


def by_policy(policy: OnConflict, **changes: Any) -> MonitorSpec:
    spec = monitor(segments=(), metrics=METRICS, **changes)
    return replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))


@pytest.mark.parametrize("policy", list(OnConflict))
def test_a_label_corrected_twice_is_told_by_its_first_and_its_last_value(
    bench: Bench, policy: OnConflict
) -> None:
    rows = [prediction(name, DAY) for name in ("back", "forth", "same", "never", "same instant")]
    labels = [label("back", day(1)), label("back", day(2), 0.0), label("back", day(5), 1.0)]
    labels += [label("forth", day(1), 0.0), label("forth", day(2), 1.0), label("forth", day(2), 1.0, 9)]
    labels += [label("same", day(1)), label("same", day(3))]
    labels += [label("same instant", day(1), 1.0), label("same instant", day(1), 0.0)]
    ran(bench, rows, labels, by_policy(policy))
    assert state(bench, 0).ledger == {}
    assert state(bench, 1).ledger == {"0->1": 1}, "of one instant the lesser value is the first"
    assert state(bench, 3).ledger == {"0->1": 2, "1->0": 1}
    assert state(bench, 7).ledger == {"0->1": 2}, "changed and changed back"
    assert (metric(bench, "flip_rate", 3).value, metric(bench, "flip_rate", 3).n) == (3 / 4, 4)
    assert metric(bench, "flip_rate", 7).value == 2 / 4


def test_only_what_was_known_by_then_is_told(bench: Bench) -> None:
    rows = [prediction("a", DAY), prediction("late", DAY, logged_at=local(day(2), 5))]
    labels = [label("late", day(0), 0.0, 20), label("late", day(1), 1.0)]
    labels += [label("a", day(-2), 0.0), label("a", day(1), 1.0), label("a", day(9), 0.0)]
    ran(bench, rows, labels)
    assert state(bench, 1).ledger == {}, "not logged yet; and a label too old is another's"
    assert state(bench, 1).delays == {"1": 1}
    assert state(bench, 3).ledger == {"0->1": 1}
    assert state(bench, 3).delays == {"0": 1, "1": 1}
    assert state(bench, 7).ledger == {"0->1": 1}


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.RANKING])
def test_numbers_go_up_or_down(bench: Bench, task: Task) -> None:
    more = {"place": 1.0, "query": "q"} if task is Task.RANKING else {}
    rows = [prediction(name, DAY, **more) for name in ("a", "b", "c")]
    labels = [label("a", DAY, 2.0, 20), label("a", day(1), 3.0), label("b", DAY, 2.0, 20)]
    labels += [label("b", day(1), 1.5), label("c", DAY, 2.0, 20), label("c", day(1), 9.0)]
    spec = monitor(task, segments=())
    logs = Logs(rows, labels)
    types = {"place": "double precision", "query": "text"} if task is Task.RANKING else {}
    logs = replace(logs, prediction_types=logs.prediction_types | types)
    spec = at(replace(spec, metrics=(*spec.metrics, "flip_rate")), written(logs, "parquet", bench.folder))
    bench.run(spec, DAY, day(8))
    assert state(bench, 1).ledger == {"down": 1, "up": 2}
    assert state(bench, 0).ledger == {}
    assert metric(bench, "flip_rate", 1).value == 1.0


def test_classes_are_told_by_name_and_an_arrow_in_a_name_is_no_arrow(bench: Bench) -> None:
    scores = {"a->b": "p_cat", "dog": "p_dog", "owl": "p_owl"}
    spec = monitor(Task.MULTICLASS, segments=(), metrics=("accuracy", "flip_rate"))
    columns = replace(spec.predictions.columns, scores=scores)
    spec = replace(spec, predictions=replace(spec.predictions, columns=columns))
    rows = [prediction("x", DAY, p_cat=0.5, p_dog=0.3, p_owl=0.2, said="cat")]
    labels: list[Row] = [label("x", DAY, None, 20) | {"actual": "dog"}]
    labels += [label("x", day(1), None) | {"actual": "emu"}, label("x", day(2), None) | {"actual": "a->b"}]
    logs = Logs(rows, labels)
    types = logs.prediction_types | dict.fromkeys(("p_cat", "p_dog", "p_owl"), "double precision")
    logs = replace(logs, prediction_types=types, label_types=logs.label_types | {"actual": "text"})
    bench.run(at(spec, written(logs, "parquet", bench.folder)), DAY, day(8))
    assert state(bench, 1).ledger == {}, "nobody knows emus"
    assert state(bench, 3).ledger == {r"dog->a-\>b": 1}


def test_rare_kinds_of_change_are_counted_together() -> None:
    changes = [(0, 0, 9, f"c{i:03}->d", 2 if i % 2 else 1) for i in range(CHANGES + 20)]
    found = Truth({}, {1: changes}, None).ledger(1, 0)
    assert len(found) == CHANGES + 1
    assert found["(other)"] == 20
    assert sum(found.values()) == sum(count for *_, count in changes)
    assert Truth({}, {}, None).ledger(1, 0) == {}


def test_the_source_is_asked_for_changes_only_where_there_are_some(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    changed = feed.changed

    def watched(statement: Any, calendar: Any) -> Any:
        asked.append([calendar.day(position) for position in calendar.asked])
        return changed(statement, calendar)

    monkeypatch.setattr(feed, "changed", watched)
    rows = [prediction(f"{name}{n}", day(n)) for n in range(3) for name in "ab"]
    labels = [label(f"a{n}", day(n), 1.0, 20) for n in range(3)]
    ran(bench, rows, labels)
    assert asked == []
    bench.clear()
    ran(bench, rows, [*labels, label("a1", day(2), 0.0)])
    assert asked == [[day(1)]]
    bench.clear()
    spec = monitor(segments=(), metrics=METRICS)
    unique = replace(spec, ground_truth=replace(spec.ground_truth, unique=True))
    ran(bench, rows, labels, unique)
    assert asked == [[day(1)]]
    assert metric(bench, "flip_rate", 7).value == 0.0


def test_a_log_that_is_overwritten_in_place_hides_its_changes(bench: Bench) -> None:
    rows = [prediction("a", DAY), prediction("b", DAY)]
    spec = ran(bench, rows, [label("a", DAY, 1.0, 20), label("b", DAY, 1.0, 20)])
    # The label was corrected, and nothing of the first one is left: it is as if it had come later.
    written(Logs(rows, [label("a", day(2), 0.0), label("b", DAY, 1.0, 20)]), "parquet", bench.folder)
    bench.run(spec, DAY, day(8))
    assert state(bench, 1).source_rewritten, "what was known then is kept"
    assert state(bench, 1).labelled == 2
    assert state(bench, 7).ledger == {}, "there is no trace of a change"


def test_delays_count_days_between_local_days(bench: Bench) -> None:
    rows = [prediction(name, DAY, hour=23.9) for name in "abcdefgh"]
    labels = [label("a", day(0), 1.0, 20), label("b", day(0), 1.0, 23.95), label("c", day(1), 1.0, 0.0)]
    labels += [label("d", day(1), 1.0, 23.99), label("e", day(2), 0.0, 0), label("e", day(1), float("nan"))]
    labels += [label("f", day(7), 1.0, 23), label("g", day(8), 1.0, 0.0), label("nobody", day(1))]
    ran(bench, rows, labels)
    assert state(bench, 0).delays == {"0": 2}
    assert state(bench, 1).delays == {"0": 2, "1": 2}
    assert state(bench, 3).delays == {"0": 2, "1": 2, "2": 1}
    assert state(bench, 7).delays == {"0": 2, "1": 2, "2": 1, "7": 1}
    assert metric(bench, "label_delay", 7).value == 1.0
    assert metric(bench, "label_delay(0.9)", 7).value == 7.0
    assert metric(bench, "label_delay(0.9)", 3).value == 2.0, "truncated at the horizon"
    assert metric(bench, "time_to_know(0.5)", 7).value == 1.0
    never = metric(bench, "time_to_know", 7)
    assert (never.value, never.status) == (None, Status.EMPTY)
    assert never.reason == "75.0% of the predictions have had a label, not 90%"


def test_duplicates_do_not_make_more_labels_than_predictions(bench: Bench) -> None:
    rows = [prediction("a", DAY), prediction("a", DAY, 0.2, 13), prediction("a", DAY, version="v2")]
    rows += [prediction(None, DAY), prediction("a", DAY, float("nan"))]
    labels = [label("a", day(n), 1.0, hour) for n in range(4) for hour in (3, 3, 8)]
    ran(bench, rows, labels, monitor(segments=(), metrics=METRICS))
    for horizon in (1, 3, 7):
        found = state(bench, horizon)
        assert (found.predictions, found.labelled, sum(found.delays.values())) == (2, 2, 2)
        assert found.delays == {"0": 2}
        assert found.ledger == {}
    with bench.store.transaction() as connection:
        shares = bench.store.snapshots(connection, "odd", metric="coverage", start=local(DAY, 0))
    assert {s.value for s in shares if s.n} == {1.0}


def test_labels_from_the_future_count_when_their_time_has_come(bench: Bench) -> None:
    labels = [label("a", day(4)), label("a", DAY + timedelta(days=4000), 0.0)]
    ran(bench, [prediction("a", DAY)], labels)
    assert [state(bench, h).delays for h in (0, 1, 3, 7)] == [{}, {}, {}, {"4": 1}]
    assert state(bench, 7).ledger == {}


def test_a_long_window_adds_the_delays_of_its_days(bench: Bench) -> None:
    rows = [prediction(f"r{n}-{i}", day(n)) for n in range(7) for i in range(10)]
    labels = [label(f"r{n}-{i}", day(n + n % 3), 1.0, 20) for n in range(7) for i in range(10)]
    made = monitor(segments=(), metrics=METRICS)
    made = at(made, written(Logs(rows, labels), "parquet", bench.folder))
    bench.run(made, DAY, day(13))
    pooled = metric(bench, "label_delay(0.9)", 7, days=7)
    assert (pooled.value, pooled.n) == (2.0, 70)
    assert metric(bench, "label_delay", 7, days=7).value == 1.0
    assert metric(bench, "time_to_know(0.5)", 7, days=7).value == 1.0
    assert pooled.standard_error is not None


def test_windows_of_the_metrics_are_sums_of_days() -> None:
    rng = np.random.default_rng(1)
    days = []
    for _ in range(28):
        delays = {str(age): int(rng.integers(0, 9)) for age in range(8)}
        told = sum(delays.values())
        ledger = {"0->1": told // 8, "1->0": told // 9}
        days.append(Met(told + int(rng.integers(0, 3)), told, {}, delays, ledger))
    history = QualityStatistics.of(days, 8)
    for name in METRICS[1:]:
        read = find(name)
        found = estimate(read, read.terms(history), 28)
        assert found.value == read.value(read.terms(history.pooled()))
        assert found.standard_error >= read.row_error(read.terms(history.pooled()))
        assert np.isnan(read.value(read.terms(QualityStatistics.of([None], 8)))).all()


@pytest.mark.parametrize("name", ["label_delay(1)", "label_delay(0)", "time_to_know(0)", "time_to_know(1.1)"])
def test_a_share_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="takes a share"):
        find(name)


def test_labels_that_come_later_than_they_should_are_an_incident_of_label_health(bench: Bench) -> None:
    rows = [prediction(f"r{n}-{i}", day(n)) for n in range(6) for i in range(40)]
    labels = [label(f"r{n}-{i}", day(n + (2 if n > 3 else 0)), 1.0, 20) for n in range(6) for i in range(40)]
    rule = Threshold(metric="time_to_know", max=1, window=Span(1), at=Horizon(3), evidence=0.0)
    spec = monitor(segments=(), metrics=("recall", "time_to_know"), detectors=(rule,))
    ran(bench, rows, labels, spec)
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd", horizon=Horizon(3))
    mine = [d for d in found if d.window_start >= local(DAY, 0)]
    assert [d.verdict for d in mine] == [Verdict.CLEAR] * 4 + [Verdict.BREACH] * 2
    assert {d.incident_class for d in mine} == {IncidentClass.LABEL_HEALTH}


def test_by_the_hour_delays_and_silence_are_in_hours(bench: Bench) -> None:
    rows = [prediction(f"r{n}", DAY, 0.9, hour=n + 0.5) for n in range(10)]
    labels = [label("r0", DAY, 1.0, 0.75), label("r1", DAY, 1.0, 2.5), label("r1", DAY, 0.0, 2.5)]
    labels += [label("r2", DAY, 1.0, 5.5), label("r3", DAY, 1.0, 7.5)]
    spec = monitor(segments=(), metrics=METRICS, grain=Grain.HOUR, windows=(Span(6, "h"),))
    horizons = (Horizon(1, "h"), Horizon(3, "h"))
    truth = replace(
        spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE, silent_for=timedelta(minutes=90)
    )
    spec = replace(spec, maturity=replace(spec.maturity, horizons=horizons), ground_truth=truth)
    spec = at(spec, written(Logs(rows, labels), "parquet", bench.folder))
    bench.run(spec, local(DAY, 0), local(DAY, 12))
    with bench.store.transaction() as connection:
        found = bench.store.window_states(connection, "odd", local(DAY, 0), local(DAY, 7))
    states = {
        (round((s.window_start - local(DAY, 0)) / timedelta(hours=1)), s.horizon.count): s for s in found
    }
    assert [states[0, h].delays for h in (0, 1, 3)] == [{"0": 1}] * 3
    assert [states[1, h].delays for h in (0, 1, 3)] == [{}, {"1": 1}, {"1": 1}]
    assert [states[2, h].delays for h in (0, 1, 3)] == [{}, {}, {"3": 1}]
    assert [states[3, h].delays for h in (0, 1, 3)] == [{}, {}, {}], "four hours are too late"
    assert states[1, 1].ledger == {"0->1": 1}
    defaulted = {n: states[n, 3].quality.get("default_negative") for n in range(7)}
    assert defaulted == {0: 0, 1: None, 2: 0, 3: 1, 4: 1, 5: 1, 6: None}
    assert states[6, 3].quality == {"silent_feed": 1}
    with bench.store.transaction() as connection:
        (silent,) = bench.store.snapshots(
            connection,
            "odd",
            metric="recall",
            horizon=horizons[1],
            window=Span(1, "h"),
            start=local(DAY, 6),
            end=local(DAY, 7),
        )
    assert (
        silent.reason == "no label was learnt in the 90m before 2013-03-12 10:00: the feed may have stopped"
    )
