"""The shipped rules on real flights: they find the decay that is there, and none where there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from hindsight import config
from hindsight.demo.logs import write_files
from hindsight.demo.world import World, null_world
from hindsight.domain.records import Detection
from hindsight.domain.values import ALL, Horizon, IncidentClass, Span, Verdict
from worlds import Bench

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
FIRST, LAST = date(2013, 3, 1), date(2013, 6, 30)


def detections(bench: Bench, folder: Path, *more: str) -> list[Detection]:
    """Run the shipped monitor over March to June on the logs in a folder; what it says of performance."""
    spec = config.load(MONITORS / "flight_delay.yaml")
    place = {"connection": None, "table": None}
    spec = replace(
        spec,
        predictions=replace(spec.predictions, files=str(folder / "predictions" / "*.parquet"), **place),
        ground_truth=replace(spec.ground_truth, files=str(folder / "labels" / "*.parquet"), **place),
        segments=(),
        metrics=tuple(dict.fromkeys([*(d.metric for d in spec.detectors if d.metric != "coverage"), *more])),
    )
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
    detections(bench, tmp_path, *names.values())
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(
            connection, "flight_delay", metric=list(names.values()), window=Span(28), segment=ALL
        )
    may = {row.metric: row for row in rows if row.window_end.date() == date(2013, 5, 31)}
    found = {feature: may[name].value for feature, name in names.items()}
    assert found["temp"] > 1.0, "it got warm, and the model had learnt that warm is on time"
    assert all(found[feature] < 0.1 for feature in ("dep_hour", "distance", "carrier"))
