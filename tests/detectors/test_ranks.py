"""Sen's slope and the Mann-Kendall test against scipy and pymannkendall."""

from __future__ import annotations

import numpy as np
import pymannkendall
import pytest
from scipy import stats

from hindsight.detectors.methods.ranks import mann_kendall, sen_slope
from hindsight.statistics.base import Array


def days(seed: int, length: int, slope: float = 0.0, *, tied: bool = False) -> Array:
    rng = np.random.default_rng(seed)
    values: Array = rng.normal(0.0, 1.0, length) + slope * np.arange(length)
    return values.round(0) if tied else values


@pytest.mark.parametrize("tied", [False, True], ids=["all different", "many alike"])
@pytest.mark.parametrize("length, slope", [(2, 0.0), (3, 0.1), (14, 0.05), (28, -0.1), (90, 0.0)])
def test_the_plain_test_is_pymannkendalls(length: int, slope: float, tied: bool) -> None:
    values = days(length, length, slope, tied=tied)
    ours, theirs = mann_kendall(values), pymannkendall.original_test(values)
    assert (ours.score, ours.variance) == (theirs.s, pytest.approx(theirs.var_s))
    assert ours.z == pytest.approx(theirs.z)
    assert 2 * min(ours.falling, ours.rising) == pytest.approx(theirs.p, abs=1e-12) or ours.z == 0
    assert sen_slope(np.arange(float(length)), values) == pytest.approx(theirs.slope)


@pytest.mark.parametrize("seed", range(4))
def test_sens_slope_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    when = np.sort(rng.choice(60, 25, replace=False)).astype(np.float64)
    values = days(seed, 25, 0.1)
    assert sen_slope(when, values) == pytest.approx(stats.theilslopes(values, when).slope)


def test_the_score_is_what_kendalls_tau_counts() -> None:
    values = days(1, 30, 0.05)
    tau = stats.kendalltau(np.arange(30), values).statistic
    assert mann_kendall(values).score == pytest.approx(tau * 30 * 29 / 2)


@pytest.mark.parametrize("tied", [False, True], ids=["all different", "many alike"])
@pytest.mark.parametrize("weeks", [3, 4, 8])
def test_the_test_by_season_is_pymannkendalls(weeks: int, tied: bool) -> None:
    values = days(weeks, 7 * weeks, -0.02, tied=tied)
    when, season = np.arange(7.0 * weeks), np.arange(7 * weeks) % 7
    ours, theirs = mann_kendall(values, season), pymannkendall.seasonal_test(values, period=7)
    assert (ours.score, ours.variance) == (theirs.s, pytest.approx(theirs.var_s))
    assert ours.z == pytest.approx(theirs.z)
    assert 7 * (sen_slope(when, values, season) or 0.0) == pytest.approx(theirs.slope)
    if not tied:
        taus = [stats.kendalltau(range(weeks), values[each::7]).statistic for each in range(7)]
        assert ours.score == pytest.approx(sum(taus) * weeks * (weeks - 1) / 2)


@pytest.mark.parametrize("weeks", [10, 13, 20])
@pytest.mark.parametrize("tied", [False, True], ids=["all different", "many alike"])
def test_from_ten_weeks_on_weekdays_may_depend_on_each_other(weeks: int, tied: bool) -> None:
    """Weeks that are good or bad as a whole make the variance larger, and never smaller."""
    rng = np.random.default_rng(weeks)
    values = days(weeks, 7 * weeks) + np.repeat(rng.normal(0, 2, weeks), 7)
    values = values.round(0) if tied else values
    number = np.arange(7 * weeks)
    ours = mann_kendall(values, number % 7, number // 7)
    theirs = pymannkendall.correlated_seasonal_test(values, period=7)
    assert (ours.score, ours.variance) == (theirs.s, pytest.approx(theirs.var_s))
    assert ours.variance > 2 * mann_kendall(values, number % 7).variance
    alternating = np.tile([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], weeks) * np.repeat(rng.normal(size=weeks), 7)
    independent = mann_kendall(alternating, number % 7).variance
    assert mann_kendall(alternating, number % 7, number // 7).variance >= independent


def test_weeks_with_a_missing_day_say_nothing_of_what_weekdays_have_in_common() -> None:
    rng = np.random.default_rng(3)
    number = np.arange(7 * 15)
    values = days(3, len(number)) + np.repeat(rng.normal(0, 2, 15), 7)
    there = ~np.isin(number // 7, (2, 5, 9)) | (number % 7 != 3)
    season, cycle = number[there] % 7, number[there] // 7
    whole = ~np.isin(number // 7, (2, 5, 9))
    gaps = mann_kendall(values[there], season, cycle)
    common = mann_kendall(values[whole], number[whole] % 7, number[whole] // 7).variance
    common -= mann_kendall(values[whole], number[whole] % 7).variance
    assert gaps.variance - mann_kendall(values[there], season).variance == pytest.approx(common)
    few = number < 7 * 9
    assert (
        mann_kendall(values[few], number[few] % 7, number[few] // 7).variance
        == mann_kendall(values[few], number[few] % 7).variance
    )


def test_nothing_to_compare_is_no_trend() -> None:
    nothing, one = np.array([]), np.array([3.0])
    assert sen_slope(nothing, nothing) is None
    assert sen_slope(one, one) is None
    assert sen_slope(np.zeros(3), np.arange(3.0)) is None
    for values in (nothing, one, np.full(20, 0.5)):
        found = mann_kendall(values)
        assert (found.score, found.z, found.rising, found.falling) == (0.0, 0.0, 0.5, 0.5)


def test_what_recurs_every_week_is_no_trend() -> None:
    week = np.array([0.93] * 5 + [0.88] * 2)
    number = np.arange(28)
    values = np.tile(week, 4)
    assert mann_kendall(values, number % 7).score == 0
    assert sen_slope(number.astype(np.float64), values, number % 7) == 0
    assert mann_kendall(values).score != 0
