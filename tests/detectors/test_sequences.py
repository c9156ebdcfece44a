"""Confidence sequences, tests of two arms and what they can find: against scipy, and by simulation."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from hindsight.detectors.methods.power import power_of, rows_needed, smallest_effect, times_needed
from hindsight.detectors.methods.sequences import NEAR, anytime_p, multiplier, normal, scale, student
from hindsight.detectors.methods.trials import factor, ratio_p, same_share_p, student_test, welch

ALPHA = 0.05


def test_the_multiplier_is_the_published_half_width() -> None:
    n, planned, deviation = 400.0, 1000.0, 2.5
    rho2 = scale(ALPHA) / planned
    inner = (n * rho2 + 1) / (n * n * rho2) * np.log((n * rho2 + 1) / ALPHA**2)
    assert multiplier(n / planned, ALPHA) * deviation / sqrt(n) == pytest.approx(deviation * sqrt(inner))


def test_the_sequence_is_tightest_when_what_was_planned_is_in() -> None:
    """As an interval: the multiplier over the square root of the information, at fixed information."""
    at_one = multiplier(1.0, ALPHA)
    assert all(multiplier(progress, ALPHA) > at_one for progress in (0.2, 0.5, 0.8, 1.3, 3.0, 10.0))
    assert multiplier(0.0, ALPHA) == inf


@pytest.mark.parametrize("planned", [3, 30, 300])
def test_looked_at_every_day_a_sequence_errs_as_rarely_as_it_says(planned: int) -> None:
    """Whatever was planned: a bad guess costs width, and no error."""
    rng = np.random.default_rng(planned)
    walks = rng.standard_normal((20_000, 60)).cumsum(axis=1) / np.sqrt(np.arange(1, 61))
    reach = np.array([multiplier(day / planned, ALPHA) for day in range(1, 61)])
    wrong = (abs(walks) > reach).any(axis=1).mean()
    peeked = (abs(walks) > 1.96).any(axis=1).mean()
    assert 0.0005 < wrong < 0.04
    assert peeked > 0.3


@pytest.mark.parametrize("progress", [0.02, 0.4, 1.0, 7.0])
@pytest.mark.parametrize("z", [0.0, 1.5, 2.8, 4.5])
def test_the_anytime_p_value_is_below_alpha_exactly_beyond_the_sequence(progress: float, z: float) -> None:
    p_value = anytime_p(z, progress, ALPHA)
    assert 0.0 < p_value <= 1.0
    assert (p_value < ALPHA) == (z > multiplier(progress, ALPHA))
    assert anytime_p(z, 0.0, ALPHA) == 1.0


def test_student_leaves_as_much_outside_as_the_normal_distribution() -> None:
    for errors in (1.0, 1.96, 3.04, 6.0):
        for freedom in (1, 3, 16, 300):
            reach = student(errors, freedom)
            assert stats.t.sf(reach, freedom) == pytest.approx(stats.norm.sf(errors), rel=1e-9)
    assert student(3.0, 0.0) == student(inf, 5.0) == student(NEAR, 5.0) == inf
    assert student(3.0, 1e12) == pytest.approx(3.0, abs=1e-6)


def test_a_p_value_as_normal_errors() -> None:
    for p_value in (1e-200, 1e-9, 0.004, 0.5, 1.0):
        assert normal(p_value) == pytest.approx(stats.norm.isf(p_value / 2), abs=1e-9)
    assert normal(0.0) == NEAR


def test_the_seed_experiment_is_welch_s_test_of_scipy() -> None:
    """578 of 5,000 against 638 of 5,000: a lift of 10.381 % at p = 0.066390."""
    control, treatment = (np.repeat([1.0, 0.0], [hits, 5000 - hits]) for hits in (578, 638))
    errors = tuple(float(arm.std(ddof=1)) / sqrt(5000) for arm in (control, treatment))
    found = welch(treatment.mean() - control.mean(), (errors[0], errors[1]), (5000, 5000))
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.freedom == pytest.approx(expected.df)
    assert found.p_value == pytest.approx(expected.pvalue) == pytest.approx(0.066390, abs=5e-7)


def test_welch_of_few_unequal_samples_is_scipy_s() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.normal(0, 1, 7), rng.normal(1, 4, 12)
    errors = float(one.std(ddof=1)) / sqrt(7), float(two.std(ddof=1)) / sqrt(12)
    expected = stats.ttest_ind(two, one, equal_var=False)
    found = welch(float(two.mean() - one.mean()), errors, (7, 12))
    assert (found.statistic, found.freedom, found.p_value) == pytest.approx(
        (expected.statistic, expected.df, expected.pvalue)
    )


def test_errors_of_nought_are_taken_at_their_word() -> None:
    assert student_test(0.0, 0.0, 9.0).p_value == 1.0
    assert student_test(-0.1, 0.0, 9.0) == (-NEAR, 9.0, 0.0)
    assert welch(0.0, (0.0, 0.0), (1, 1)).p_value == 1.0


@pytest.mark.parametrize("rows", [(5000, 5000), (5100, 4900), (810, 190), (20, 11)])
@pytest.mark.parametrize("split", [0.5, 0.2])
def test_the_sample_ratio_is_scipy_s_chi_square(rows: tuple[int, int], split: float) -> None:
    total = sum(rows)
    expected = [total * (1 - split), total * split]
    found = ratio_p(*rows, split)
    if min(expected) < 10:
        assert found is None
    else:
        assert found == pytest.approx(stats.chisquare(rows, expected).pvalue)


@pytest.mark.parametrize("parts", [(990, 900), (200, 1600, 170), (500, 500, 500)])
def test_whether_shares_are_the_same_is_scipy_s_chi_square(parts: tuple[int, ...]) -> None:
    wholes = [1000, 2000, 1000][: len(parts)]
    table = [parts, [whole - part for whole, part in zip(wholes, parts, strict=True)]]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert same_share_p(parts, wholes) == pytest.approx(expected)


def test_shares_of_too_few_rows_say_nothing_of_being_the_same() -> None:
    assert same_share_p((3, 500, 520), (4, 1000, 1000)) == same_share_p((500, 520), (1000, 1000))
    assert same_share_p((3, 500), (4, 1000)) is None
    assert same_share_p((), ()) is same_share_p((10, 10), (10, 10)) is None


def test_the_factor_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9)
    cover, draws = 0, 4000
    shared = np.array([[4e-6, 3e-6], [3e-6, 9e-6]])
    values = rng.multivariate_normal([0.02, 0.025], shared, size=draws)
    for control, treatment in values:
        found = factor(control, treatment, (4e-6, 9e-6, 3e-6), 1.96)
        assert found is not None
        cover += found[0] <= 1.25 <= found[1]
    assert abs(cover / draws - 0.95) < 0.012


def test_the_factor_holds_one_exactly_where_the_difference_holds_nought() -> None:
    for treatment in np.linspace(0.08, 0.12, 41):
        found = factor(0.1, float(treatment), (2e-5, 3e-5, 1e-5), 2.0)
        assert found is not None
        assert (found[0] <= 1.0 <= found[1]) == (abs(treatment - 0.1) <= 2.0 * sqrt(3e-5))


def test_a_factor_of_what_may_be_nought_is_not_known() -> None:
    assert factor(0.001, 0.1, (1e-4, 1e-4, 0.0), 2.0) is None
    assert factor(0.0, 0.1, (0.0, 0.0, 0.0), 2.0) is None
    assert factor(0.5, 0.6, (0.0, 0.0, 0.0), 2.0) == pytest.approx((1.2, 1.2))


def test_the_smallest_effect_is_found_in_four_of_five_trials() -> None:
    effect = smallest_effect(0.01, 1.959964)
    assert effect == pytest.approx((1.959964 + 0.841621) * 0.01, rel=1e-6)
    assert power_of(effect or 0.0, 0.01, 1.959964) == pytest.approx(0.8)
    assert smallest_effect(0.01, inf) is None
    assert (power_of(0.1, 0.0, 2.0), power_of(0.0, 0.0, 2.0), power_of(0.1, 0.01, inf)) == (1.0, 0.0, 0.0)


def test_the_size_that_is_needed_has_the_power_that_is_asked_for() -> None:
    effect, error, progress = 0.02, 0.01, 0.4
    times = times_needed(effect, error, progress, ALPHA)
    assert times is not None
    reach = multiplier(progress * times, ALPHA)
    assert power_of(effect, error / sqrt(times), reach) == pytest.approx(0.8, abs=1e-6)
    assert times_needed(0.0, error, progress, ALPHA) is None
    assert times_needed(1e-9, error, progress, ALPHA) is None
    assert times_needed(effect, 0.0, progress, ALPHA) == 0.0


def test_the_rows_that_are_needed_find_the_lift() -> None:
    """Simulated: one look at the size that the formula names finds the lift in 80 % of trials."""
    rng = np.random.default_rng(17)
    rows = rows_needed(0.10, 0.20, looks="one")
    hits = rng.binomial(rows, [0.10, 0.12], size=(20_000, 2)) / rows
    errors = np.sqrt((hits * (1 - hits) / rows).sum(axis=1))
    found = ((hits[:, 1] - hits[:, 0]) / errors > 1.96).mean()
    assert abs(found - 0.8) < 0.01
    assert 1.7 < rows_needed(0.10, 0.20, looks="daily") / rows < 2.0
    with pytest.raises(ValueError, match=r"there is no share 0\.9 that changes by"):
        rows_needed(0.9, 0.2, looks="one")
