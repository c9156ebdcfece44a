"""The slope over the days of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hindsight.detectors import Finding, Point, Series
from hindsight.detectors.trend import MIN_DAYS, Trend, line
from hindsight.domain.values import Maturity, Span, Status, Verdict
from hindsight.metrics import METRICS
from hindsight.metrics.expectation import Expected

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
START = date(2024, 6, 3)


def point(day: int, value: float | None, error: float | None = 0.01, expected: float | None = None) -> Point:
    at = START + timedelta(days=day)
    return Point(
        start=at,
        end=at,
        value=value,
        standard_error=error,
        n=1000,
        coverage=0.95,
        maturity=Maturity.MATURE,
        status=Status.OK,
        expected=None if expected is None else Expected(expected, 0.0, 0.0, 0.0, 0.0, 0.01),
    )


def points(values: Sequence[float], error: float = 0.01) -> list[Point]:
    return [point(day, float(value), error) for day, value in enumerate(values)]


def series(days: Sequence[Point], metric: str = "roc_auc", **parts: Any) -> Series:
    return Series(METRICS[metric], replace(days[-1], start=days[0].start), tuple(days), **parts)


def examined(days: Sequence[Point], metric: str = "roc_auc", **options: Any) -> Finding:
    found = Trend(metric=metric, **options).examine(series(days, metric))
    assert found.reason.endswith(".")
    return found


def noisy(seed: int, slope: float, days: int = 28, error: float = 0.01) -> list[Point]:
    rng = np.random.default_rng(seed)
    return points(0.8 + slope * np.arange(days) + error * rng.standard_normal(days), error)


@pytest.mark.parametrize(
    "metric, slope, expected, word",
    [
        ("roc_auc", -0.005, BREACH, "declining"),
        ("roc_auc", 0.005, CLEAR, "improving"),
        ("roc_auc", -0.0005, CLEAR, "declining"),
        ("brier", 0.005, BREACH, "declining"),
        ("brier", -0.005, CLEAR, "improving"),
    ],
)
def test_only_a_slope_the_wrong_way_breaches(metric: str, slope: float, expected: Verdict, word: str) -> None:
    found = examined(noisy(1, slope), metric)
    assert found.verdict is expected
    assert f"{metric} is {word} by" in found.reason


def test_a_flat_line_is_clear() -> None:
    assert examined(noisy(2, 0.0)).verdict is CLEAR


def test_the_finding_holds_level_and_evidence_and_the_reason_the_slope() -> None:
    days = points(0.8 - 0.005 * np.arange(28))
    found = examined(days)
    assert found.observed == days[-1].value
    assert (found.expected, found.lower, found.upper) == (None, None, None)
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.reason.startswith("roc_auc is declining by 0.005 a day (± ")
    assert "over 28 days, more than 0.001 (" in found.reason


@pytest.mark.parametrize("days", [MIN_DAYS - 1, 3])
def test_too_few_days_are_insufficient(days: int) -> None:
    found = examined(points([0.8] * days))
    assert found.verdict is INSUFFICIENT
    assert found.reason == f"{days} of {days} days can be judged; a trend needs 14."


def test_days_without_value_error_or_truth_are_left_out() -> None:
    days = points(0.8 - 0.005 * np.arange(28))
    days[3] = replace(days[3], value=None, standard_error=None)
    days[9] = replace(days[9], standard_error=None)
    days[15] = replace(days[15], maturity=Maturity.PROVISIONAL, value=0.1)
    del days[20]
    found = examined(days)
    assert found.verdict is BREACH
    assert "by 0.005 a day" in found.reason
    assert "over 24 days" in found.reason


def test_missing_days_do_not_bend_the_line() -> None:
    days = [day for day in points(0.8 - 0.004 * np.arange(28)) if (day.end - START).days % 3]
    slope, _, _ = line(days, adjusted=False)
    assert slope == pytest.approx(-0.004)


def test_weekdays_may_differ_without_being_a_trend() -> None:
    week = np.array([0.0, 0.02, 0.0, -0.01, 0.03, -0.08, -0.1])
    values = 0.8 + np.tile(week, 4)
    assert examined(points(values)).verdict is CLEAR
    declining = values - 0.004 * np.arange(28)
    found = examined(points(declining))
    assert found.verdict is BREACH
    slope, _, freedom = line(points(declining), adjusted=False)
    assert slope == pytest.approx(-0.004)
    assert freedom == 28 - 8


def test_under_three_weeks_there_are_no_weekday_effects() -> None:
    assert line(points(0.8 - 0.004 * np.arange(20)), adjusted=False)[2] == 20 - 2


def test_constant_values_are_no_trend() -> None:
    found = examined(points([0.8] * 28))
    assert found.verdict is CLEAR
    assert found.p_value is not None
    assert 0.5 < found.p_value <= 1


def test_days_without_any_error_cannot_be_weighed() -> None:
    found = examined(points([0.8] * 28, error=0.0))
    assert found.verdict is INSUFFICIENT
    assert found.reason == "0 of 28 days can be judged; a trend needs 14."


def test_one_sure_day_among_doubtful_ones_gives_no_infinity() -> None:
    days = [replace(day, standard_error=1e-12 if i == 14 else 0.5) for i, day in enumerate(noisy(3, 0.0))]
    slope, error, _ = line(days, adjusted=False)
    assert np.isfinite([slope, error]).all()
    assert examined(days).verdict is CLEAR


def test_the_line_is_scipys_where_all_days_weigh_the_same() -> None:
    days = noisy(5, -0.002, days=20)
    values = [day.value for day in days]
    fitted = stats.linregress(range(20), values)
    slope, error, freedom = line([replace(day, standard_error=1e-4) for day in days], adjusted=False)
    assert slope == pytest.approx(fitted.slope)
    assert error == pytest.approx(fitted.stderr)  # the days' scatter is far beyond their own error
    assert freedom == 18


def test_the_error_never_falls_below_what_the_days_own_errors_say() -> None:
    days = points(0.8 - 0.004 * np.arange(20), error=0.02)
    _, error, _ = line(days, adjusted=False)
    assert error == pytest.approx(0.02 / np.sqrt(((np.arange(20) - 9.5) ** 2).sum()))


def test_an_adjusted_trend_goes_through_observed_minus_expected() -> None:
    fall = 0.8 - 0.005 * np.arange(28)
    explained = [point(i, float(v), 0.01, expected=float(v) - 0.02) for i, v in enumerate(fall)]
    assert examined(explained).verdict is BREACH
    assert examined(explained, adjust="score_mix").verdict is CLEAR
    unexplained = [point(i, float(v), 0.01, expected=0.75) for i, v in enumerate(fall)]
    assert examined(unexplained, adjust="score_mix").verdict is BREACH


def test_an_adjusted_trend_needs_the_reference() -> None:
    detector = Trend(metric="roc_auc", adjust="score_mix")
    assert detector.needs_reference
    shown = series(noisy(6, -0.01), no_reference="the window begins on 2024-03-28")
    assert detector.examine(shown) == Finding(
        INSUFFICIENT, "the window begins on 2024-03-28.", shown.latest.value
    )
    without = detector.examine(series(noisy(6, -0.01)))
    assert without.reason == "0 of 28 days can be judged; a trend needs 14."


def test_an_immature_window_is_insufficient() -> None:
    shown = series(noisy(7, -0.01))
    young = replace(shown, latest=replace(shown.latest, maturity=Maturity.PROVISIONAL, coverage=0.3))
    found = Trend(metric="roc_auc").examine(young)
    assert found.verdict is INSUFFICIENT
    assert found.reason == "only 30% of the predictions have a label."


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, []),
        ({"window": Span(13)}, ["a trend needs a window of at least 14d, not 13d"]),
        (
            {"slope": -0.1},
            ["`slope` is the movement a day that does not matter, 0 or more, not -0.1"],
        ),
        (
            {"slope": float("nan")},
            ["`slope` is the movement a day that does not matter, 0 or more, not nan"],
        ),
        ({"evidence": 0.0}, ["evidence 0.0 is not between 0 and 1"]),
        ({"evidence": 1.0}, ["evidence 1.0 is not between 0 and 1"]),
        ({"metric": "bias"}, ["'bias' has no good direction, so no trend of it is bad"]),
    ],
)
def test_a_configuration_that_makes_no_sense_says_so(options: dict[str, Any], said: list[str]) -> None:
    assert list(Trend(**{"metric": "roc_auc", **options}).problems()) == said


def test_a_rule_reads_as_a_sentence() -> None:
    assert Trend(metric="brier", adjust="score_mix", slope=0.002).sentence == (
        "brier over 28d at 7d rising by not more than 0.002 a day relative to what its scores make us expect "
        "(99% sure)"
    )


@pytest.mark.parametrize("evidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("scatter", [1.0, 2.0], ids=["rows alone", "days that differ"])
def test_a_slope_that_sits_on_the_bound_breaches_no_more_often_than_the_evidence_says(
    evidence: float, scatter: float
) -> None:
    rng, windows = np.random.default_rng(17), 600
    detector = Trend(metric="roc_auc", evidence=evidence)
    breaches = 0
    for _ in range(windows):
        values = 0.8 - 0.001 * np.arange(28) + 0.01 * scatter * rng.standard_normal(28)
        breaches += detector.examine(series(points(values))).verdict is BREACH
    allowed = 1 - evidence
    assert breaches / windows <= allowed + 3 * (allowed * evidence / windows) ** 0.5


def test_a_healthy_model_is_almost_never_taken_for_a_declining_one() -> None:
    rng = np.random.default_rng(18)
    detector = Trend(metric="roc_auc")
    breaches = sum(
        detector.examine(series(points(0.8 + 0.01 * rng.standard_normal(28)))).verdict is BREACH
        for _ in range(600)
    )
    assert breaches == 0
