"""One truth, whatever the way to it: engines, threads, the order of days, the day one asks on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Task
from hindsight.pipeline import join
from hindsight.sources import SOURCES, FileSource
from worlds import (
    Bench,
    Logs,
    at,
    in_a_row,
    in_two_threads,
    local,
    monitor,
    odd_logs,
    watched_by_all,
    written,
)

FIRST, DAYS = date(2013, 3, 5), 7
LAST = FIRST + timedelta(days=DAYS + 2)
RUN_DAYS = [FIRST + timedelta(days=i) for i in range(DAYS + 3)]


@pytest.fixture(scope="module")
def logs() -> Logs:
    return odd_logs(7, FIRST, DAYS)


@pytest.fixture(scope="module")
def spec(session_bench: Bench, logs: Logs) -> MonitorSpec:
    place = written(logs, "table", session_bench.folder, session_bench.url)
    return watched_by_all(at(small(monitor()), place), FIRST, 3)


def small(spec: MonitorSpec) -> MonitorSpec:
    maturity = replace(spec.maturity, horizons=(Horizon(1), Horizon(3)))
    return replace(spec, segments=("carrier",), metrics=spec.metrics[:3], maturity=maturity)


@pytest.fixture(scope="module")
def whole(session_bench: Bench, spec: MonitorSpec) -> str:
    """What one run over all days leaves behind."""
    bench = session_bench
    bench.run(spec, FIRST, LAST)
    dump = bench.dump()
    assert '"performance"' in dump.partition("# incident")[2], (
        "a world in which nothing happens shows nothing"
    )
    bench.clear()
    assert len(bench.dump().splitlines()) == 5
    return dump


def shuffled(days: list[date]) -> list[date]:
    return random.Random(3).sample(days, len(days))


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda b, s: in_a_row(b, s, RUN_DAYS), id="day by day"),
        pytest.param(lambda b, s: in_a_row(b, s, RUN_DAYS[::-1]), id="in reverse"),
        pytest.param(lambda b, s: in_a_row(b, s, shuffled(RUN_DAYS)), id="shuffled"),
        pytest.param(lambda b, s: in_two_threads(b, s, shuffled(RUN_DAYS)), id="two at once"),
        pytest.param(
            lambda b, s: (b.run(s, RUN_DAYS[5], LAST), b.run(s, FIRST, RUN_DAYS[6])), id="overlapping halves"
        ),
    ],
)
def test_any_order_of_days_leaves_the_same_bytes(
    bench: Bench, spec: MonitorSpec, whole: str, way: Callable[[Bench, MonitorSpec], Any]
) -> None:
    way(bench, spec)
    assert bench.dump() == whole


def test_a_backfill_leaves_what_runs_of_those_days_left(bench: Bench, logs: Logs) -> None:
    """The first promise: a daily run sees the rows of its day, a backfill all of them, and they agree."""
    spec = watched_by_all(small(monitor()), FIRST, 3)
    for day in RUN_DAYS:
        known = logs.known_before(local(day + timedelta(days=1), 0))
        bench.run(at(spec, written(known, "parquet", bench.folder)), day)
    live = bench.dump()
    bench.clear()
    bench.run(at(spec, written(logs, "parquet", bench.folder)), FIRST, LAST)
    assert bench.dump() == live


def rows_of(dump: str, table: str) -> list[Any]:
    part = dump.partition(f"# {table}:")[2].partition("\n")[2].partition("\n#")[0]
    return [json.loads(line) for line in part.splitlines()]


@pytest.mark.parametrize("task", list(Task))
def test_postgresql_and_files_of_every_kind_give_equal_statistics(bench: Bench, task: Task) -> None:
    logs = odd_logs(11, FIRST, DAYS, task, garbage=False)
    spec = small(monitor(task))
    found = {}
    for kind in ("table", "parquet", "csv", "jsonl"):
        bench.run(at(spec, written(logs, kind, bench.folder, bench.url)), FIRST, LAST)
        found[kind] = rows_of(bench.dump(), "statistic"), rows_of(bench.dump(), "window_state")
        bench.clear()
    table, states = found.pop("table")
    assert len(table) > 80
    for rows, _ in found.values():
        assert len(rows) == len(table)
        for mine, theirs in zip(rows, table, strict=True):
            assert mine[:-1] == theirs[:-1]
            assert_alike(json.loads(mine[-1]), json.loads(theirs[-1]))
    for _, rows in found.values():
        assert [without_digest(row) for row in rows] == [without_digest(row) for row in states]
    # DuckDB reads files of every kind to the same bytes.
    assert found["parquet"] == found["csv"] == found["jsonl"]


def without_digest(row: list[Any]) -> list[Any]:
    return [value for value in row if not (isinstance(value, str) and len(value) == 16)]


LOGARITHMS = ("loss", "ndcg")


def assert_alike(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Counts and sums to the last bit; what rests on logarithms to a billionth or two a row."""
    assert mine.keys() == theirs.keys()
    for name, values in mine.items():
        if not name.startswith(LOGARITHMS):
            assert values == theirs[name], name
            continue
        for a, b, rows in zip(values, theirs[name], mine["n"], strict=True):
            assert abs(a - b) <= 2 * abs(rows), name


def test_one_thread_and_two_read_the_same_bytes(
    bench: Bench, logs: Logs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = at(small(monitor()), written(logs, "parquet", tmp_path))
    dumps = []
    for threads in (1, 2):
        monkeypatch.setitem(cast("Any", SOURCES), "files", partial(FileSource, threads=threads))
        bench.run(spec, FIRST, LAST)
        dumps.append(bench.dump())
        bench.clear()
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize("task", [Task.BINARY, Task.RANKING])
def test_many_days_in_portions_leave_the_same_bytes(
    bench: Bench, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = odd_logs(13, FIRST, DAYS, task)
    spec = watched_by_all(small(at(monitor(task), written(logs, "parquet", bench.folder))), FIRST, 3)
    bench.run(spec, FIRST, LAST)
    whole = bench.dump()
    bench.clear()
    asked = []
    real = join.payloads

    def counting(lines: Any, *rest: Any) -> Any:
        asked.append(len({group.position for group in lines.groups}))
        return real(lines, *rest)

    monkeypatch.setattr(join, "payloads", counting)
    monkeypatch.setattr(join, "MANY", 150)
    bench.run(spec, FIRST, LAST)
    assert bench.dump() == whole
    assert len(asked) >= 3
    assert max(asked) > 1, "a portion is more than a day"
