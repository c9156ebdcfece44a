"""The slope over the days of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from hindsight.detectors import Finding, Point, Series
from hindsight.detectors.methods.regression import line
from hindsight.detectors.trend import MIN_DAYS, Trend
from hindsight.domain.values import Maturity, Severity, Span, Status, Verdict
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
    "metric, slope, expected, moves, means",
    [
        ("roc_auc", -0.005, BREACH, "falls by", "worse by more than 0.001"),
        ("roc_auc", 0.005, CLEAR, "rises by", "better"),
        ("roc_auc", -0.0009, CLEAR, "falls by", "worse, but not by more than 0.001"),
        ("brier", 0.005, BREACH, "rises by", "worse by more than 0.001"),
        ("brier", 0.00103, CLEAR, "rises by", "worse, but not surely by more than 0.001"),
        ("brier", -0.005, CLEAR, "falls by", "better"),
    ],
)
def test_only_a_slope_the_wrong_way_breaches(
    metric: str, slope: float, expected: Verdict, moves: str, means: str
) -> None:
    found = examined(noisy(1, slope, error=0.001), metric)
    assert found.verdict is expected
    assert found.reason.startswith(f"{metric} {moves} ")
    assert f", which is {means}" in found.reason


def test_a_movement_that_noise_explains_is_called_flat() -> None:
    for metric in ("roc_auc", "brier"):
        assert examined(noisy(2, 0.0), metric).reason.startswith(f"{metric} is flat: ")
        still = examined(points([0.8] * 28), metric, slope=0.0)
        assert still.reason.startswith(f"{metric} is flat: ")
        assert "worse" not in still.reason


def test_a_flat_line_is_clear() -> None:
    assert examined(noisy(2, 0.0)).verdict is CLEAR


def test_the_finding_holds_level_and_evidence_and_the_reason_the_slope() -> None:
    days = points(0.8 - 0.005 * np.arange(28))
    found = examined(days)
    assert found.observed == days[-1].value
    assert (found.expected, found.lower, found.upper) == (None, None, None)
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.reason.startswith("roc_auc falls by 0.005 a day (± ")
    assert "over 28 days, which is worse by more than 0.001 (more than 99.9999% sure)." in found.reason


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
    assert "falls by 0.005 a day" in found.reason
    assert "over 24 days" in found.reason


def test_missing_days_do_not_bend_the_line() -> None:
    days = [day for day in points(0.8 - 0.004 * np.arange(28)) if (day.end - START).days % 3]
    assert line(days, adjusted=False).slope == pytest.approx(-0.004)


def test_weekdays_may_differ_without_being_a_trend() -> None:
    week = np.array([0.0, 0.02, 0.0, -0.01, 0.03, -0.08, -0.1])
    values = 0.8 + np.tile(week, 4)
    assert examined(points(values)).verdict is CLEAR
    declining = values - 0.004 * np.arange(28)
    found = examined(points(declining))
    assert found.verdict is BREACH
    fitted = line(points(declining), adjusted=False)
    assert fitted.slope == pytest.approx(-0.004)
    assert fitted.freedom == 28 - 8


@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("length", [14, 17, 20])
def test_two_weeks_of_weekdays_that_differ_are_no_trend(length: int, first: int) -> None:
    """0.93 on working days and 0.87 at weekends: fourteen days that end on a Sunday seem to fall."""
    truth = np.tile([0.93] * 5 + [0.87] * 2, 6)[first : first + length]
    days = [point(first + i, float(v), 0.004) for i, v in enumerate(truth)]
    found = examined(days, "accuracy", window=Span(length), slope=0.0)
    assert found.verdict is CLEAR
    assert "is flat" in found.reason
    falling = [replace(d, value=(d.value or 0) - 0.006 * i) for i, d in enumerate(days)]
    assert examined(falling, "accuracy", window=Span(length)).verdict is BREACH
    assert line(days, adjusted=False).freedom == length - 8


def test_a_line_leads_to_the_day_after_the_window_however_old_the_last_judged_day_is() -> None:
    days = points(0.9 - 0.005 * np.arange(28))
    for i in range(22, 28):
        days[i] = replace(days[i], value=None, standard_error=None)
    latest = replace(days[0], end=days[-1].end)
    found = Trend(metric="roc_auc").examine(Series(METRICS["roc_auc"], latest, tuple(days)))
    fitted = line(days[:22], adjusted=False, ahead_of=days[-1].end)
    assert fitted.next == pytest.approx(0.9 - 0.005 * 28)
    assert f"over 22 days until {days[21].end.isoformat()}, which" in found.reason


def test_coverage_is_judged_however_little_of_the_truth_is_in() -> None:
    days = points(0.6 - 0.01 * np.arange(28))
    low = [replace(d, coverage=d.value, maturity=Maturity.PROVISIONAL) for d in days]
    found = Trend(metric="coverage").examine(series(low, "coverage"))
    assert found.verdict is BREACH
    plain = Trend(metric="coverage", method="simple")
    assert plain.examine(series(low[-7:], "coverage")).verdict is BREACH


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
    assert line(days, adjusted=False).known
    assert examined(days).verdict is CLEAR


def test_the_error_never_falls_below_what_the_days_own_errors_say() -> None:
    days = points(0.8 - 0.004 * np.arange(28), error=0.02)
    error = line(days, adjusted=False).error
    assert error == pytest.approx(0.02 / np.sqrt(7 * ((7 * np.arange(4) - 10.5) ** 2).sum()))


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
        INSUFFICIENT,
        "the window begins on 2024-03-28.",
        shown.latest.value,
        details={"state": "insufficient"},
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
            ["`slope` is the movement a day that does not matter, 0 or more, not -0.1: write 0.1"],
        ),
        (
            {"slope": float("nan")},
            ["`slope` is the movement a day that does not matter, 0 or more, not nan"],
        ),
        ({"evidence": 0.0}, ["evidence 0.0 is not between 0 and 1"]),
        ({"evidence": 1.0}, ["evidence 1.0 is not between 0 and 1"]),
        ({"evidence": 95.0}, ["evidence 95.0 is not between 0 and 1: write 0.95"]),
        ({"window": Span(72, "h")}, []),
        ({"window": Span(71, "h")}, ["a trend needs a window of at least 72h, not 71h"]),
        (
            {"method": "simple", "evidence": 0.95},
            ["`method: simple` takes values as they are: leave `evidence` out"],
        ),
        (
            {"method": "simple", "window": Span(168, "h")},
            ["a simple trend is one of the last 7 hours: write 7h, not 168h"],
        ),
        ({"method": "simple", "window": Span(7)}, []),
        ({"method": "simple"}, []),
        (
            {"method": "simple", "window": Span(6)},
            ["a simple trend is one of the last 7 days: write 7d, not 6d"],
        ),
        (
            {"method": "simple", "adjust": "score_mix"},
            ["`method: simple` takes values as they are: leave `adjust` out"],
        ),
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


def plain(values: Sequence[float | None], metric: str = "accuracy", **options: Any) -> Finding:
    """What the plain rule says of these days."""
    days = [point(i, value, None) for i, value in enumerate(values)]
    latest = next((day for day in reversed(days) if day.value is not None), point(0, 0.5))
    detector = Trend(metric=metric, method="simple", **{"window": Span(7), **options})
    assert list(detector.problems()) == []
    found = detector.examine(Series(METRICS[metric], latest, tuple(days)))
    assert found.reason.endswith(".")
    return found


FALLING = (0.95, 0.94, 0.93, 0.92, 0.91, 0.90, 0.89)


def test_the_plain_rule_gives_the_numbers_that_people_know() -> None:
    found = plain(FALLING)
    assert found.verdict is BREACH
    assert found.reason == (
        "accuracy falls by 0.01 a day over the last 7 days, from 0.95 to 0.89, which is worse and reaches "
        "the bound of 0.01."
    )
    assert found.p_value is None
    details = dict(found.details)
    assert details.pop("state") == "declining"
    assert details == pytest.approx(
        {
            "latest": 0.89,
            "first": 0.95,
            "slope": -0.01,
            "slope_error": 0.0,
            "projected_next": 0.88,
            "projection": 0.88,
            "projection_low": 0.88,
            "projection_high": 0.88,
        }
    )


def test_the_projection_goes_on_from_the_line_and_not_from_the_last_noisy_day() -> None:
    found = plain([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.83])
    assert found.details["slope"] == pytest.approx(3 * -0.07 / 28)
    assert found.details["projected_next"] == pytest.approx(0.83 - 0.0075)
    assert found.details["projection"] == pytest.approx(0.89 - 4 * 0.0075)
    assert found.details["projection_low"] < 0.83 - 0.0075 < found.details["projection_high"]


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-6])
@pytest.mark.parametrize("level", [0.0, 0.5, 0.89, 123.456])
@pytest.mark.parametrize("noise", [-1e-16, 0.0, 1e-16])
def test_a_slope_on_the_bound_counts_as_declining_whatever_floating_point_makes_of_it(
    level: float, scale: float, noise: float
) -> None:
    values = [scale * (level - 0.01 * i) * (1 + noise * (-1) ** i) for i in range(7)]
    assert plain(values, slope=0.01 * scale).details["state"] == "declining"
    short = [scale * (level - 0.00999 * i) for i in range(7)]
    assert plain(short, slope=0.01 * scale).details["state"] == "stable"


@pytest.mark.parametrize(
    "metric, step, state, verdict, moves",
    [
        ("accuracy", -0.02, "declining", BREACH, "falls by 0.02 a day"),
        ("accuracy", -0.009, "stable", CLEAR, "falls by 0.009 a day"),
        ("accuracy", 0.0, "stable", CLEAR, "is flat: +0 a day"),
        ("accuracy", 0.009, "stable", CLEAR, "rises by 0.009 a day"),
        ("accuracy", 0.01, "improving", CLEAR, "rises by 0.01 a day"),
        ("log_loss", 0.02, "declining", BREACH, "rises by 0.02 a day"),
        ("log_loss", -0.02, "improving", CLEAR, "falls by 0.02 a day"),
    ],
)
def test_the_plain_rule_knows_three_states_and_which_way_is_good(
    metric: str, step: float, state: str, verdict: Verdict, moves: str
) -> None:
    found = plain([0.5 + step * i for i in range(7)], metric)
    assert (found.details["state"], found.verdict) == (state, verdict)
    assert found.reason.startswith(f"{metric} {moves} over ")
    assert ("which is worse" in found.reason) == (verdict is BREACH)


def test_the_plain_rule_without_seven_days_is_insufficient() -> None:
    few = plain([0.9] * 6)
    assert (few.verdict, few.details) == (INSUFFICIENT, {"state": "insufficient"})
    assert few.reason == "6 of the last 6 days can be judged; a simple trend needs 7 in a row."
    few = plain([None, *FALLING[:6]])
    assert few.reason == "6 of the last 7 days can be judged; a simple trend needs 7 in a row."
    gap = plain([*FALLING[:3], None, *FALLING[3:]])
    assert (gap.verdict, gap.reason) == (INSUFFICIENT, few.reason)


def test_seven_days_that_are_not_a_week_have_no_simple_trend() -> None:
    """Seven judged days of four weeks once counted as seven in a row."""
    detector = Trend(metric="accuracy", method="simple")
    assert detector.window == Span(7)
    apart = [point(4 * i, value, None) for i, value in enumerate(FALLING)]
    found = detector.examine(series(apart, "accuracy"))
    assert found.reason == "7 of the last 7 days can be judged; a simple trend needs 7 in a row."
    old = [point(i, value, None) for i, value in enumerate(FALLING)]
    stale = Series(METRICS["accuracy"], point(9, 0.89), tuple(old))
    assert detector.examine(stale).verdict is INSUFFICIENT


def test_a_plain_rule_without_a_bound_wants_some_movement() -> None:
    assert plain([0.9] * 7, slope=0.0).details["state"] == "stable"
    found = plain([0.9 - 0.0001 * i for i in range(7)], slope=0.0)
    assert (found.details["state"], found.severity) == ("declining", Severity.WARNING)


@pytest.mark.parametrize("step, severity", [(-0.01, "warning"), (-0.019, "warning"), (-0.02, "critical")])
def test_a_plain_breach_is_critical_from_twice_the_bound_on(step: float, severity: str) -> None:
    assert plain([0.9 + step * i for i in range(7)]).severity == severity


def test_the_plain_rule_takes_the_weekend_for_a_trend_and_the_line_does_not() -> None:
    """A model as good as ever, 0.93 on working days and 0.87 on others, judged on each weekday."""
    truth = np.tile([0.93] * 5 + [0.87] * 2, 8)
    slopes = [plain([float(v) for v in truth[i : i + 7]]).details for i in range(7)]
    assert {each["state"] for each in slopes} == {"declining", "stable", "improving"}
    detector = Trend(metric="accuracy")
    for first in range(7):
        days = tuple(point(first + i, float(truth[first + i]), 0.003) for i in range(28))
        found = detector.examine(Series(METRICS["accuracy"], days[-1], days))
        assert (found.verdict, found.severity) == (CLEAR, None)


def test_the_plain_rule_cries_wolf_as_often_as_is_known_of_it() -> None:
    rng = np.random.default_rng(12)
    weeks = rng.binomial(100, 0.9, size=(3000, 7)) / 100
    wrong = [plain([float(v) for v in week]).verdict is BREACH for week in weeks]
    assert np.mean(wrong) == pytest.approx(0.040, abs=0.012)


def test_rules_read_as_sentences() -> None:
    assert Trend(metric="accuracy", method="simple", window=Span(7)).sentence == (
        "accuracy over the last 7 days at 7d falling by less than 0.01 a day"
    )
    assert Trend(metric="brier", evidence=0.9995).sentence == (
        "brier over 28d at 7d rising by not more than 0.001 a day (99.95% sure)"
    )


def test_a_slope_beyond_the_bound_by_its_point_alone_is_something_to_watch() -> None:
    found = examined(points(0.8 - 0.0012 * np.arange(28)))
    assert (found.verdict, found.severity) == (CLEAR, Severity.WATCH)
    assert found.details["state"] == "stable"
    assert examined(noisy(2, 0.0)).severity is None


@pytest.mark.parametrize("slope, severity", [(-0.0021, "warning"), (-0.005, "critical")])
def test_a_breach_is_critical_where_even_twice_the_slope_is_surely_passed(
    slope: float, severity: str
) -> None:
    days = points(0.8 + slope * np.arange(28))
    found = examined(days)
    assert (found.verdict, found.severity) == (BREACH, severity)
    assert Trend(metric="roc_auc", severity=Severity.WATCH).severity_of(found) is Severity.WATCH


def test_the_details_hold_the_line_and_what_the_ranks_say() -> None:
    found = examined(noisy(5, -0.005))
    details = found.details
    assert details["state"] == "declining"
    assert details["slope"] == pytest.approx(-0.005, abs=0.001)
    assert details["sen_slope"] == pytest.approx(-0.005, abs=0.0015)
    assert details["mann_kendall_p_value"] < 0.001
    assert details["confirmed"] is True
    assert details["projection_low"] < 0.8 - 28 * 0.005 < details["projection_high"]
    assert details["projected_next"] == pytest.approx(details["latest"] + details["slope"])
    rising = examined(noisy(5, 0.005)).details
    assert (rising["state"], "confirmed" in rising) == ("improving", False)


def test_a_few_heavy_days_are_no_trend_without_the_ranks() -> None:
    """Four days at the end weigh as much as all others together: the line falls, the days do not."""
    rng = np.random.default_rng(8)
    days = points(0.8 + 0.02 * rng.standard_normal(28), 0.02)
    days[21:] = [replace(d, value=0.76, standard_error=0.002) for d in days[21:]]
    days[:7] = [
        replace(d, value=0.80 + 0.004 * (-1) ** i, standard_error=0.002) for i, d in enumerate(days[:7])
    ]
    days[7:21] = [replace(d, value=0.70 + 0.01 * i) for i, d in enumerate(days[7:21])]
    found = examined(days)
    assert (found.verdict, found.severity) == (CLEAR, Severity.WATCH)
    assert " sure), but ranks do not confirm it (median slope " in found.reason
    assert (found.details["state"], found.details["confirmed"]) == ("stable", False)
    assert found.p_value is not None
    short = Trend(metric="roc_auc", window=Span(27)).examine(series(days[1:]))
    assert "confirmed" not in short.details


def test_a_fall_of_a_third_of_a_point_a_day_is_found() -> None:
    """1,000 rows a day at 0.90, falling by 0.003 a day for all of the four weeks, or since 18 days."""
    rng, detector = np.random.default_rng(19), Trend(metric="accuracy")
    for fall, least in ((np.arange(28), 1.0), (np.maximum(np.arange(28) - 9, 0), 0.6)):
        found = 0
        for _ in range(100):
            hits = rng.binomial(1000, 0.9 - 0.003 * fall) / 1000
            days = [point(i, float(v), float((v * (1 - v) / 1000) ** 0.5)) for i, v in enumerate(hits)]
            found += detector.examine(series(days, "accuracy")).verdict is BREACH
        assert found >= 100 * least


def test_one_wild_day_does_not_make_a_trend() -> None:
    for wild in range(28):
        days = noisy(9, 0.0)
        days[wild] = replace(days[wild], value=0.3)
        assert examined(days).verdict is CLEAR


def hours(values: Sequence[float], error: float = 0.01) -> tuple[Point, ...]:
    """Hours in a row, as a monitor of that grain sees them."""
    first = datetime(2024, 6, 3, 5, tzinfo=UTC)
    return tuple(
        replace(point(0, float(v), error), start=first + timedelta(hours=i), end=first + timedelta(hours=i))
        for i, v in enumerate(values)
    )


def test_at_an_hourly_grain_the_hours_of_the_day_may_differ_without_being_a_trend() -> None:
    detector = Trend(metric="accuracy", window=Span(96, "h"))
    number = np.arange(96)
    daily = 0.8 + 0.05 * np.sin(number * np.pi / 12)
    still = detector.examine(series(hours(daily), "accuracy"))
    assert (still.verdict, still.severity) == (CLEAR, None)
    falling = detector.examine(series(hours(daily - 0.02 * number / 24), "accuracy"))
    assert falling.verdict is BREACH
    assert falling.details["slope"] == pytest.approx(-0.02)
    assert falling.details["sen_slope"] == pytest.approx(-0.02)
    assert falling.details["confirmed"] is True
    assert falling.details["projection"] == pytest.approx(0.8 - 0.02 * 4)
    assert "over 96 hours" in falling.reason


def test_a_trend_of_ten_weeks_is_found_where_weeks_differ() -> None:
    rng, found = np.random.default_rng(14), []
    for slope in (0.0, -0.004):
        weeks = np.repeat(rng.normal(0, 0.01, 10), 7)
        days = points(0.8 + slope * np.arange(70) + weeks + 0.01 * rng.standard_normal(70))
        found.append(Trend(metric="roc_auc", window=Span(70)).examine(series(days)))
    assert [each.verdict for each in found] == [CLEAR, BREACH]
    assert found[1].details["confirmed"] is True
