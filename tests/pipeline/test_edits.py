"""What becomes of stored statistics when a monitor is edited."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, Maturity, Span, Status, Task
from worlds import EVER, Bench, Logs, at, label, monitor, odd_logs, prediction, written

FIRST = date(2013, 3, 5)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def steady(days: int = 11, value: float = 100.0) -> Logs:
    """A regression that always says the same and is always right; every id is labelled a day later."""
    rows = [prediction(f"r{day}-{i}", on(day), value) for day in range(days) for i in range(10)]
    labels = [label(f"r{day}-{i}", on(day + 1), value) for day in range(days) for i in range(10)]
    return Logs(rows, labels)


def watching(bench: Bench, logs: Logs, task: Task, **changes: Any) -> MonitorSpec:
    spec = at(monitor(task), written(logs, "parquet", bench.folder))
    maturity = replace(spec.maturity, horizons=(Horizon(1),))
    return replace(spec, maturity=maturity, segments=(), windows=(Span(3),), basis="one", **changes)


def test_another_unit_mixes_with_nothing(bench: Bench) -> None:
    spec = watching(bench, steady(), Task.REGRESSION, metrics=("mean_prediction",))
    bench.run(spec, on(0), on(9))
    edited = replace(spec, ground_truth=replace(spec.ground_truth, unit=10.0), basis="two")
    bench.run(edited, on(10), on(10))
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(connection, spec.monitor, metric="mean_prediction", segment=ALL)
    assert {row.value for row in rows if row.status is Status.OK} == {100.0}
    assert {row.window for row in rows} == {Span(1), Span(3)}


@pytest.mark.parametrize("task", [Task.RANKING, Task.REGRESSION])
def test_a_form_of_statistics_that_is_new_does_not_trip_over_the_old_one(bench: Bench, task: Task) -> None:
    logs = odd_logs(3, FIRST, 11, task)
    before = watching(bench, logs, task)
    after = replace(before, basis="two")
    if task is Task.RANKING:
        after = replace(after, metrics=(*before.metrics, "ndcg(5)"))
    else:
        types = dict.fromkeys(("low", "high"), "double precision")
        rows = [row | {"low": -1e3, "high": 1e3} for row in logs.predictions]
        wide = replace(logs, predictions=rows, prediction_types=logs.prediction_types | types)
        moved = at(after, written(wide, "parquet", bench.folder))
        columns = replace(moved.predictions.columns, lower="low", upper="high")
        log = replace(moved.predictions, columns=columns)
        after = replace(moved, predictions=log, metrics=(*before.metrics, "interval_width"))
    bench.run(before, on(0), on(8))
    bench.run(after, on(9), on(9))
    bench.run(after, on(10), on(10))
    with bench.store.transaction() as connection:
        rows_of = bench.store.snapshots(
            connection, before.monitor, metric=after.metrics[-1], segment=ALL, window=Span(3)
        )
    assert any(row.status is Status.OK and row.maturity is not Maturity.PENDING for row in rows_of)


def test_an_edit_of_what_is_only_read_leaves_the_statistics_alone(bench: Bench) -> None:
    spec = watching(bench, steady(), Task.REGRESSION, metrics=("mae",), hash="a")
    bench.run(spec, on(0), on(5))
    kept = steady()
    kept.predictions[:] = [row for row in kept.predictions if row["request_id"].startswith("r6")]
    thin = at(spec, written(kept, "parquet", bench.folder))
    bench.run(replace(thin, metrics=("mae", "bias"), hash="b"), on(6), on(6))
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, spec.monitor, *EVER)
    early = [state for state in states if state.horizon == Horizon(0) and state.predictions]
    assert len(early) == 7, "rows that the source no longer has are not taken from the store"
