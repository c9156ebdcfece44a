"""Labels that hang on the predictions, and predictions that close in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from detectors import log_worlds
from hindsight.detectors import Finding, Series
from hindsight.detectors.feedback_loop import FeedbackLoop
from hindsight.domain.values import Horizon, IncidentClass, Maturity, Severity, Span, Task, Verdict
from worlds import monitor

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
SURE = 0.005


def healthy() -> tuple[FeedbackLoop, Series]:
    """Nothing is wrong, and every figure is its expected one."""
    detector, series = log_worlds.feedback_loop(np.random.default_rng(1))
    assert isinstance(detector, FeedbackLoop)
    calm = {
        "coverage_gap": 0.0,
        "score_coverage_gap": 0.02,
        "unlabelled_range": 0.0,
        "score_spread": 0.2,
        "decision_entropy": 0.6,
        "recall": 0.7,
        "recall in explore=true": 0.7,
    }
    for name, value in calm.items():
        series = with_figure(series, name, value)
        other = series.others[name]
        if other.reference is not None:
            held = replace(other, reference=replace(other.reference, value=value, standard_error=SURE))
            series = replace(series, others=series.others | {name: held})
    return detector, series


def with_figure(series: Series, name: str, value: float | None, error: float | None = SURE) -> Series:
    other = series.others[name]
    latest = replace(other.latest, value=value, standard_error=error)
    return replace(series, others=series.others | {name: replace(other, latest=latest)})


def found(name: str, value: float | None, error: float | None = SURE, **options: Any) -> Finding:
    detector, series = healthy()
    return replace(detector, **options).examine(with_figure(series, name, value, error))


def test_a_healthy_model_shows_no_sign() -> None:
    detector, series = healthy()
    told = detector.examine(series)
    assert (told.verdict, told.severity) == (CLEAR, None)
    assert told.reason == "none of 6 signs of a feedback loop."
    assert len(told.details["signs"]) == 6


@pytest.mark.parametrize(
    "name, value, words",
    [
        (
            "coverage_gap",
            -0.4,
            "40 points more often for a predicted no than for a predicted yes",
        ),
        ("coverage_gap", 0.4, "40 points more often for a predicted yes than for a predicted no"),
        (
            "score_coverage_gap",
            0.5,
            "50 points more often for one third by score than for another",
        ),
        ("unlabelled_range", 0.12, "12 % of predictions have scores that never get a label"),
        ("score_spread", 0.1, "score_spread fell by 50 % to 0.1"),
        ("decision_entropy", 0.06, "decision_entropy fell by 90 % to 0.06"),
        ("recall in explore=true", 0.5, "recall is 0.5 in explore=true, and 0.722 elsewhere"),
    ],
)
def test_each_sign_breaches_by_itself(name: str, value: float, words: str) -> None:
    told = found(name, value)
    assert (told.verdict, told.severity) == (BREACH, Severity.WARNING)
    labels = "labels come " if "points" in words else ""
    assert told.reason == f"{labels}{words}."
    assert told.details["breaching"] == [name]


@pytest.mark.parametrize(
    "name, value",
    [
        ("coverage_gap", 0.08),
        ("unlabelled_range", 0.01),
        ("score_spread", 0.17),
        ("score_spread", 0.6),
        ("decision_entropy", 0.69),
        ("recall in explore=true", 0.65),
        ("recall in explore=true", 0.95),
    ],
)
def test_what_is_small_or_good_is_none(name: str, value: float) -> None:
    told = found(name, value)
    assert (told.verdict, told.severity) == (CLEAR, None)


def test_out_of_bounds_but_not_surely_is_watched() -> None:
    told = found("coverage_gap", 0.2, 0.05)
    assert (told.verdict, told.severity) == (CLEAR, Severity.WATCH)
    assert told.reason.endswith(": but not surely.")
    assert found("coverage_gap", 0.4, None).severity is Severity.WATCH
    assert found("coverage_gap", 0.2, 0.05, gap=0.05).verdict is BREACH


def test_the_signs_are_told_together() -> None:
    detector, series = healthy()
    series = with_figure(with_figure(series, "coverage_gap", -0.3), "score_spread", 0.05)
    told = detector.examine(series)
    assert set(told.details["breaching"]) == {"coverage_gap", "score_spread"}
    assert "; " in told.reason


def test_exploration_waits_for_labels_and_a_loss_may_be_a_higher_figure() -> None:
    detector, series = healthy()
    other = series.others["recall in explore=true"]
    young = replace(other.latest, value=0.1, maturity=Maturity.PROVISIONAL)
    others = series.others | {"recall in explore=true": replace(other, latest=young)}
    assert detector.examine(replace(series, others=others)).verdict is CLEAR
    brier = {
        name.replace("recall", "brier"): replace(other, metric=log_worlds.find("brier"))
        for name, other in series.others.items()
    }
    of_brier = replace(detector, outcome="brier")
    worse = with_figure(replace(series, others=brier), "brier in explore=true", 0.9)
    assert of_brier.examine(worse).verdict is BREACH
    assert of_brier.examine(with_figure(worse, "brier in explore=true", 0.5)).verdict is CLEAR


def test_exploration_is_compared_with_the_rest_and_not_with_itself() -> None:
    detector, series = healthy()
    series = with_figure(with_figure(series, "recall", 0.748, 0.002), "recall in explore=true", 0.68, 0.003)
    other = series.others["recall in explore=true"]
    for rows, verdict in ((16_800, BREACH), (2_800, CLEAR)):
        held = replace(other, latest=replace(other.latest, n=rows))
        told = detector.examine(replace(series, others=series.others | {"recall in explore=true": held}))
        assert told.verdict is verdict
        if rows == 16_800:
            assert told.reason == "recall is 0.68 in explore=true, and 0.85 elsewhere."
    alone = replace(other, latest=replace(other.latest, value=0.1, n=28_000))
    told = detector.examine(replace(series, others=series.others | {"recall in explore=true": alone}))
    assert "recall in explore=true" not in told.details["signs"]


@pytest.mark.parametrize(
    "task, sign, asked",
    [
        (Task.BINARY, "score_spread", "coverage_gap"),
        (Task.MULTICLASS, "prediction_entropy", "prediction_entropy"),
        (Task.REGRESSION, "prediction_spread", "prediction_spread"),
    ],
)
def test_answers_that_close_in_are_seen_of_every_task(task: Task, sign: str, asked: str) -> None:
    spec = monitor(task, metrics=("volume",))
    assert FeedbackLoop().others(spec) == (asked,)
    assert FeedbackLoop().others(replace(spec, metrics=(sign,))) == (sign,)
    _, series = healthy()
    other = replace(series.others["score_spread"], metric=log_worlds.find(sign))
    series = with_figure(replace(series, others={sign: other}), sign, 0.1)
    told = FeedbackLoop().examine(series)
    assert told.verdict is BREACH
    assert told.reason == f"{sign} fell by 50 % to 0.1."


def test_without_a_sign_it_is_insufficient() -> None:
    detector, series = healthy()
    assert detector.examine(replace(series, others={})).verdict is INSUFFICIENT
    lacking = replace(series.others["coverage_gap"].latest, value=None, reason="2 of 28 days are not there")
    other = replace(series.others["coverage_gap"], latest=lacking)
    told = detector.examine(replace(series, others={"coverage_gap": other}))
    assert told.reason == "2 of 28 days are not there."


def test_it_asks_for_the_signs_that_are_kept_and_one_at_least() -> None:
    spec = monitor(metrics=("recall", "score_spread", "coverage_gap"))
    detector = FeedbackLoop(exploration="explore=true", outcome="recall")
    assert detector.others(spec) == ("score_spread", "coverage_gap", "recall")
    assert detector.beside == ("explore=true",)
    assert FeedbackLoop().beside == ()
    assert FeedbackLoop().others(monitor(metrics=("recall",))) == ("coverage_gap",)


def test_it_is_wrong_as_seldom_as_its_docstring_says_on_the_limit() -> None:
    rng = np.random.default_rng(9)
    breaches = 0
    for _ in range(3000):
        detector, series = log_worlds.feedback_loop(rng)
        series = with_figure(series, "coverage_gap", float(rng.normal(0.1, 0.03)), 0.03)
        breaches += detector.examine(series).verdict is BREACH
    low, high = stats.binomtest(breaches, 3000).proportion_ci(0.999)
    assert low <= 0.002 <= high


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"metric": "recall"},
            "a feedback loop shows in the coverage, not in 'recall': leave `metric` out",
        ),
        ({"gap": 0.0}, "`gap` is a share that does not matter, between 0 and 1, not 0.0"),
        ({"dark": 1.0}, "`dark` is a share that does not matter, between 0 and 1, not 1.0"),
        ({"narrower": 2.0}, "`narrower` is a share that does not matter, between 0 and 1, not 2.0"),
        ({"worse": 0.0}, "`worse` is a share that does not matter, more than 0, not 0.0"),
        ({"evidence": 0.0}, "evidence 0.0 is not between 0 and 1"),
        (
            {"exploration": "explore=true"},
            "`exploration` and `outcome` go together: a segment, and the metric that is compared there",
        ),
        (
            {"exploration": "explore", "outcome": "recall"},
            "`exploration` is a segment such as explore=true, not 'explore'",
        ),
        (
            {"exploration": "explore=true", "outcome": "recal"},
            "there is no metric 'recal', so it is no `outcome`",
        ),
        (
            {"exploration": "explore=true", "outcome": "mean_score"},
            "'mean_score' is not of outcomes, so it is no `outcome`",
        ),
        (
            {"exploration": "explore=true", "outcome": "positive_rate"},
            "'positive_rate' has no good direction, so it is no `outcome`",
        ),
    ],
)
def test_options_that_make_no_sense_are_told(options: dict[str, Any], sentence: str) -> None:
    assert list(FeedbackLoop(**options).problems()) == [sentence]


def test_it_is_about_labels() -> None:
    detector = FeedbackLoop()
    assert detector.incident_class is IncidentClass.LABEL_HEALTH
    assert (detector.window, detector.at, detector.name) == (Span(28), Horizon(7), "feedback_loop:28d@7d")
