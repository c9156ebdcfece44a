"""Errors of metrics whose rows come in clusters."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest

from hindsight.metrics import find
from hindsight.metrics.clusters import cluster_error
from hindsight.metrics.estimate import measured
from hindsight.statistics import BinaryStatistics

NAMES = ["accuracy", "precision", "recall", "f1", "specificity", "mcc", "balanced_accuracy", "positive_rate"]
PRODUCTS = list(combinations_with_replacement(range(4), 2))


def clustered(tables: np.ndarray) -> BinaryStatistics:
    """A day from the confusion matrices of its clusters, [clusters, (tp, fp, fn, tn)]."""
    made = BinaryStatistics.zeros(1)
    total = tables.sum(axis=0)
    for count, (predicted, outcome) in zip(total, ((1, 2), (1, 1), (0, 2), (0, 1)), strict=True):
        made.counts[0, predicted, outcome, 0] = count
    made.rows[0] = [total.sum()] * 4
    made.clusters[0] = [*((tables[:, i] * tables[:, j]).sum() for i, j in PRODUCTS), len(tables)]
    return made


def a_world(rng: np.random.Generator, clusters: int, alike: bool) -> np.ndarray:
    """Clusters of up to 30 rows; `alike` ones have a chance of their own for each cell."""
    sizes = rng.integers(1, 31, clusters)
    chances = (
        rng.dirichlet(np.array([3.0, 1.0, 1.0, 5.0]) / 3, clusters)
        if alike
        else [[0.3, 0.1, 0.1, 0.5]] * clusters
    )
    return np.array([rng.multinomial(n, p) for n, p in zip(sizes, chances, strict=True)])


@pytest.mark.parametrize("name", NAMES)
def test_the_error_is_that_of_resampling_whole_clusters(name: str) -> None:
    metric, rng = find(name), np.random.default_rng(5)
    tables = a_world(rng, 400, alike=True)
    found = clustered(tables)
    error = cluster_error(metric, metric.terms(found), found.confusion, found.clusters)[0]
    drawn = [tables[rng.integers(0, len(tables), len(tables))].sum(axis=0) for _ in range(2000)]
    again = replace(BinaryStatistics.zeros(len(drawn)))
    for i, (predicted, outcome) in enumerate(((1, 2), (1, 1), (0, 2), (0, 1))):
        again.counts[:, predicted, outcome, 0] = [table[i] for table in drawn]
    bootstrap = metric.value(metric.terms(again)).std(ddof=1)
    assert error == pytest.approx(bootstrap, rel=0.08)
    assert error > 1.5 * metric.row_error(metric.terms(found))[0], "alike rows tell less than they seem to"


@pytest.mark.parametrize("name", ["accuracy", "recall", "f1"])
@pytest.mark.parametrize("alike", [False, True])
def test_nominal_intervals_hold_the_truth(name: str, alike: bool) -> None:
    metric, rng = find(name), np.random.default_rng(11)
    truth = clustered(a_world(np.random.default_rng(1), 200_000, alike=alike))
    expected = metric.value(metric.terms(truth))[0]
    held = 0
    for _ in range(600):
        found = measured(metric, clustered(a_world(rng, 150, alike=alike)), 1)
        held += abs(found.value[0] - expected) <= 1.96 * found.standard_error[0]
    assert 0.92 <= held / 600 <= 0.98


def test_single_rows_as_clusters_give_the_error_of_rows() -> None:
    rng = np.random.default_rng(3)
    found = clustered(np.eye(4)[rng.choice(4, 5000, p=[0.3, 0.1, 0.1, 0.5])])
    accuracy = find("accuracy")
    error = cluster_error(accuracy, accuracy.terms(found), found.confusion, found.clusters)[0]
    assert error == pytest.approx(accuracy.row_error(accuracy.terms(found))[0], rel=1e-3)


def test_what_is_not_made_of_the_confusion_matrix_keeps_its_own_error() -> None:
    found = clustered(a_world(np.random.default_rng(2), 50, alike=True))
    counts = np.roll(found.counts, 90, axis=3)
    found = replace(found, counts=counts, scores=0.4 * counts)
    for name in ("roc_auc", "brier", "calibration_error"):
        metric = find(name)
        assert cluster_error(metric, metric.terms(found), found.confusion, found.clusters)[0] == 0.0


def test_days_of_clusters_add_up() -> None:
    rng = np.random.default_rng(9)
    parts = [a_world(rng, 30, alike=True) for _ in range(3)]
    days = clustered(parts[0]) + clustered(parts[1]) + clustered(parts[2])
    np.testing.assert_array_equal(days.clusters, clustered(np.concatenate(parts)).clusters)


def test_without_clusters_nothing_changes() -> None:
    found = replace(clustered(a_world(np.random.default_rng(4), 40, alike=True)), clusters=np.zeros((1, 11)))
    recall = find("recall")
    assert measured(recall, found, 1).standard_error[0] == recall.row_error(recall.terms(found))[0]
