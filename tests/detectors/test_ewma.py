"""The moving average of days whose weights fade."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.charted import ERROR, after, found_by, noise, point, points, reference, series
from hindsight.detectors import Finding, Point
from hindsight.detectors.ewma import Ewma
from hindsight.domain.values import Budget, Severity, Span, Verdict

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def examined(losses: Any, known: list[Point] | None = None, **options: Any) -> Finding:
    return found_by(Ewma, after(losses), known, **options)


@pytest.mark.parametrize(
    "losses, expected",
    [
        (noise(56), CLEAR),
        ([*noise(50), *(noise(6) + 2.5)], BREACH),
        ([*noise(50), *(noise(6) - 2.5)], CLEAR),
        ([*noise(55), 40.0], CLEAR),
        ([*noise(40), *np.arange(16) * 0.32], BREACH),
    ],
    ids=["noise", "step", "better", "one bad day", "ramp"],
)
def test_what_lasts_breaches(losses: Any, expected: Verdict) -> None:
    assert examined(losses).verdict is expected


@pytest.mark.parametrize(
    "metric, sign, expected",
    [("brier", -1.0, BREACH), ("brier", 1.0, CLEAR), ("bias", -1.0, BREACH), ("bias", 1.0, BREACH)],
)
def test_the_bad_direction_is_the_metrics_and_both_where_neither_is_good(
    metric: str, sign: float, expected: Verdict
) -> None:
    assert examined([*noise(50), *(sign * np.full(6, 3.0))], metric=metric).verdict is expected


def test_the_statistic_is_that_of_the_textbook() -> None:
    losses = noise(56)
    level = 0.0
    known = points(np.resize([0.9 - ERROR, 0.9 + ERROR], 26))
    for loss in losses:
        level = 0.3 * loss + 0.7 * level
    found = examined(losses, known, weight=0.3)
    # The reference's spread is sqrt(26 / 25) of the deviation in which these days are made.
    assert found.details["statistic"] == pytest.approx(level / (26 / 25) ** 0.5, rel=1e-6)


def test_a_breach_says_what_moved_by_how_much_and_since_when() -> None:
    found = examined([*np.full(50, -0.1), *np.full(6, 2.2)], reference(27))
    assert (found.verdict, found.severity) == (BREACH, Severity.WARNING)
    assert "below the reference's 0.9 on average over 6 days since 23 August 2024 (EWMA " in found.reason
    assert found.details["since"] == "2024-08-23"
    assert found.details["gap"] == pytest.approx(-2.2 * ERROR)
    assert found.p_value is not None
    assert found.p_value < 0.001


def test_twice_the_bound_is_critical() -> None:
    assert examined([*np.zeros(46), *np.full(10, 3.5)]).severity is Severity.CRITICAL


def test_the_bound_is_never_less_than_half_the_shift_that_matters() -> None:
    losses = np.full(56, 2.0)
    assert examined(losses).verdict is BREACH
    generous = examined(losses, shift=0.06)
    assert generous.verdict is CLEAR
    assert generous.details["bound"] == pytest.approx(0.06 * 0.9 / ERROR / 2, rel=0.05)


def test_it_forgets_what_is_over_and_does_not_flap() -> None:
    known = reference()
    for seed in range(10):
        rng = np.random.default_rng([4, seed])
        losses = np.concatenate([rng.standard_normal(20) + 3.0, rng.standard_normal(40)])
        found = [examined(losses[max(i - 55, 0) : i + 1], known) for i in range(19, 60)]
        assert found[0].verdict is BREACH
        well = [each.verdict is CLEAR and each.severity is not Severity.WATCH for each in found]
        assert well.index(True) <= 16
        assert not any(each.verdict is BREACH for each in found[well.index(True) :])


def test_days_of_few_rows_are_less_surely_bad() -> None:
    days = points(0.9 - ERROR * np.array([*np.zeros(53), 4.0, 4.0, 4.0]), 31)
    few = [*days[:-3], *(replace(day, n=40) for day in days[-3:])]
    detector = Ewma(metric="accuracy")
    assert detector.examine(series(reference(), days)).verdict is BREACH
    assert detector.examine(series(reference(), few)).verdict is CLEAR


def test_a_short_reference_is_insufficient() -> None:
    found = examined(noise(30), reference(13))
    assert found.verdict is INSUFFICIENT
    assert found.reason == "13 of the reference's 13 days can be judged, and 14 are needed."


def test_one_day_without_a_history_is_judged() -> None:
    detector = Ewma(metric="accuracy")
    assert detector.examine(series(reference(), [point(40, 0.9)])).verdict is CLEAR
    assert detector.examine(series(reference(), [point(40, 0.0)])).verdict is CLEAR


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, []),
        ({"weight": 0.04}, ["`weight` is that of the newest day, from 0.05 to 0.8, not 0.04"]),
        ({"weight": float("nan")}, ["`weight` is that of the newest day, from 0.05 to 0.8, not nan"]),
        ({"past": Span(7)}, ["`past` is 14d or more, not 7d"]),
        (
            {"window": Span(28)},
            ["ewma goes through single days: `window` is 1d, and `past` how far it looks back"],
        ),
    ],
)
def test_a_configuration_that_makes_no_sense_says_so(options: dict[str, Any], said: list[str]) -> None:
    assert list(Ewma(**{"metric": "accuracy", **options}).problems()) == said


def test_a_budget_moves_the_bound() -> None:
    rarer = Ewma(metric="accuracy").allowing(1 / 4000)
    assert rarer.false_alarms == Budget(1, 4000)
    days = points(0.9 + ERROR * noise(56), 31)
    bounds = [
        each.examine(series(reference(), days)).details["bound"] for each in (Ewma(metric="accuracy"), rarer)
    ]
    assert bounds[0] < bounds[1]
