"""What the reference makes us expect of a window's scores."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from hindsight.detectors import Point, Series
from hindsight.detectors.threshold import Threshold
from hindsight.domain.bins import BINS
from hindsight.domain.values import Direction, Maturity, Span, Status, Verdict
from hindsight.metrics import METRICS
from hindsight.metrics.estimate import estimate
from hindsight.metrics.expectation import Baseline, Expected, curve, expected
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import Array
from samples import scored

ADJUSTABLE = sorted(name for name, metric in METRICS.items() if metric.adjustable)
adjustable = pytest.mark.parametrize("name", ADJUSTABLE)


def honest(score: Array) -> Array:
    """A model whose scores come true at three quarters of what they say: a curve of its own."""
    return 0.75 * score


def days(seed: int, a: float, b: float, number: int = 28, rows: int = 400) -> BinaryStatistics:
    """Days whose scores are drawn from a beta distribution and come true as the reference's."""
    rng = np.random.default_rng(seed)
    return scored(rng, honest, rng.beta(a, b, (number, rows)), threshold=0.4)


def broken(seed: int, a: float, b: float) -> BinaryStatistics:
    """The same mix of scores, which mean less than they did."""
    rng = np.random.default_rng(seed)
    return scored(rng, lambda s: 0.2 - 0.1 * s, rng.beta(a, b, (28, 400)), threshold=0.4)


@pytest.fixture(scope="module")
def reference() -> BinaryStatistics:
    return days(1, 2, 3, number=31)


@pytest.fixture(scope="module")
def baseline(reference: BinaryStatistics) -> Baseline:
    made = Baseline.of(reference)
    assert made is not None
    return made


def test_some_metrics_can_be_adjusted() -> None:
    assert {"recall", "precision", "f1", "roc_auc"} <= set(ADJUSTABLE)


def test_the_curve_never_falls_and_is_a_rate(reference: BinaryStatistics) -> None:
    rates = curve(reference.pooled())
    assert rates is not None
    assert rates.shape == (BINS,)
    assert (np.diff(rates) >= 0).all()
    assert ((rates >= 0) & (rates <= 1)).all()


def test_without_labels_there_is_no_curve() -> None:
    unlabelled = BinaryStatistics.zeros(3)
    unlabelled.counts[:, 0, 0, 60] = 10
    assert curve(unlabelled.pooled()) is None
    assert Baseline.of(unlabelled) is None


@adjustable
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_outcomes_drawn_from_the_references_curve_are_what_is_expected(
    name: str, seed: int, baseline: Baseline
) -> None:
    window, metric = days(seed, 1.2, 4), METRICS[name]
    found = expected(metric, window, baseline)
    assert found is not None
    observed = metric.value(metric.terms(window.pooled()))[0]
    assert abs(observed - found.value) < 3.5 * (found.gap_error(1.0) or 0.0)


@adjustable
def test_the_gap_is_within_its_error_as_often_as_it_should_be(name: str, baseline: Baseline) -> None:
    metric = METRICS[name]
    hits = 0
    for seed in range(100, 160):
        window = days(seed, 1.5, 3, rows=150)
        found = expected(metric, window, baseline)
        assert found is not None
        observed = metric.value(metric.terms(window.pooled()))[0]
        hits += bool(abs(observed - found.value) <= 1.96 * (found.gap_error(1.0) or 0.0))
    assert 52 <= hits <= 60


def series(name: str, window: BinaryStatistics, reference: BinaryStatistics, adjusted: Baseline) -> Series:
    """What a detector is shown of a window and the reference before it."""
    metric = METRICS[name]
    end = date(2024, 6, 30)

    def point(statistics: BinaryStatistics, last: date) -> Point:
        length = len(statistics)
        found = estimate(metric, metric.terms(statistics), length)
        return Point(
            start=last - timedelta(days=length - 1),
            end=last,
            value=float(found.value[0]),
            standard_error=float(found.standard_error[0]),
            n=int(found.rows[0]),
            coverage=1.0,
            maturity=Maturity.MATURE,
            status=Status.OK,
        )

    latest = replace(point(window, end), expected=expected(metric, window, adjusted))
    return Series(metric, latest, (), reference=point(reference, date(2024, 3, 31)))


def verdicts(
    name: str, window: BinaryStatistics, reference: BinaryStatistics, made: Baseline
) -> list[Verdict]:
    """Of a plain relative threshold, and of an adjusted one."""
    shown = series(name, window, reference, made)
    worse = 0.1 if METRICS[name].direction is Direction.LOWER else -0.1
    plain = Threshold(metric=name, relative=worse, window=Span(28))
    adjusted = replace(plain, adjust="score_mix")
    return [plain.examine(shown).verdict, adjusted.examine(shown).verdict]


@pytest.mark.parametrize("name", ["recall", "f1"])
def test_a_calmer_month_breaches_a_plain_threshold_but_not_an_adjusted_one(
    name: str, reference: BinaryStatistics, baseline: Baseline
) -> None:
    calm = days(8, 1.0, 7)
    assert verdicts(name, calm, reference, baseline) == [Verdict.BREACH, Verdict.CLEAR]


@adjustable
def test_scores_that_mean_less_breach_both(
    name: str, reference: BinaryStatistics, baseline: Baseline
) -> None:
    assert verdicts(name, broken(9, 2, 3), reference, baseline) == [Verdict.BREACH, Verdict.BREACH]


@pytest.mark.parametrize("name", ["precision", "f1", "roc_auc"])
def test_scores_that_mean_less_breach_though_the_month_is_calm(
    name: str, reference: BinaryStatistics, baseline: Baseline
) -> None:
    assert verdicts(name, broken(10, 1.0, 7), reference, baseline)[1] is Verdict.BREACH


@adjustable
def test_the_same_month_is_clear_to_both(name: str, reference: BinaryStatistics, baseline: Baseline) -> None:
    assert verdicts(name, days(11, 2, 3), reference, baseline) == [Verdict.CLEAR, Verdict.CLEAR]


@adjustable
def test_without_labelled_rows_nothing_is_expected(name: str, baseline: Baseline) -> None:
    assert expected(METRICS[name], BinaryStatistics.zeros(28), baseline) is None


def test_a_few_days_have_no_spread_of_days_yet_the_row_error(baseline: Baseline) -> None:
    found = expected(METRICS["recall"], days(12, 2, 3, number=3), baseline)
    assert found is not None
    assert found.variance == found.covariance == found.observed_variance == 0.0
    error = found.gap_error(1.0)
    assert error is not None
    assert error > found.row_error > 0


def test_a_reference_of_few_days_owns_no_uncertainty_it_cannot_measure() -> None:
    made = Baseline.of(days(13, 2, 3, number=5))
    assert made is not None
    found = expected(METRICS["recall"], days(14, 2, 3), made)
    assert found is not None
    assert found.reference_variance == 0.0


def test_the_gaps_error_counts_a_day_that_is_hard_for_both_once() -> None:
    shared = Expected(0.6, 0.01, 0.01, 0.01, 0.0, 0.02)
    assert shared.gap_error(1.0) == pytest.approx(0.02)
    apart = replace(shared, covariance=0.0)
    assert apart.gap_error(1.0) == pytest.approx(0.02**0.5)


@pytest.mark.parametrize("unknown", ["variance", "covariance", "observed_variance", "reference_variance"])
def test_an_error_of_which_a_part_is_not_known_is_not_known(unknown: str) -> None:
    known = Expected(0.0, 0.01, 0.0, 0.01, 0.001, 0.1)
    assert known.gap_error(1.0) == pytest.approx((0.02 + 0.001) ** 0.5)
    assert replace(known, **{unknown: float("nan")}).gap_error(1.0) is None
