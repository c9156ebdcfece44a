"""Advice as a specification: what moved, what held, and so what to do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hindsight.domain.values import IncidentClass, Task
from hindsight.explanation import Action, Moved, advice
from hindsight.explanation.drifts import Drift, listed, surely
from hindsight.explanation.levels import Change

HOT = (Drift("temp", 8.2, 0.5),)


def change(metric: str, before: float, after: float, error: float = 0.02) -> Change:
    return Change(metric, before, after, error, error)


def moved(task: Task = Task.BINARY, *changes: Change, **more: object) -> Moved:
    return Moved(task=task, metrics={each.metric: each for each in changes}, **more)  # type: ignore[arg-type]


AUC = change("roc_auc", 0.71, 0.70, 0.01)
WEAKER = change("roc_auc", 0.71, 0.65)
LOST = change("roc_auc", 0.71, 0.53)
RATIO = change("calibration_ratio", 0.92, 0.95, 0.06)
OVER = change("calibration_ratio", 0.92, 1.75, 0.15)
UNDER = change("calibration_ratio", 0.94, 0.32, 0.04)
RARER = change("positive_rate", 0.23, 0.12)
OFTEN = change("positive_rate", 0.23, 0.33)
STEADY = change("positive_rate", 0.23, 0.23)
CALM = change("labelled_score", 0.21, 0.21, 0.01)
SANK = change("labelled_score", 0.216, 0.10, 0.01)
SKILL = change("brier_skill", 0.11, 0.09)
BELOW = change("brier_skill", 0.11, -0.15)
RECALL = change("recall", 0.46, 0.45, 0.03)
MISSED = change("recall", 0.46, 0.20, 0.03)
PRECISE = change("precision", 0.45, 0.52)
COVERED = change("coverage", 0.97, 0.96)

TABLE = [
    # the world moved and the model did not: v2 in September
    ((RARER, CALM, OVER, WEAKER, BELOW), {"drifts": HOT}, Action.RECALIBRATE, "scores did not follow"),
    ((STEADY, CALM, OVER, AUC), {}, Action.RECALIBRATE, "scores are off: they promise 1.75 times"),
    # the model moved and the world did not, or the other way: v1 in July
    (
        (OFTEN, SANK, UNDER, AUC, BELOW),
        {"drifts": HOT},
        Action.RETRAIN,
        "inputs misled it, and temp (psi 8.20)",
    ),
    ((STEADY, SANK, UNDER, AUC), {}, Action.RETRAIN, "positives stayed near 23 %"),
    # scores sank with the truth, but too far: half of the gap is not their own doing
    ((RARER, change("labelled_score", 0.21, 0.15, 0.01), RATIO, AUC), {}, Action.NOTHING, "another world"),
    # the ranking is lost, calibrated or not
    ((STEADY, CALM, RATIO, LOST), {}, Action.RETRAIN, "the ranking is lost"),
    ((RARER, CALM, OVER, LOST), {}, Action.RETRAIN, "the ranking is lost"),
    ((STEADY, RATIO, AUC, BELOW), {"drifts": HOT}, Action.RETRAIN, "worse than the base rate"),
    # hits for misses
    (
        (STEADY, CALM, RATIO, AUC, SKILL, MISSED, PRECISE),
        {},
        Action.MOVE_THRESHOLD,
        "recall 0.200 after 0.460",
    ),
    # the same where it is not shown that scores and ranking hold: not surely worse is not the same
    ((STEADY, CALM, RATIO, change("roc_auc", 0.71, 0.66, 0.04), MISSED), {}, Action.WAIT, "recall 0.200"),
    ((STEADY, CALM, change("calibration_ratio", 0.92, 0.70, 0.15), AUC, MISSED), {}, Action.WAIT, "recall"),
    ((STEADY, CALM, AUC, MISSED), {}, Action.WAIT, "recall"),
    # the ratio breached: its scores are off, whatever else is just short of sure
    (
        (STEADY, SANK, change("calibration_ratio", 0.94, 0.65, 0.10), AUC, MISSED),
        {"breached": "calibration_ratio"},
        Action.RETRAIN,
        "inputs misled it",
    ),
    (
        (STEADY, CALM, change("calibration_ratio", 0.94, 0.65, 0.10), AUC, MISSED),
        {"breached": "calibration_ratio"},
        Action.RECALIBRATE,
        "scores are off",
    ),
    # ... or just short of sure, but the scores themselves have surely left the truth
    (
        (STEADY, change("labelled_score", 0.216, 0.15, 0.01), change("calibration_ratio", 0.94, 0.65, 0.12)),
        {},
        Action.RETRAIN,
        "inputs misled it",
    ),
    # it became better
    (
        (change("positive_rate", 0.12, 0.21), CALM, change("calibration_ratio", 1.75, 1.0, 0.05), AUC),
        {},
        Action.NOTHING,
        "a harder world",
    ),
    # nothing to speak of
    ((change("positive_rate", 0.2300, 0.2312, 0.0004), AUC), {}, Action.WAIT, "tells not yet"),
    # scores that say nothing are no model to train
    (
        (STEADY, SANK, UNDER, AUC, change("score_spread", 0.2, 0.0, 0.001)),
        {},
        Action.LOOK_AT_DATA,
        "scores hardly differ any more",
    ),
    # hits that are all gone are the threshold's, too
    (
        (STEADY, CALM, RATIO, AUC, change("recall", 0.46, 0.0, 0.01)),
        {},
        Action.MOVE_THRESHOLD,
        "recall 0.000",
    ),
    # what came in, and is no drift
    (
        (),
        {"incident_class": IncidentClass.INPUTS, "mature": False, "breached": "volume"},
        Action.LOOK_AT_DATA,
        "what comes in",
    ),
    (
        (STEADY, AUC),
        {"incident_class": IncidentClass.INPUTS, "breached": "latency_p95"},
        Action.LOOK_AT_DATA,
        "how fast",
    ),
    (
        (),
        {"incident_class": IncidentClass.INPUTS, "mature": False, "breached": "mean_score"},
        Action.LOOK_AT_DATA,
        "scores are not what",
    ),
    (
        (),
        {"incident_class": IncidentClass.INPUTS, "mature": False, "breached": "psi(temp)", "drifts": HOT},
        Action.WAIT,
        "temp (psi 8.20) drifted",
    ),
    # a harder world: December
    ((OFTEN, CALM, RATIO, AUC, SKILL, RECALL), {}, Action.NOTHING, "a harder world for any model"),
    ((RARER, CALM, RATIO, AUC, SKILL, RECALL), {}, Action.NOTHING, "another world for any model"),
    # nothing is sure
    ((STEADY, CALM, RATIO, AUC, SKILL, RECALL), {}, Action.WAIT, "nothing that tells what to do"),
    ((), {}, Action.WAIT, "nothing that tells what to do"),
    # what comes before the model
    ((OFTEN, SANK, UNDER, BELOW, change("coverage", 0.97, 0.40)), {}, Action.WAIT, "only 40 % of the labels"),
    ((OFTEN, SANK, UNDER, BELOW), {"mature": False}, Action.WAIT, "fewer labels are in"),
    ((OFTEN, SANK, UNDER, BELOW), {"faults": ("temp is null in 40 %",)}, Action.LOOK_AT_DATA, "temp is null"),
    ((COVERED, OFTEN, SANK, UNDER), {}, Action.RETRAIN, "misled"),
    ((BELOW,), {"incident_class": IncidentClass.LABEL_HEALTH}, Action.WAIT, "while labels are missing"),
    ((BELOW,), {"incident_class": IncidentClass.DATA_QUALITY}, Action.LOOK_AT_DATA, "a model cannot mend"),
    ((BELOW,), {"incident_class": IncidentClass.PIPELINE}, Action.LOOK_AT_DATA, "did not come"),
    (
        (),
        {"incident_class": IncidentClass.INPUTS, "mature": False, "drifts": HOT},
        Action.WAIT,
        "temp (psi 8.20) drifted, and whether the model suffers is known once labels are in",
    ),
    ((STEADY, AUC), {"incident_class": IncidentClass.INPUTS}, Action.WAIT, "no metric of the model"),
    # a model that only decides: what ranks is how well it tells classes apart
    (
        (STEADY, change("balanced_accuracy", 0.75, 0.55), OVER, SANK),
        {"scored": False},
        Action.RETRAIN,
        "balanced_accuracy 0.550",
    ),
    (
        (STEADY, change("balanced_accuracy", 0.75, 0.74, 0.01), MISSED, PRECISE),
        {"scored": False},
        Action.MOVE_THRESHOLD,
        "recall 0.200",
    ),
]


@pytest.mark.parametrize("changes, more, action, words", TABLE)
def test_of_a_binary_model(changes, more, action, words) -> None:
    found = advice(moved(Task.BINARY, *changes, **more))
    assert (found.action, words in found.reason) == (action, True), found.reason
    assert found.retrain == (action is Action.RETRAIN)


BIASED = change("bias", -1.8, -28.0, 2.0)
MAE = change("mae", 25.5, 35.7, 1.5)
SPREAD = change("error_spread", 40.0, 41.0, 2.0)
WIDER = change("error_spread", 40.0, 60.0, 2.0)
FIT = change("r2", 0.12, 0.11)
UNFIT = change("r2", 0.12, -0.19)
SAID = change("labelled_prediction", 10.0, 10.5, 1.0)
SANK_TOO = change("labelled_prediction", 10.0, -8.0, 1.0)
CAME = change("mean_actual", 12.0, 38.0, 2.0)

NUMBERS = [
    ((BIASED, MAE, SPREAD, FIT, SAID, CAME), {"drifts": HOT}, Action.RECALIBRATE, "predictions run low"),
    ((BIASED, MAE, SPREAD, FIT), {}, Action.RECALIBRATE, "scatter no more"),
    ((BIASED, MAE, SPREAD, SANK_TOO, CAME), {"drifts": HOT}, Action.RETRAIN, "moved away from the truth"),
    ((BIASED, MAE, WIDER, UNFIT), {}, Action.RETRAIN, "worse than their mean would do"),
    ((MAE, WIDER, FIT), {"drifts": HOT}, Action.RETRAIN, "temp (psi 8.20) drifted"),
    ((MAE, WIDER, FIT), {}, Action.NOTHING, "so does what is predicted"),
    ((MAE, WIDER, change("r2", 0.40, 0.20)), {}, Action.LOOK_AT_DATA, "no input tells why"),
    ((change("bias", 0.0, 1.0, 2.0), SPREAD, FIT), {}, Action.WAIT, "nothing that tells"),
    # less bias than before, or next to none, asks for nothing
    ((change("bias", 5.0, 0.1, 0.2), SPREAD), {}, Action.WAIT, "tells not yet"),
    ((change("bias", 0.0, 0.01, 0.002), SPREAD), {}, Action.WAIT, "tells not yet"),
]


@pytest.mark.parametrize("changes, more, action, words", NUMBERS)
def test_of_a_regression(changes, more, action, words) -> None:
    found = advice(moved(Task.REGRESSION, *changes, **more))
    assert (found.action, words in found.reason) == (action, True), found.reason


OTHERS = [
    (Task.MULTICLASS, (change("macro_recall", 0.8, 0.5),), {}, Action.RETRAIN, "told apart less"),
    (
        Task.MULTICLASS,
        (change("macro_recall", 0.8, 0.79), change("accuracy", 0.9, 0.7)),
        {},
        Action.NOTHING,
        "in other shares",
    ),
    (
        Task.MULTICLASS,
        (change("macro_recall", 0.8, 0.74), change("accuracy", 0.9, 0.7)),
        {"drifts": HOT},
        Action.RETRAIN,
        "accuracy 0.70",
    ),
    (Task.MULTICLASS, (change("macro_recall", 0.8, 0.79),), {}, Action.WAIT, "nothing that tells"),
    (Task.RANKING, (change("ndcg", 0.6, 0.4),), {"drifts": HOT}, Action.RETRAIN, "the order got worse"),
    (Task.RANKING, (change("ndcg", 0.6, 0.6), change("ctr", 0.3, 0.1)), {}, Action.NOTHING, "click less"),
    (Task.RANKING, (change("ctr", 0.3, 0.1),), {}, Action.WAIT, "tells not yet what to do: ctr 0.100"),
    # a tenth of a percent is no reason to retrain, and nothing is said not to have moved
    (
        Task.MULTICLASS,
        (change("macro_recall", 0.8, 0.8, 0.01), change("accuracy", 0.900, 0.899, 0.0003)),
        {"drifts": HOT},
        Action.WAIT,
        "tells not yet what to do: accuracy 0.89900 after 0.90000",
    ),
]


@pytest.mark.parametrize("task, changes, more, action, words", OTHERS)
def test_of_other_tasks(task, changes, more, action, words) -> None:
    found = advice(moved(task, *changes, classes=3, **more))
    assert (found.action, words in found.reason) == (action, True), found.reason


@pytest.mark.parametrize("changes, more, action, words", TABLE)
def test_without_errors_nothing_is_sure_and_nothing_is_advised(changes, more, action, words) -> None:
    unknown = [replace(each, before_error=None, after_error=None) for each in changes]
    found = advice(moved(Task.BINARY, *unknown, **more))
    assert not found.retrain
    itself = {Action.RECALIBRATE} if "breached" in more else set()  # a breach is sure by itself
    assert found.action in {Action.WAIT} | itself or action is Action.LOOK_AT_DATA


def test_a_reason_is_told_with_whether_to_retrain() -> None:
    assert advice(moved(Task.BINARY, STEADY, LOST)).sentence.startswith(
        "retrain: advised, because roc_auc 0.53"
    )
    found = advice(moved(Task.BINARY, STEADY, AUC, RATIO, MISSED))
    assert found.sentence.startswith("move the threshold; retrain: not advised, because the ranking holds")
    assert [each.metric for each in found.evidence] == ["recall"]
    assert replace(found, first="origin=LGA").sentence.endswith("; look at origin=LGA first")
    assert replace(found, first="v; retrain").sentence.endswith("look at 'v; retrain' first")
    waiting = advice(moved(Task.BINARY, mature=False))
    assert (
        waiting.sentence
        == "wait, because fewer labels are in than the monitor asks for; retrain: not advised"
    )


@pytest.mark.parametrize(
    "made, sure",
    [
        (Change("m", 1.0, 0.9, 0.03, 0.03), -1),
        (Change("m", 1.0, 1.1, 0.03, 0.03), 1),
        (Change("m", 1.0, 0.95, 0.03, 0.03), 0),
        (Change("m", 1.0, 0.1, None, 0.03), 0),
        (Change("m", 1.0, 0.1, 0.03, None), 0),
        (Change("m", 1.0, 0.9, 0.0, 0.0), -1),
        (Change("m", 1.0, 1.0, 0.0, 0.0), 0),
    ],
)
def test_a_move_is_sure_beyond_its_error(made, sure) -> None:
    assert made.moved() == sure
    assert made.error is None or made.error == pytest.approx(math.hypot(made.before_error, made.after_error))


def test_a_factor_is_sure_on_the_logarithm() -> None:
    assert Change("m", 1.0, 1.3, 0.01, 0.01).turned(1.25) == 1
    assert Change("m", 1.3, 1.0, 0.01, 0.01).turned(1.25) == -1
    assert Change("m", 1.0, 1.3, 0.05, 0.05).turned(1.25) == 0
    for made, way in (
        (Change("m", 0.0, 1.0, 0.01, 0.01), 1),
        (Change("m", 1.0, -1.0, 0.01, 0.01), -1),
        (Change("m", 0.46, 0.0, 0.03, 0.01), -1),
        (Change("m", 0.05, 0.0, 0.02, 0.02), 0),
        (Change("m", -1.0, -2.0, 0.01, 0.01), 0),
    ):
        assert made.turned(1.25) == way, made
    assert Change("m", 1.0, 1.1, 0.01, 0.01).within(1.25)
    assert not Change("m", 1.0, 1.1, 0.1, 0.1).within(1.25), "not surely"
    assert Change("m", 0.4, 0.6, 0.01, 0.01).kept(0.5) is None, "it had no lead to lose"


def test_only_what_surely_drifted_is_named() -> None:
    found = surely(
        [("a", 0.3, 0.02), ("b", 0.15, 0.01), ("c", 0.3, 0.2), ("d", 5.0, None), ("e", None, None)]
    )
    assert [(drift.feature, drift.is_far) for drift in found] == [("a", True), ("b", False)]
    many = [Drift(f"f{i}", 1.0, 0.1) for i in range(5)]
    assert listed(many) == "f0 (psi 1.00), f1 (psi 1.00), f2 (psi 1.00) and 2 more features"
