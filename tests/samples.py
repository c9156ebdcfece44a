"""Rows as tests make them up, and their statistics by the way of stored payloads.

What the statement sums in SQL is summed here in plain Python, so that each can be held against the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from hindsight.domain.bins import (
    BINS,
    LINEAR_BINS,
    SIGNED_BINS,
    SIZE_EDGES,
    SMALLEST,
    TAIL_BINS,
    TAIL_EDGES,
)
from hindsight.domain.spec import (
    GroundTruth,
    LabelColumns,
    MonitorSpec,
    PredictionColumns,
    PredictionLog,
    Reference,
)
from hindsight.domain.values import Task
from hindsight.metrics import METRICS, Metric
from hindsight.metrics.base import Argument, Part
from hindsight.statistics import (
    BinaryStatistics,
    Layout,
    MulticlassStatistics,
    RankingStatistics,
    RegressionStatistics,
    Statistics,
    layout_of,
)
from hindsight.statistics.ranking import RankingLayout

Row = tuple[int, int, int, list[float]]
"""(day, said, actual, terms): a row's codes as its layout has them, and what is summed of it."""

CLASSES: Final = ("bird", "cat", "dog", "eel")


@dataclass(frozen=True)
class Yes:
    """A row of a binary model: the day it falls in, score, decision, outcome (None without a label), and
    what its label weighs.
    """

    day: int
    score: float
    predicted: int
    actual: int | None
    weight: float = 1.0


@dataclass(frozen=True)
class Guess:
    """A row of a regression, with an interval or without."""

    day: int
    value: float
    actual: float | None
    lower: float = math.nan
    upper: float = math.nan
    weight: float = 1.0


@dataclass(frozen=True)
class Choice:
    """A row of a multiclass model: a score for each class, the class it said, and the one that was true."""

    day: int
    scores: tuple[float, ...]
    predicted: int
    actual: int | None
    weight: float = 1.0


@dataclass(frozen=True)
class Shown:
    """An item in the list for a query: its position, and the feedback on it (None if not known)."""

    day: int
    query: int
    place: int
    feedback: float | None
    weight: float = 1.0


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


COLUMNS: Final[dict[Task, dict[str, Any]]] = {
    Task.BINARY: {"score": "score"},
    Task.MULTICLASS: {"scores": {name: f"score_{name}" for name in CLASSES}},
    Task.REGRESSION: {"prediction": "prediction"},
    Task.RANKING: {"position": "position", "query": "query"},
}


EXAMPLES: Final = {Argument.CLASS: CLASSES[0], Argument.PAIR: f"{CLASSES[0]}->{CLASSES[1]}"}


def held(task: Task) -> list[Metric]:
    """Every metric of a task's own statistics; where it needs classes, with the first ones."""
    found = [metric for metric in METRICS.values() if task in metric.tasks and metric.part is Part.OUTCOMES]
    return [m.given(EXAMPLES[m.argument]) if m.argument in EXAMPLES else m for m in found]


def spec_of(task: Task, *, weighted: bool = False, **columns: Any) -> MonitorSpec:
    """A monitor of a task, as small as it can be; `columns` are more of the prediction log's."""
    known = {"id": "id", "time": "time"} | COLUMNS[task] | columns
    labels = LabelColumns(id="id", actual="actual", time="time", weight="weight" if weighted else None)
    return MonitorSpec(
        monitor="sample",
        owner="tests",
        task=task,
        predictions=PredictionLog(connection="c", table="t", columns=PredictionColumns(**known)),
        ground_truth=GroundTruth(connection="c", table="t", columns=labels),
        reference=Reference(),
        metrics=(),
    )


def payloads(layout: Layout, rows: Iterable[Row], days: int) -> list[dict[str, list[int]] | None]:
    """What a store would hold of each day: a cell per pair of codes, sums in whole billionths."""
    sums: list[dict[int, list[int]]] = [{} for _ in range(days)]
    for day, said, actual, terms in rows:
        assert 0 <= said < layout.said
        assert 0 <= actual < layout.actuals
        cell = sums[day].setdefault(said * layout.actuals + actual, [0] * (1 + len(terms)))
        for i, term in enumerate([1, *(fixed(term) for term in terms)]):
            cell[i] += term
    names = ["n", *(term.name for term in layout.summed)]
    return [
        {"cell": sorted(found)}
        | {name: [found[cell][i] for cell in sorted(found)] for i, name in enumerate(names)}
        if found
        else None
        for found in sums
    ]


def binary(rows: Iterable[Yes], days: int = 1, *, weighted: bool = False) -> BinaryStatistics:
    """The statistics of rows of a binary model, a window per day."""

    def coded(row: Yes) -> Row:
        terms = [row.score, row.score**2]
        weight = 0.0 if row.actual is None else row.weight if weighted else 1.0
        given = row.score if row.actual else 1.0 - row.score
        terms.append(weight * -math.log(min(max(given, SMALLEST), 1.0 - SMALLEST)))
        if weighted:
            terms += [weight * row.score, weight * row.score**2, weight, weight**2]
        actual = 0 if row.actual is None else row.actual + 1
        return row.day, row.predicted * BINS + bin_of(row.score), actual, terms

    layout = layout_of(spec_of(Task.BINARY, weighted=weighted))
    found = layout.parse(payloads(layout, map(coded, rows), days))
    assert isinstance(found, BinaryStatistics)
    return found


def tallied(
    day: Any, score: Any, predicted: Any, actual: Any, days: int, weight: Any = None
) -> BinaryStatistics:
    """The same of many rows at once, in floats; `actual` is -1 where there is no label."""
    made = BinaryStatistics.zeros(days)
    cell, code, labelled = bins_of(score), actual + 1, actual >= 0
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    counted = np.where(labelled, weight, 1.0)
    given = np.clip(np.where(actual == 1, score, 1.0 - score), SMALLEST, 1.0 - SMALLEST)
    loss = np.where(labelled, -np.log(given) * weight, 0.0)

    def summed(shape: tuple[int, ...], where: tuple[Any, ...], what: Any) -> Any:
        return np.bincount(np.ravel_multi_index(where, shape), what, math.prod(shape)).reshape(shape)

    cells, where = made.counts.shape, (day, predicted, code, cell)
    ones, of_labels = np.ones(len(score)), labelled * 1.0
    rows = [ones, of_labels, of_labels * weight, of_labels * weight**2]
    moments = [counted * score**2, loss]
    return replace(
        made,
        rows=np.stack([summed((days,), (day,), column) for column in rows], axis=1),
        counts=summed(cells, where, counted),
        scores=summed(cells, where, counted * score),
        moments=np.stack([summed(cells[:3], where[:3], part) for part in moments], axis=3),
        said=summed((days, 2, BINS), (day, predicted, cell), ones),
        spread=np.stack([summed((days,), (day,), part) for part in (score, score**2)], axis=1),
    )


def bins_of(score: Any) -> Any:
    """`bin_of` of many scores at once."""
    edges, rest = np.array(TAIL_EDGES), 1.0 - score
    middle = np.clip(np.floor(score * 100.0) + TAIL_BINS - 1, TAIL_BINS, TAIL_BINS + LINEAR_BINS - 1)
    low, high = np.searchsorted(edges, score, "right"), BINS - 1 - np.searchsorted(edges, rest, "right")
    return np.where(score < 0.01, low, np.where(rest < 0.01, high, middle)).astype(int)


def scored(
    rng: np.random.Generator, chance: Callable[[Any], Any], scores: Sequence[Any], threshold: float = 0.5
) -> BinaryStatistics:
    """Days of many rows, counted at once: their scores, and outcomes that come true at `chance(score)`."""
    given = [np.asarray(day, dtype=np.float64) for day in scores]
    score = np.concatenate(given)
    actual = np.concatenate([(rng.random(len(day)) < chance(day)).astype(int) for day in given])
    day = np.repeat(np.arange(len(given)), [len(day) for day in given])
    return tallied(day, score, (score >= threshold).astype(int), actual, len(given))


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


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """A frame as a Parquet file, by the engine that will read it: pandas alone cannot."""
    with duckdb.connect(":memory:") as connection:
        connection.register("frame", frame)
        connection.execute("COPY frame TO '" + str(path).replace("'", "''") + "' (FORMAT parquet)")


def signed_bin(value: float) -> int:
    """The bin of a number of either sign, by bisection."""
    size = bisect_right(SIZE_EDGES, abs(value))
    return SIGNED_BINS // 2 + (size if value >= 0 else -size)


def pinball(actual: float, quantile: float, level: float) -> float:
    """The pinball loss of a quantile."""
    return max(level * (actual - quantile), (level - 1.0) * (actual - quantile))


def regression(
    rows: Iterable[Guess], days: int = 1, unit: float = 1.0, *, interval: bool = False, weighted: bool = False
) -> RegressionStatistics:
    """The statistics of rows of a regression, a window per day; intervals claim to hold 80 %."""

    def coded(row: Guess) -> Iterator[Row]:
        value, told = row.value / unit, row.actual is not None
        actual = (row.actual or 0.0) / unit
        lower, upper = row.lower / unit, row.upper / unit
        error, size = value - actual, abs(value) + abs(actual)
        ape = min(abs(error / actual), 1e6) if actual else 0.0
        sape = 2.0 * abs(error) / size if size else 0.0
        weight = (row.weight if weighted else 1.0) if told else 0.0
        of_label = [error, abs(error), error**2, actual, actual**2, actual != 0, ape, ape**2, sape, sape**2]
        terms = [value, value**2, *(weight * term for term in of_label)]
        if interval:
            loss = 0.5 * (pinball(actual, lower, 0.1) + pinball(actual, upper, 0.9))
            width, inside = upper - lower, lower <= actual <= upper
            terms += [width, width**2, *(weight * term for term in (inside, loss, loss**2))]
        weights = [weight, weight**2] if weighted else []
        yield row.day, 0, 1 + signed_bin(error) if told else 0, terms + weights
        yield row.day, 1 + signed_bin(value), 0, [0.0] * (len(terms) + len(weights))

    bounds = {"lower": "lower", "upper": "upper"} if interval else {}
    spec = spec_of(Task.REGRESSION, weighted=weighted, prediction="prediction", **bounds)
    layout = layout_of(replace(spec, ground_truth=replace(spec.ground_truth, unit=unit)))
    found = layout.parse(payloads(layout, chain.from_iterable(map(coded, rows)), days))
    assert isinstance(found, RegressionStatistics)
    return found


def multiclass(
    rows: Iterable[Choice], days: int = 1, classes: Sequence[str] = CLASSES, *, weighted: bool = False
) -> MulticlassStatistics:
    """The statistics of rows of a multiclass model, a window per day."""
    count = len(classes)

    def coded(row: Choice) -> Iterator[Row]:
        confidence, told = row.scores[row.predicted], row.actual is not None
        weight = (row.weight if weighted else 1.0) if told else 0.0
        given = row.scores[row.actual or 0]
        loss = -math.log(min(max(given, SMALLEST), 1.0 - SMALLEST))
        brier = sum((score - (i == row.actual)) ** 2 for i, score in enumerate(row.scores))
        of_label = [loss, loss**2, brier, brier**2, *([confidence] if weighted else [])]
        terms = [confidence, confidence**2, *(weight * term for term in of_label)]
        weights = [weight, weight**2] if weighted else []
        actual = 0 if row.actual is None else 1 + row.actual
        yield row.day, row.predicted * BINS + bin_of(confidence), actual, terms + weights
        for i, score in enumerate(row.scores if told else ()):
            said = (count + i) * BINS + bin_of(score)
            yield row.day, said, 1 + (i == row.actual), [0.0] * len(terms) + weights

    spec = spec_of(Task.MULTICLASS, weighted=weighted, scores={name: f"score_{name}" for name in classes})
    layout = layout_of(spec)
    found = layout.parse(payloads(layout, chain.from_iterable(map(coded, rows)), days))
    assert isinstance(found, MulticlassStatistics)
    return found


def query_terms(items: Sequence[Shown], cutoffs: Sequence[int]) -> list[float]:
    """Reciprocal rank, and for each cut-off ndcg, its square, and hit, of the items of a query."""
    told = [(item.place, item.feedback) for item in items if item.feedback is not None]
    ideal = sorted((2.0**feedback - 1.0 for _, feedback in told), reverse=True)
    first = min((place for place, feedback in told if feedback > 0), default=math.inf)
    terms = [1.0 / first, 1.0 / first**2]
    for k in cutoffs:
        gained = sum((2.0**f - 1.0) / math.log2(1 + place) for place, f in told if place <= k)
        best = sum(gain / math.log2(2 + i) for i, gain in enumerate(ideal[:k]))
        ndcg = gained / best if best else 0.0
        terms += [ndcg, ndcg**2, float(first <= k)]
    return terms


def ranking(
    rows: Iterable[Shown], days: int = 1, metrics: Sequence[str] = (), *, weighted: bool = False
) -> RankingStatistics:
    """The statistics of lists that were shown, a window per day."""
    layout = layout_of(replace(spec_of(Task.RANKING, weighted=weighted), metrics=tuple(metrics)))
    assert isinstance(layout, RankingLayout)
    shown = list(rows)
    queries: dict[tuple[int, int], list[Shown]] = {}
    coded: list[Row] = []
    rest = [0.0] * (len(layout.terms) - 2)
    for row in shown:
        queries.setdefault((row.day, row.query), []).append(row)
        told, feedback = row.feedback is not None, row.feedback or 0.0
        weight = (row.weight if weighted else 1.0) if told else 0.0
        weights = [weight, weight**2] if weighted else []
        actual = 1 + (feedback > 0) if told else 0
        coded.append((row.day, 0, actual, [weight * feedback, weight * feedback**2, *rest, *weights]))
    for (day, _), items in queries.items():
        if any(item.feedback is not None for item in items):
            weights = [1.0, 1.0] if weighted else []
            coded.append((day, 1, 1, [0.0, 0.0, *query_terms(items, layout.cutoffs), *weights]))
    found = layout.parse(payloads(layout, coded, days))
    assert isinstance(found, RankingStatistics)
    return found


def some_bounded(rng: np.random.Generator, days: int, per_day: int) -> list[Guess]:
    """Random rows of a regression with intervals."""
    return [
        replace(row, lower=row.value - float(rng.exponential(6)), upper=row.value + float(rng.exponential(6)))
        for row in some_guesses(rng, days, per_day)
    ]


def some_choices(
    rng: np.random.Generator, days: int, per_day: int, classes: int = len(CLASSES)
) -> list[Choice]:
    """Random rows of a multiclass model; some days are empty, some rows have no label."""
    rows = []
    for day in range(days):
        for _ in range(rng.integers(per_day) if rng.random() > 0.15 else 0):
            scores = rng.dirichlet(np.full(classes, 0.6))
            actual = None if rng.random() < 0.2 else int(rng.choice(classes, p=scores))
            rows.append(Choice(day, tuple(map(float, scores)), int(scores.argmax()), actual))
    return rows


def some_shown(rng: np.random.Generator, days: int, per_day: int) -> list[Shown]:
    """Random lists of up to six items; some days are empty, some items have no feedback."""
    rows: list[Shown] = []
    for day in range(days):
        left = int(rng.integers(per_day)) if rng.random() > 0.15 else 0
        while left > 0:
            size = min(left, int(rng.integers(1, 7)))
            left -= size
            for place in range(1, size + 1):
                chosen = float(rng.integers(1, 4)) if rng.random() < 0.4 else 0.0
                rows.append(Shown(day, len(rows) - place + 1, place, None if rng.random() < 0.2 else chosen))
    return rows


MAKERS: Final[dict[Task, Callable[[np.random.Generator, int, int], Statistics]]] = {
    Task.BINARY: lambda rng, days, per_day: binary(some_yes(rng, days, per_day), days),
    Task.MULTICLASS: lambda rng, days, per_day: multiclass(some_choices(rng, days, per_day), days),
    Task.RANKING: lambda rng, days, per_day: ranking(some_shown(rng, days, per_day), days),
    Task.REGRESSION: lambda rng, days, per_day: regression(
        some_bounded(rng, days, per_day), days, interval=True
    ),
}
"""Random statistics of so many days of up to so many rows; some days are empty, some rows have no label."""


def random_days(task: Task, seed: int, days: int, per_day: int = 12) -> Statistics:
    """Random statistics of so many days, for any registered task."""
    return MAKERS[task](np.random.default_rng(seed), days, per_day)
