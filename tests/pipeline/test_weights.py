"""Labels with weights, and rows that do not say when they were logged."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, Span
from worlds import EVER, Bench, Logs, at, label, monitor, prediction, written

FIRST = date(2013, 3, 5)


def weighing(bench: Bench, logs: Logs, kind: str = "parquet") -> MonitorSpec:
    types = logs.label_types | {"weight": "double precision"}
    spec = at(monitor(), written(replace(logs, label_types=types), kind, bench.folder, bench.url))
    truth = replace(spec.ground_truth, columns=replace(spec.ground_truth.columns, weight="weight"))
    maturity = replace(spec.maturity, horizons=(Horizon(1),))
    kept: dict[str, Any] = {"segments": (), "metrics": ("accuracy", "log_loss"), "maturity": maturity}
    return replace(spec, ground_truth=truth, **kept)


def found(bench: Bench, spec: MonitorSpec, metric: str) -> Snapshot:
    bench.run(spec, FIRST, FIRST + timedelta(days=1))
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(
            connection, spec.monitor, metric=metric, segment=ALL, window=Span(1), horizon=Horizon(1)
        )
    return next(row for row in rows if row.value is not None)


@pytest.mark.parametrize("kind", ["parquet", "table"])
def test_heavy_labels_are_summed_without_loss(bench: Bench, kind: str) -> None:
    rows = [prediction(f"r{i}", FIRST, 0.9 if i % 4 else 0.2) for i in range(2000)]
    labels = [label(f"r{i}", FIRST, 1.0) | {"weight": 1e5 if i % 2 else 1e3} for i in range(2000)]
    accuracy = found(bench, weighing(bench, Logs(rows, labels), kind), "accuracy")
    weights = [(1e5 if i % 2 else 1e3, i % 4 != 0) for i in range(2000)]
    total = sum(weight for weight, _ in weights)
    assert accuracy.value == pytest.approx(sum(w for w, right in weights if right) / total, rel=1e-12)
    assert accuracy.n == round(total**2 / sum(w**2 for w, _ in weights))


def test_which_of_equal_labels_counts_does_not_depend_on_the_order_of_rows(bench: Bench) -> None:
    rows = [prediction(f"r{i}", FIRST, 0.9) for i in range(300)]
    labels = [
        label(f"r{i}", FIRST, float(i % 3 > 0)) | {"weight": weight}
        for i in range(300)
        for weight in (1.0, 2.0, 5.0, 9.0 if i % 2 else 4.0)
    ]
    values = set()
    for seed in (1, 2, 3):
        random.Random(seed).shuffle(labels)
        values.add(found(bench, weighing(bench, Logs(rows, list(labels))), "accuracy").value)
        bench.clear()
    assert len(values) == 1


def test_a_label_whose_weight_is_none_is_counted_as_invalid(bench: Bench) -> None:
    rows = [prediction(f"r{i}", FIRST, 0.9) for i in range(10)]
    labels = [
        label(f"r{i}", FIRST, 1.0) | {"weight": 1.0 if i > 2 else [None, 0.0, -1.0][i]} for i in range(10)
    ]
    spec = weighing(bench, Logs(rows, labels))
    bench.run(spec, FIRST, FIRST + timedelta(days=1))
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, spec.monitor, *EVER)
    quality = next(state.quality for state in states if state.quality.get("label"))
    assert (quality["label"], quality["invalid_label"]) == (7, 3)
    assert {state.labelled for state in states if state.horizon == Horizon(1)} >= {7}


def test_a_row_that_does_not_say_when_it_was_logged_was_known_at_its_time(bench: Bench) -> None:
    rows = [prediction(f"r{i}", FIRST, 0.9) | ({"logged_at": None} if i < 3 else {}) for i in range(10)]
    spec = at(monitor(), written(Logs(rows, [label("r0", FIRST)]), "parquet", bench.folder))
    bench.run(replace(spec, segments=()), FIRST, FIRST + timedelta(days=1))
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, spec.monitor, *EVER)
    assert max(state.predictions for state in states) == 10
    assert not any(state.quality.get("orphan_label") for state in states)
