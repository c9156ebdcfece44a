"""Errors of pooled windows: against naive loops, and what weights of labels do to them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as students

from hindsight.domain.values import Task
from hindsight.metrics import METRICS, Metric
from hindsight.metrics.estimate import MIN_DAYS, estimate, jackknife, per_weight, pooled, runs, widening
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import Array
from samples import MAKERS, Yes, bin_of, binary, held, random_days, some_yes

PAIRS = [(task, metric) for task in MAKERS for metric in held(task)]
pairs = pytest.mark.parametrize("task, metric", PAIRS, ids=[f"{m.name}-{t}" for t, m in PAIRS])


def naive_delong(rows: list[Yes]) -> float:
    """DeLong's error of the area of binned scores, by comparing every positive with every negative."""
    positive = [bin_of(row.score) for row in rows if row.actual == 1]
    negative = [bin_of(row.score) for row in rows if row.actual == 0]
    wins = np.array([[(p > n) + 0.5 * (p == n) for n in negative] for p in positive])
    of_positives, of_negatives = wins.mean(axis=1), wins.mean(axis=0)
    return math.sqrt(of_positives.var(ddof=1) / len(positive) + of_negatives.var(ddof=1) / len(negative))


@pytest.mark.parametrize("seed", range(6))
def test_the_areas_row_error_is_delongs(seed: int) -> None:
    rows = some_yes(np.random.default_rng(seed), 1, 400) or [Yes(0, s / 9, 0, s % 2) for s in range(9)]
    metric = METRICS["roc_auc"]
    found = metric.row_error(metric.terms(binary(rows)))
    assert found[0] == pytest.approx(naive_delong(rows), rel=1e-9)


def test_the_area_of_one_positive_has_no_row_error() -> None:
    metric = METRICS["roc_auc"]
    terms = metric.terms(binary([Yes(0, 0.9, 1, 1), Yes(0, 0.1, 0, 0), Yes(0, 0.2, 0, 0)]))
    assert metric.value(terms)[0] == 1.0
    assert math.isnan(metric.row_error(terms)[0])


def naive_jackknife(metric: Metric, days: Array) -> float:
    """The delete-one-day error by leaving each day with rows out in turn; a count's from its days' spread."""
    if metric.extensive:
        error = math.sqrt(len(days)) * float(np.std(days[:, 0], ddof=1))
        return error * float(students.ppf(0.975, len(days) - 1)) / 1.959964
    lived = [i for i in range(len(days)) if metric.rows(days[i : i + 1])[0] > 0]
    if len(lived) < MIN_DAYS:
        return 0.0
    values = np.array([metric.value(np.delete(days, i, axis=0).sum(axis=0)[None])[0] for i in lived])
    error = math.sqrt((len(lived) - 1) / len(lived) * ((values - values.mean()) ** 2).sum())
    return error * float(students.ppf(0.975, len(lived) - 1)) / 1.959964


@pairs
@pytest.mark.parametrize("length", [7, 28])
def test_the_jackknife_is_the_naive_loops(task: Task, metric: Metric, length: int) -> None:
    days = metric.terms(random_days(task, 11, 40, per_day=25))
    total = pooled(runs(days, length))
    found = jackknife(metric, runs(days, length), total)
    naive = [naive_jackknife(metric, days[i : i + length]) for i in range(len(days) - length + 1)]
    np.testing.assert_allclose(found, naive, rtol=1e-3, atol=1e-9)
    errors = estimate(metric, days, length).standard_error
    np.testing.assert_array_equal(errors, np.maximum(metric.row_error(total), found))


@pairs
def test_a_window_shorter_than_the_jackknife_needs_has_the_row_error(task: Task, metric: Metric) -> None:
    days = metric.terms(random_days(task, 3, 12))
    found = estimate(metric, days, MIN_DAYS - 1).standard_error
    np.testing.assert_array_equal(found, metric.row_error(pooled(runs(days, MIN_DAYS - 1))))


def test_days_that_differ_more_than_their_rows_explain_widen_the_error() -> None:
    counts = np.zeros((28, 2))
    counts[:, 1] = 1000
    counts[:, 0] = np.where(np.arange(28) % 2, 400, 600)
    recall = METRICS["recall"]
    error = estimate(recall, counts, 28).standard_error[0]
    assert error == pytest.approx(1.047 * 0.1 / math.sqrt(27), rel=1e-3)
    assert error > 5 * recall.row_error(counts.sum(axis=0)[None])[0]


def test_the_widening_is_students() -> None:
    days = np.arange(7.0, 400.0)
    exact = students.ppf(0.975, days - 1) / 1.959964
    np.testing.assert_allclose(widening(days), exact, rtol=1e-3)


OF_LABELS = [metric for metric in held(Task.BINARY) if metric.labelled and metric.weighted]
of_labels = pytest.mark.parametrize("metric", OF_LABELS, ids=[m.name for m in OF_LABELS])


def weighing(weight: Any, seed: int = 5, days: int = 9) -> BinaryStatistics:
    """Random days whose labels weigh `weight(rng)`."""
    rng = np.random.default_rng(seed)
    rows = [replace(row, weight=weight(rng)) for row in some_yes(rng, days, 80)]
    return binary(rows, days, weighted=True)


@of_labels
def test_labels_that_weigh_one_give_what_labels_without_weights_give(metric: Metric) -> None:
    rows = some_yes(np.random.default_rng(5), 9, 80)
    plain, ones = binary(rows, 9), binary(rows, 9, weighted=True)
    one = estimate(metric, metric.terms(plain), 9)
    for rows_of in (None, plain.rows):
        other = estimate(metric, metric.terms(ones), 9, rows_of)
        assert other.value[0] == pytest.approx(one.value[0], rel=1e-7)
        assert other.standard_error[0] == pytest.approx(one.standard_error[0], rel=1e-7)
        assert other.rows[0] == one.rows[0]


@of_labels
@pytest.mark.parametrize("length", [1, 9])
def test_the_scale_of_weights_is_of_no_account(metric: Metric, length: int) -> None:
    light = weighing(lambda rng: float(rng.integers(1, 6)))
    heavy = weighing(lambda rng: 8.0 * float(rng.integers(1, 6)))
    one = estimate(metric, metric.terms(light), length, light.rows)
    other = estimate(metric, metric.terms(heavy), length, heavy.rows)
    np.testing.assert_allclose(other.value, one.value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(other.standard_error, one.standard_error, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.rows, one.rows, rtol=1e-9)


@of_labels
def test_rows_are_kishs_effective_number_and_uneven_weights_cost_precision(metric: Metric) -> None:
    found = weighing(lambda rng: float(rng.choice([1.0, 20.0])))
    terms = metric.terms(found)
    total = found.rows.sum(axis=0)
    plain, effective = estimate(metric, terms, 9), estimate(metric, terms, 9, found.rows)
    assert effective.rows[0] == pytest.approx(plain.rows[0] * total[2] / total[3])
    whole = estimate(METRICS["accuracy"], METRICS["accuracy"].terms(found), 9, found.rows).rows[0]
    assert whole == pytest.approx(total[2] ** 2 / total[3])
    assert effective.rows[0] <= whole * (1 + 1e-12) < total[1]
    assert (effective.standard_error >= plain.standard_error).all()


def test_the_row_error_of_a_weighted_share_is_the_textbooks() -> None:
    rng = np.random.default_rng(8)
    rows = [
        Yes(0, 0.7, int(rng.random() < 0.6), 1, weight=float(rng.choice([1.0, 3.0, 9.0])))
        for _ in range(4000)
    ]
    found, recall = binary(rows, weighted=True), METRICS["recall"]
    estimated = estimate(recall, recall.terms(found), 1, found.rows)
    weight = np.array([row.weight for row in rows])
    share = np.average([row.predicted for row in rows], weights=weight)
    assert estimated.value[0] == pytest.approx(share)
    textbook = math.sqrt(share * (1 - share) * (weight**2).sum()) / weight.sum()
    assert estimated.standard_error[0] == pytest.approx(textbook, rel=0.01)


def test_what_counts_rows_does_not_mind_weights() -> None:
    found = weighing(lambda rng: float(rng.choice([1.0, 20.0])))
    for name in ("coverage", "volume", "mean_score", "predicted_positive_rate", "score_spread"):
        metric = METRICS[name]
        one = estimate(metric, metric.terms(found), 9, found.rows)
        other = estimate(metric, metric.terms(found), 9)
        np.testing.assert_array_equal(one.standard_error, other.standard_error)
        np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(per_weight(np.zeros((2, 4))), [1.0, 1.0])


@of_labels
@pytest.mark.parametrize("length", [1, 7])
def test_a_history_of_weighted_labels_gives_each_window_what_its_own_days_give(
    metric: Metric, length: int
) -> None:
    days = weighing(lambda rng: float(rng.choice([0.1, 1.0, 3.7])), days=12)
    whole = estimate(metric, metric.terms(days), length, days.rows)
    for i in range(12 - length + 1):
        own = days[i : i + length]
        alone = estimate(metric, metric.terms(own), length, own.rows)
        np.testing.assert_array_equal(alone.value[0], whole.value[i])
        np.testing.assert_array_equal(alone.standard_error[0], whole.standard_error[i])
        np.testing.assert_array_equal(alone.rows[0], whole.rows[i])
