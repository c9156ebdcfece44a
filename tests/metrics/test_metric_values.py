"""Every metric against scikit-learn, or against its formula over the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from hindsight.domain.values import Task
from hindsight.metrics import METRICS
from samples import Guess, Yes, bin_of, binary, regression, some_guesses, some_yes

CLOSE: dict[str, Any] = {"rel": 1e-7, "abs": 2e-8}
"""Sums are held in billionths."""

Oracle = Callable[[Any, Any, Any], float]
"""(actual, predicted, score) of labelled rows -> value."""


def clipped_log_loss(actual: Any, _: Any, score: Any) -> float:
    given_to_truth = np.where(actual == 1, score, 1.0 - score)
    return float(-np.log(np.clip(given_to_truth, 1e-15, 1 - 1e-15)).mean())


BINARY: dict[str, Oracle] = {
    "accuracy": lambda actual, predicted, _: oracle.accuracy_score(actual, predicted),
    "brier": lambda actual, _, score: oracle.brier_score_loss(actual, score, pos_label=1),
    "f1": lambda actual, predicted, _: oracle.f1_score(actual, predicted, zero_division=np.nan),
    "log_loss": clipped_log_loss,
    "positive_rate": lambda actual, *_: float(np.mean(actual)),
    "precision": lambda actual, predicted, _: oracle.precision_score(actual, predicted, zero_division=np.nan),
    "recall": lambda actual, predicted, _: oracle.recall_score(actual, predicted, zero_division=np.nan),
    "specificity": lambda actual, predicted, _: oracle.recall_score(
        actual, predicted, pos_label=0, zero_division=np.nan
    ),
}
REGRESSION: dict[str, Oracle] = {
    "bias": lambda actual, _, value: float(np.mean(value - actual)),
    "mae": lambda actual, _, value: oracle.mean_absolute_error(actual, value),
    "rmse": lambda actual, _, value: oracle.root_mean_squared_error(actual, value),
    "r2": lambda actual, _, value: oracle.r2_score(actual, value),
}
OF_ALL_ROWS = {"coverage", "volume", "mean_score", "mean_prediction", "predicted_positive_rate"}


def test_every_metric_is_held_against_something() -> None:
    assert {*BINARY, *REGRESSION, *OF_ALL_ROWS, "roc_auc"} == set(METRICS)


def value(name: str, statistics: Any) -> float:
    metric = METRICS[name]
    return float(metric.value(metric.terms(statistics))[0])


def undefined(name: str, actual: Any, predicted: Any) -> bool:
    """Whether the metric's denominator is zero."""
    return {
        "recall": not np.any(actual == 1),
        "specificity": not np.any(actual == 0),
        "precision": not np.any(predicted == 1),
        "f1": not np.any(actual == 1) and not np.any(predicted == 1),
    }.get(name, len(actual) == 0)


edges = st.sampled_from([0.0, 1.0, 0.5, 0.01, 0.99, 1e-8, 1e-9, 1 - 1e-9, 3e-4, 3.1e-4])
scores = st.one_of(edges, st.floats(0, 1), st.floats(0, 1e-3))
rows_of = st.lists(
    st.builds(Yes, st.just(0), scores, st.integers(0, 1), st.sampled_from([None, 0, 1])), max_size=40
)


def check_binary(rows: Sequence[Yes]) -> None:
    statistics = binary(rows)
    labelled = [row for row in rows if row.actual is not None]
    actual = np.array([row.actual for row in labelled], dtype=int)
    predicted = np.array([row.predicted for row in labelled], dtype=int)
    score = np.array([row.score for row in labelled], dtype=float)
    for name, of_rows in BINARY.items():
        found = value(name, statistics)
        if undefined(name, actual, predicted):
            assert math.isnan(found), name
        else:
            assert found == pytest.approx(of_rows(actual, predicted, score), **CLOSE), name
    if len(set(actual.tolist())) < 2:
        assert math.isnan(value("roc_auc", statistics))
    else:
        metric = METRICS["roc_auc"]
        terms = metric.terms(statistics)
        bound = metric.bound(terms)
        assert bound is not None
        exact = oracle.roc_auc_score(actual, score)
        assert abs(value("roc_auc", statistics) - exact) <= bound[0] + 1e-12
        binned = oracle.roc_auc_score(actual, [bin_of(s) for s in score])
        assert value("roc_auc", statistics) == pytest.approx(binned, abs=1e-12)
    assert value("volume", statistics) == len(rows)
    if rows:
        assert value("coverage", statistics) == len(labelled) / len(rows)
        assert value("mean_score", statistics) == pytest.approx(np.mean([r.score for r in rows]), **CLOSE)
        assert value("predicted_positive_rate", statistics) == np.mean([r.predicted for r in rows])
    else:
        assert math.isnan(value("coverage", statistics))
        assert math.isnan(value("mean_score", statistics))
        assert math.isnan(value("predicted_positive_rate", statistics))


@settings(max_examples=80, deadline=None)
@given(rows_of)
@example([])
@example([Yes(0, 0.5, 1, None)])
@example([Yes(0, 0.0, 0, 1), Yes(0, 1.0, 1, 0)])
@example([Yes(0, 0.3, 0, 0)] * 3)
@example([Yes(0, 0.3, 0, 1)] * 3)
@example([Yes(0, 1e-12, 0, 1)])
def test_metrics_of_a_binary_model_are_scikit_learns(rows: list[Yes]) -> None:
    check_binary(rows)


def test_metrics_of_many_rows_are_scikit_learns() -> None:
    check_binary(some_yes(np.random.default_rng(5), 1, 6000))


@pytest.mark.parametrize("seed", range(5))
def test_the_area_of_fraud_like_scores_is_within_a_narrow_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.minimum(3e-4 * rng.lognormal(0, 1.2, 20_000), 1.0)
    actual = (rng.random(len(score)) < np.minimum(40 * score, 1)).astype(int)
    rows = [Yes(0, float(s), 0, int(y)) for s, y in zip(score, actual, strict=True)]
    metric = METRICS["roc_auc"]
    terms = metric.terms(binary(rows))
    bound = metric.bound(terms)
    assert bound is not None
    exact = oracle.roc_auc_score(actual, score)
    assert 0.5 < exact < 0.95
    assert abs(metric.value(terms)[0] - exact) <= bound[0]
    assert bound[0] < 0.05


def check_regression(rows: Sequence[Guess], unit: float = 1.0) -> None:
    statistics = regression(rows, unit=unit)
    labelled = [row for row in rows if row.actual is not None]
    actual = np.array([row.actual for row in labelled], dtype=float)
    predicted = np.array([row.value for row in labelled], dtype=float)
    size = max([1.0, *np.abs(actual), *np.abs(predicted)])
    for name, of_rows in REGRESSION.items():
        found = value(name, statistics)
        spread = float(np.var(actual)) if len(actual) else 0.0
        if not len(actual) or (name == "r2" and spread == 0):
            assert math.isnan(found), name
        elif name != "r2":
            expected = of_rows(actual, None, predicted)
            # A square root makes of 1e-9 what is 3e-5.
            assert found == pytest.approx(expected, rel=1e-6, abs=4e-5 * unit * size), name
        elif spread > 1e-3 * size**2:
            doubt = 1e-6 + 4e-9 * (unit**2 + size**2) / spread
            assert found == pytest.approx(of_rows(actual, None, predicted), rel=doubt, abs=doubt), name
    if rows:
        mean = float(np.mean([row.value for row in rows]))
        assert value("mean_prediction", statistics) == pytest.approx(mean, rel=1e-7, abs=1e-8 * unit)
    else:
        assert math.isnan(value("mean_prediction", statistics))
    assert value("volume", statistics) == len(rows)


numbers = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 15.5]), st.floats(-1000, 1000))
guesses = st.lists(st.builds(Guess, st.just(0), numbers, st.one_of(st.none(), numbers)), max_size=40)


@settings(max_examples=80, deadline=None)
@given(guesses, st.sampled_from([1.0, 100.0]))
@example([], 1.0)
@example([Guess(0, 3.0, None)], 1.0)
@example([Guess(0, 3.0, 7.0)], 1.0)
@example([Guess(0, 1.0, 0.1)] * 3, 1.0)
def test_metrics_of_a_regression_are_scikit_learns(rows: list[Guess], unit: float) -> None:
    check_regression(rows, unit)


def test_metrics_of_many_guesses_are_scikit_learns() -> None:
    check_regression(some_guesses(np.random.default_rng(5), 1, 6000))


@pytest.mark.parametrize("level", [0.0, 0.1, 1e4, -123.456, 0.0016251])
@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("unit", [1.0, 100.0, 0.01])
def test_equal_actuals_have_no_spread_to_explain(level: float, rows: int, unit: float) -> None:
    assert math.isnan(value("r2", regression([Guess(0, level + 1, level)] * rows, unit=unit)))


def test_each_metric_says_which_task_and_direction_it_is_for() -> None:
    assert {name for name, metric in METRICS.items() if metric.tasks == {Task.BINARY}} >= set(BINARY)
    assert {name for name, metric in METRICS.items() if metric.tasks == {Task.REGRESSION}} >= set(REGRESSION)
