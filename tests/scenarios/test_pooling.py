"""Metrics of added statistics are metrics of the rows, and ALL is the sum of its segments, for every task."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import samples
from hindsight.domain.values import ALL, Task
from hindsight.metrics import find
from hindsight.statistics import Statistics
from worlds import Bench, at, monitor, odd_logs, written

FIRST, DAYS = date(2013, 3, 8), 4


@pytest.mark.parametrize("task", list(Task))
def test_all_is_the_sum_of_each_columns_segments(bench: Bench, task: Task) -> None:
    spec = monitor(task)
    spec = at(spec, written(odd_logs(17, FIRST, DAYS, task), "parquet", bench.folder))
    bench.run(spec, FIRST, FIRST + timedelta(days=DAYS + 3))
    with bench.store.transaction() as connection:
        stored = bench.store.statistics(connection, "odd")
    sums: dict[Any, dict[str, dict[int, list[int]]]] = defaultdict(lambda: defaultdict(dict))
    for row in stored:
        payload = json.loads(row.payload)
        column = row.segment.partition("=")[0]
        cells = sums[row.window_start, row.horizon, row.version][column]
        names = sorted(payload.keys() - {"cell"})
        for i, cell in enumerate(payload["cell"]):
            mine = [payload[name][i] for name in names]
            cells[cell] = [a + b for a, b in zip(cells.get(cell, [0] * len(mine)), mine, strict=True)]
    assert len(sums) > 2 * DAYS
    for by_column in sums.values():
        found = {
            column: {cell: values for cell, values in cells.items() if any(values)}
            for column, cells in by_column.items()
        }
        assert found.keys() == {ALL, "origin", "carrier"}
        assert found[ALL] == found["origin"] == found["carrier"]


Maker = Callable[[Sequence[Any], int], Statistics]
ROWS: dict[Task, tuple[Callable[[np.random.Generator, int, int], Sequence[Any]], Maker]] = {
    Task.BINARY: (samples.some_yes, samples.binary),
    Task.MULTICLASS: (samples.some_choices, samples.multiclass),
    Task.RANKING: (samples.some_shown, samples.ranking),
    Task.REGRESSION: (
        samples.some_bounded,
        lambda rows, days: samples.regression(rows, days, interval=True),
    ),
}


def value_of(name: str, statistics: Statistics) -> tuple[float, float]:
    """A metric of a single window, and its bound; NaN where there is none."""
    metric = find(name)
    terms = metric.terms(statistics)
    bound = metric.bound(terms)
    return float(metric.value(terms)[0]), float("nan") if bound is None else float(bound[0])


@given(st.integers(0, 10**6), st.sampled_from(list(Task)))
@settings(deadline=None)
def test_a_month_of_days_and_a_heap_of_rows_have_the_same_metrics(seed: int, task: Task) -> None:
    some, made = ROWS[task]
    rows = some(np.random.default_rng(seed), 28, 12)
    pooled = made(rows, 28).pooled()
    heap = made([replace(row, day=0) for row in rows], 1)
    for metric in samples.held(task):
        mine, bound = value_of(metric.name, pooled)
        theirs, same_bound = value_of(metric.name, heap)
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9, nan_ok=True), metric.name
        assert bound == pytest.approx(same_bound, rel=1e-9, abs=1e-9, nan_ok=True), metric.name


@given(st.integers(0, 10**6))
@settings(deadline=None)
def test_pooled_days_of_a_binary_model_say_what_its_rows_say(seed: int) -> None:
    rows = samples.some_yes(np.random.default_rng(seed), 28, 12)
    pooled = samples.binary(rows, 28).pooled()
    told = [row for row in rows if row.actual is not None]
    truth, score = np.array([row.actual for row in told]), np.array([row.score for row in told])
    if len(set(truth.tolist())) < 2:
        return
    said = score >= 0.5
    exact = {
        "accuracy": sk.accuracy_score(truth, said),
        "brier": np.mean((score - truth) ** 2),
        "mcc": sk.matthews_corrcoef(truth, said),
        "log_loss": np.mean(-np.log(np.clip(np.where(truth == 1, score, 1 - score), 1e-15, 1 - 1e-15))),
    }
    for name, expected in exact.items():
        assert value_of(name, pooled)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    binned = {
        "roc_auc": sk.roc_auc_score(truth, score),
        "average_precision": sk.average_precision_score(truth, score),
    }
    for name, expected in binned.items():
        value, bound = value_of(name, pooled)
        assert abs(value - expected) <= bound + 1e-9, name


@given(st.integers(0, 10**6))
@settings(deadline=None)
def test_pooled_days_of_a_regression_say_what_its_rows_say(seed: int) -> None:
    rows = samples.some_bounded(np.random.default_rng(seed), 28, 12)
    pooled = samples.regression(rows, 28, interval=True).pooled()
    told = [row for row in rows if row.actual is not None]
    truth, said = np.array([row.actual for row in told]), np.array([row.value for row in told])
    if len(told) < 2:
        return
    lower, upper = (np.array([getattr(row, name) for row in told]) for name in ("lower", "upper"))
    exact = {
        "mae": sk.mean_absolute_error(truth, said),
        "rmse": sk.root_mean_squared_error(truth, said),
        "bias": np.mean(said - truth),
        "r2": sk.r2_score(truth, said),
        "interval_coverage": np.mean((lower <= truth) & (truth <= upper)),
    }
    for name, expected in exact.items():
        assert value_of(name, pooled)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    # A quantile from bins lies inside its bound of the row that has it.
    value, bound = value_of("median_absolute_error", pooled)
    median = np.quantile(np.abs(said - truth), 0.5, method="inverted_cdf")
    assert abs(value - median) <= bound + 1e-9


@given(st.integers(0, 10**6))
@settings(deadline=None)
def test_pooled_days_of_a_multiclass_model_say_what_its_rows_say(seed: int) -> None:
    rows = samples.some_choices(np.random.default_rng(seed), 28, 12)
    pooled = samples.multiclass(rows, 28).pooled()
    told = [row for row in rows if row.actual is not None]
    truth, said = np.array([row.actual for row in told]), np.array([row.predicted for row in told])
    if not told:
        return
    exact = {
        "accuracy": sk.accuracy_score(truth, said),
        "macro_f1": sk.f1_score(truth, said, labels=sorted({*truth, *said}), average="macro"),
        "log_loss": np.mean([-np.log(max(row.scores[row.actual or 0], 1e-15)) for row in told]),
    }
    for name, expected in exact.items():
        assert value_of(name, pooled)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    for i, name in enumerate(samples.CLASSES):
        if 0 < (truth == i).sum() < len(truth):
            value, bound = value_of(f"class_auc({name})", pooled)
            expected = sk.roc_auc_score(truth == i, [row.scores[i] for row in told])
            assert abs(value - expected) <= bound + 1e-9, name
