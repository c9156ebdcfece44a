"""Run lengths against textbooks and simulation, and bounds that hold with the reference's own error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindsight.detectors.methods.charts import (
    BEYOND,
    Chart,
    CusumChart,
    EwmaChart,
    false_rate,
    run_length,
    solved,
    standing,
)

PLAIN = CusumChart(0.5, most=99.0, one_day=99.0)
"""Page's own, in which a day may count for any number."""


def rows(chart: Chart, z: np.ndarray[Any, Any], bound: float) -> np.ndarray[Any, Any]:
    return np.array([chart.fold(each, bound) for each in z])


@pytest.mark.parametrize(
    "chart, bound, mean, published",
    [
        # Montgomery, Introduction to Statistical Quality Control, table 9.3: two sides, so twice as long.
        (PLAIN, 4.0, 0.0, 2 * 168),
        (PLAIN, 5.0, 0.0, 2 * 465),
        (PLAIN, 5.0, 1.0, 10.4),
        (PLAIN, 5.0, 2.0, 4.01),
        (PLAIN, 4.0, 1.5, 4.75),
    ],
)
def test_run_lengths_are_those_of_the_textbook(
    chart: Chart, bound: float, mean: float, published: float
) -> None:
    assert run_length(chart, bound, mean) == pytest.approx(published, rel=0.01)


def test_the_ewma_runs_twice_as_long_as_the_two_sided_one_of_lucas_and_saccucci() -> None:
    assert run_length(EwmaChart(0.2, one_day=9.0), 2.86 / 3) == pytest.approx(2 * 370, rel=0.02)


@pytest.mark.parametrize("k, bound", [(0.5, 4.0), (0.5, 5.0), (0.75, 3.5), (0.25, 8.0)])
def test_siegmunds_approximation_agrees(k: float, bound: float) -> None:
    reach = bound + 1.166
    approximate = (np.exp(2 * k * reach) - 2 * k * reach - 1) / (2 * k * k)
    assert run_length(CusumChart(k, most=99.0, one_day=99.0), bound) == pytest.approx(approximate, rel=0.05)


@pytest.mark.parametrize("chart", [CusumChart(0.5), CusumChart(0.95), EwmaChart(0.2), EwmaChart(0.5)])
@pytest.mark.parametrize("mean", [0.0, 0.8, 2.0])
def test_run_lengths_are_those_of_a_simulation(chart: Chart, mean: float) -> None:
    bound = 2.5 if isinstance(chart, CusumChart) else 0.8 * (chart.weight / 0.2) ** 0.5  # type: ignore[attr-defined]
    runs, steps = 1500, 800
    rng = np.random.default_rng(1)
    at, waited = np.zeros(runs), np.zeros(0)
    age = np.zeros(runs)
    for _ in range(steps):
        z = mean + rng.standard_normal(runs)
        at, age = step(chart, at, z, bound), age + 1
        hit = at > bound
        waited = np.append(waited, age[hit])
        at, age = np.where(hit, 0.0, at), np.where(hit, 0.0, age)
    # Renewals: the breaches per step are one over the mean run length, but for the runs cut off at the end.
    rate = len(waited) / (runs * steps)
    assert 1 / rate == pytest.approx(run_length(chart, bound, mean), rel=0.06)


def step(
    chart: Chart, at: np.ndarray[Any, Any], z: np.ndarray[Any, Any], bound: float
) -> np.ndarray[Any, Any]:
    """One step of many charts at once; `test_a_fold_is_its_steps` holds it to `fold`."""
    if isinstance(chart, CusumChart):
        move = np.minimum(z - chart.k, min(chart.most, chart.one_day * bound))
        return np.clip(at + move, 0.0, BEYOND * bound)
    assert isinstance(chart, EwmaChart)
    most = chart.one_day * bound / chart.weight
    return at + chart.weight * (np.clip(z, -most, most) - at)


@pytest.mark.parametrize("chart", [CusumChart(0.5), EwmaChart(0.3)])
def test_a_fold_is_its_steps(chart: Chart) -> None:
    z = np.random.default_rng(2).standard_normal((5, 40)) + 0.4
    at = np.zeros(5)
    for i in range(40):
        at = step(chart, at, z[:, i], 3.0)
        assert rows(chart, z[:, : i + 1], 3.0)[:, -1] == pytest.approx(at)


@pytest.mark.parametrize("chart", [CusumChart(0.5), CusumChart(0.95), EwmaChart(0.2)])
@pytest.mark.parametrize("days", [14, 31, 90])
def test_solved_bounds_hold_with_the_error_of_the_reference(chart: Chart, days: int) -> None:
    rate = 1 / 200
    bound = solved(chart, days, rate)
    assert false_rate(chart, bound, days) == pytest.approx(rate, rel=0.01)
    references, steps = 4000, 600
    rng = np.random.default_rng(3)
    mean = rng.standard_normal(references) / days**0.5
    spread = np.sqrt(rng.chisquare(days - 1, references) / (days - 1))
    at, found = np.zeros(references), 0
    for _ in range(steps):
        at = step(chart, at, (rng.standard_normal(references) - mean) / spread, bound)
        hit = at > bound
        found += int(hit.sum())
        at = np.where(hit, 0.0, at)
    # Breaches come in clumps, one for each poor reference, hence the wide tolerance.
    assert found / (references * steps) == pytest.approx(rate, rel=0.15)


@pytest.mark.parametrize("chart", [CusumChart(0.5), EwmaChart(0.2)])
def test_where_a_chart_stands_is_that_of_a_simulation(chart: Chart) -> None:
    days, bound = 28, solved(chart, 28, 1 / 200)
    level, chance = standing(chart, bound, days)
    assert (np.diff(level) > 0).all()
    assert (np.diff(chance) <= 1e-12).all()
    references, steps = 4000, 300
    rng = np.random.default_rng(5)
    mean = rng.standard_normal(references) / days**0.5
    spread = np.sqrt(rng.chisquare(days - 1, references) / (days - 1))
    at, found = np.zeros(references), 0
    for i in range(steps):
        at = step(chart, at, (rng.standard_normal(references) - mean) / spread, bound)
        found += int((at > bound).sum()) if i >= 100 else 0
    share = found / (references * (steps - 100))
    assert float(np.interp(bound, level, chance)) == pytest.approx(share, rel=0.15)
    assert share > 2 / 200, "it stands above the bound more often than it gets there"


def test_a_bound_that_takes_the_reference_for_the_truth_would_breach_far_more_often() -> None:
    naive = solved(CusumChart(0.5), 400, 1 / 1000)
    assert false_rate(CusumChart(0.5), naive, 31) > 2 / 1000


def test_bounds_grow_as_alarms_get_rarer_and_references_shorter() -> None:
    chart = CusumChart(0.5)
    assert solved(chart, 31, 1 / 100) < solved(chart, 31, 1 / 1000) < solved(chart, 31, 1 / 10_000)
    assert solved(chart, 90, 1 / 1000) < solved(chart, 31, 1 / 1000) < solved(chart, 14, 1 / 1000)


@pytest.mark.parametrize("rate", [0.5, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("chart", [CusumChart(0.45), CusumChart(8.0), EwmaChart(0.05), EwmaChart(0.8)])
def test_no_chart_is_too_odd_for_a_bound(chart: Chart, rate: float) -> None:
    bound = solved(chart, 31, rate)
    assert 0 < bound < 1000
    assert false_rate(chart, bound, 31) <= rate * 1.05


@pytest.mark.parametrize("chart", [CusumChart(0.5), CusumChart(3.0), EwmaChart(0.2)])
def test_one_day_however_bad_does_not_reach_the_bound(chart: Chart) -> None:
    bound = solved(chart, 31, 1 / 1000)
    assert rows(chart, np.array([[0.0] * 10 + [1e9] + [0.0] * 10]), bound).max() < bound
    assert rows(chart, np.array([[1e9, 1e9, 1e9]]), bound)[0, -1] > bound


def test_a_long_trouble_leaves_no_longer_a_tail_than_a_short_one() -> None:
    chart, bound = CusumChart(0.5), 5.0
    long, short = (chart.fold(np.array([3.0] * days + [0.0] * 9), bound) for days in (50, 6))
    assert list(long[-9:]) == list(short[-9:])
    assert long.max() == 1.25 * bound
    assert long[-1] < bound / 2
