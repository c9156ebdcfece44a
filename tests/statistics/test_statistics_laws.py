"""The laws of statistics and metrics, over everything that is registered."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from hindsight.domain.values import Task
from hindsight.metrics import METRICS, Metric, find
from hindsight.metrics.estimate import estimate
from hindsight.statistics import LAYOUTS, Layout, Statistics, layout_of
from hindsight.statistics.base import canonical
from samples import MAKERS, held, random_days, spec_of

DAYS = 61
MORE = ("cost(fp=1 fn=5 tn=-0.5)", "f_beta(0.5)", "lift(0.5)", "score_quantile(0.9)", "value(tp=20 fp=-1)")


PAIRS = [
    (task, metric)
    for task in MAKERS
    for metric in [*held(task), *(find(name) for name in MORE if task in find(name).tasks)]
]

tasks = pytest.mark.parametrize("task", list(MAKERS))
pairs = pytest.mark.parametrize("task, metric", PAIRS, ids=[f"{m.name}-{t}" for t, m in PAIRS])
seeds = pytest.mark.parametrize("seed", [1, 2, 3])


@cache
def layout(task: Task) -> Layout:
    return layout_of(spec_of(task))


@cache
def history(task: Task, seed: int = 7) -> Statistics:
    return random_days(task, seed, DAYS)


def numbers(statistics: Statistics) -> dict[str, np.ndarray]:
    """The additive fields."""
    found = {field.name: getattr(statistics, field.name) for field in fields(statistics)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def counts(task: Task, seed: int) -> list[Statistics]:
    """Statistics of whole numbers, so that sums are exact and their order cannot matter."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(3):
        days = layout(task).zeros(5)
        for value in numbers(days).values():
            value[:] = rng.integers(0, 2**40, value.shape)
        made.append(days)
    return made


def same(one: Statistics, other: Statistics) -> bool:
    pairs = zip(numbers(one).values(), numbers(other).values(), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def equal(one: object, other: object) -> None:
    np.testing.assert_array_equal(one, other)  # NaN equals NaN, everything else bit for bit


def test_every_metric_fits_a_registered_statistic() -> None:
    assert set(LAYOUTS) == set(MAKERS) == set(Task)
    assert {task for task, _ in PAIRS} == set(Task)
    assert all(name == metric.name for name, metric in METRICS.items())


@tasks
@seeds
def test_addition_does_not_mind_the_order(task: Task, seed: int) -> None:
    one, other = random_days(task, seed, 5), random_days(task, seed + 100, 5)
    assert same(one + other, other + one)


@tasks
def test_nothing_added_changes_nothing(task: Task) -> None:
    days, nothing = history(task), layout(task).zeros(DAYS)
    assert same(days + nothing, days)
    assert not nothing.predictions.any()
    assert not nothing.labelled.any()


@tasks
@seeds
def test_addition_of_whole_numbers_does_not_mind_the_grouping(task: Task, seed: int) -> None:
    a, b, c = counts(task, seed)
    assert same((a + b) + c, a + (b + c))
    assert not same(a + b, a)


@tasks
def test_a_pooled_batch_is_the_sum_of_its_windows(task: Task) -> None:
    days = history(task)
    total = days[0:1]
    for i in range(1, len(days)):
        total = total + days[i : i + 1]
    assert same(days.pooled(), total)
    assert len(days.pooled()) == 1
    assert days.pooled().predictions[0] == days.predictions.sum()
    assert days.pooled().labelled[0] == days.labelled.sum()


@tasks
def test_a_window_without_rows_is_parsed_as_zero(task: Task) -> None:
    assert same(layout(task).parse([None, {"cell": []}, {}]), layout(task).zeros(3))


def test_equal_payloads_are_equal_bytes() -> None:
    assert canonical({"b": [1, 2], "a": 0}) == canonical({"a": 0, "b": [1, 2]}) == '{"a":0,"b":[1,2]}'


@pairs
@pytest.mark.parametrize("span", [1, 7, 28])
def test_a_long_history_gives_each_window_what_its_own_days_give(
    task: Task, metric: Metric, span: int
) -> None:
    days = history(task)
    whole = estimate(metric, metric.terms(days), span, days.rows)
    for i in range(DAYS - span + 1):
        own = days[i : i + span]
        alone = estimate(metric, metric.terms(own), span, own.rows)
        equal(alone.value[0], whole.value[i])
        equal(alone.standard_error[0], whole.standard_error[i])
        equal(alone.rows[0], whole.rows[i])
        if whole.bound is not None:
            assert alone.bound is not None
            equal(alone.bound[0], whole.bound[i])


@pairs
@seeds
def test_a_metric_of_pooled_terms_is_the_metric_of_the_summed_statistics(
    task: Task, metric: Metric, seed: int
) -> None:
    days = history(task, seed)
    of_terms = estimate(metric, metric.terms(days), DAYS).value
    of_statistics = metric.value(metric.terms(days.pooled()))
    np.testing.assert_allclose(of_terms, of_statistics, rtol=1e-9, atol=0)


@pairs
def test_a_metric_is_undefined_only_for_want_of_rows_and_then_never_a_number(
    task: Task, metric: Metric
) -> None:
    nothing = metric.terms(layout(task).zeros(3))
    if metric.extensive:
        equal(metric.value(nothing), np.zeros(3))
    else:
        equal(metric.value(nothing), np.full(3, np.nan))
    assert not metric.rows(nothing).any()
    assert not np.isinf(metric.row_error(nothing)).any()
    if metric.bound(nothing) is not None:
        equal(metric.bound(nothing), np.full(3, np.nan))
    full = estimate(metric, metric.terms(history(task)), DAYS)
    assert np.isfinite(full.value).all()
    assert (full.standard_error > 0).all()
    assert metric.undefined
    assert all(metric.why(nothing))
    assert len(metric.why(nothing)) == 3


@pairs
def test_single_rows_raise_no_warning_and_give_no_infinity(task: Task, metric: Metric) -> None:
    for seed in range(40):
        days = random_days(task, seed, 9, per_day=3)
        for span in (1, 7, 9):
            found = estimate(metric, metric.terms(days), span, days.rows)
            assert not np.isinf(found.value).any()
            assert not np.isinf(found.standard_error).any()
            assert not (found.standard_error < 0).any()
            if found.bound is not None:
                assert not (found.bound < 0).any()
                assert (np.isfinite(found.bound) == np.isfinite(found.value)).all()


@pairs
def test_where_days_have_no_label_a_labelled_metric_rests_on_no_row(task: Task, metric: Metric) -> None:
    days = history(task)
    unlabelled = days.labelled == 0
    rows = metric.rows(metric.terms(days))
    if metric.labelled and metric.weighted:
        assert not rows[unlabelled].any()
    assert (rows <= days.predictions).all()
