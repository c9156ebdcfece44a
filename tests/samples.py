"""Rows as tests make them up, and their statistics by the way that real rows take: lines, events, payloads.

What the statement does in SQL is done here in plain Python, so that each can be held against the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from hindsight.domain.bins import BINS, LINEAR_BINS, TAIL_BINS, TAIL_EDGES
from hindsight.domain.values import OnConflict, Task
from hindsight.statistics import STATISTICS, BinaryStatistics, RegressionStatistics, Statistics
from hindsight.statistics.lines import read

SMALLEST: Final = 1e-15


@dataclass(frozen=True)
class Yes:
    """A row of a binary model: the day it falls in, score, decision, and outcome (None without a label)."""

    day: int
    score: float
    predicted: int
    actual: int | None


@dataclass(frozen=True)
class Guess:
    """A row of a regression."""

    day: int
    value: float
    actual: float | None


def bin_of(score: float) -> int:
    """The frozen bin of a score, by bisection."""
    rest = 1.0 - score
    if score < 0.01:
        return bisect_right(TAIL_EDGES, score)
    if rest < 0.01:
        return BINS - 1 - bisect_right(TAIL_EDGES, rest)
    middle = math.floor(score * 100.0) + TAIL_BINS - 1
    return min(max(middle, TAIL_BINS), TAIL_BINS + LINEAR_BINS - 1)


def fixed(term: float) -> int:
    """A term in whole billionths."""
    return math.floor(term * 1e9 + 0.5)


def binary_terms(row: Yes) -> list[int]:
    """What the statement sums for a row of a binary model."""
    plain = [row.score, row.score * row.score]
    if row.actual is None:
        return [fixed(t) for t in plain] + [0] * 4
    miss = 1.0 - row.score if row.actual else row.score
    given = row.score if row.actual else 1.0 - row.score
    loss = -math.log(min(max(given, SMALLEST), 1.0 - SMALLEST))
    return [fixed(t) for t in (*plain, miss * miss, miss**4, loss, loss * loss)]


def regression_terms(row: Guess, unit: float = 1.0) -> list[int]:
    """What the statement sums for a row of a regression."""
    value = row.value / unit
    plain = [fixed(value), fixed(value * value)]
    if row.actual is None:
        return plain + [0] * 6
    actual = row.actual / unit
    error = value - actual
    return plain + [fixed(t) for t in (error, abs(error), error**2, error**4, actual, actual**2)]


def line(
    *terms: int,
    which: int = 0,
    segment: str = "",
    position: int = 0,
    version: str = "v1",
    reason: str | None = None,
    predicted: int = 0,
    outcome: int | None = None,
    cell: int = 0,
    known: int = 0,
    learnt: int | None = None,
    superseded: int | None = None,
    first: int = 1,
    remark: int = 0,
    count: int = 1,
) -> tuple[Any, ...]:
    """One line of the statement's answer."""
    history = (known, learnt, superseded, first, remark, count)
    return (which, segment, position, version, reason, predicted, outcome, cell, *history, *terms)


def statistics_of(task: Task, lines: Sequence[tuple[Any, ...]], days: int, unit: float = 1.0) -> Statistics:
    """A batch of days from lines whose facts are all known at the first horizon."""
    kind = STATISTICS[task]
    found = read(lines, (), len(kind.TERMS), OnConflict.LAST)
    (payloads,) = kind.payloads(found.events, len(found.groups), 1)
    by_day = {group.position: payload for group, payload in zip(found.groups, payloads, strict=True)}
    return kind.parse([by_day.get(day) for day in range(days)], unit)


def binary(rows: Iterable[Yes], days: int = 1) -> BinaryStatistics:
    """The statistics of rows of a binary model, a window per day."""
    lines = [
        line(
            *binary_terms(row),
            position=row.day,
            predicted=row.predicted,
            outcome=row.actual,
            cell=bin_of(row.score),
            learnt=None if row.actual is None else 0,
        )
        for row in rows
    ]
    found = statistics_of(Task.BINARY, lines, days)
    assert isinstance(found, BinaryStatistics)
    return found


def regression(rows: Iterable[Guess], days: int = 1, unit: float = 1.0) -> RegressionStatistics:
    """The statistics of rows of a regression, a window per day."""
    lines = [
        line(
            *regression_terms(row, unit),
            position=row.day,
            outcome=None if row.actual is None else 0,
            learnt=None if row.actual is None else 0,
        )
        for row in rows
    ]
    found = statistics_of(Task.REGRESSION, lines, days, unit)
    assert isinstance(found, RegressionStatistics)
    return found


def some_yes(rng: np.random.Generator, days: int, per_day: int) -> list[Yes]:
    """Random rows of a binary model; some days are empty, some rows have no label."""
    rows = []
    for day in range(days):
        for _ in range(rng.integers(per_day) if rng.random() > 0.15 else 0):
            score = float(
                rng.choice([rng.random(), 10 ** -(9 * rng.random()), 1 - 10 ** -(9 * rng.random())])
            )
            actual = None if rng.random() < 0.2 else int(rng.random() < score)
            rows.append(Yes(day, score, int(score >= 0.5), actual))
    return rows


def some_guesses(rng: np.random.Generator, days: int, per_day: int) -> list[Guess]:
    """Random rows of a regression; some days are empty, some rows have no label."""
    rows = []
    for day in range(days):
        for _ in range(rng.integers(per_day) if rng.random() > 0.15 else 0):
            value = float(rng.normal(10, 20))
            actual = None if rng.random() < 0.2 else value + float(rng.normal(1, 5))
            rows.append(Guess(day, value, actual))
    return rows


def random_days(task: Task, seed: int, days: int, per_day: int = 12) -> Statistics:
    """Random statistics of so many days, for any registered task."""
    rng = np.random.default_rng(seed)
    makers: dict[Task, Callable[[], Statistics]] = {
        Task.BINARY: lambda: binary(some_yes(rng, days, per_day), days),
        Task.REGRESSION: lambda: regression(some_guesses(rng, days, per_day), days),
    }
    return makers[task]()


def scored(
    rng: np.random.Generator, chance: Callable[[Any], Any], scores: Sequence[Any], threshold: float = 0.5
) -> BinaryStatistics:
    """Days of many rows, counted at once: their scores, and outcomes that come true at `chance(score)`.

    Only the counts are there: for what needs no sums of losses.
    """
    made = BinaryStatistics.zeros(len(scores))
    edges = np.array(TAIL_EDGES)
    for day, given in enumerate(scores):
        score = np.asarray(given, dtype=np.float64)
        rest = 1.0 - score
        middle = np.clip(np.floor(score * 100.0) + TAIL_BINS - 1, TAIL_BINS, TAIL_BINS + LINEAR_BINS - 1)
        low, high = np.searchsorted(edges, score, "right"), BINS - 1 - np.searchsorted(edges, rest, "right")
        cell = np.where(score < 0.01, low, np.where(rest < 0.01, high, middle)).astype(int)
        actual = (rng.random(len(score)) < chance(score)).astype(int)
        np.add.at(made.counts, (day, (score >= threshold).astype(int), actual + 1, cell), 1.0)
    return made


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """A frame as a Parquet file, by the engine that will read it: pandas alone cannot."""
    with duckdb.connect(":memory:") as connection:
        connection.register("frame", frame)
        connection.execute("COPY frame TO '" + str(path).replace("'", "''") + "' (FORMAT parquet)")
