"""Least squares against statsmodels, scipy and data of which NIST has certified the answer."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.datasets import longley

from detectors.points import day
from hindsight.detectors.methods.regression import (
    days_since,
    least_squares,
    line,
    overlap,
    phases,
    plain_line,
    simple_slope,
)
from hindsight.statistics.base import Array

NORRIS_X: Final = (
    "0.2 337.4 118.2 884.6 10.1 226.5 666.3 996.3 448.6 777.0 558.2 0.4 0.6 775.5 666.9 338.0 447.5 11.6 "
    "556.0 228.1 995.8 887.6 120.2 0.3 0.3 556.8 339.1 887.2 999.0 779.0 11.1 118.3 229.2 669.1 448.9 0.5"
)
NORRIS_Y: Final = (
    "0.1 338.8 118.1 888.0 9.2 228.1 668.5 998.5 449.1 778.9 559.2 0.3 0.1 778.1 668.8 339.3 448.9 10.8 "
    "557.7 228.3 998.0 888.8 119.6 0.3 0.6 557.6 339.3 888.0 998.5 778.9 10.2 117.6 228.9 668.4 449.2 0.2"
)

LONGLEY: Final = {
    "constant": (-3482258.63459582, 890420.383607373),
    "GNPDEFL": (15.0618722713733, 84.9149257747669),
    "GNP": (-0.358191792925910e-01, 0.334910077722432e-01),
    "UNEMP": (-2.02022980381683, 0.488399681651699),
    "ARMED": (-1.03322686717359, 0.214274163161675),
    "POP": (-0.511041056535807e-01, 0.226073200069370),
    "YEAR": (1829.15146461355, 455.478499142212),
}
"""NIST's certified estimates and their standard deviations, of 16 years of employment."""


def numbers(text: str) -> Array:
    return np.array([float(each) for each in text.split()])


def digits(ours: float, certified: float) -> float:
    """How many digits agree: the logarithm of the relative error."""
    return float(-np.log10(max(abs(ours - certified) / abs(certified), 1e-16)))


def test_norris_line_is_the_certified_one() -> None:
    """NIST StRD, Norris: the calibration of ozone monitors, 36 points."""
    x, y = numbers(NORRIS_X), numbers(NORRIS_Y)
    assert len(x) == len(y) == 36
    fit = least_squares(np.column_stack([np.ones(36), x]), y)
    errors = np.sqrt(np.diag(fit.covariance) * fit.dispersion)
    certified = [(-0.262323073774029, 0.232818234301152), (1.00211681802045, 0.429796848199937e-03)]
    for (value, error), ours, its in zip(certified, fit.coefficients, errors, strict=True):
        assert digits(ours, value) > 11
        assert digits(its, error) > 11
    assert fit.freedom == 34
    assert digits(np.sqrt(fit.dispersion), 0.884796396144373) > 11


def test_longleys_columns_that_almost_depend_on_each_other_keep_their_digits() -> None:
    """NIST StRD, Longley (1967): of higher difficulty, its columns are nearly collinear."""
    data = longley.load_pandas()
    design = np.column_stack([np.ones(16), data.exog[list(LONGLEY)[1:]].to_numpy()])
    fit = least_squares(design, data.endog.to_numpy())
    errors = np.sqrt(np.diag(fit.covariance) * fit.dispersion)
    for (value, error), ours, its in zip(LONGLEY.values(), fit.coefficients, errors, strict=True):
        assert digits(ours, value) > 8
        assert digits(its, error) > 8
    assert fit.freedom == 9
    assert digits(np.sqrt(fit.dispersion), 304.854073561965) > 9


@pytest.mark.parametrize("seed", range(3))
def test_a_weighted_fit_is_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(40), rng.normal(size=(40, 3))])
    values, weights = rng.normal(size=40), rng.uniform(0.1, 10.0, 40)
    fit, theirs = least_squares(design, values, weights), sm.WLS(values, design, weights=weights).fit()
    assert fit.coefficients == pytest.approx(theirs.params)
    assert np.sqrt(np.diag(fit.covariance) * fit.dispersion) == pytest.approx(theirs.bse)
    assert (fit.freedom, fit.dispersion) == (theirs.df_resid, pytest.approx(theirs.scale))


def test_columns_that_depend_on_each_other_share_what_they_say() -> None:
    x = np.arange(10.0)
    fit = least_squares(np.column_stack([x, 2 * x, np.ones(10), np.zeros(10)]), 3 * x + 1)
    assert fit.coefficients[0] + 2 * fit.coefficients[1] == pytest.approx(3)
    assert fit.coefficients[2] == pytest.approx(1)
    assert (fit.coefficients[3], fit.freedom) == (0, 8)


def test_a_fit_without_anything_left_over_says_nothing_of_the_scatter() -> None:
    fit = least_squares(np.eye(2), np.array([1.0, 2.0]))
    assert (fit.freedom, fit.dispersion) == (0, 1.0)


@pytest.mark.parametrize("length", [8, 13])
def test_the_line_of_equal_days_is_statsmodels_and_scipys(length: int) -> None:
    values = np.random.default_rng(length).normal(0.8, 0.05, length)
    found = line([day(i, float(v), 1e-3) for i, v in enumerate(values)], adjusted=False)
    theirs = stats.linregress(np.arange(length), values)
    assert (found.slope, found.error) == (pytest.approx(theirs.slope), pytest.approx(theirs.stderr))
    assert found.freedom == length - 2
    assert found.next == pytest.approx(theirs.intercept + theirs.slope * length)
    plain = plain_line([float(v) for v in values])
    assert (plain.slope, plain.error) == (pytest.approx(theirs.slope), pytest.approx(theirs.stderr))
    ahead = sm.OLS(values, sm.add_constant(np.arange(length))).fit().get_prediction([[1.0, length]])
    half = (ahead.conf_int(obs=True)[0, 1] - ahead.conf_int(obs=True)[0, 0]) / 2
    reach = stats.t.ppf(0.975, plain.freedom) * plain.next_error
    assert (plain.next, reach) == (pytest.approx(float(ahead.predicted[0])), pytest.approx(half))


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize("missing", [(), (2, 9, 20)], ids=["all days", "gaps"])
def test_the_line_with_weekdays_is_statsmodels_weighted_one(start: int, missing: tuple[int, ...]) -> None:
    rng = np.random.default_rng(start)
    errors = rng.uniform(0.005, 0.05, 28)
    values = 0.8 + np.tile(rng.normal(0, 0.05, 7), 4) - 0.004 * np.arange(28) + rng.normal(0, 0.1, 28)
    numbered = [i for i in range(28) if i not in missing]
    found = line([day(start + i, float(values[i]), float(errors[i])) for i in numbered], adjusted=False)
    of_week = np.array([[float((start + i) % 7 == d) for d in range(7)] for i in numbered])
    design = np.column_stack([np.array(numbered, dtype=float), of_week])
    theirs = sm.WLS(values[numbered], design, weights=1 / errors[numbered] ** 2).fit()
    assert found.slope == pytest.approx(theirs.params[0])
    assert theirs.scale > 1
    assert found.error == pytest.approx(theirs.bse[0])
    assert found.freedom == theirs.df_resid
    after = np.array([28.0, *(float((start + 28) % 7 == d) for d in range(7))])
    assert found.next == pytest.approx(float(after @ theirs.params))
    own = float(after @ theirs.cov_params() @ after)
    typical = np.median(errors[numbered]) ** 2 * theirs.scale
    assert found.next_error == pytest.approx((own + typical) ** 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_slope_is_scipys(seed: int) -> None:
    values = [float(each) for each in np.random.default_rng(seed).normal(size=7)]
    assert simple_slope(values) == pytest.approx(stats.linregress(range(7), values).slope)
    assert simple_slope(values) == pytest.approx(
        sum(x * y for x, y in zip((-3, -2, -1, 0, 1, 2, 3), values, strict=True)) / 28
    )


@pytest.mark.parametrize("length", [13, 14, 17, 21, 26, 28, 31, 35])
def test_the_overlap_of_slopes_is_their_correlation(length: int) -> None:
    """Measured on a long series of noise, window after window."""
    values = np.random.default_rng(length).normal(size=20_000)
    windows = np.lib.stride_tricks.sliding_window_view(values, length)
    days = [day(i, 0.5) for i in range(length)]
    columns = [days_since(days), np.ones(length)]
    if length >= 14:
        columns += [(phases(days)[0] == each).astype(float) for each in range(1, 7)]
    slopes = windows @ np.linalg.pinv(np.column_stack(columns))[0]
    assert overlap(length, 7) == pytest.approx(np.corrcoef(slopes[1:], slopes[:-1])[0, 1], abs=0.01)
    if length == 13 or not length % 7:
        assert overlap(length, 7) == pytest.approx(1 - 3 / length)


def test_values_beyond_all_measure_have_no_line() -> None:
    assert not line([day(i, 1e300 * (-1) ** i, 1e-5) for i in range(14)], adjusted=False).known
    assert line([day(i, 0.5, 1e-300) for i in range(14)], adjusted=False).known
    assert not plain_line([1.7e308, -1.7e308] * 4).known
