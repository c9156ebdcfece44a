"""Experiments through the pipeline: what the arms are made of, on which days, and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindsight.config import load
from hindsight.detectors.compare import Compare
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Convention, Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.errors import ConfigError
from hindsight.pipeline.stale import run_stale
from worlds import PREDICTION_TYPES, Bench, Logs, at, in_a_row, label, monitor, prediction, written

FIRST, DAYS = date(2013, 7, 1), 10
LATENCY = "mean_latency"
RATES = {"v1": 0.7, "v2": 0.9}


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@cache
def logs() -> Logs:
    """Ten days of two versions, 40 rows each: v2 is right more often and slower, and so is JFK than LGA.

    v2 has no row on the first day.  Every label is learnt on the day after.
    """
    draw = random.Random(5)
    rows, labels = [], []
    for number in range(DAYS):
        for version, rate in RATES.items():
            for i in range(40 if number or version == "v1" else 0):
                key, origin = f"{version}-{number}-{i}", "JFK" if i % 2 else "LGA"
                right = draw.random() < rate + (0.1 if origin == "JFK" else -0.1)
                score = draw.choice([0.2, 0.8])
                latency = draw.uniform(5, 15) + (20 if version == "v2" else 0)
                more = {"version": version, "origin": origin, "latency": latency}
                rows.append(prediction(key, day(number), score, 6 + i / 5, **more))
                labels.append(label(key, day(number + 1), float((score > 0.5) == right)))
    return Logs(rows, labels, PREDICTION_TYPES | {"latency": "double precision"})


def compare(**options: Any) -> Compare:
    usual = {
        "metric": "accuracy",
        "control": "v1",
        "treatment": "v2",
        "start": day(1),
        "end": day(DAYS - 2),
        "at": Horizon(1),
        "minimum": 20,
        "name": "it",
    }
    return Compare(**usual | options)


@pytest.fixture
def spec(bench: Bench) -> MonitorSpec:
    made = monitor(segments=("origin",), metrics=("accuracy", "recall", LATENCY), windows=(Span(1),))
    columns = replace(made.predictions.columns, latency_ms="latency")
    made = replace(made, predictions=replace(made.predictions, columns=columns))
    return at(replace(made, detectors=(compare(),)), written(logs(), "parquet", bench.folder))


def detections(bench: Bench, horizon: int = 1) -> list[Detection]:
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd")
    return sorted((d for d in found if d.horizon.count == horizon), key=lambda d: d.window_start)


def after(bench: Bench, spec: MonitorSpec, *detectors: Compare) -> list[Detection]:
    """What is said at 1d after one pass over all days of the experiment."""
    bench.run(replace(spec, detectors=detectors), FIRST, day(DAYS - 1))
    return detections(bench)


def right(numbers: Iterable[int], **wanted: str) -> tuple[int, int]:
    """How many rows of these days were right, and how many there are."""
    actual = {row["request_id"]: row["actual"] for row in logs().labels}
    found = [
        (row["score"] > 0.5) == actual[row["request_id"]]
        for row in logs().predictions
        if all(row[name] == value for name, value in wanted.items())
        and row["request_id"].split("-")[1] in {str(number) for number in numbers}
    ]
    return sum(found), len(found)


def test_the_arms_are_pooled_from_the_first_day_on(bench: Bench, spec: MonitorSpec) -> None:
    found = after(bench, spec, compare(guardrails={LATENCY: 50.0}, also=("recall",)))
    assert [d.window_start.date() for d in found] == [day(number) for number in range(1, DAYS - 1)]
    for number, made in enumerate(found, 1):
        assert (made.version, made.segment, made.window) == ("v2", "ALL", Span(1))
        assert made.incident_class is IncidentClass.PERFORMANCE
        for arm, version in (("control", "v1"), ("treatment", "v2")):
            hits, rows = right(range(1, number + 1), version=version)
            assert made.details[arm] == {
                "name": version,
                "rows": rows,
                "n": rows,
                "value": hits / rows,
                "coverage": 1.0,
            }
        assert (made.details["days"], made.details["days_left_out"]) == (number, 0)
        guard = made.details["guardrails"][0]
        assert 18 < guard["difference"] < 22
        assert made.details["also"][0]["metric"] == "recall"
    last = found[-1]
    assert (last.verdict, last.details["recommendation"]) == (Verdict.CLEAR, "ship")
    assert last.n == last.details["treatment"]["n"]


def test_the_error_of_the_difference_leaves_out_one_day_at_a_time(bench: Bench, spec: MonitorSpec) -> None:
    last = after(bench, spec, compare(paired=True))[-1]
    numbers = range(1, DAYS - 1)

    def gap(left: Sequence[int]) -> float:
        shares = [hits / rows for hits, rows in (right(left, version=version) for version in ("v1", "v2"))]
        return shares[1] - shares[0]

    without = np.array([gap([n for n in numbers if n != left]) for left in numbers])
    error = (7 / 8 * ((without - without.mean()) ** 2).sum()) ** 0.5
    low, high = last.details["interval"]
    assert (low + high) / 2 == pytest.approx(gap(list(numbers)))
    from hindsight.detectors.methods.sequences import multiplier, student

    assert (high - low) / 2 == pytest.approx(student(multiplier(1.0, 0.05), 7) * error)


def test_days_on_which_one_arm_has_no_row_are_left_out(bench: Bench, spec: MonitorSpec) -> None:
    found = after(bench, spec, compare(start=day(0)))
    assert found[0].verdict is Verdict.INSUFFICIENT
    nothing = "the arm 'v2' has no prediction of version 'v2' from 2013-07-01 to 2013-07-01"
    assert found[0].reason == f"{nothing}; there are the versions v1, v2."
    last = found[-1]
    assert (last.details["days"], last.details["days_left_out"]) == (8, 1)
    assert last.details["control"]["n"] == last.details["treatment"]["n"] == 320
    assert last.details["control"]["rows"] == 360
    assert last.details["sample_ratio"]["seen"] == pytest.approx(320 / 680)


@pytest.mark.parametrize("order", ["backwards", "shuffled twice"])
def test_in_whatever_order_the_days_come_the_bits_are_the_same(
    bench: Bench, spec: MonitorSpec, order: str
) -> None:
    rules = (compare(guardrails={LATENCY: 5.0}, also=("recall",)),)
    spec = replace(spec, detectors=rules, maturity=replace(spec.maturity, horizons=(Horizon(1), Horizon(2))))
    days = [day(number) for number in range(DAYS + 2)]
    bench.run(spec, days[0], days[-1])
    at_once = bench.dump()
    assert {d.details["guardrails"][0]["state"] for d in detections(bench)} > {"broken"}
    bench.clear()
    shuffled = random.Random(8).sample(days, len(days))
    in_a_row(bench, spec, days[::-1] if order == "backwards" else [*shuffled, *shuffled[:4]])
    assert bench.dump() == at_once


def test_a_guardrail_can_block(bench: Bench, spec: MonitorSpec) -> None:
    last = after(bench, spec, compare(guardrails={LATENCY: 12.0}))[-1]
    assert (last.verdict, last.severity, last.details["recommendation"]) == (
        Verdict.BREACH,
        Severity.WARNING,
        "block",
    )
    assert last.reason.startswith("Block: the guardrail mean_latency is ")


def test_the_arms_may_be_values_of_a_column(bench: Bench, spec: MonitorSpec) -> None:
    of_all = compare(control="LGA", treatment="JFK", column="origin")
    of_one = replace(of_all, version="v1", name="one")
    found = after(bench, spec, of_all, of_one)
    last = {d.detector: d for d in found if d.window_start.date() == day(DAYS - 2)}
    assert {(d.detector, d.version, d.segment) for d in found} == {
        ("it", "ALL", "origin=JFK"),
        ("one", "v1", "origin=JFK"),
    }
    for name, wanted in (("it", {}), ("one", {"version": "v1"})):
        for arm, origin in (("control", "LGA"), ("treatment", "JFK")):
            hits, rows = right(range(1, DAYS - 1), origin=origin, **wanted)
            told = last[name].details[arm]
            assert (told["name"], told["n"], told["value"]) == (origin, rows, hits / rows)


def test_rows_outside_are_left_out(bench: Bench, spec: MonitorSpec) -> None:
    last = after(bench, spec, compare(within="origin=JFK"))[-1]
    assert (last.version, last.segment) == ("v2", "origin=JFK")
    hits, rows = right(range(1, DAYS - 1), origin="JFK", version="v2")
    assert (last.details["treatment"]["n"], last.observed) == (rows, hits / rows)


def test_a_breach_of_a_segment_stands_with_its_severity(bench: Bench, spec: MonitorSpec) -> None:
    """It is one judgement, and not one of many segments that might be found by chance."""
    turned = compare(control="JFK", treatment="LGA", column="origin")
    last = after(bench, spec, turned)[-1]
    assert (last.verdict, last.details["recommendation"]) == (Verdict.BREACH, "revert")
    assert last.severity in (Severity.WARNING, Severity.CRITICAL)


@pytest.mark.parametrize(
    "options, reason",
    [
        (
            {"treatment": "v3"},
            "the arm 'v3' has no prediction of version 'v3' from 2013-07-02 to 2013-07-09; there are",
        ),
        (
            {"within": "origin=SFO"},
            "the arm 'v1' has no prediction of version 'v1' in origin=SFO from 2013-07-02 to 2013-07-09.",
        ),
        (
            {"column": "origin", "control": "JFK", "treatment": "SFO"},
            "the arm 'SFO' has no prediction in origin=SFO from 2013-07-02 to 2013-07-09.",
        ),
        ({"minimum": 5000}, "accuracy is not judged: v1 has 320 of the 5,000 rows that are asked for."),
    ],
)
def test_what_cannot_be_compared_says_why(
    bench: Bench, spec: MonitorSpec, options: dict[str, Any], reason: str
) -> None:
    last = after(bench, spec, compare(**options))[-1]
    assert last.verdict is Verdict.INSUFFICIENT
    assert last.reason.startswith(reason)


def test_a_day_that_was_not_run_is_missed_until_it_is(bench: Bench, spec: MonitorSpec) -> None:
    days = [day(number) for number in range(DAYS + 1) if number != 4]
    in_a_row(bench, spec, days)
    told = {d.window_start.date(): d for d in detections(bench)}
    assert told[day(2)].verdict is not Verdict.INSUFFICIENT
    assert told[day(7)].reason == "1 of 7 days were not computed at 1d, the first is 2013-07-04."
    in_a_row(bench, spec, [day(4)])
    assert all("not computed" not in d.reason for d in detections(bench))


def test_silence_that_says_nothing_yet_is_not_judged(bench: Bench, spec: MonitorSpec) -> None:
    truth = replace(spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE)
    last = after(bench, replace(spec, ground_truth=truth), compare())[-1]
    assert last.verdict is Verdict.INSUFFICIENT
    assert 'a missing label is a "no" only at 7d' in last.reason


def test_an_edit_of_the_experiment_leaves_nothing_behind(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, day(DAYS + 1))
    assert len(detections(bench)) == DAYS, "two days on which it is over among them"
    assert not any(run_stale(spec, bench.runtime()).values()), "days before and after are not lacking"
    shorter = replace(spec, detectors=(compare(end=day(4), minimum=30),))
    assert run_stale(shorter, bench.runtime())["detections"]
    assert [d.window_start.date() for d in detections(bench)] == [day(number) for number in range(1, 8)]
    assert not any(run_stale(shorter, bench.runtime()).values())


def test_an_experiment_that_is_over_closes_its_incident(bench: Bench, spec: MonitorSpec) -> None:
    worse = compare(control="v2", treatment="v1", end=day(6))
    bench.run(replace(spec, detectors=(worse,)), FIRST, day(7))
    with bench.store.transaction() as connection:
        (opened,) = bench.store.incidents(connection, "odd")
    assert opened.is_open
    bench.run(replace(spec, detectors=(worse,)), day(8), day(DAYS + 1))
    found = detections(bench)
    assert [d.window_start.date() for d in found] == [day(number) for number in range(1, 10)]
    assert [d.verdict for d in found[-4:]] == [Verdict.BREACH, Verdict.CLEAR, Verdict.CLEAR, Verdict.CLEAR]
    last = "the experiment is over since 2013-07-07; on its last day: Revert: accuracy is "
    assert all(d.reason.startswith(last) for d in found[-3:])
    assert all(d.details == found[-4].details for d in found[-3:])
    with bench.store.transaction() as connection:
        (closed,) = bench.store.incidents(connection, "odd")
    assert not closed.is_open


FILE = """\
monitor: canary
owner: team
task: binary_classification
predictions:
  connection: db
  table: ml.predictions
  columns: {id: id, time: at, score: p, version: v, latency_ms: ms}
ground_truth:
  connection: db
  table: ml.labels
  columns: {id: id, actual: y, time: known_at}
segments: [served, arm]
reference: {start: 2024-03-01, end: 2024-03-31}
metrics: [brier, accuracy, "latency(0.99)"]
detectors:
  - type: compare
    metric: brier
    control: v1
    treatment: v2
    within: "served=true"
    start: 2024-05-01
    end: 2024-05-14
    split: 0.2
    also: [accuracy]
    guardrails: {latency(0.99): 50.0}
notify: [{type: log}]
"""


def test_an_experiment_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "canary.yaml"
    path.write_text(FILE.replace("split: 0.2", "split: null"))
    (detector,) = load(path).detectors
    assert isinstance(detector, Compare)
    assert (detector.start, detector.end) == (date(2024, 5, 1), date(2024, 5, 14))
    assert (detector.split, detector.minimum) == (None, 1000)
    assert dict(detector.guardrails) == {"latency(0.99)": 50.0}
    assert detector.also == ("accuracy",)


@pytest.mark.parametrize(
    "old, new, problem",
    [
        (
            'within: "served=true"',
            'within: "serve=true"',
            "'serve' is not one of the monitor's segments (did you mean 'served'?)",
        ),
        (
            'within: "served=true"',
            "column: colour",
            "'colour' is not one of the monitor's segments, which are served, arm: add it there",
        ),
        (
            "version: v, ",
            "",
            "'v1' is a version, and the log has none: map predictions.columns.version, or name the `column`",
        ),
        (
            "owner: team",
            "owner: team\ngrain: hour",
            "an experiment is judged by the day: compare its arms in a monitor of `grain: day`",
        ),
        ("also: [accuracy]", "also: [accurcy]", "did you mean 'accuracy'?"),
        (
            "also: [accuracy]",
            "also: [f1]",
            "the detector judges 'f1', which is not computed: add it to metrics",
        ),
        (
            "{latency(0.99): 50.0}",
            "{mean_latency: 50.0}",
            "the detector judges 'mean_latency', which is not computed: add it to metrics",
        ),
        ("{latency(0.99): 50.0}", "{latency(0.99): much}", "a number"),
        (
            "end: 2024-05-14",
            "end: 2024-04-14",
            "the experiment ends on 2024-04-14, before it starts on 2024-05-01",
        ),
        (
            "split: 0.2",
            "split: 1.2",
            "split 1.2 is not between 0 and 1: it is the treatment's share of the rows",
        ),
        ("    treatment: v2\n", "", "needs the key 'treatment'"),
        (
            "metric: brier\n",
            'metric: "latency(0.99)"\n    at: 0d\n',
            "'accuracy' rests on labels, which at 0d no row has: compare at a later age",
        ),
    ],
)
def test_a_wrong_experiment_is_refused_with_a_sentence(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert FILE.count(old) == 1
    path = tmp_path / "canary.yaml"
    path.write_text(FILE.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        load(path)
    told = [str(each) for each in refused.value.problems]
    assert any(problem in each for each in told), told
