"""Metrics of a ranking against scikit-learn or their formula over the lists."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from covering import DAYS, covered, covered_by_rows
from hindsight.domain.values import Task
from hindsight.metrics import METRICS, Metric, find
from hindsight.metrics.base import Part
from hindsight.statistics import RankingStatistics, Statistics
from hindsight.statistics.base import Array
from samples import Shown, ranking, some_shown

CLOSE: dict[str, Any] = {"rel": 1e-7, "abs": 2e-9}
ASKED = ("ndcg(1)", "ndcg(3)", "hit_rate(2)")


def test_every_metric_of_a_ranking_is_held_against_something() -> None:
    mine = {name for name, metric in METRICS.items() if Task.RANKING in metric.tasks}
    assert {"ctr", "mean_feedback", "mrr", "ndcg", "hit_rate", "queries", "volume", "coverage"} <= mine


def value(name: str, statistics: Statistics) -> float:
    metric = find(name)
    return float(metric.value(metric.terms(statistics))[0])


def lists_of(rows: Sequence[Shown]) -> list[list[Shown]]:
    """The judged lists, each by position."""
    found: dict[tuple[int, int], list[Shown]] = defaultdict(list)
    for row in rows:
        found[row.day, row.query].append(row)
    lists = [sorted(items, key=lambda item: item.place) for items in found.values()]
    return [items for items in lists if any(item.feedback is not None for item in items)]


def ndcg(items: Sequence[Shown], k: int) -> float:
    """Scikit-learn's, over all places of the list; what is not known or not there gains nothing."""
    gains = np.zeros(max(items[-1].place, 2))
    for item in items:
        gains[item.place - 1] = 2.0 ** (item.feedback or 0.0) - 1.0
    return float(ndcg_score([gains], [-np.arange(len(gains))], k=k))


def check(rows: Sequence[Shown]) -> None:
    statistics = ranking(rows, metrics=ASKED)
    feedback = [row.feedback for row in rows if row.feedback is not None]
    lists = lists_of(rows)
    assert value("volume", statistics) == len(rows)
    assert value("queries", statistics) == len(lists)
    if not feedback:
        for name in ("ctr", "mean_feedback", "mrr", "ndcg", "hit_rate", *ASKED):
            assert math.isnan(value(name, statistics)), name
        return
    assert value("ctr", statistics) == np.mean(np.array(feedback) > 0)
    assert value("mean_feedback", statistics) == pytest.approx(np.mean(feedback), **CLOSE)
    chosen = [[item.place for item in items if (item.feedback or 0) > 0] for items in lists]
    first = [min(places, default=math.inf) for places in chosen]
    assert value("mrr", statistics) == pytest.approx(np.mean([1 / place for place in first]), **CLOSE)
    for name, k in [("ndcg", 10), ("ndcg(1)", 1), ("ndcg(3)", 3)]:
        expected = np.mean([ndcg(items, k) for items in lists])
        assert value(name, statistics) == pytest.approx(expected, **CLOSE), name
    for name, k in [("hit_rate", 10), ("hit_rate(2)", 2), ("hit_rate(3)", 3)]:
        assert value(name, statistics) == np.mean(np.array(first) <= k), name


feedbacks = st.sampled_from([None, 0.0, 0.0, 1.0, 2.0, 5.0, 0.5])
shown = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 14), feedbacks), max_size=30).map(
    lambda rows: [
        Shown(0, query, place, told) for (query, place), told in {(q, p): f for q, p, f in rows}.items()
    ]
)


@given(shown)
@example([])
@example([Shown(0, 1, 1, None)])
@example([Shown(0, 1, 1, 0.0)])
@example([Shown(0, 1, 12, 1.0)])
@example([Shown(0, 1, 1, 0.0), Shown(0, 1, 2, 3.0), Shown(0, 1, 3, None), Shown(0, 2, 1, 1.0)])
def test_metrics_are_scikit_learns_or_their_formula(rows: list[Shown]) -> None:
    check(rows)


def test_metrics_of_many_lists_are_scikit_learns_or_their_formula() -> None:
    check(some_shown(np.random.default_rng(5), 1, 4000))


def test_a_cut_off_that_no_metric_of_the_monitor_asks_for_is_not_there() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        value("ndcg(7)", ranking([Shown(0, 1, 1, 1.0)]))


@pytest.mark.parametrize("text", ["0", "2.5", "-1", "nan", "inf", "ten"])
def test_a_cut_off_is_a_whole_number_from_1_on(text: str) -> None:
    for name in ("ndcg", "hit_rate"):
        with pytest.raises(ValueError, match=rf"{name} takes a whole number from 1 on, not '"):
            find(f"{name}({text})")


def full() -> list[Metric]:
    mine = (m for m in METRICS.values() if Task.RANKING in m.tasks and m.part is Part.OUTCOMES)
    return [find(name) for name in (*sorted(metric.name for metric in mine), *ASKED)]


ALL = pytest.mark.parametrize("metric", full(), ids=lambda metric: metric.name)


@ALL
def test_days_added_up_give_what_their_rows_give(metric: Metric) -> None:
    rows = some_shown(np.random.default_rng(8), 30, 40)
    together = ranking([replace(row, day=0, query=row.query * 100 + row.day) for row in rows], metrics=ASKED)
    pooled = ranking(rows, 30, ASKED).pooled()
    assert pooled.names == ("1", "2", "3", "10")
    np.testing.assert_allclose(
        metric.value(metric.terms(pooled)), metric.value(metric.terms(together)), rtol=1e-9
    )


@ALL
def test_weights_count_for_items_and_not_for_queries(metric: Metric) -> None:
    rows = [
        replace(row, weight=1.0 + i % 2) for i, row in enumerate(some_shown(np.random.default_rng(9), 1, 300))
    ]
    found = metric.terms(ranking(rows, metrics=ASKED, weighted=True))
    plain = metric.terms(ranking(rows, metrics=ASKED))
    if metric.name not in {"ctr", "mean_feedback"}:
        np.testing.assert_allclose(metric.value(found), metric.value(plain), rtol=1e-12)
        return
    told = [row for row in rows if row.feedback is not None]
    feedback = np.array([row.feedback for row in told], dtype=float)
    if metric.name == "ctr":
        feedback = (feedback > 0) * 1.0
    expected = np.average(feedback, weights=[row.weight for row in told])
    assert metric.value(found)[0] == pytest.approx(expected, rel=1e-9)


@ALL
def test_nothing_gives_no_number_and_one_row_no_infinity(metric: Metric) -> None:
    nothing = metric.terms(RankingStatistics.zeros(2, (1, 2, 3, 10)))
    assert not metric.rows(nothing).any()
    if not metric.extensive:
        assert np.isnan(metric.value(nothing)).all()
    single = metric.terms(ranking([Shown(0, 1, 1, 1.0)], metrics=ASKED))
    assert not np.isinf(metric.value(single)).any()
    assert not np.isinf(metric.row_error(single)).any()


def test_row_errors_of_queries_are_those_of_their_mean() -> None:
    rows = some_shown(np.random.default_rng(5), 1, 4000)
    statistics = ranking(rows)
    lists = lists_of(rows)
    for name, values in {
        "ndcg": [ndcg(items, 10) for items in lists],
        "mrr": [
            max((1 / item.place for item in items if (item.feedback or 0) > 0), default=0.0)
            for items in lists
        ],
    }.items():
        metric = find(name)
        expected = np.std(values, ddof=1) / math.sqrt(len(values))
        assert metric.row_error(metric.terms(statistics))[0] == pytest.approx(expected, rel=1e-6)


SIZE = 5


def simulated(rng: np.random.Generator, days: int, per_day: int, shift: float) -> RankingStatistics:
    """Days of lists of five items, the upper ones chosen more often; on some days all are."""
    made = RankingStatistics.zeros(days)
    place = np.arange(1, SIZE + 1)
    odds = (-0.5 - 0.2 * place) + shift * rng.standard_normal((days, 1, 1))
    chosen = rng.random((days, per_day, SIZE)) < 1.0 / (1.0 + np.exp(-odds))
    gains, discount = chosen * 1.0, 1.0 / np.log2(1 + place)
    ideal = (-np.sort(-gains, axis=2) * discount).sum(axis=2)
    gained = (gains * discount).sum(axis=2)
    score = np.divide(gained, ideal, out=np.zeros_like(ideal), where=ideal > 0)
    first = np.where(chosen, 1.0 / place, 0.0).max(axis=2)
    clicks, items = chosen.sum(axis=(1, 2)), np.full(days, per_day * SIZE)

    def sums(values: Array) -> Array:
        return np.stack([values.sum(axis=1), (values**2).sum(axis=1)], axis=1)

    made.rows[:] = items[:, None]
    made.items[:] = np.stack([items, clicks, clicks, clicks], axis=1)
    made.queries[:] = np.column_stack([np.full(days, per_day), sums(first)])
    made.lists[:, 0] = np.column_stack([sums(score), (first > 0).sum(axis=1)])
    return made


NAMES = ["ctr", "mrr", "ndcg", "hit_rate", "mean_feedback"]


@pytest.mark.parametrize("shift", [0.0, 0.5], ids=["independent rows", "days that differ"])
def test_intervals_of_28_days_cover_the_truth_as_often_as_they_say(shift: float) -> None:
    rng = np.random.default_rng(41)
    made, long_run = simulated(rng, 300 * DAYS, 25, shift), simulated(rng, 20_000, 25, shift)
    shares = covered(NAMES, made, long_run)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares


def test_row_errors_of_a_single_day_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(42)
    made, long_run = simulated(rng, 1500, 150, 0.0), simulated(rng, 20_000, 25, 0.0)
    shares = covered_by_rows(NAMES, made, long_run)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares
