"""The detectors of logs, features and labels through the whole pipeline, on logs with one fault each."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hindsight.config import load
from hindsight.detectors import BaseDetector
from hindsight.detectors.drift import Drift
from hindsight.detectors.feedback_loop import FeedbackLoop
from hindsight.detectors.missing import Missing
from hindsight.detectors.proxy_link import ProxyLink
from hindsight.detectors.quality import Quality
from hindsight.detectors.volume import Volume
from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.spec import MaturityRule, MonitorSpec, Reference
from hindsight.domain.values import (
    ALL,
    UNVERSIONED,
    Grain,
    Horizon,
    IncidentClass,
    Maturity,
    Severity,
    Span,
    Status,
    Verdict,
)
from hindsight.errors import ConfigError
from hindsight.pipeline.series import together
from worlds import PREDICTION_TYPES, Bench, Logs, at, label, local, monitor, prediction, written

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
FIRST = date(2013, 4, 1)
DAYS, REFERENCE = 45, 14
NEW_VERSION, FEW, NULLS, WARM, BLOCKED, SILENT = 25, 30, 33, 36, 34, (40, 41, 42)
METRICS = (
    "accuracy",
    "mean_score",
    "labels_learnt",
    "duplicate_share",
    "null_share(temp)",
    "null_share(load)",
    "psi(temp)",
    "psi(load)",
    "coverage_gap",
    "unlabelled_range",
    "score_spread",
)
DETECTORS: tuple[BaseDetector, ...] = (
    Volume(name="volume"),
    Missing(name="predictions"),
    Missing(metric="labels_learnt", name="labels"),
    Quality(name="quality"),
    Drift(window=Span(7), name="drift"),
    FeedbackLoop(window=Span(7), at=Horizon(3), name="loop"),
    FeedbackLoop(
        window=Span(7), at=Horizon(3), exploration="origin=EWR", outcome="accuracy", gap=0.99, name="explored"
    ),
    ProxyLink(metric="accuracy", proxy="mean_score", at=Horizon(3), name="link"),
)


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


def faulty() -> Logs:
    """A model whose logs and labels go wrong on known days; of EWR it is always wrong."""
    draw = random.Random(5)
    rows, labels = [], []
    for number in range(DAYS):
        for i in range(12 if number == FEW else 40 if number % 7 > 4 else 80):
            score = draw.random()
            warm = 40.0 if number >= WARM else 0.0
            more: dict[str, Any] = {
                "version": "v2" if number >= NEW_VERSION else "v1",
                "origin": draw.choice(["JFK", "LGA", "LGA", "EWR"]),
                "temp": None if number == NULLS else draw.gauss(10.0, 5.0) + warm,
                "load": draw.randrange(24),
            }
            name = f"r{number}-{i}"
            rows.append(prediction(name, day_of(number), score, hour=1.0 + 20.0 * draw.random(), **more))
            said = score >= 0.5
            right = more["origin"] != "EWR" and draw.random() < 0.9
            learnt = number + draw.choice([1, 1, 2])
            if learnt not in SILENT and not (number >= BLOCKED and said):
                labels.append(label(name, day_of(learnt), float(said if right else not said)))
    return Logs(rows, labels, PREDICTION_TYPES | {"temp": "double precision", "load": "integer"})


def spec_of(**changes: Any) -> MonitorSpec:
    spec = monitor(
        metrics=METRICS,
        segments=("origin",),
        maturity=MaturityRule(horizons=(Horizon(1), Horizon(3)), min_coverage=0.3),
        reference=Reference(start=FIRST, end=day_of(REFERENCE - 1)),
        detectors=DETECTORS,
        windows=(Span(7),),
    )
    spec = replace(spec, predictions=replace(spec.predictions, features=("temp", "load")))
    return replace(spec, **changes)


Found = dict[tuple[str, str, int], Detection]


def judged(bench: Bench, first: date = FIRST) -> Found:
    """What each detector says, by version and the number of the window's last day."""
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd")
    own = {detector.name: detector.at for detector in DETECTORS}
    return {
        (each.detector, each.version, (each.window_end.date() - first).days - 1): each
        for each in found
        if each.horizon == own.get(each.detector, each.horizon)
    }


@pytest.fixture(scope="module")
def found(session_bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Found:
    bench = session_bench
    bench.clear()
    place = written(faulty(), "parquet", tmp_path_factory.mktemp("faulty"))
    bench.run(at(spec_of(), place), FIRST, day_of(DAYS - 1))
    made = judged(bench)
    bench.clear()
    return made


def breaches(found: Found, detector: str) -> list[tuple[str, int]]:
    return sorted(
        (version, number)
        for (name, version, number), each in found.items()
        if name == detector and each.verdict is BREACH
    )


def test_a_feed_that_breaks_is_a_drop_and_a_new_version_is_none(found: Found) -> None:
    assert breaches(found, "volume") == [(UNVERSIONED, FEW)]
    told = found["volume", UNVERSIONED, FEW]
    assert told.incident_class is IncidentClass.INPUTS
    assert told.observed == 12
    assert told.expected == 80
    assert "of 4 Wednesdays" in told.reason
    assert found["volume", UNVERSIONED, 20].verdict is INSUFFICIENT
    assert found["volume", UNVERSIONED, NEW_VERSION].verdict is CLEAR


def test_versions_of_a_day_are_taken_together() -> None:
    day = datetime(2013, 4, 1, tzinfo=UTC)
    parts: dict[str, Any] = {
        "monitor": "odd",
        "segment": ALL,
        "window": Span(1),
        "window_start": day,
        "window_end": day,
        "as_of": day,
        "horizon": Horizon(0),
        "bound": None,
        "coverage": None,
        "status": Status.OK,
    }
    one, other = (
        Snapshot(metric="volume", version=v, value=n, standard_error=n**0.5, n=int(n), maturity=m, **parts)
        for v, n, m in (("v1", 300.0, Maturity.MATURE), ("v2", 100.0, Maturity.PROVISIONAL))
    )
    both = together(one, other)
    assert (both.version, both.value, both.n, both.standard_error) == (UNVERSIONED, 400.0, 400, 20.0)
    assert both.maturity is Maturity.PROVISIONAL
    shares = [
        replace(each, metric="coverage", value=share, standard_error=0.02, coverage=share)
        for each, share in ((one, 0.8), (other, 0.4))
    ]
    both = together(*shares)
    assert (both.value, both.coverage) == pytest.approx((0.7, 0.7))
    assert both.standard_error == pytest.approx((0.015**2 + 0.005**2) ** 0.5)
    lacking = replace(one, value=None, standard_error=None, n=0)
    assert together(lacking, other) is other
    assert together(one, lacking) is one


def test_segments_are_counted_over_all_versions_and_judged_as_a_family(bench: Bench) -> None:
    logs = faulty()
    late = local(day_of(31), 0)
    gone = [row for row in logs.predictions if row["origin"] != "EWR" or row["predicted_at"] < late]
    few = [row for row in logs.predictions if row["origin"] == "EWR" and row["predicted_at"] >= late][:3]
    place = written(replace(logs, predictions=[*gone, *few]), "parquet", bench.folder)
    rule = Volume(name="volume", segments=("origin",))
    bench.run(at(spec_of(detectors=(rule,)), place), FIRST, day_of(31))
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd", detector="volume")
    last = {each.segment: each for each in found if each.window_start == local(day_of(31), 0)}
    assert {each.version for each in last.values()} == {UNVERSIONED}
    assert last["origin=EWR"].verdict is BREACH
    assert {name for name, each in last.items() if each.verdict is BREACH} == {"origin=EWR"}


def test_a_silent_feed_of_labels_is_told_on_its_second_day(found: Found) -> None:
    assert breaches(found, "labels") == [(UNVERSIONED, 41), (UNVERSIONED, 42)]
    told = found["labels", UNVERSIONED, 41]
    assert told.incident_class is IncidentClass.LABEL_HEALTH
    assert told.details["since"] == day_of(40).isoformat()
    assert found["labels", UNVERSIONED, 40].severity is Severity.WATCH
    assert found["labels", UNVERSIONED, 43].verdict is CLEAR


def test_a_version_that_fell_silent_is_named(found: Found) -> None:
    assert breaches(found, "predictions") == []
    told = found["predictions", UNVERSIONED, NEW_VERSION]
    assert told.reason.startswith("no prediction of v1 any more, while other versions have some")
    assert told.details["silent_versions"] == {"v1": day_of(NEW_VERSION - 1).isoformat()}
    assert "silent_versions" not in found["predictions", UNVERSIONED, NEW_VERSION - 1].details


def test_nulls_of_a_day_are_data_quality(found: Found) -> None:
    assert breaches(found, "quality") == [("v2", NULLS)]
    told = found["quality", "v2", NULLS]
    assert told.incident_class is IncidentClass.DATA_QUALITY
    assert told.severity is Severity.CRITICAL
    assert told.reason == "temp is null in 100 % (usually 0 %)."
    assert set(told.details["shares"]) == {"null_share(temp)", "null_share(load)"}
    of_logs = found["quality", UNVERSIONED, NULLS]
    assert set(of_logs.details["shares"]) == {"duplicate_share"}
    assert (of_logs.verdict, of_logs.n) == (CLEAR, 40)


def test_a_new_version_is_held_against_the_reference_of_all(bench: Bench) -> None:
    logs = faulty()
    draw = random.Random(8)
    gaps = [row | {"temp": None if draw.random() < 0.4 else row["temp"]} for row in logs.predictions]
    rule = Quality(name="quality")
    spec = spec_of(detectors=(rule,), metrics=("accuracy", "null_share(temp)", "duplicate_share"))
    bench.run(at(spec, written(replace(logs, predictions=gaps), "parquet", bench.folder)), FIRST, day_of(27))
    told = judged(bench)
    within = {each.verdict for (_, _, number), each in told.items() if number < REFERENCE}
    assert within == {INSUFFICIENT}
    assert told["quality", "v2", NEW_VERSION].details["usual"]["null_share(temp)"] == pytest.approx(
        0.4, abs=0.05
    )
    assert {each.verdict for (_, _, number), each in told.items() if number >= REFERENCE} == {CLEAR}


def test_a_feature_that_drifts_is_told_and_the_other_is_not(found: Found) -> None:
    days = [number for _, number in breaches(found, "drift")]
    assert days
    assert min(days) <= WARM + 1
    # While half of the window's days are warm nobody is sure, for then its days differ most.
    assert set(range(WARM + 6, DAYS)) <= set(days)
    told = found["drift", "v2", DAYS - 1]
    assert told.details["drifted"] == ["psi(temp)"]
    assert told.details["distances"]["psi(load)"] < 0.1
    # The new version has no reference, so its scores are not compared; the old one's are, and did not move.
    assert "mean_score" not in told.details["distances"]
    assert "mean_score" in found["drift", "v1", 22].details["distances"]
    assert found["drift", "v1", 22].verdict is CLEAR
    assert found["drift", "v1", REFERENCE].verdict is INSUFFICIENT


def test_labels_that_stop_for_one_decision_are_a_feedback_loop(found: Found) -> None:
    days = [number for _, number in breaches(found, "loop")]
    assert days
    assert BLOCKED < min(days) < BLOCKED + 6
    told = found["loop", "v2", DAYS - 4]
    assert told.incident_class is IncidentClass.LABEL_HEALTH
    assert "coverage_gap" in told.details["breaching"]
    assert "more often for a predicted no than for a predicted yes" in told.reason


def test_exploration_is_compared_with_the_rest_of_the_traffic(found: Found) -> None:
    told = found["explored", "v1", 20]
    assert told.verdict is BREACH
    assert told.details["breaching"] == ["accuracy in origin=EWR"]
    assert told.reason.startswith("accuracy is 0 in origin=EWR, and 0.9")


def test_a_link_waits_for_enough_days(found: Found) -> None:
    told = found["link", "v1", 20]
    assert told.verdict is INSUFFICIENT
    assert told.reason == "7 days have both accuracy and mean_score; their link needs 28."


def test_days_that_were_not_run_are_told_by_the_first_run_after_them(bench: Bench) -> None:
    place = written(faulty(), "parquet", bench.folder)
    spec = at(spec_of(detectors=DETECTORS[1:2]), place)
    bench.run(spec, FIRST, day_of(9))
    bench.run(spec, day_of(13))
    told = judged(bench)["predictions", UNVERSIONED, 13]
    assert (told.verdict, told.incident_class) == (BREACH, IncidentClass.PIPELINE)
    assert told.reason.startswith("3 days were not looked at, of the 28d up to the window: 2013-04-11")
    bench.run(spec, day_of(10), day_of(12))
    assert judged(bench)["predictions", UNVERSIONED, 13].verdict is CLEAR


def test_no_prediction_at_all_is_told_of_the_monitor(bench: Bench) -> None:
    logs = faulty()
    rows = [
        row
        for row in logs.predictions
        if not local(day_of(20), 0) <= row["predicted_at"] < local(day_of(22), 0)
    ]
    place = written(replace(logs, predictions=rows), "parquet", bench.folder)
    spec = at(spec_of(detectors=DETECTORS[:2]), place)
    bench.run(spec, FIRST, day_of(22))
    found = judged(bench)
    assert breaches(found, "predictions") == [(UNVERSIONED, 20), (UNVERSIONED, 21)]
    assert found["predictions", UNVERSIONED, 20].severity is Severity.CRITICAL
    assert found["predictions", UNVERSIONED, 22].verdict is CLEAR


def test_hours_are_judged_by_the_hour(bench: Bench) -> None:
    begin = datetime(2013, 4, 1, tzinfo=UTC)
    draw = random.Random(3)
    hours = 3 * 168 + 2
    rows = [
        prediction(f"h{n}-{i}", begin.date(), 0.5) | dict.fromkeys(("predicted_at", "logged_at"), when)
        for n in range(hours)
        for i in range(0 if n == hours - 1 else 2 if n == hours - 2 else 20)
        for when in (begin + timedelta(hours=n, minutes=60 * draw.random()),)
    ]
    place = written(Logs(rows, []), "parquet", bench.folder)
    hour, month = Span(1, "h"), Span(28 * 24, "h")
    spec = monitor(
        metrics=("recall",),
        segments=(),
        grain=Grain.HOUR,
        timezone="UTC",
        windows=(hour,),
        maturity=MaturityRule(horizons=(Horizon(1, "h"),), min_coverage=0.3),
        detectors=(
            Volume(window=hour, past=month, name="volume"),
            Missing(window=hour, past=month, name="predictions"),
        ),
    )
    last = begin + timedelta(hours=hours - 1)
    bench.run(at(spec, place), begin, last)
    with bench.store.transaction() as connection:
        found = {
            (each.detector, round((each.window_start - begin) / timedelta(hours=1))): each
            for each in bench.store.detections(connection, "odd")
        }
    verdicts = {n: found["volume", n].verdict for n in (hours - 2, hours - 1)}
    # The last hour has none at all, which is what `missing` tells.
    assert list(verdicts.values()) == [BREACH, CLEAR]
    assert found["volume", hours - 3].verdict is INSUFFICIENT
    assert "Mondays at 00:00 (" in found["volume", hours - 2].reason
    assert found["predictions", hours - 2].verdict is CLEAR
    assert found["predictions", hours - 1].verdict is BREACH


FILE = """\
monitor: churn
owner: team
task: binary_classification
predictions:
  connection: db
  table: ml.predictions
  columns: {{id: id, time: at, score: p}}
  features: [temp, hour]
ground_truth:
  connection: db
  table: ml.labels
  columns: {{id: id, actual: y, time: known_at}}
segments: [explore]
maturity: {{horizons: [7d]}}
reference: {{start: 2024-03-01, end: 2024-03-31}}
metrics: [recall, mean_score{metrics}]
detectors:
  - {{{detector}}}
"""


@pytest.mark.parametrize(
    "detector, metrics, told",
    [
        ("type: volume", "", []),
        ("type: missing", "", []),
        ("type: missing, metric: coverage, at: 7d", "", []),
        ("type: missing, metric: labels_learnt", ", labels_learnt", []),
        (
            "type: missing, metric: labels_learnt",
            "",
            ["the detector judges 'labels_learnt', which is not computed: add it to metrics"],
        ),
        ("type: quality", ", null_share", []),
        (
            "type: quality",
            "",
            ["the detector judges 'set_aside_share', which is not computed: add it to metrics"],
        ),
        ("type: quality, metric: coverage, at: 7d", ", contradiction_share", []),
        ("type: drift", ", psi", []),
        ("type: drift, metric: wasserstein(temp)", ", wasserstein", []),
        ("type: drift", "", ["the detector judges 'psi', which is not computed: add it to metrics"]),
        (
            "type: drift, metric: psi(temp)",
            "",
            ["the detector judges 'psi(temp)', which is not computed: add it to metrics"],
        ),
        (
            "type: drift, metric: psi(tmp)",
            ", psi",
            ["'tmp' in 'psi(tmp)' is not a feature of the prediction log (did you mean 'temp'?)"],
        ),
        ("type: feedback_loop", ", coverage_gap", []),
        (
            "type: feedback_loop",
            "",
            ["the detector judges 'coverage_gap', which is not computed: add it to metrics"],
        ),
        ("type: feedback_loop, exploration: explore=true, outcome: recall", ", coverage_gap", []),
        (
            "type: feedback_loop, exploration: canary=yes, outcome: recall",
            ", coverage_gap",
            ["'canary' of canary=yes is not one of the monitor's segments, which are explore"],
        ),
        ("type: proxy_link, metric: recall, proxy: mean_score", "", []),
        (
            "type: proxy_link, metric: recall, proxy: predicted_positive_rate",
            "",
            ["the detector judges 'predicted_positive_rate', which is not computed: add it to metrics"],
        ),
        (
            "type: volume, at: 7d",
            "",
            ["the metric 'volume' needs no labels and is kept at 0d only: judge it `at: 0d`, not 7d"],
        ),
    ],
)
def test_a_file_with_such_a_rule_loads_or_says_what_it_needs(
    detector: str, metrics: str, told: list[str], tmp_path: Any
) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(FILE.format(detector=detector, metrics=metrics))
    try:
        assert load(path).detectors[0].kind in detector
        found = []
    except ConfigError as error:
        found = [problem.message.partition(": ")[2] or problem.message for problem in error.problems]
        found = [problem.message for problem in error.problems]
    assert found == told


def test_fixed_values_need_none_for_rules_that_read_many_metrics(tmp_path: Any) -> None:
    path = tmp_path / "churn.yaml"
    text = FILE.format(detector="type: quality", metrics=", duplicate_share")
    path.write_text(text.replace("{start: 2024-03-01, end: 2024-03-31}", "{recall: 0.7}"))
    assert load(path).detectors[0].kind == "quality"


@pytest.mark.parametrize("rule", ["type: volume", "type: missing", "type: drift, metric: psi"])
def test_lengths_are_in_hours_at_an_hourly_grain(rule: str, tmp_path: Any) -> None:
    path = tmp_path / "churn.yaml"
    text = FILE.format(detector=rule, metrics=", psi").replace("[7d]", "[6h]")
    path.write_text(text + "grain: hour\n")
    detector = load(path).detectors[0]
    assert detector.window.unit == detector.reach.unit == "h"
