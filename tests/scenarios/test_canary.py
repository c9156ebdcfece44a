"""The canary of 15 to 31 July on the real flights: accuracy prefers the model that has failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from hindsight import config
from hindsight.demo.logs import write_files
from hindsight.demo.world import World
from hindsight.detectors.compare import Compare
from hindsight.detectors.methods.trials import welch
from hindsight.domain.records import Detection
from hindsight.domain.spec import Reference
from hindsight.domain.values import Horizon, Verdict
from hindsight.embedded import EmbeddedPostgres
from hindsight.orchestration.places import monitors_folder
from worlds import bench_on

FIRST, LAST = date(2013, 7, 15), date(2013, 7, 31)
CANARY: Mapping[str, Any] = {
    "control": "v1",
    "treatment": "v2",
    "within": "served=true",
    "start": FIRST,
    "end": LAST,
    "split": 0.2,
}
SLOWER = "latency(0.99)"
OTHERS = ("accuracy", "f1", "roc_auc")
RULES = (
    Compare(metric="brier", at=Horizon(7), also=OTHERS, guardrails={SLOWER: 50.0}, name="brier", **CANARY),
    Compare(metric="accuracy", at=Horizon(7), also=("brier", "f1", "roc_auc"), name="accuracy", **CANARY),
    Compare(metric="brier", at=Horizon(7), guardrails={SLOWER: 10.0}, name="strict", **CANARY),
    Compare(metric="brier", at=Horizon(7), name="even", **{**CANARY, "split": 0.5}),
    Compare(metric="brier", at=Horizon(7), name="shadow", paired=True, **{**CANARY, "within": None}),
)


@pytest.fixture(scope="module")
def judged(
    postgres: EmbeddedPostgres, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[Detection]]:
    """What each comparison says at the end of each day of the canary, seven days later."""
    folder = tmp_path_factory.mktemp("canary")
    asked = world.predictions["predicted_at"].between("2013-07-15 04:00+00:00", "2013-08-01 03:59:59+00:00")
    log = world.predictions[asked]
    write_files(
        folder, log, world.labels[world.labels["request_id"].isin(log["request_id"])], fingerprint="c"
    )
    spec = config.load(monitors_folder() / "flight_delay.yaml")
    place: dict[str, Any] = {"connection": None, "table": None}
    log_files, label_files = (str(folder / name / "*.parquet") for name in ("predictions", "labels"))
    spec = replace(
        spec,
        predictions=replace(spec.predictions, files=log_files, features=(), **place),
        ground_truth=replace(spec.ground_truth, files=label_files, **place),
        segments=("served",),
        reference=Reference(values={"brier": 0.157}),
        metrics=("brier", *OTHERS, SLOWER),
        detectors=RULES,
        budget=None,
        maturity=replace(spec.maturity, horizons=(Horizon(7),)),
    )
    with bench_on(postgres.ensure_database("canary"), folder) as bench:
        bench.run(spec, FIRST, LAST + timedelta(days=7))
        with bench.store.transaction() as connection:
            found = bench.store.detections(connection, spec.monitor)
    found.sort(key=lambda detection: detection.window_start)
    return {rule.name: [d for d in found if d.detector == rule.name] for rule in RULES}


def test_every_day_of_the_canary_is_judged_and_no_other(judged: Mapping[str, list[Detection]]) -> None:
    for found in judged.values():
        assert [d.window_start.date() for d in found] == [FIRST + timedelta(days=day) for day in range(17)]


def test_the_numbers_are_those_of_the_flights(judged: Mapping[str, list[Detection]]) -> None:
    last = judged["brier"][-1].details
    assert last["control"]["value"] == pytest.approx(0.238, abs=0.006)
    assert last["treatment"]["value"] == pytest.approx(0.189, abs=0.006)
    told = {each["metric"]: (each["control_value"], each["treatment_value"]) for each in last["also"]}
    assert told["accuracy"] == pytest.approx((0.710, 0.676), abs=0.012)
    assert told["f1"] == pytest.approx((0.049, 0.475), abs=0.06)
    assert told["roc_auc"][0] < told["roc_auc"][1]
    assert 0.18 < last["sample_ratio"]["seen"] < 0.22
    assert last["sample_ratio"]["p_value"] > 0.01


def test_by_brier_the_new_model_is_shipped_and_accuracy_is_told_to_disagree(
    judged: Mapping[str, list[Detection]],
) -> None:
    found = judged["brier"]
    said = [d.details["recommendation"] for d in found]
    assert said[-1] == "ship"
    assert set(said) == {"continue", "ship"}
    assert said == sorted(said), "once decided it stays so"
    assert all(d.verdict is not Verdict.BREACH for d in found)
    assert found[0].verdict is Verdict.INSUFFICIENT
    assert "The metrics disagree: the other way point accuracy 0.6" in found[-1].reason
    assert "brier is 0.19" in found[-1].reason
    assert [each["state"] for each in found[-1].details["guardrails"]] == ["holds"]


def test_by_accuracy_nothing_is_decided_and_the_others_are_told_to_disagree(
    judged: Mapping[str, list[Detection]],
) -> None:
    """By a test of rows the old model is surely better; but days differ by far more than rows explain."""
    last = judged["accuracy"][-1]
    arms = last.details["control"], last.details["treatment"]
    errors = [(arm["value"] * (1 - arm["value"]) / arm["n"]) ** 0.5 for arm in arms]
    by_rows = welch(last.details["difference"], (errors[0], errors[1]), (arms[0]["n"], arms[1]["n"]))
    assert by_rows.p_value < 0.005, "a test of rows takes the storms of seventeen days for evidence"
    assert last.details["p_value"] > 0.1
    assert last.details["recommendation"] == "continue"
    assert last.details["difference"] < 0
    assert last.reason.startswith("accuracy is 0.6")
    disagreement = last.reason.partition("The metrics disagree: the other way point ")[2]
    assert all(f"{name} 0." in disagreement for name in ("brier", "f1", "roc_auc"))
    assert all(d.details["recommendation"] == "continue" for d in judged["accuracy"])


def test_a_guardrail_that_forbids_what_the_new_model_costs_blocks(
    judged: Mapping[str, list[Detection]],
) -> None:
    """v2 takes 25 ms where v1 takes 12, and 29 ms longer at the 99th percentile."""
    last = judged["strict"][-1]
    assert (last.verdict, last.details["recommendation"]) == (Verdict.BREACH, "block")
    assert 20 < last.details["guardrails"][0]["difference"] < 40
    assert "latency(0.99)" in last.reason


def test_a_wrong_share_of_the_flights_blocks(judged: Mapping[str, list[Detection]]) -> None:
    assert {d.details["recommendation"] for d in judged["even"]} == {"block"}
    assert "where 50.0% were meant to" in judged["even"][-1].reason


def test_in_the_shadow_all_flights_speak(judged: Mapping[str, list[Detection]]) -> None:
    """Both versions score every flight, so five times as many are compared, pair by pair."""
    last, canary = judged["shadow"][-1], judged["brier"][-1]
    assert last.details["recommendation"] == "ship"
    assert last.details["treatment"]["n"] > 4 * canary.details["treatment"]["n"]
    assert last.details["interval"][1] < canary.details["interval"][1]
