"""The pipeline against a naive count on truncated logs: any window, any age, any rule for conflicts."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

from hindsight.domain.records import Snapshot, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Convention, Horizon, Maturity, OnConflict, Span, Status, Task
from hindsight.windows import midnight
from scenarios import naive
from worlds import ZONE, Bench, Logs, at, local, monitor, odd_logs, written

SPRING, AUTUMN = date(2013, 2, 22), date(2013, 10, 24)
DAYS = 20
PAIRS_OF_A_WORLD = 8
UNLABELLED = {"volume", "mean_score", "predicted_positive_rate", "mean_prediction"}


def pairs(seed: int, first: date) -> list[tuple[Span, Horizon, date]]:
    """Random windows; the day on which clocks change is always among them."""
    draw = random.Random(seed)
    found = [
        (
            Span(draw.choice([1, 1, 7])),
            Horizon(draw.choice([0, 1, 3, 7])),
            first + timedelta(days=draw.randrange(6, DAYS)),
        )
        for _ in range(PAIRS_OF_A_WORLD - 2)
    ]
    change = date(2013, 3, 10) if first == SPRING else date(2013, 11, 3)
    return [*found, (Span(1), Horizon(1), change), (Span(7), Horizon(7), change + timedelta(days=2))]


@pytest.mark.parametrize(
    "first, task, rules, policy, kind",
    [
        (SPRING, Task.BINARY, naive.BINARY, OnConflict.LAST, "table"),
        (AUTUMN, Task.BINARY, naive.BINARY, OnConflict.FIRST, "parquet"),
        (SPRING, Task.BINARY, naive.BINARY, OnConflict.ERROR, "csv"),
        (AUTUMN, Task.REGRESSION, naive.REGRESSION, OnConflict.LAST, "table"),
        (SPRING, Task.REGRESSION, naive.REGRESSION, OnConflict.FIRST, "parquet"),
        (AUTUMN, Task.MULTICLASS, naive.MULTICLASS, OnConflict.LAST, "parquet"),
        (SPRING, Task.MULTICLASS, naive.LOGGED_CHOICE, OnConflict.ERROR, "table"),
        (SPRING, Task.RANKING, naive.RANKING, OnConflict.LAST, "table"),
        (AUTUMN, Task.RANKING, naive.RANKING, OnConflict.FIRST, "parquet"),
        (AUTUMN, Task.RANKING, naive.RANKING, OnConflict.ERROR, "parquet"),
    ],
)
def test_random_windows_equal_a_naive_count_on_what_was_known(
    bench: Bench, first: date, task: Task, rules: naive.Rules, policy: OnConflict, kind: str
) -> None:
    seed = first.month * 100 + len(policy)
    logs = odd_logs(seed, first, DAYS, task)
    spec = monitor(task)
    if rules is naive.LOGGED_CHOICE:
        columns = replace(spec.predictions.columns, prediction="said")
        spec = replace(spec, predictions=replace(spec.predictions, columns=columns))
    spec = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    spec = at(spec, written(logs, kind, bench.folder, bench.url))
    bench.run(spec, first, first + timedelta(days=DAYS + 7))
    compared = 0
    for span, horizon, end in pairs(seed, first):
        compared += compare(bench, logs, spec, span, horizon, end, rules)
    assert compared > 200


SILENT_FOR = timedelta(hours=40)


@pytest.mark.parametrize("policy", list(OnConflict))
def test_silence_is_a_no_when_it_is_due_and_only_while_labels_come(bench: Bench, policy: OnConflict) -> None:
    seed = 40 + len(policy)
    logs = odd_logs(seed, SPRING, DAYS)
    gap = local(SPRING + timedelta(days=16), 0), local(SPRING + timedelta(days=19), 0)
    logs = replace(logs, labels=[row for row in logs.labels if not gap[0] <= row["label_at"] < gap[1]])
    truth = replace(
        monitor().ground_truth,
        on_conflict=policy,
        convention=Convention.DEFAULT_NEGATIVE,
        silent_for=SILENT_FOR,
    )
    spec = at(monitor(ground_truth=truth), written(logs, "parquet", bench.folder))
    bench.run(spec, SPRING, SPRING + timedelta(days=DAYS + 7))
    last = spec.last_horizon
    dead = [
        day
        for day in (SPRING + timedelta(days=i) for i in range(DAYS))
        if not naive.heard(logs.labels, day, last.count, pd.Timedelta(SILENT_FOR))
    ]
    assert dead == [SPRING + timedelta(days=i) for i in (10, 11)], "days judged when nothing was heard"
    chosen = [*pairs(seed, SPRING), *((Span(1), last, day) for day in dead), (Span(7), last, dead[-1])]
    assert sum(compare(bench, logs, spec, *pair, naive.BINARY) for pair in chosen) > 200


def compare(
    bench: Bench,
    logs: Logs,
    spec: MonitorSpec,
    span: Span,
    horizon: Horizon,
    end: date,
    rules: naive.Rules,
) -> int:
    """Every group and metric of a window; returns how many values were compared."""
    truth = spec.ground_truth
    by_default = truth.convention is Convention.DEFAULT_NEGATIVE
    days = [end - timedelta(days=i) for i in range(span.count)]
    rows: list[naive.Judged] = []
    for day in days:
        known = logs.known_before(local(day + timedelta(days=1 + horizon.count), 0))
        mine = naive.judged(known.predictions, known.labels, day, horizon.count, truth.on_conflict, rules)
        quality: dict[str, int] = {}
        if by_default and horizon == spec.last_horizon:
            alive = naive.heard(known.labels, day, horizon.count, pd.Timedelta(truth.silent_for))
            untold = sum(not row.told for row in mine)
            quality = {"default_negative": untold} if alive else {"silent_feed": len(mine)}
            mine = naive.by_default(mine, alive)
        rows += mine
        state = state_of(bench, horizon, day)
        assert state.delays == naive.delays(mine), (horizon, day)
        assert state.ledger == naive.ledger(mine, rules.change), (horizon, day)
        assert (state.predictions, state.labelled) == (len(mine), sum(row.actual is not None for row in mine))
        silences = {"default_negative", "silent_feed"} & set(state.quality)
        assert {name: state.quality[name] for name in silences} == quality, (horizon, day)
    snapshots = of_window(bench, span, horizon, days[-1])
    groups = {(row.version, segment) for row in rows for segment in row.segments}
    assert {(s.version, s.segment) for s in snapshots} == groups
    compared = 0
    for version, segment in sorted(groups):
        mine = [row for row in rows if row.version == version and segment in row.segments]
        kept = horizon.count == 0
        expected = {n: value for n, value in rules.metrics(mine).items() if (n in UNLABELLED) == kept}
        untold = by_default and not kept and (horizon < spec.last_horizon or expected["coverage"] == 0)
        if untold:  # the labels that are there, mostly yeses, are not scored
            expected = {name: value if name == "coverage" else None for name, value in expected.items()}
        found = {s.metric: s for s in snapshots if (s.version, s.segment) == (version, segment)}
        assert set(found) == set(expected)
        for name, value in expected.items():
            agree(found[name], value, mine)
            assert (found[name].maturity is Maturity.PENDING) == untold
            compared += 1
    return compared


def agree(snapshot: Snapshot, value: float | None, rows: list[naive.Judged]) -> None:
    """One snapshot against one number."""
    where = (
        snapshot.window,
        snapshot.horizon,
        snapshot.window_start,
        snapshot.version,
        snapshot.segment,
        snapshot.metric,
    )
    if value is None:
        assert (snapshot.value, snapshot.status) == (None, Status.UNDEFINED), where
        return
    assert snapshot.status is Status.OK, where
    assert snapshot.value is not None
    labelled = sum(row.actual is not None for row in rows)
    if snapshot.metric in {"volume", "coverage"}:
        assert snapshot.value == value, where
    elif snapshot.metric == "roc_auc":
        assert snapshot.bound is not None
        assert abs(snapshot.value - value) <= snapshot.bound + 1e-12, where
    else:
        assert snapshot.value == pytest.approx(value, abs=1e-9, rel=1e-9), where
    if snapshot.metric in {"accuracy", "brier", "log_loss", "roc_auc", "mae", "rmse", "bias", "r2", "ctr"}:
        assert snapshot.n == labelled, where
    if snapshot.metric in UNLABELLED | {"coverage"}:
        assert snapshot.n == len(rows), where


def state_of(bench: Bench, horizon: Horizon, day: date) -> WindowState:
    start = midnight(day, ZONE)
    with bench.store.transaction() as connection:
        (found,) = bench.store.window_states(
            connection, "odd", start, start + timedelta(hours=1), horizons=[horizon]
        )
    return found


def of_window(bench: Bench, span: Span, horizon: Horizon, first: date) -> list[Snapshot]:
    start = midnight(first, ZONE)
    with bench.store.transaction() as connection:
        return bench.store.snapshots(
            connection, "odd", window=span, horizon=horizon, start=start, end=start + timedelta(hours=1)
        )
