"""`convention: default_negative`: silence is a "no", but only when it is due and only while labels come."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Detection, Snapshot, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import (
    Convention,
    Horizon,
    IncidentClass,
    Maturity,
    OnConflict,
    Severity,
    Span,
    Status,
    Verdict,
)
from worlds import ZONE, Bench, Logs, Row, at, label, local, monitor, odd_logs, prediction, written

FIRST = date(2013, 4, 1)
LAST = Horizon(7)
OUTCOMES = ("coverage", "recall", "precision", "accuracy", "log_loss")
METRICS = ("recall", "precision", "accuracy", "log_loss", "default_share", "labels_learnt")


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def silent(spec: MonitorSpec | None = None, **changes: Any) -> MonitorSpec:
    """A monitor to which silence is a "no"."""
    made = spec or monitor(segments=(), metrics=METRICS)
    truth = replace(made.ground_truth, convention=Convention.DEFAULT_NEGATIVE, **changes)
    return replace(made, ground_truth=truth)


def fraud(days: int, stops: int | None = None, starts: int | None = None) -> Logs:
    """Twenty calls a day, of which four are charged back within three days, while the feed lives.

    The model accuses the first five: three of them are charged back, and one that it did not accuse.
    """
    labels: list[Row] = []
    scores = [0.9] * 5 + [0.1] * 15
    rows = [
        prediction(f"c{number}-{i}", day(number), score)
        for number in range(days)
        for i, score in enumerate(scores)
    ]
    for number in range(days):
        learnt = {number + late: i for late, i in enumerate((0, 1, 2, 7))}
        labels += [label(f"c{number}-{i}", day(when), 1.0, 14) for when, i in learnt.items()]
    dead = range(days + 9 if stops is None else stops, days + 9 if starts is None else starts)
    return Logs(rows, [row for row in labels if all(row["label_at"].date() != day(n) for n in dead)])


def ran(bench: Bench, spec: MonitorSpec, logs: Logs, last: int) -> MonitorSpec:
    made = at(spec, written(logs, "parquet", bench.folder))
    bench.run(made, FIRST, day(last))
    return made


def snapshots(bench: Bench, **chosen: Any) -> list[Snapshot]:
    with bench.store.transaction() as connection:
        return bench.store.snapshots(connection, "odd", **chosen)


def states(bench: Bench, horizon: Horizon = LAST) -> dict[date, WindowState]:
    with bench.store.transaction() as connection:
        found = bench.store.window_states(connection, "odd", horizons=[horizon])
    return {state.window_start.date(): state for state in found}


def detections(bench: Bench, name: str) -> list[Detection]:
    with bench.store.transaction() as connection:
        return bench.store.detections(connection, "odd", detector=name)


def of(found: Iterable[Snapshot], metric: str) -> dict[date, Snapshot]:
    return {s.window_start.date(): s for s in found if s.metric == metric}


def test_silence_is_a_no_at_the_last_horizon(bench: Bench) -> None:
    ran(bench, silent(), fraud(12), 11)
    found = snapshots(bench, window=Span(1), horizon=LAST, start=local(FIRST, 0))
    first = {s.metric: s for s in found if s.window_start.date() == FIRST}
    assert {name: first[name].value for name in ("recall", "precision", "accuracy", "coverage")} == {
        "recall": 3 / 4,
        "precision": 3 / 5,
        "accuracy": 17 / 20,
        "coverage": 1.0,
    }
    assert {s.maturity for s in found} == {Maturity.MATURE}
    assert (first["default_share"].value, first["default_share"].n) == (16 / 20, 20)
    assert states(bench)[FIRST].quality == {"default_negative": 16}


def test_before_that_a_window_is_never_scored_but_its_labels_are_told(bench: Bench) -> None:
    ran(bench, silent(), fraud(12), 11)
    for horizon in (Horizon(1), Horizon(3)):
        found = [s for s in snapshots(bench, horizon=horizon, start=local(FIRST, 0)) if s.metric in OUTCOMES]
        single = {s.metric: s for s in found if s.window == Span(1) and s.window_start.date() == FIRST}
        assert single["coverage"].value == {1: 2 / 20, 3: 4 / 20}[horizon.count]
        assert single["coverage"].status is Status.OK
        why = 'a missing label is a "no" only at 7d, and until then it says nothing'
        assert single["recall"].reason == why
        for snapshot in found:
            assert snapshot.maturity is Maturity.PENDING
            if snapshot.metric != "coverage":
                assert (snapshot.value, snapshot.standard_error) == (None, None)
                assert snapshot.status is Status.UNDEFINED
        shares = [s for s in snapshots(bench, horizon=horizon, metric="default_share") if s.window == Span(1)]
        assert {s.value for s in shares} == {None}


def test_what_is_learnt_after_the_last_horizon_changes_nothing(bench: Bench) -> None:
    rows = [prediction(f"a{i}", FIRST, 0.9) for i in range(4)]
    labels = [label("a0", day(3)), label("a1", day(8)), label("other", day(7), 1.0, 20)]
    # told in time and corrected in time; told in time and corrected too late
    labels += [label("a2", day(1)), label("a2", day(2), 0.0), label("a3", day(1)), label("a3", day(9), 0.0)]
    ran(bench, silent(), Logs(rows, labels), 12)
    state = states(bench)[FIRST]
    assert state.quality["default_negative"] == 1
    assert (state.predictions, state.labelled, state.ledger) == (4, 4, {"1->0": 1})
    found = of(snapshots(bench, window=Span(1), horizon=LAST), "precision")
    assert found[FIRST].value == 2 / 4, "a0 and a3 were charged back in time"


@pytest.mark.parametrize("policy", [OnConflict.LAST, OnConflict.FIRST])
@pytest.mark.parametrize("columns", [{}, {"cluster": "customer"}])
def test_statistics_are_to_the_last_digit_those_of_labels_that_say_no(
    bench: Bench, policy: OnConflict, columns: dict[str, str]
) -> None:
    logs = odd_logs(11, FIRST, 6)
    rows = [row | {"customer": f"{row['predicted_at']:%d}-{row['carrier']}"} for row in logs.predictions]
    rows = [row | {"predicted_at": min(row["predicted_at"], row["logged_at"])} for row in rows]
    logs = replace(logs, predictions=rows, prediction_types=logs.prediction_types | {"customer": "text"})
    if columns:  # a cluster lies within a local day, so it is named by it
        zoned = [row | {"customer": f"{local_day(row)}-{row['carrier']}"} for row in rows]
        logs = replace(logs, predictions=zoned)
    spec = monitor(metrics=METRICS)
    named = replace(spec.predictions.columns, **columns)
    spec = replace(spec, predictions=replace(spec.predictions, columns=named))
    by_default = silent(spec, on_conflict=policy, silent_for=timedelta(days=30))
    ran(bench, by_default, logs, 15)
    of_silence = statistics(bench)
    bench.clear()
    told: dict[Any, list[Row]] = {}
    for row in logs.labels:
        told.setdefault(row["request_id"], []).append(row)
    labels: list[Row] = []
    for row in rows:
        due = local(local_day(row) + timedelta(days=8), 0)
        mine = [
            each
            for each in told.get(row["request_id"], [])
            if each["label_at"] < due and each["actual"] in (0.0, 1.0)
        ]
        labels += mine
        if not mine and row["request_id"] is not None:
            silence = {"actual": 0.0, "label_at": due - timedelta(hours=1)}
            labels.append({"request_id": row["request_id"]} | silence)
    unique = {(row["request_id"], row["label_at"], row["actual"]): row for row in labels}
    explicit = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    ran(bench, explicit, replace(logs, labels=list(unique.values())), 15)
    of_labels = statistics(bench)
    assert len(of_silence) > 50
    assert of_silence == of_labels
    assert all(("clusters" in text) == bool(columns) for text in of_silence.values())


def local_day(row: Row) -> date:
    moment: datetime = row["predicted_at"]
    return moment.astimezone(ZONE).date()


def statistics(bench: Bench) -> dict[tuple[Any, ...], str]:
    with bench.store.transaction() as connection:
        found = bench.store.statistics(connection, "odd", local(FIRST, 0), local(day(40), 0), horizons=[LAST])
    return {(row.version, row.segment, row.window_start): row.payload for row in found}


RULES = (
    Threshold(metric="recall", min=0.5, window=Span(1), at=LAST, evidence=0.0, name="recall"),
    Threshold(metric="precision", max=0.7, window=Span(7), at=LAST, evidence=0.0, name="precision"),
    Threshold(metric="coverage", min=0.9, window=Span(1), at=LAST, evidence=0.0, name="coverage"),
    Threshold(
        metric="labels_learnt",
        min=1,
        window=Span(3),
        at=Horizon(0),
        evidence=0.0,
        severity=Severity.CRITICAL,
        name="feed",
    ),
)


def test_a_feed_that_stops_is_seen_as_such_and_never_as_perfect_negatives(bench: Bench) -> None:
    spec = replace(silent(), detectors=RULES)
    ran(bench, spec, fraud(40, stops=20), 39)
    # The day before the feed stopped is the last on which a label was learnt; three days prove it alive.
    alive = [name for name, state in states(bench).items() if "default_negative" in state.quality]
    assert max(alive) == day(14), "judged on the 22nd, when a label of the 19th was two and a half days old"
    dead = [state for state in states(bench).values() if "silent_feed" in state.quality]
    assert len(dead) == 32 - 14 + 1 - 1
    assert {state.quality["silent_feed"] for state in dead} == {20}
    assert {state.labelled for state in dead} == {0}
    found = [s for s in snapshots(bench, horizon=LAST, window=Span(1)) if s.window_start.date() > day(14)]
    outcomes = [s for s in found if s.metric not in {"coverage", "default_share", "labels_learnt"}]
    assert {(s.value, s.status, s.maturity) for s in outcomes} == {(None, Status.UNDEFINED, Maturity.PENDING)}
    assert of(found, "recall")[day(15)].reason == (
        "no label was learnt in the 3d before 2013-04-24 00:00: the feed may have stopped"
    )
    assert {s.value for s in found if s.metric == "coverage"} == {0.0}
    for name, length in (("recall", 1), ("precision", 7)):
        judged = detections(bench, name)
        later = [d for d in judged if d.window_start.date() > day(14)]
        assert later
        assert {d.verdict for d in later} == {Verdict.INSUFFICIENT}
        assert all("the feed may have stopped" in d.reason for d in later), length
    assert {d.verdict for d in detections(bench, "recall")} == {Verdict.CLEAR, Verdict.INSUFFICIENT}
    feed = {d.window_end.date(): d.verdict for d in detections(bench, "feed")}
    assert [feed[day(n)] for n in (20, 21, 22, 23, 30)] == [*[Verdict.CLEAR] * 3, *[Verdict.BREACH] * 2]
    assert Verdict.BREACH in {d.verdict for d in detections(bench, "coverage")}
    with bench.store.transaction() as connection:
        incidents = bench.store.incidents(connection, "odd")
    assert {incident.incident_class for incident in incidents} == {IncidentClass.LABEL_HEALTH}


def test_in_a_long_window_only_days_with_a_live_feed_are_scored(bench: Bench) -> None:
    spec = silent(silent_for=timedelta(days=1))
    logs = fraud(25, stops=18, starts=21)
    ran(bench, spec, logs, 24)
    # as_ofs of these days lie behind 24 hours without a label
    assert [n for n in range(18) if "silent_feed" in states(bench)[day(n)].quality] == [11, 12, 13]
    weeks = snapshots(bench, window=Span(7), horizon=LAST, start=local(day(9), 0), end=local(day(9), 1))
    week = {s.metric: s for s in weeks}
    assert week["coverage"].value == 4 / 7
    assert week["coverage"].maturity is Maturity.MATURE, "half is asked for"
    assert week["recall"].n == 4 * 4 - 1, "of four days; the silence of three cost one late chargeback"
    assert week["precision"].value == 12 / 20
    assert week["default_share"].n == 80
    strict = replace(spec, maturity=replace(spec.maturity, min_coverage=0.9))
    bench.clear()
    ran(bench, replace(strict, detectors=RULES[:2]), logs, 24)
    judged = [d for d in detections(bench, "precision") if d.window_start.date() == day(9)]
    assert [d.verdict for d in judged] == [Verdict.INSUFFICIENT]
    assert judged[0].reason == "57% of the predictions have a label, 90% are asked for."


def test_labels_from_the_future_prove_nothing_before_their_time(bench: Bench) -> None:
    logs = fraud(30, stops=12)
    future = [label("nobody", day(25), 1.0, 12)]
    ran(bench, silent(), replace(logs, labels=[*logs.labels, *future]), 29)
    alive = [n for n in range(22) if "default_negative" in states(bench)[day(n)].quality]
    assert alive == [0, 1, 2, 3, 4, 5, 6, *[18, 19, 20]]


@pytest.mark.parametrize("value", [float("nan"), None])
def test_a_label_that_cannot_be_used_proves_the_feed_alive(bench: Bench, value: float | None) -> None:
    rows = [prediction("a", FIRST, 0.9)]
    ran(bench, silent(), Logs(rows, [label("nobody", day(6), value)]), 9)
    assert states(bench)[FIRST].quality == {"default_negative": 1}


def test_labels_that_land_late_make_the_silence_a_no(bench: Bench) -> None:
    whole, cut = fraud(16), fraud(16, stops=5, starts=14)
    spec = ran(bench, silent(), cut, 15)
    assert "silent_feed" in states(bench)[day(4)].quality
    written(whole, "parquet", bench.folder)
    bench.run(spec, FIRST, day(15))
    late = states(bench)[day(4)]
    assert late.quality == {"default_negative": 16}
    assert late.late_landed
    assert not late.source_rewritten


def test_what_lands_late_also_revives_days_that_it_has_no_label_for(bench: Bench) -> None:
    logs = fraud(12)
    rows = [row for row in logs.labels if row["label_at"] < local(day(5), 0)]
    # The feed stood still for days; then a label of then lands, of a prediction of another day.
    late = label("c6-0", day(9), 1.0, 12)
    lands = [row | {"landed_at": row["label_at"] + timedelta(hours=1)} for row in rows]
    lands.append(late | {"landed_at": local(day(14), 9)})
    logs = replace(logs, labels=lands, label_types=logs.label_types | {"landed_at": "timestamptz"})
    spec = silent()
    columns = replace(spec.ground_truth.columns, landed="landed_at")
    spec = replace(spec, ground_truth=replace(spec.ground_truth, columns=columns))
    before = replace(logs, labels=lands[:-1])
    spec = ran(bench, spec, before, 13)
    assert {n for n in range(7) if "silent_feed" in states(bench)[day(n)].quality} == {0, 1, 2, 3, 4, 5, 6}
    written(logs, "parquet", bench.folder)
    bench.run(spec, day(14))
    revived = {n for n in range(7) if "default_negative" in states(bench)[day(n)].quality}
    assert revived == {2, 3, 4}, "judged on the 11th to 13th, and a label of the 10th is in now"
    late_ones = {n for n in range(7) if states(bench)[day(n)].late_landed}
    assert late_ones == {2, 3, 4, 6}, "and the day of its prediction, whose delays it changed"
    found = snapshots(bench, metric="recall", window=Span(1), horizon=LAST, start=local(day(2), 0))
    assert found[0].status is Status.OK
    dump = bench.dump()
    bench.run(spec, day(14))
    assert bench.dump() == dump


def test_a_feed_that_is_emptied_later_takes_nothing_away(bench: Bench) -> None:
    spec = ran(bench, silent(), fraud(10), 9)
    before = states(bench)[FIRST]
    written(replace(fraud(10), labels=[label("nobody", day(40))]), "parquet", bench.folder)
    bench.run(spec, FIRST, day(9))
    after = states(bench)[FIRST]
    assert after == replace(before, source_rewritten=True)


def test_any_order_of_days_leaves_the_same_bytes(bench: Bench) -> None:
    logs = odd_logs(3, FIRST, 8)
    gap = local(day(8), 0), local(day(12), 0)
    logs = replace(logs, labels=[row for row in logs.labels if not gap[0] <= row["label_at"] < gap[1]])
    spec = silent(
        monitor(segments=("carrier",), metrics=METRICS, detectors=RULES), silent_for=timedelta(days=2)
    )
    ran(bench, spec, logs, 14)
    whole = bench.dump()
    assert '"silent_feed"' in whole
    assert '"default_negative"' in whole
    bench.clear()
    days = [day(n) for n in range(15)]
    made = at(spec, written(logs, "parquet", bench.folder))
    for one in random.Random(5).sample(days, len(days)):
        bench.run(made, one)
    assert bench.dump() == whole
