"""Metrics of a regression against scikit-learn, numpy or their formula over the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from covering import DAYS, covered, covered_by_rows
from hindsight.domain.bins import SIGNED_BINS, SIZE_EDGES
from hindsight.domain.values import Task
from hindsight.metrics import METRICS, find
from hindsight.metrics.regression.quantiles import HIGH, LOW
from hindsight.statistics import RegressionStatistics, Statistics
from hindsight.statistics.base import Array
from samples import Guess, regression, signed_bin, some_bounded, some_guesses

Oracle = Callable[[Array, Array], float]
"""(actual, predicted) of labelled rows -> value."""


def relative(actual: Array, predicted: Array) -> float:
    kept = actual != 0
    with np.errstate(over="ignore"):
        return float(np.minimum(abs(predicted[kept] / actual[kept] - 1.0), 1e6).mean())


def symmetric(actual: Array, predicted: Array) -> float:
    size = abs(actual) + abs(predicted)
    return float(np.divide(2 * abs(predicted - actual), size, out=np.zeros_like(size), where=size > 0).mean())


EXACT: dict[str, Oracle] = {
    "bias": lambda actual, predicted: float(np.mean(predicted - actual)),
    "mae": oracle.mean_absolute_error,
    "mse": oracle.mean_squared_error,
    "rmse": oracle.root_mean_squared_error,
    "smape": symmetric,
}
"""Metrics that every labelled row has."""

OTHERS = {
    "r2",
    "mape",
    "error_quantile",
    "absolute_error_quantile",
    "median_absolute_error",
    "pinball_loss",
    "interval_coverage",
    "interval_width",
    "mean_prediction",
    "prediction_spread",
    "prediction_quantile",
}
OF_ANY = {"volume", "coverage"}


def test_every_metric_of_a_regression_is_held_against_something() -> None:
    mine = {name for name, metric in METRICS.items() if Task.REGRESSION in metric.tasks}
    assert {*EXACT, *OTHERS, *OF_ANY} <= mine


def value(name: str, statistics: Statistics) -> float:
    metric = find(name)
    return float(metric.value(metric.terms(statistics))[0])


def bound(name: str, statistics: Statistics) -> float:
    metric = find(name)
    found = metric.bound(metric.terms(statistics))
    assert found is not None
    return float(found[0])


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered) - 1e-9), 1) - 1]


def check_quantile(name: str, statistics: Statistics, values: Sequence[float], share: float) -> None:
    found, doubt = value(name, statistics), bound(name, statistics)
    exact = quantile(values, share)
    assert abs(found - exact) <= doubt * (1 + 1e-9) + 1e-12, (name, found, exact, doubt)
    assert doubt <= 0.123 * max(abs(found), abs(exact)) + 2e-4, (name, doubt)


def check(rows: Sequence[Guess], unit: float = 1.0) -> None:
    statistics = regression(rows, unit=unit)
    labelled = [row for row in rows if row.actual is not None]
    actual = np.array([row.actual for row in labelled], dtype=float)
    predicted = np.array([row.value for row in labelled], dtype=float)
    size = max([1.0, *np.abs(actual), *np.abs(predicted)])
    for name, of_rows in EXACT.items():
        found = value(name, statistics)
        if not len(actual):
            assert math.isnan(found), name
        else:
            # A square root makes of 1e-9 what is 3e-5.
            assert found == pytest.approx(of_rows(actual, predicted), rel=1e-6, abs=4e-5 * unit * size), name
    check_r2(statistics, actual, predicted, unit, size)
    if not np.any(actual != 0):
        assert math.isnan(value("mape", statistics))
    else:
        assert value("mape", statistics) == pytest.approx(relative(actual, predicted), rel=1e-6, abs=1e-8)
    for share in (0.1, 0.5, 0.9):
        for name, values in [
            (f"error_quantile({share})", predicted - actual),
            (f"absolute_error_quantile({share})", abs(predicted - actual)),
            (f"prediction_quantile({share})", np.array([row.value for row in rows])),
        ]:
            if len(values):
                check_quantile(name, statistics, values.tolist(), share)
            else:
                assert math.isnan(value(name, statistics)), name
    for name in ("pinball_loss", "interval_coverage", "interval_width"):
        assert math.isnan(value(name, statistics))
    check_predictions(statistics, [row.value for row in rows], unit, size)


def check_r2(
    statistics: RegressionStatistics, actual: Array, predicted: Array, unit: float, size: float
) -> None:
    found = value("r2", statistics)
    spread = float(np.var(actual)) if len(actual) else 0.0
    if spread == 0:
        assert math.isnan(found)
    elif spread > 1e-3 * size**2:
        doubt = 1e-6 + 4e-9 * (unit**2 + size**2) / spread
        assert found == pytest.approx(oracle.r2_score(actual, predicted), rel=doubt, abs=doubt)


def check_predictions(statistics: Statistics, values: Sequence[float], unit: float, size: float) -> None:
    assert value("volume", statistics) == len(values)
    if not values:
        assert math.isnan(value("mean_prediction", statistics))
        assert math.isnan(value("prediction_spread", statistics))
        return
    mean, spread = float(np.mean(values)), float(np.std(values))
    assert value("mean_prediction", statistics) == pytest.approx(mean, rel=1e-7, abs=1e-8 * unit)
    assert value("prediction_spread", statistics) == pytest.approx(spread, rel=1e-5, abs=4e-5 * (unit + size))


numbers = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 15.5, 1e-7]), st.floats(-1000, 1000))
guesses = st.lists(st.builds(Guess, st.just(0), numbers, st.one_of(st.none(), numbers)), max_size=40)


@given(guesses, st.sampled_from([1.0, 100.0]))
@example([], 1.0)
@example([Guess(0, 3.0, None)], 1.0)
@example([Guess(0, 3.0, 7.0)], 1.0)
@example([Guess(0, 1.0, 0.1)] * 3, 1.0)
@example([Guess(0, 0.0, 0.0)] * 2, 1.0)
@example([Guess(0, 1.0, 0.0)] * 2, 100.0)
@example([Guess(0, 5.0, 1e-300)], 1.0)
def test_metrics_are_scikit_learns_or_their_formula(rows: list[Guess], unit: float) -> None:
    check(rows, unit)


def test_metrics_of_many_rows_are_scikit_learns_or_their_formula() -> None:
    check(some_guesses(np.random.default_rng(5), 1, 6000))


def check_intervals(rows: Sequence[Guess]) -> None:
    statistics = regression(rows, interval=True)
    labelled = [row for row in rows if row.actual is not None]
    actual = np.array([row.actual for row in labelled], dtype=float)
    lower, upper = (np.array([getattr(row, side) for row in labelled]) for side in ("lower", "upper"))
    width = np.mean([row.upper - row.lower for row in rows])
    assert value("interval_width", statistics) == pytest.approx(width, rel=1e-7, abs=1e-8)
    if not labelled:
        assert math.isnan(value("interval_coverage", statistics))
        return
    inside = np.mean((lower <= actual) & (actual <= upper))
    assert value("interval_coverage", statistics) == pytest.approx(inside, abs=1e-12)
    losses = [
        oracle.mean_pinball_loss(actual, side, alpha=level) for side, level in ((lower, 0.1), (upper, 0.9))
    ]
    assert value("pinball_loss", statistics) == pytest.approx(np.mean(losses), rel=1e-7, abs=1e-8)
    score = (upper - lower) + 10.0 * (np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0))
    assert value("pinball_loss", statistics) == pytest.approx(np.mean(score) * 0.05, rel=1e-7, abs=1e-8)


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_metrics_of_intervals_are_scikit_learns(seed: int, per_day: int) -> None:
    rows = some_bounded(np.random.default_rng(seed), 1, per_day + 1)
    if rows:
        check_intervals(rows)


def test_an_interval_holds_its_ends_and_may_be_a_point() -> None:
    rows = [Guess(0, 2.0, actual, 1.0, 3.0) for actual in (1.0, 3.0, 0.999, 3.001)]
    assert value("interval_coverage", regression(rows, interval=True)) == 0.5
    check_intervals([*rows, Guess(0, 2.0, 2.0, 2.0, 2.0)])


@pytest.mark.parametrize("level", [0.0, 0.1, 1e4, -123.456, 0.0016251])
@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("unit", [1.0, 100.0, 0.01])
def test_equal_numbers_have_no_spread(level: float, rows: int, unit: float) -> None:
    statistics = regression([Guess(0, level, level - 1)] * rows, unit=unit)
    assert math.isnan(value("r2", statistics))
    assert value("prediction_spread", statistics) == 0.0


def test_a_signed_bin_holds_what_lies_between_its_edges() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate(
        [rng.normal(0, 10.0**power, 40) for power in range(-8, 7)] + [SIZE_EDGES, -np.array(SIZE_EDGES)]
    )
    assert len(LOW) == len(HIGH) == SIGNED_BINS
    np.testing.assert_array_equal(LOW[1:], HIGH[:-1])
    for number in np.clip(values, -2e6, 2e6):
        cell = signed_bin(float(number))
        assert LOW[cell] <= number <= HIGH[cell]


def test_a_relative_error_counts_a_million_at_most() -> None:
    assert value("mape", regression([Guess(0, 1.0, 1e-300), Guess(0, 1.0, 1.0)])) == 5e5


def test_the_bare_names_of_quantiles_mean_the_median() -> None:
    statistics = regression(some_guesses(np.random.default_rng(2), 1, 300))
    for name in ("error_quantile", "absolute_error_quantile", "prediction_quantile"):
        assert value(name, statistics) == value(f"{name}(0.5)", statistics)
    medians = [value(name, statistics) for name in ("median_absolute_error", "absolute_error_quantile")]
    assert medians[0] == medians[1]


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "2", "nan", "half", ""])
def test_a_quantile_takes_a_share_between_0_and_1(share: str) -> None:
    with pytest.raises(ValueError, match=r"error_quantile takes a share between 0 and 1, not '"):
        find(f"error_quantile({share})")
    with pytest.raises(ValueError, match="median_absolute_error takes no argument"):
        find(f"median_absolute_error({share})")


PLAIN = sorted({*EXACT, *OTHERS})


@pytest.mark.parametrize("name", PLAIN)
def test_days_added_up_give_what_their_rows_give(name: str) -> None:
    rows = some_bounded(np.random.default_rng(8), 30, 40)
    together = regression([replace(row, day=0) for row in rows], interval=True)
    pooled = regression(rows, 30, interval=True).pooled()
    assert value(name, pooled) == pytest.approx(value(name, together), rel=1e-9)


@pytest.mark.parametrize("name", PLAIN)
def test_a_label_that_weighs_two_counts_as_two_rows(name: str) -> None:
    metric = find(name)
    rows = some_bounded(np.random.default_rng(9), 1, 200)
    light = [replace(row, weight=1.0 + i % 2) for i, row in enumerate(rows)]
    twice = [row for row in light for _ in range(int(row.weight))]
    found = metric.terms(regression(light, interval=True, weighted=True))
    expected = metric.terms(regression(twice if metric.labelled else rows, interval=True))
    np.testing.assert_allclose(metric.value(found), metric.value(expected), rtol=1e-9)
    np.testing.assert_allclose(metric.row_error(found), metric.row_error(expected), rtol=1e-6)


def naive_error(values: Array) -> float:
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def test_row_errors_of_means_are_those_of_the_rows() -> None:
    rows = some_bounded(np.random.default_rng(12), 1, 3000)
    statistics = regression(rows, interval=True)
    told = [row for row in rows if row.actual is not None]
    actual, guessed = np.array([r.actual for r in told], dtype=float), np.array([r.value for r in told])
    error = guessed - actual
    width = np.array([row.upper - row.lower for row in rows])
    exact: dict[str, Array] = {
        "bias": error,
        "mae": abs(error),
        "mape": abs(error / actual),
        "smape": 2 * abs(error) / (abs(actual) + abs(guessed)),
        "interval_width": width,
        "mean_prediction": np.array([row.value for row in rows]),
    }
    for name, values in exact.items():
        found = find(name).row_error(find(name).terms(statistics))[0]
        assert found == pytest.approx(naive_error(values), rel=1e-5), name
    found = find("mse").row_error(find("mse").terms(statistics))[0]
    assert found == pytest.approx(naive_error(error**2), rel=0.01)
    spread = find("prediction_spread")
    values = exact["mean_prediction"]
    fourth = ((values - values.mean()) ** 4).mean()
    exactly = math.sqrt((fourth - values.var() ** 2) / (4 * values.var() * len(values)))
    assert spread.row_error(spread.terms(statistics))[0] == pytest.approx(exactly, rel=0.02)


def naive_r2_error(actual: Array, predicted: Array) -> float:
    """The infinitesimal jackknife of R² over the rows."""
    away = (actual - actual.mean()) ** 2
    squares = (predicted - actual) ** 2
    rest = squares.sum() / away.sum()
    return float(math.sqrt(((squares - rest * away) ** 2).sum()) / away.sum())


@pytest.mark.parametrize("level", [0.0, 300.0])
@pytest.mark.parametrize("share", [0.3, 1.0, 4.0])
def test_the_row_error_of_r2_is_the_infinitesimal_jackknifes(level: float, share: float) -> None:
    rng = np.random.default_rng(4)
    actual = level + rng.normal(0, 3, 4000) + rng.exponential(3, 4000)
    predicted = actual + share * rng.normal(0, 1 + abs(actual - level) / 6)
    statistics = at_once(np.zeros(4000, dtype=int), predicted, actual, 1)
    metric = find("r2")
    found = metric.row_error(metric.terms(statistics))[0]
    assert found == pytest.approx(naive_r2_error(actual, predicted), rel=0.1)


def at_once(day: Any, predicted: Array, actual: Array, days: int) -> RegressionStatistics:
    """Statistics of many labelled rows, counted at once."""
    made = RegressionStatistics.zeros(days)
    error, ones = predicted - actual, np.ones(len(actual))

    def cell(numbers: Array) -> Any:
        size = np.searchsorted(SIZE_EDGES, abs(numbers), "right")
        return SIGNED_BINS // 2 + np.where(numbers >= 0, size, -size)

    np.add.at(made.rows, day, np.ones((len(actual), 4)))
    np.add.at(made.volume, day, np.stack([ones, predicted, predicted**2, ones], axis=1))
    np.add.at(made.values, (day, cell(predicted)), ones)
    sums = [ones, error, abs(error), error**2, actual, actual**2, ones]
    np.add.at(made.sums, day, np.stack(sums, axis=1))
    np.add.at(made.errors, (day, cell(error)), np.stack([ones, error**2, actual, actual**2], axis=1))
    return made


def simulated(rng: np.random.Generator, days: int, per_day: int, shift: float) -> RegressionStatistics:
    """Days of rows with skewed actuals and errors that grow with them; days may share an error."""
    day = np.repeat(np.arange(days), per_day)
    predicted = 10.0 + rng.gamma(4.0, 1.5, days * per_day)
    noise = rng.standard_normal(days * per_day) * (0.8 + 0.1 * predicted)
    noise += shift * rng.standard_normal(days)[day]
    return at_once(day, predicted, predicted + noise, days)


NAMES = ["bias", "mae", "rmse", "r2", "error_quantile"]


@pytest.mark.parametrize("shift", [0.0, 1.5], ids=["independent rows", "days that differ"])
def test_intervals_of_28_days_cover_the_truth_as_often_as_they_say(shift: float) -> None:
    rng = np.random.default_rng(31)
    made, long_run = simulated(rng, 300 * DAYS, 40, shift), simulated(rng, 12_000, 40, shift)
    shares = covered(NAMES, made, long_run)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares


def test_row_errors_of_a_single_day_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(32)
    made, long_run = simulated(rng, 1200, 400, 0.0), simulated(rng, 12_000, 40, 0.0)
    others = [
        "mse",
        "error_quantile(0.9)",
        "median_absolute_error",
        "prediction_spread",
        "prediction_quantile",
    ]
    shares = covered_by_rows([*NAMES, *others], made, long_run)
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares
