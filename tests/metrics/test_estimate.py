"""Errors of pooled windows: against naive loops, and how often they cover the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hindsight.domain.values import Task
from hindsight.metrics import METRICS, Metric
from hindsight.metrics.estimate import MIN_DAYS, estimate, jackknife, pooled
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import Array
from samples import Yes, bin_of, binary, random_days, scored, some_yes

PAIRS = [(task, metric) for metric in METRICS.values() for task in sorted(metric.tasks)]
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
        return math.sqrt(len(days)) * float(np.std(days[:, 0], ddof=1))
    lived = [i for i in range(len(days)) if metric.rows(days[i : i + 1])[0] > 0]
    if len(lived) < MIN_DAYS:
        return 0.0
    values = np.array([metric.value(np.delete(days, i, axis=0).sum(axis=0)[None])[0] for i in lived])
    return math.sqrt((len(lived) - 1) / len(lived) * ((values - values.mean()) ** 2).sum())


@pairs
@pytest.mark.parametrize("length", [7, 28])
def test_the_jackknife_is_the_naive_loops(task: Task, metric: Metric, length: int) -> None:
    days = metric.terms(random_days(task, 11, 40, per_day=25))
    found = jackknife(metric, days, length, pooled(days, length))
    naive = [naive_jackknife(metric, days[i : i + length]) for i in range(len(days) - length + 1)]
    np.testing.assert_allclose(found, naive, rtol=1e-6, atol=1e-9)
    errors = estimate(metric, days, length).standard_error
    rows = metric.row_error(pooled(days, length))
    np.testing.assert_array_equal(errors, np.maximum(rows, found))


@pairs
def test_a_window_shorter_than_the_jackknife_needs_has_the_row_error(task: Task, metric: Metric) -> None:
    days = metric.terms(random_days(task, 3, 12))
    found = estimate(metric, days, MIN_DAYS - 1).standard_error
    np.testing.assert_array_equal(found, metric.row_error(pooled(days, MIN_DAYS - 1)))


def test_days_that_differ_more_than_their_rows_explain_widen_the_error() -> None:
    counts = np.zeros((28, 2))
    counts[:, 1] = 1000
    counts[:, 0] = np.where(np.arange(28) % 2, 400, 600)
    recall = METRICS["recall"]
    error = estimate(recall, counts, 28).standard_error[0]
    assert error == pytest.approx(0.1 / math.sqrt(27), rel=1e-3)
    assert error > 5 * recall.row_error(counts.sum(axis=0)[None])[0]


NAMES = ["accuracy", "f1", "positive_rate", "precision", "recall", "roc_auc", "specificity"]


def covered(rng: np.random.Generator, *, spread: float, windows: int) -> dict[str, float]:
    """How often value +- 1.96 errors holds the truth, over windows of 28 days.

    Scores are uniform and come true at their own rate, which a day shifts by `spread` (in logits, the
    same for all its rows).  The truth is the value over ten thousand days.
    """

    def days(number: int, per_day: int) -> BinaryStatistics:
        shifts = iter(spread * rng.standard_normal(number))

        def chance(score: Array) -> Array:
            odds = np.log(score / (1.0 - score)) + next(shifts)
            return 1.0 / (1.0 + np.exp(-odds))

        return scored(rng, chance, rng.uniform(0.02, 0.98, (number, per_day)))

    made = days(28 * windows, 60)
    long_run = days(10_000, 60).pooled()
    shares = {}
    for name in NAMES:
        metric = METRICS[name]
        truth = metric.value(metric.terms(long_run))[0]
        terms = metric.terms(made)
        hits = 0
        for i in range(windows):
            found = estimate(metric, terms[28 * i : 28 * (i + 1)], 28)
            hits += bool(abs(found.value[0] - truth) <= 1.96 * found.standard_error[0])
        shares[name] = hits / windows
    return shares


@pytest.mark.parametrize("spread", [0.0, 0.5], ids=["independent rows", "days that differ"])
def test_ninety_five_percent_intervals_of_28_days_cover_the_truth_that_often(spread: float) -> None:
    shares = covered(np.random.default_rng(20), spread=spread, windows=250)
    assert all(0.90 <= share <= 0.99 for share in shares.values()), shares
