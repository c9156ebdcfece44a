"""Metrics of a multiclass model against scikit-learn, scipy or their formula over the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn import metrics as oracle

from covering import DAYS, covered, covered_by_rows
from hindsight.domain.values import Task
from hindsight.metrics import METRICS, find
from hindsight.metrics.base import Argument, Metric, Part
from hindsight.statistics import MulticlassStatistics, Statistics
from hindsight.statistics.base import Array
from samples import CLASSES, Choice, bin_of, multiclass, some_choices

K = len(CLASSES)
CLOSE: dict[str, Any] = {"rel": 1e-7, "abs": 2e-8}
AVERAGES = {
    f"{average}_{name}": (average, getattr(oracle, f"{name}_score"))
    for average in ("macro", "weighted", "micro")
    for name in ("precision", "recall", "f1")
    if (average, name) not in {("weighted", "recall"), ("micro", "precision"), ("micro", "recall")}
}
OF_CLASS = {
    "class_precision": oracle.precision_score,
    "class_recall": oracle.recall_score,
    "class_f1": oracle.f1_score,
}
OTHERS = {
    "accuracy",
    "log_loss",
    "brier",
    "calibration_error",
    "confidence",
    "class_auc",
    "macro_auc",
    "class_share",
    "prediction_entropy",
    "confusion",
}


def test_every_metric_of_a_multiclass_model_is_held_against_something() -> None:
    mine = {name for name, metric in METRICS.items() if Task.MULTICLASS in metric.tasks}
    assert {*AVERAGES, *OF_CLASS, *OTHERS, "volume", "coverage"} <= mine


def value(name: str, statistics: Statistics) -> float:
    metric = find(name)
    return float(metric.value(metric.terms(statistics))[0])


def same(found: float, expected: float) -> bool:
    return math.isnan(expected) if math.isnan(found) else found == pytest.approx(expected, **CLOSE)


def check(rows: Sequence[Choice]) -> None:
    statistics = multiclass(rows)
    told = [row for row in rows if row.actual is not None]
    actual = np.array([row.actual for row in told], dtype=int)
    predicted = np.array([row.predicted for row in told], dtype=int)
    scores = np.array([row.scores for row in told]).reshape(-1, K)
    check_table(statistics, actual, predicted)
    check_scores(statistics, actual, predicted, scores)
    check_areas(statistics, actual, scores)
    check_unlabelled(statistics, rows)


def check_table(statistics: Statistics, actual: Array, predicted: Array) -> None:
    none = len(actual) == 0
    accuracy = math.nan if none else oracle.accuracy_score(actual, predicted)
    assert same(value("accuracy", statistics), accuracy)
    for name, (average, of_rows) in AVERAGES.items():
        expected = math.nan
        if not none:
            expected = of_rows(actual, predicted, average=average, zero_division=np.nan)
        assert same(value(name, statistics), expected), name
    for name, of_rows in OF_CLASS.items():
        for i, which in enumerate(CLASSES):
            expected = math.nan
            if not none:
                expected = of_rows(actual == i, predicted == i, zero_division=np.nan)
            assert same(value(f"{name}({which})", statistics), expected), name
    table = np.full((K, K), np.nan)
    if not none:
        table = oracle.confusion_matrix(actual, predicted, labels=range(K)).astype(float)
        table /= np.where(table.sum(axis=1) > 0, table.sum(axis=1), np.nan)[:, None]
    for i, one in enumerate(CLASSES):
        for j, other in enumerate(CLASSES):
            assert same(value(f"confusion({one}->{other})", statistics), table[i, j])


def check_scores(statistics: Statistics, actual: Array, predicted: Array, scores: Array) -> None:
    if not len(actual):
        for name in ("log_loss", "brier", "calibration_error"):
            assert math.isnan(value(name, statistics))
        return
    here = np.arange(len(actual))
    given = np.clip(scores[here, actual], 1e-15, 1 - 1e-15)
    assert value("log_loss", statistics) == pytest.approx(-np.log(given).mean(), **CLOSE)
    brier = ((scores - np.eye(K)[actual]) ** 2).sum(axis=1).mean()
    assert value("brier", statistics) == pytest.approx(brier, **CLOSE)
    confidence = scores[here, predicted]
    # A score at the edge of a group is put into the group of its frozen bin.
    group = np.array([max((bin_of(score) - 49) // 10, 0) for score in confidence]).clip(0, 9)
    gaps = np.bincount(group, (predicted == actual) - confidence, 10)
    assert value("calibration_error", statistics) == pytest.approx(abs(gaps).sum() / len(actual), **CLOSE)


def check_areas(statistics: Statistics, actual: Array, scores: Array) -> None:
    areas = []
    for i, which in enumerate(CLASSES):
        found = value(f"class_auc({which})", statistics)
        if len(set((actual == i).tolist())) < 2:
            assert math.isnan(found)
            continue
        metric = find(f"class_auc({which})")
        bound = metric.bound(metric.terms(statistics))
        assert bound is not None
        areas.append((oracle.roc_auc_score(actual == i, scores[:, i]), found, bound[0]))
        assert abs(found - areas[-1][0]) <= bound[0] + 1e-12
    macro = find("macro_auc")
    if not areas:
        assert math.isnan(value("macro_auc", statistics))
        return
    exact, found, bounds = (float(np.mean(part)) for part in zip(*areas, strict=True))
    assert value("macro_auc", statistics) == pytest.approx(found, abs=1e-12)
    bound = macro.bound(macro.terms(statistics))
    assert bound is not None
    assert bound[0] == pytest.approx(bounds, abs=1e-12)
    assert abs(found - exact) <= bounds + 1e-12


def check_unlabelled(statistics: Statistics, rows: Sequence[Choice]) -> None:
    assert value("volume", statistics) == len(rows)
    said = np.bincount([row.predicted for row in rows], minlength=K)
    if not rows:
        assert math.isnan(value("prediction_entropy", statistics))
        assert math.isnan(value("confidence", statistics))
        assert math.isnan(value("class_share(cat)", statistics))
        return
    assert value("prediction_entropy", statistics) == pytest.approx(entropy(said), abs=1e-12)
    mean = np.mean([row.scores[row.predicted] for row in rows])
    assert value("confidence", statistics) == pytest.approx(mean, **CLOSE)
    for i, which in enumerate(CLASSES):
        assert value(f"class_share({which})", statistics) == said[i] / len(rows)


edges = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 1e-9, 1 - 1e-9, 0.3, 0.299]), st.floats(0, 1))
choices = st.builds(
    Choice,
    st.just(0),
    st.tuples(*[edges] * K),
    st.integers(0, K - 1),
    st.one_of(st.none(), st.integers(0, K - 1)),
)
EVEN = (0.25,) * K


@given(st.lists(choices, max_size=30))
@example([])
@example([Choice(0, EVEN, 0, None)])
@example([Choice(0, EVEN, 1, 1)] * 3)
@example([Choice(0, EVEN, 1, 2)] * 3)
@example([Choice(0, (0.0, 0.0, 0.0, 1.0), 3, 0), Choice(0, (1.0, 0.0, 0.0, 0.0), 0, 1)])
def test_metrics_are_scikit_learns_or_their_formula(rows: list[Choice]) -> None:
    check(rows)


def test_metrics_of_many_rows_are_scikit_learns_or_their_formula() -> None:
    check(some_choices(np.random.default_rng(5), 1, 5000))


def test_the_names_that_accuracy_has_among_averages_are_accuracy() -> None:
    statistics = multiclass(some_choices(np.random.default_rng(6), 1, 400))
    assert value("micro_f1", statistics) == value("accuracy", statistics)


def test_two_classes_are_judged_as_a_binary_model_is() -> None:
    rng = np.random.default_rng(7)
    rows = some_choices(rng, 1, 800, classes=2)
    statistics = multiclass(rows, classes=("no", "yes"))
    told = [row for row in rows if row.actual is not None]
    actual = [row.actual for row in told]
    assert value("class_recall(yes)", statistics) == oracle.recall_score(
        actual, [row.predicted for row in told]
    )
    found = value("log_loss", statistics)
    assert found == pytest.approx(oracle.log_loss(actual, [row.scores for row in told], labels=[0, 1]))
    single = oracle.brier_score_loss(actual, [row.scores[1] for row in told])
    assert value("brier", statistics) == pytest.approx(2.0 * single, **CLOSE)


def test_a_class_with_an_arrow_in_its_name_is_told_from_its_parts() -> None:
    names = ("a", "a->b", "b")
    rows = [Choice(0, (1.0, 0.0, 0.0), 0, 2), Choice(0, (1.0, 0.0, 0.0), 0, 1)]
    statistics = multiclass(rows, classes=names)
    assert value("confusion(a->b->a)", statistics) == 1.0
    assert value("confusion(b->a)", statistics) == 1.0
    assert value("confusion(b->a->b)", statistics) == 0.0


def test_a_metric_of_a_class_needs_its_name() -> None:
    with pytest.raises(
        ValueError, match="the metric 'class_recall' needs a class of the model in parentheses"
    ):
        find("class_recall")
    with pytest.raises(
        ValueError, match="confusion takes an actual and a predicted class, as in cat->dog, not"
    ):
        find("confusion(cat)")


def named() -> list[Metric]:
    full = []
    for name, metric in sorted(METRICS.items()):
        if Task.MULTICLASS in metric.tasks and metric.part is Part.OUTCOMES:
            argument = {Argument.CLASS: "(cat)", Argument.PAIR: "(cat->dog)"}.get(metric.argument, "")
            full.append(find(name + argument))
    return full


ALL = pytest.mark.parametrize("metric", named(), ids=lambda metric: metric.name)


@ALL
def test_days_added_up_give_what_their_rows_give(metric: Metric) -> None:
    rows = some_choices(np.random.default_rng(8), 30, 40)
    together = multiclass([replace(row, day=0) for row in rows])
    pooled = multiclass(rows, 30).pooled()
    assert pooled.names == CLASSES
    np.testing.assert_allclose(
        metric.value(metric.terms(pooled)), metric.value(metric.terms(together)), rtol=1e-9
    )


@ALL
def test_a_label_that_weighs_two_counts_as_two_rows(metric: Metric) -> None:
    rows = some_choices(np.random.default_rng(9), 1, 200)
    light = [replace(row, weight=1.0 + i % 2) for i, row in enumerate(rows)]
    twice = [row for row in light for _ in range(int(row.weight))]
    found = metric.terms(multiclass(light, weighted=True))
    expected = metric.terms(multiclass(twice if metric.labelled and metric.weighted else rows))
    np.testing.assert_allclose(metric.value(found), metric.value(expected), rtol=1e-9)
    np.testing.assert_allclose(metric.row_error(found), metric.row_error(expected), rtol=1e-6)


@ALL
def test_nothing_gives_no_number_and_one_row_no_infinity(metric: Metric) -> None:
    nothing = metric.terms(MulticlassStatistics.zeros(2, CLASSES))
    assert not metric.rows(nothing).any()
    if metric.name != "volume":
        assert np.isnan(metric.value(nothing)).all()
    single = metric.terms(multiclass([Choice(0, EVEN, 1, 1)]))
    assert not np.isinf(metric.value(single)).any()
    assert not np.isinf(metric.row_error(single)).any()


def numeric_error(metric: Metric, terms: Array) -> float:
    """The multinomial delta method by differences: the slope at each cell of the table."""
    total = 0.0
    for cell, count in enumerate(terms[0]):
        step = np.zeros_like(terms)
        step[0, cell] = 1e-4 * max(count, 1.0)
        slope = (metric.value(terms + step) - metric.value(terms - step))[0] / (2 * step[0, cell])
        total += count * slope * slope
    return math.sqrt(total)


@pytest.mark.parametrize("name", sorted(set(AVERAGES) - {"micro_f1"}))
def test_the_row_error_of_an_average_is_the_delta_methods(name: str) -> None:
    metric = find(name)
    terms = metric.terms(multiclass(some_choices(np.random.default_rng(4), 1, 20_000)))
    assert metric.row_error(terms)[0] == pytest.approx(numeric_error(metric, terms), rel=0.01)


def test_five_right_of_five_are_not_certain() -> None:
    statistics = multiclass([Choice(0, EVEN, i % 2, i % 2) for i in range(5)])
    for name in ("macro_f1", "macro_recall", "weighted_precision", "accuracy"):
        metric = find(name)
        terms = metric.terms(statistics)
        assert metric.value(terms)[0] == 1.0
        assert 0.05 < metric.row_error(terms)[0] < 0.4


@pytest.mark.parametrize("chances, much", [([0.4, 0.3, 0.2, 0.1], 1.1), ([0.25] * 4, 1.35)])
def test_the_row_error_of_the_entropy_is_its_spread_over_samples(chances: list[float], much: float) -> None:
    rng = np.random.default_rng(10)
    metric = find("prediction_entropy")
    terms = rng.multinomial(300, chances, size=4000).astype(float)
    assert 0.9 <= metric.row_error(terms).mean() / metric.value(terms).std() <= much


def at_once(day: Any, predicted: Array, actual: Array, days: int) -> MulticlassStatistics:
    """Statistics of many labelled rows, counted at once; only what their table tells."""
    made = MulticlassStatistics.zeros(days, CLASSES)
    where = np.ravel_multi_index((day, predicted, actual), made.table.shape)
    made.table[:] = np.bincount(where, minlength=made.table.size).reshape(made.table.shape)
    made.said[:] = made.table.sum(axis=2)
    made.rows[:] = made.said.sum(axis=1)[:, None]
    return made


def simulated(rng: np.random.Generator, days: int, per_day: int, shift: float) -> MulticlassStatistics:
    """Days of rows of uneven classes, which a model confuses; on some days more than on others."""
    day = np.repeat(np.arange(days), per_day)
    actual = rng.choice(K, days * per_day, p=[0.45, 0.3, 0.2, 0.05])
    odds = np.array([1.5, 1.0, 0.5, 0.0])[actual] + shift * rng.standard_normal(days)[day]
    right = rng.random(len(day)) < 1.0 / (1.0 + np.exp(-odds))
    other = (actual + rng.integers(1, K, len(day))) % K
    return at_once(day, np.where(right, actual, other), actual, days)


NAMES = ["accuracy", "macro_f1", "macro_recall", "macro_precision", "weighted_f1"]


@pytest.mark.parametrize("shift", [0.0, 0.6], ids=["independent rows", "days that differ"])
def test_intervals_of_28_days_cover_the_truth_as_often_as_they_say(shift: float) -> None:
    rng = np.random.default_rng(21)
    made, long_run = simulated(rng, 300 * DAYS, 40, shift), simulated(rng, 20_000, 40, shift)
    shares = covered(NAMES, made, long_run)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares


def test_row_errors_of_a_single_day_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(22)
    made, long_run = simulated(rng, 1500, 400, 0.0), simulated(rng, 20_000, 40, 0.0)
    shares = covered_by_rows([*NAMES, "weighted_precision", "confusion(dog->cat)"], made, long_run)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares


def test_statistics_of_other_classes_do_not_add() -> None:
    one, other = (MulticlassStatistics.zeros(1, names) for names in (("a", "b"), ("b", "a")))
    assert (one + one)[0:1].names == ("a", "b")
    with pytest.raises(AssertionError):
        one + other
