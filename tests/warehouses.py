"""Logs in places besides those of `worlds`, and a monitor's cells to compare between places.

A cell is one line of the statement: version, segments and key, with its count and sums.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Convention, OnConflict, Task
from hindsight.pipeline.extract import opened
from hindsight.pipeline.plan import calendar
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import feed, segments
from hindsight.sources.profile import Profile
from hindsight.statistics import layout_of
from hindsight.statistics.cuts import category_cut, number_cut
from worlds import Logs, Row, monitor, odd_logs

Cells = dict[tuple[Any, ...], tuple[int, ...]]

CLASSES = ("cat", "dog", "owl")


def a_monitor(task: Task, **changes: Any) -> MonitorSpec:
    """A monitor of any task, for the logs that `logs_of` makes."""
    spec = monitor(Task.REGRESSION if task is Task.REGRESSION else Task.BINARY, **changes)
    columns = spec.predictions.columns
    told: dict[Task, dict[str, Any]] = {
        Task.MULTICLASS: {"score": None, "scores": {name: f"p_{name}" for name in CLASSES}},
        Task.RANKING: {"score": None, "position": "position", "query": "query"},
    }
    metrics = {Task.MULTICLASS: ("accuracy", "macro_f1"), Task.RANKING: ("ctr", "mrr", "ndcg(5)")}
    return replace(
        spec,
        task=task,
        predictions=replace(spec.predictions, columns=replace(columns, **told.get(task, {}))),
        metrics=metrics.get(task, spec.metrics),
    )


def logs_of(task: Task, seed: int, first: date, days: int, *, garbage: bool = True) -> Logs:
    """The logs of `odd_logs` as a model of this task would have written them."""
    base = task if task is Task.REGRESSION else Task.BINARY
    logs = odd_logs(seed, first, days, base, garbage=garbage)
    if task in {Task.BINARY, Task.REGRESSION}:
        return logs

    def said(number: int, row: Row) -> Row:
        score = row["score"]
        rest = None if score is None else 1.0 - score
        shares = (
            dict.fromkeys(CLASSES) if rest is None else {"cat": score, "dog": rest * 0.7, "owl": rest * 0.3}
        )
        chances = {f"p_{name}": share for name, share in shares.items()}
        return row | chances | {"position": 1 + number % 7, "query": f"q{number % 40}"}

    more = {**{f"p_{name}": "double precision" for name in CLASSES}, "position": "bigint", "query": "text"}
    labels, types = logs.labels, logs.label_types
    if task is Task.MULTICLASS:
        names = {1.0: "cat", 0.0: "dog", 6.0: "owl"}
        types = types | {"actual": "text"}
        labels = [row | {"actual": names.get(row["actual"], "emu")} for row in labels]
    predictions = [said(number, row) for number, row in enumerate(logs.predictions)]
    return Logs(predictions, labels, logs.prediction_types | more, types)


SPECS: Mapping[str, MonitorSpec] = {
    "two segments": a_monitor(Task.BINARY),
    "no segments, the first label": a_monitor(
        Task.BINARY, segments=(), ground_truth=replace(monitor().ground_truth, on_conflict=OnConflict.FIRST)
    ),
    "contradictions": a_monitor(
        Task.BINARY, ground_truth=replace(monitor().ground_truth, on_conflict=OnConflict.ERROR)
    ),
    "silence": a_monitor(
        Task.BINARY, ground_truth=replace(monitor().ground_truth, convention=Convention.DEFAULT_NEGATIVE)
    ),
    "regression": a_monitor(Task.REGRESSION),
    "multiclass": a_monitor(Task.MULTICLASS),
    "ranking": a_monitor(Task.RANKING, segments=("origin",)),
}
"""Monitors that between them use every part of the statement."""


def answers(spec: MonitorSpec, days: Sequence[date], runtime: Runtime) -> dict[str, list[tuple[Any, ...]]]:
    """What is asked of the logs besides the join, and the rows that answer it, in order."""
    spec = replace(spec, predictions=replace(spec.predictions, features=("score", "carrier")))
    asked = calendar(spec, list(days))
    end = asked.midnights[-1]
    cuts = {
        "score": number_cut([0.1, 0.2, 0.4, 0.5, 0.7, 0.9], 0.0),
        "carrier": category_cut(["UA", "AA"]),
    }
    with opened(spec, runtime) as (source, statement):
        profile, first = Profile(statement, cuts), Profile(statement, {})
        tiles = first.tiles(asked)
        assert tiles is not None
        questions = {
            "volume": feed.volume(statement, asked),
            "watermark": feed.watermark(statement, end),
            "newest": feed.newest(statement, asked, asked.midnights[1]),
            "changed": feed.changed(statement, asked),
            "landed": feed.landed(statement, asked, end),
            "label quality": feed.label_quality(statement, asked, 3, 3),
            "segments by day": segments.by_day(statement, asked, 2),
            "segments together": segments.together(statement, asked, 2),
            "profile": profile.lines(asked),
            "tiles": tiles,
            "values": first.values(asked, 1),
        }
        return {
            name: sorted(source.fetch(question), key=lambda row: [(v is not None, v) for v in row])
            for name, question in questions.items()
        }


SQLITE_TYPES = {"timestamptz": "TEXT", "double precision": "REAL", "text": "TEXT", "timestamp": "TEXT"}


def cells(spec: MonitorSpec, days: Sequence[date], runtime: Runtime) -> Cells:
    """Every line of a monitor's statement over these days: (version, segments, key) -> (count, sums)."""
    with opened(spec, runtime) as (source, statement):
        return cells_of(source.columns(statement.statistics(calendar(spec, list(days)))), spec)


def cells_of(found: Mapping[str, npt.NDArray[Any]], spec: MonitorSpec) -> Cells:
    """The statement's answer by its lines."""
    parts = sum(2 if term.wide else 1 for term in layout_of(spec).summed)
    parts_of_key = ("version", *(f"segment_{i}" for i in range(len(spec.segments))), "key")
    keys = zip(*(found[name].tolist() for name in parts_of_key), strict=True)
    numbers = ("count", *(f"sum_{i}" for i in range(parts)))
    values = np.array([found[name] for name in numbers], dtype=np.int64)
    made = dict(zip(keys, map(tuple, values.T.tolist()), strict=True))
    assert len(made) == values.shape[1]
    return made


def agree(left: Cells, right: Cells, *, loss: float = 0.0) -> None:
    """The same cells, with the same counts, and sums apart by at most `loss` billionths a row."""
    assert left.keys() == right.keys()
    for key, (count, *sums) in left.items():
        other, *others = right[key]
        assert count == other, key
        assert all(abs(a - b) <= loss * count for a, b in zip(sums, others, strict=True)), (key, sums, others)


def write_sqlite(
    path: Path,
    table: str,
    types: dict[str, str],
    rows: Sequence[Row],
    as_text: Callable[[datetime], str] | None = None,
) -> None:
    """A table of a SQLite file, made anew; times are text, in UTC if not said otherwise."""
    shown = as_text or (lambda moment: moment.astimezone(UTC).isoformat())
    columns = ", ".join(f'"{name}" {SQLITE_TYPES.get(kind, kind)}' for name, kind in types.items())
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(f'drop table if exists "{table}"')
            connection.execute(f'create table "{table}" ({columns})')
            connection.executemany(
                f'insert into "{table}" values ({", ".join("?" * len(types))})',
                [[shown(v) if isinstance(v := row[name], datetime) else v for name in types] for row in rows],
            )
    finally:
        connection.close()


def in_sqlite(logs: Logs, path: Path, as_text: Callable[[datetime], str] | None = None) -> dict[str, Any]:
    """Both logs as tables of one SQLite file; says where they are."""
    write_sqlite(path, "predictions", logs.prediction_types, logs.predictions, as_text)
    write_sqlite(path, "labels", logs.label_types, logs.labels, as_text)
    return {name: {"connection": "logs", "table": name} for name in ("predictions", "labels")}


def sqlite_url(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))
