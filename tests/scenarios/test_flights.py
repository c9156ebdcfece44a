"""The shipped rules on real flights: they find the decay that is there, and none where there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter

import pytest

from hindsight import config
from hindsight.demo.logs import write_files
from hindsight.demo.world import World, null_world
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.pipeline.trial import trial
from hindsight.windows import DayRange
from worlds import Bench

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
FIRST, LAST = date(2013, 3, 1), date(2013, 6, 30)


def shipped(folder: Path) -> MonitorSpec:
    """The shipped monitor on the logs in a folder, without segments."""
    spec = config.load(MONITORS / "flight_delay.yaml")
    place = {"connection": None, "table": None}
    return replace(
        spec,
        predictions=replace(spec.predictions, files=str(folder / "predictions" / "*.parquet"), **place),
        ground_truth=replace(spec.ground_truth, files=str(folder / "labels" / "*.parquet"), **place),
        segments=(),
        detectors=tuple(replace(detector, segments=()) for detector in spec.detectors),
    )


def detections(bench: Bench, folder: Path) -> list[Detection]:
    """Run the shipped monitor over March to June on the logs in a folder; what it says of performance."""
    spec = shipped(folder)
    bench.run(spec, FIRST, LAST)
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, spec.monitor)
    return [d for d in found if d.incident_class is IncidentClass.PERFORMANCE]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_null_world_breaches_no_rule_of_performance(
    bench: Bench, world: World, tmp_path: Path, version: str
) -> None:
    write_files(tmp_path, *null_world(world, version), fingerprint=version)
    found = detections(bench, tmp_path)
    judged = [d for d in found if d.verdict is not Verdict.INSUFFICIENT]
    assert {d.detector for d in judged} == {d.detector for d in found}, "every rule was tried"
    assert len(judged) > 200
    assert [d.reason for d in judged if d.verdict is Verdict.BREACH] == []


def test_the_decay_of_the_first_model_is_found_in_april(bench: Bench, world: World, tmp_path: Path) -> None:
    log = world.predictions[world.predictions["model_version"] == "v1"]
    spring = log[log["predicted_at"] < "2013-07-01 04:00+00:00"]
    labels = world.labels[world.labels["label_at"] < "2013-07-01 04:00+00:00"]
    write_files(tmp_path, spring, labels, fingerprint="spring")
    breaches = [d for d in detections(bench, tmp_path) if d.verdict is Verdict.BREACH]
    recall = [d for d in breaches if (d.version, d.metric, d.horizon) == ("v1", "recall", Horizon(7))]
    first = min(recall, key=lambda d: d.window_end)
    assert first.window == Span(28)
    assert date(2013, 4, 28) <= (first.window_end.date()) <= date(2013, 5, 1)
    assert "2013-04" in first.window_start.isoformat()


def test_the_input_that_misled_the_model_drifts_and_the_others_do_not(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    log = world.predictions[world.predictions["model_version"] == "v1"]
    spring = log[log["predicted_at"] < "2013-07-01 04:00+00:00"]
    write_files(tmp_path, spring, world.labels[:100], fingerprint="inputs")
    names = {feature: f"psi({feature})" for feature in ("temp", "dep_hour", "distance", "carrier")}
    detections(bench, tmp_path)
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(
            connection, "flight_delay", metric=list(names.values()), window=Span(28), segment=ALL
        )
    may = {row.metric: row for row in rows if row.window_end.date() == date(2013, 5, 31)}
    found = {feature: may[name].value for feature, name in names.items()}
    assert found["temp"] > 1.0, "it got warm, and the model had learnt that warm is on time"
    assert all(found[feature] < 0.1 for feature in ("dep_hour", "distance", "carrier"))
    with bench.store.transaction() as connection:
        judged = bench.store.detections(connection, "flight_delay", detector="drift:psi:28d@0d")
    breaches = [d for d in judged if d.verdict is Verdict.BREACH]
    assert breaches
    assert {d.incident_class for d in breaches} == {IncidentClass.INPUTS}
    assert {d.severity for d in breaches} == {Severity.WARNING}, "why a model may fail, not that it does"
    assert all("temp" in d.reason and "carrier" not in d.reason for d in breaches)


def test_a_replay_of_the_shipped_rules_takes_seconds_and_an_edit_stands_beside_them(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    log = world.predictions[world.predictions["predicted_at"] < "2013-07-01 04:00+00:00"]
    labels = world.labels[world.labels["label_at"] < "2013-07-01 04:00+00:00"]
    write_files(tmp_path, log, labels, fingerprint="replayed")
    detections(bench, tmp_path)
    spec = shipped(tmp_path)
    # Plain rules, as people know them: each single day, and the point as it is.
    plain = Threshold(metric="recall", relative=-0.05, window=Span(1), at=Horizon(7), evidence=0.0)
    edited = replace(spec, detectors=(plain,))
    began = perf_counter()
    found = trial(spec, DayRange(date(2013, 4, 15), LAST), bench.runtime(), edited)
    assert perf_counter() - began < 60
    assert found.edited is not None
    assert found.edited.detectors[plain.name].breaches > 60
    assert found.edited.days_in_incident > found.present.days_in_incident
    first = next(m for m in found.present.messages if "of v1" in m.text and "psi" not in m.text)
    assert date(2013, 4, 28) <= first.day <= date(2013, 5, 6)
