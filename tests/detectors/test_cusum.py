"""The cumulative sum over days: what it finds, what it leaves alone, and how it comes to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from detectors.charted import (
    ERROR,
    accuracies,
    after,
    expecting,
    found_by,
    noise,
    point,
    points,
    reference,
    series,
)
from detectors.points import FIRST
from hindsight.detectors import Finding, Point
from hindsight.detectors.cusum import Cusum
from hindsight.detectors.methods.charts import solved, standing
from hindsight.detectors.methods.standardise import yardstick
from hindsight.domain.values import Budget, Maturity, Severity, Span, Verdict

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def examined(days: list[Point], known: list[Point] | None = None, **options: Any) -> Finding:
    return found_by(Cusum, days, known, **options)


@pytest.mark.parametrize(
    "losses, expected",
    [
        (noise(56), CLEAR),
        ([*noise(50), *(noise(6) + 2.5)], BREACH),
        ([*noise(50), *(noise(6) - 2.5)], CLEAR),
        ([*noise(55), 40.0], CLEAR),
        ([*noise(54), 40.0, 40.0], BREACH),
        ([*noise(40), *np.arange(16) * 0.32], BREACH),
    ],
    ids=["noise", "step", "better", "one bad day", "two bad days", "ramp"],
)
def test_what_lasts_breaches(losses: Any, expected: Verdict) -> None:
    assert examined(after(losses)).verdict is expected


@pytest.mark.parametrize(
    "metric, sign, expected",
    [("brier", -1.0, BREACH), ("brier", 1.0, CLEAR), ("bias", -1.0, BREACH), ("bias", 1.0, BREACH)],
)
def test_the_bad_direction_is_the_metrics_and_both_where_neither_is_good(
    metric: str, sign: float, expected: Verdict
) -> None:
    days = after([*noise(50), *(sign * np.full(6, 3.0))])
    assert examined(days, metric=metric).verdict is expected


def test_a_breach_says_what_moved_by_how_much_and_since_when() -> None:
    found = examined(after([*np.zeros(50), *np.full(6, 3.0)]), reference(27))
    assert found.verdict is BREACH
    assert "accuracy lies 0.029 below the reference's 0.9 on average over 6 days since 23 August 2024" in (
        found.reason
    )
    assert "chance does that 1 per 2000d at most; the reference has 27 days, too few" in found.reason
    assert (found.observed, found.lower, found.upper) == (pytest.approx(0.8715), None, None)
    assert found.expected == pytest.approx(0.9)
    assert found.p_value is not None
    assert found.p_value < 0.001
    assert found.details["since"] == (FIRST + timedelta(days=81)).isoformat()
    assert found.details["gap"] == pytest.approx(-0.0285)
    assert found.details["statistic"] > found.details["bound"]


@pytest.mark.parametrize(
    "loss, expected", [(2.2, Severity.WARNING), (3.0, Severity.CRITICAL), (8.0, Severity.CRITICAL)]
)
def test_twice_the_allowed_movement_is_critical(loss: float, expected: Severity) -> None:
    found = examined(after([*np.zeros(46), *np.full(10, loss)]))
    assert (found.verdict, found.severity) == (BREACH, expected)


def test_halfway_to_the_bound_is_something_to_watch() -> None:
    watched = examined(after([*np.zeros(55), 9.0]))
    assert (watched.verdict, watched.severity) == (CLEAR, Severity.WATCH)
    assert watched.reason.endswith(": not surely.")
    assert watched.p_value is not None
    assert 0.001 < watched.p_value < 0.3
    quiet = examined(after(np.zeros(56)), reference(27))
    assert (quiet.verdict, quiet.severity, quiet.p_value) == (CLEAR, None, 1.0)
    assert quiet.reason == "accuracy keeps to the reference's 0.9 (CUSUM 0, bound 4.53)."


@pytest.mark.parametrize("trouble", [8, 15, 60])
def test_an_incident_closes_within_two_weeks_of_recovery_and_does_not_flap(trouble: int) -> None:
    closed, again = [], 0
    for seed in range(15):
        rng = np.random.default_rng([3, seed])
        losses = np.concatenate([rng.standard_normal(trouble) + 3.0, rng.standard_normal(40)])
        days = after(losses)
        known = reference(seed=seed)
        found = [examined(days[max(i - 55, 0) : i + 1], known) for i in range(trouble - 1, trouble + 40)]
        assert found[0].verdict is BREACH
        well = [each.verdict is CLEAR and each.severity is not Severity.WATCH for each in found]
        twice = [first and second for first, second in pairwise(well)]
        closed.append(twice.index(True) + 1)
        again += any(each.verdict is BREACH for each in found[closed[-1] :])
    assert max(closed) <= 14
    assert np.median(closed) <= 8
    assert again == 0


def test_a_shift_that_stays_keeps_breaching() -> None:
    rng = np.random.default_rng(4)
    days = after(rng.standard_normal(90) + 3.0)
    found = [examined(days[max(i - 55, 0) : i + 1]).verdict for i in range(10, 90)]
    assert set(found) == {BREACH}


def test_a_verdict_is_a_function_of_what_it_is_given() -> None:
    days = after([*noise(50), *(noise(6) + 2.0)])
    first = examined(days)
    for remembered in (solved, standing, yardstick):
        remembered.cache_clear()
    other = examined(after(noise(20)), reference(seed=9))
    assert other.verdict is CLEAR
    assert examined(days) == first


def test_what_half_the_shift_explains_never_adds_up() -> None:
    small = after(np.full(56, 0.6))
    assert examined(small, shift=0.02).verdict is CLEAR
    large = points(np.full(56, 0.9 - 0.6 * ERROR), 31)
    assert examined(large, known=reference(400), shift=0.002).verdict is BREACH


def test_a_short_reference_is_trusted_less() -> None:
    bounds = [examined(after(noise(56)), reference(days)).details["bound"] for days in (14, 31, 90)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


def test_days_that_differ_more_than_their_rows_say_are_measured_by_their_own_scatter() -> None:
    wild = reference(spread=6 * ERROR)
    assert examined(after([*noise(50), *(noise(6) + 3.0)]), wild).verdict is CLEAR
    assert examined(after([*noise(50), *(noise(6) + 18.0)]), wild).verdict is BREACH


def test_a_day_of_few_rows_is_less_surely_bad() -> None:
    days = after([*np.zeros(53), 4.0, 4.0, 4.0])
    assert examined(days).verdict is BREACH
    few = [*days[:-3], *(replace(day, n=40) for day in days[-3:])]
    assert examined(few).verdict is CLEAR


def test_an_error_of_zero_from_few_rows_is_no_certainty() -> None:
    days = [*after(np.zeros(53)), *(point(84 + i, 0.5, 0.0, n=2) for i in range(3))]
    assert examined(days).verdict is CLEAR


def test_weekdays_are_learnt_from_four_weeks_of_the_reference() -> None:
    week = np.array([0.01, 0.01, 0.01, 0.01, 0.01, -0.05, -0.05])
    rng = np.random.default_rng(5)

    def days(count: int, first: int) -> list[Point]:
        seasonal = np.resize(np.roll(week, -(first % 7)), count)
        return points(0.9 + seasonal + ERROR * rng.standard_normal(count), first)

    found = [examined(days(56 + i, 31)[-56:], days(31, 0)) for i in range(7)]
    assert {each.verdict for each in found} == {CLEAR}
    assert found[0].details["seasonality"] == "weekday effects from 31 days of the reference"
    short = examined(days(56, 31), days(20, 0))
    assert short.details["seasonality"] == "the reference has 20 days, too few for weekday effects"


def test_adjusted_it_adds_up_observed_minus_expected() -> None:
    known = [replace(day, expected=expecting(0.9)) for day in reference(27)]
    fall = after([*np.zeros(50), *np.full(6, 3.0)])
    explained = [replace(day, expected=expecting(day.value or 0.0)) for day in fall]
    assert examined(fall, known).verdict is BREACH
    assert examined(explained, known, adjust="score_mix").verdict is CLEAR
    unexplained = [replace(day, expected=expecting(0.9)) for day in fall]
    found = examined(unexplained, known, adjust="score_mix")
    assert found.verdict is BREACH
    assert "below what its scores make us expect on average over 6 days" in found.reason
    assert found.expected == pytest.approx(0.9)


def of_scores(rng: np.random.Generator, days: int, rare: float, known: Any, first: int = 0) -> list[Point]:
    """Days of 1,000 rows with accuracies of 0.92 and 0.75, and what a reference makes us expect of both."""
    share, variance = known
    seen = []
    for i in range(days):
        many = rng.binomial(1000, rare)
        rows = np.array([1000 - many, many]) / 1000
        right = rng.binomial(1000 - many, 0.92) + rng.binomial(many, 0.75)
        foreseen = replace(expecting(float(rows @ share)), reference_variance=float(rows**2 @ variance))
        seen.append(point(first + i, right / 1000, expected=foreseen))
    return seen


def test_adjusted_it_believes_no_more_of_rare_scores_than_the_reference_knows() -> None:
    rng, detector = np.random.default_rng(3), Cusum(metric="accuracy", adjust="score_mix")
    breached = found = 0
    for _ in range(60):
        rows = np.array([0.96, 0.04]) * 31_000
        share = rng.binomial(rows.astype(int), [0.92, 0.75]) / rows
        fit = share, share * (1 - share) / rows
        known, days = of_scores(rng, 31, 0.04, fit), of_scores(rng, 56, 0.5, fit, 31)
        breached += detector.examine(series(known, days)).verdict is BREACH
        fallen = [replace(day, value=(day.value or 0.0) - 0.05 * (i >= 48)) for i, day in enumerate(days)]
        found += detector.examine(series(known, fallen)).verdict is BREACH
    assert breached <= 1
    assert found >= 55


def test_days_that_cannot_be_judged_are_left_out() -> None:
    days = after([*np.zeros(50), *np.full(6, 3.0)])
    days[51] = replace(days[51], value=None)
    days[52] = replace(days[52], maturity=Maturity.PROVISIONAL)
    days[10] = replace(days[10], value=float("inf"))
    del days[20]
    found = examined(days)
    assert found.verdict is BREACH
    assert "over 4 days" in found.reason


@pytest.mark.parametrize(
    "known, said",
    [
        (reference(13), "13 of the reference's 13 days can be judged, and 14 are needed."),
        ([], "0 of the reference's 0 days can be judged, and 14 are needed."),
        (
            points([1.0] * 31, error=0.0),
            "the days of the reference are all alike, so nothing says how much a day may differ.",
        ),
    ],
)
def test_a_reference_that_teaches_nothing_is_insufficient(known: list[Point], said: str) -> None:
    found = examined(after(noise(30)), known)
    assert (found.verdict, found.reason) == (INSUFFICIENT, said)
    assert found.observed is not None


def test_a_fixed_or_absent_reference_is_insufficient() -> None:
    detector, days = Cusum(metric="accuracy"), after(noise(30))
    fixed = detector.examine(series([], days, fixed=0.9))
    assert fixed.reason == "a reference that is a number has no days to say how much a day may differ."
    overlap = detector.examine(series(reference(), days, no_reference="the window begins on 2024-06-05"))
    assert overlap.reason == "the window begins on 2024-06-05."
    assert {fixed.verdict, overlap.verdict} == {INSUFFICIENT}


@pytest.mark.parametrize(
    "latest, said",
    [
        (
            {"value": None, "reason": "no prediction has a label"},
            "accuracy has no value: no prediction has a label.",
        ),
        ({"maturity": Maturity.PROVISIONAL, "coverage": 0.3}, "only 30% of the predictions have a label."),
        ({"value": float("inf")}, "accuracy has no finite value."),
        ({"value": float("nan")}, "accuracy has no finite value."),
    ],
)
def test_a_last_day_that_cannot_be_judged_is_insufficient(latest: dict[str, Any], said: str) -> None:
    days = after(noise(30))
    found = examined([*days[:-1], replace(days[-1], **latest)])
    assert (found.verdict, found.reason) == (INSUFFICIENT, said)


def test_scores_that_nothing_can_be_expected_of_are_insufficient() -> None:
    known = [replace(day, expected=expecting(0.9)) for day in reference()]
    found = examined(after(noise(30)), known, adjust="score_mix")
    assert found.reason == "what to expect of these scores is not defined."


def test_at_an_hourly_grain_it_counts_hours() -> None:
    start = datetime(2024, 6, 3, tzinfo=UTC)

    def hours(values: Any, first: int) -> list[Point]:
        return [
            replace(
                point(0, float(value)),
                start=start + timedelta(hours=first + i),
                end=start + timedelta(hours=first + i),
            )
            for i, value in enumerate(values)
        ]

    rng = np.random.default_rng(6)
    known = hours(0.9 + ERROR * rng.standard_normal(168), 0)
    detector = Cusum(metric="accuracy", window=Span(1, "h"), past=Span(168, "h"))
    days = hours(0.9 + ERROR * np.concatenate([rng.standard_normal(60), np.full(8, -3.0)]), 168)
    found = detector.examine(series(known, days))
    assert found.verdict is BREACH
    assert "over 10 hours since 12 June 2024, 10:00 UTC" in found.reason
    daily = Cusum(metric="accuracy").examine(
        series(points([day.value or 0 for day in known]), after(noise(9)))
    )
    assert found.details["bound"] > daily.details["bound"]


def test_a_budget_moves_the_bound() -> None:
    detector = Cusum(metric="accuracy", name="ours")
    assert detector.false_breaches() == 1 / 2000
    rarer = detector.allowing(1 / 5000)
    assert (rarer.name, rarer.false_alarms) == ("ours", Budget(1, 5000))
    assert rarer.false_breaches() == 1 / 5000
    assert detector.allowing(3.0).false_breaches() == 1.0
    thirds = detector.allowing(1 / 90 / 3).false_breaches()
    assert thirds is not None
    assert thirds <= 1 / 270 + 1e-12
    days = series(reference(), after(noise(56)))
    assert rarer.examine(days).details["bound"] > detector.examine(days).details["bound"]


def test_false_breaches_are_no_more_than_it_says() -> None:
    rng, worlds = np.random.default_rng(7), 60
    detector, opened = Cusum(metric="accuracy", false_alarms=Budget(1, 100)), 0
    for _ in range(worlds):
        known, days = accuracies(rng, 31), accuracies(rng, 60, first=31)
        state = [
            detector.examine(series(known, days[max(i - 55, 0) : i + 1])).verdict is BREACH for i in range(60)
        ]
        opened += sum(now and not before for before, now in zip([False, *state], state, strict=False))
    # 36 are allowed; the row error as a floor of the spread keeps it well below.
    assert 0 < opened <= 36


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, []),
        (
            {"window": Span(7)},
            ["cusum goes through single days: `window` is 1d, and `past` how far it looks back"],
        ),
        (
            {"window": Span(7, calendar="week")},
            ["cusum goes through single days: `window` is 1d, and `past` how far it looks back"],
        ),
        ({"past": Span(13)}, ["`past` is 14d or more, not 13d"]),
        ({"past": Span(31, calendar="month")}, ["`past` is 14d or more, not month"]),
        ({"shift": -0.01}, ["`shift` is a share of the reference such as 0.02, not -0.01"]),
        ({"shift": float("nan")}, ["`shift` is a share of the reference such as 0.02, not nan"]),
        ({"shift": 1.0}, ["`shift` is a share of the reference such as 0.02, not 1.0"]),
    ],
)
def test_a_configuration_that_makes_no_sense_says_so(options: dict[str, Any], said: list[str]) -> None:
    assert list(Cusum(**{"metric": "accuracy", **options}).problems()) == said


def test_a_metric_that_cannot_be_adjusted_is_refused() -> None:
    (said,) = Cusum(metric="coverage", adjust="score_mix").problems()
    assert said.startswith("'coverage' cannot be adjusted for the score mix; these can: ")


def test_a_rule_reads_as_a_sentence() -> None:
    rule = Cusum(metric="brier", adjust="score_mix", shift=0.05, false_alarms=Budget(1, 365))
    assert rule.sentence == (
        "brier over 56d at 7d without a lasting rise of 5% or more relative to what its scores make us "
        "expect (CUSUM; at most 1 per 365d by chance)"
    )
    assert Cusum(metric="bias", shift=0.0).sentence == (
        "bias over 56d at 7d without a lasting shift (CUSUM; at most 1 per 2000d by chance)"
    )
    assert rule.reach == Span(56)
