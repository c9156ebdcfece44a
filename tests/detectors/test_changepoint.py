"""The dates of changes, as something to watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from detectors.charted import points, series
from detectors.points import FIRST
from hindsight.detectors import Finding, Point
from hindsight.detectors.changepoint import Changepoint, levels
from hindsight.domain.values import Maturity, Severity, Span, Verdict

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def days(*levels_and_days: tuple[float, int], error: float = 0.02, seed: int = 1) -> list[Point]:
    levels_, counts = zip(*levels_and_days, strict=True)
    values = np.repeat(levels_, counts)
    return points(values + error * np.random.default_rng(seed).standard_normal(len(values)), error=error)


def examined(shown: list[Point], metric: str = "recall", **options: Any) -> Finding:
    found = Changepoint(metric=metric, **options).examine(series([], shown, metric))
    assert found.reason.endswith(".")
    return found


@pytest.mark.parametrize(
    "metric, before, after, expected",
    [
        ("recall", 0.46, 0.21, BREACH),
        ("recall", 0.21, 0.46, CLEAR),
        ("brier", 0.21, 0.46, BREACH),
        ("brier", 0.46, 0.21, CLEAR),
        ("bias", 0.21, 0.46, BREACH),
        ("bias", 0.46, 0.21, BREACH),
    ],
)
def test_a_change_the_wrong_way_is_a_breach_to_watch(
    metric: str, before: float, after: float, expected: Verdict
) -> None:
    found = examined(days((before, 35), (after, 25)), metric)
    assert found.verdict is expected
    assert found.severity is (Severity.WATCH if expected is BREACH else None)
    assert found.reason.startswith(f"{metric} changed on 8 July 2024 from ")


def test_it_says_when_and_from_what_to_what() -> None:
    found = examined(days((0.46, 35), (0.21, 25)))
    assert found.reason == "recall changed on 8 July 2024 from 0.4608 to 0.2066, surely by more than 5%."
    assert found.details["since"] == "2024-07-08"
    assert found.details["before"] == pytest.approx(0.46, abs=0.01)
    assert found.details["after"] == pytest.approx(0.21, abs=0.01)
    assert [change["since"] for change in found.details["changes"]] == ["2024-07-08"]
    assert found.expected == found.details["before"]
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_every_change_is_dated_and_the_last_one_judged() -> None:
    found = examined(days((0.46, 30), (0.21, 20), (0.44, 20)))
    assert found.verdict is CLEAR
    assert [change["since"] for change in found.details["changes"]] == ["2024-07-03", "2024-07-23"]
    assert found.reason.endswith("not surely for the worse by 5%.")


def test_its_breaches_are_as_bad_as_the_file_says() -> None:
    found = examined(days((0.46, 35), (0.21, 25)))
    assert Changepoint(metric="recall").severity_of(found) is Severity.WATCH
    named = Changepoint(metric="recall", severity=Severity.WARNING)
    assert named.severity_of(found) is Severity.WARNING


def test_a_change_that_does_not_matter_or_is_not_sure_is_clear() -> None:
    small = examined(days((0.90, 40), (0.88, 40), error=0.005), "accuracy")
    assert small.verdict is CLEAR
    assert small.details["since"] == "2024-07-13"
    assert examined(days((0.90, 40), (0.88, 40), error=0.005), "accuracy", shift=0.01).verdict is BREACH
    assert examined(days((0.90, 40), (0.852, 40), error=0.03), "accuracy").verdict is CLEAR


@pytest.mark.parametrize("level", [0.9, 0.8, 0.6])
def test_days_that_differ_more_than_their_rows_say_have_one_level(level: float) -> None:
    rng, breached = np.random.default_rng(3), 0
    binomial = (level * (1 - level) / 1000) ** 0.5
    for _ in range(60):
        chances = np.clip(level + binomial * 35**0.5 * rng.standard_normal(90), 0.01, 0.999)
        shares = rng.binomial(1000, chances) / 1000
        shown = [
            replace(each, standard_error=float((p * (1 - p) / 1000) ** 0.5))
            for each, p in zip(points(shares), shares, strict=True)
        ]
        breached += examined(shown, "accuracy").verdict is BREACH
    assert breached <= 2


def test_noise_has_one_level() -> None:
    found = examined(days((0.46, 60)))
    assert found.verdict is CLEAR
    assert found.reason == "recall has had one level, 0.459, since 3 June 2024."
    assert found.details == {"changes": []}


def test_weekends_are_no_changes() -> None:
    rng = np.random.default_rng(3)
    week = np.where(np.arange(63) % 7 > 4, -0.06, 0.0)
    flat = points(0.9 + week + 0.01 * rng.standard_normal(63), error=0.01)
    assert len(levels(flat)) == 1
    stepped = points(0.9 + week - 0.08 * (np.arange(63) >= 40) + 0.01 * rng.standard_normal(63), error=0.01)
    assert [level.start for level in levels(stepped)][1:] == [FIRST + timedelta(days=40)]


def test_the_date_is_near_the_truth() -> None:
    missed = []
    for seed in range(60):
        found = levels(days((0.46, 40), (0.40, 20), error=0.02, seed=seed))
        missed.append(abs((found[-1].start - (FIRST + timedelta(days=40))).days))
    assert np.median(missed) <= 1
    assert np.quantile(missed, 0.9) <= 3


def test_a_level_knows_its_mean_and_error() -> None:
    found = levels(points([0.9, 0.8] * 10, error=0.01))
    (only,) = found
    assert (only.start, only.days) == (FIRST, 20)
    assert only.value == pytest.approx(0.85)
    # The days scatter by 0.05 around their mean, five times what their errors say.
    assert only.standard_error == pytest.approx(0.05 * (20 / 19) ** 0.5 / 20**0.5)
    assert levels([]) == ()


def test_too_few_days_are_insufficient() -> None:
    found = examined(days((0.46, 13)))
    assert (found.verdict, found.reason) == (
        INSUFFICIENT,
        "13 of 13 days can be judged; a change of level needs 14.",
    )
    shown = days((0.46, 20))
    shown[:8] = [replace(day, maturity=Maturity.PENDING) for day in shown[:8]]
    assert examined(shown).reason == "12 of 20 days can be judged; a change of level needs 14."


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_last_day_that_is_not_finite_is_insufficient(value: float) -> None:
    shown = days((0.46, 20))
    found = examined([*shown[:-1], replace(shown[-1], value=value)])
    assert (found.verdict, found.reason) == (INSUFFICIENT, "recall has no finite value.")


def test_missing_days_keep_their_dates() -> None:
    shown = [day for day in days((0.46, 35), (0.21, 25)) if (day.start - FIRST).days % 5]
    assert examined(shown).details["since"] == "2024-07-09"


def test_the_same_days_give_the_same_finding() -> None:
    assert examined(days((0.46, 35), (0.21, 25))) == examined(days((0.46, 35), (0.21, 25)))


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, []),
        (
            {"window": Span(7)},
            ["changepoint goes through single days: `window` is 1d, and `past` how far it looks back"],
        ),
        ({"past": Span(13)}, ["`past` is 14d or more, not 13d"]),
        ({"least": 1}, ["`least` is from 2 to half of `past`, not 1"]),
        ({"least": 46}, ["`least` is from 2 to half of `past`, not 46"]),
        ({"shift": -0.1}, ["`shift` is a share of the level before such as 0.05, not -0.1"]),
        ({"shift": float("nan")}, ["`shift` is a share of the level before such as 0.05, not nan"]),
        ({"evidence": 1.0}, ["evidence 1.0 is not between 0 and 1"]),
    ],
)
def test_a_configuration_that_makes_no_sense_says_so(options: dict[str, Any], said: list[str]) -> None:
    assert list(Changepoint(**{"metric": "recall", **options}).problems()) == said


def test_a_rule_reads_as_a_sentence() -> None:
    rule = Changepoint(metric="bias", shift=0.125, evidence=0.99)
    assert rule.sentence == ("bias over 90d at 7d without a change of level by more than 12.5% (99% sure)")
    assert rule.reach == Span(90)
    assert date.fromisoformat(examined(days((0.46, 35), (0.21, 25))).details["since"]) == date(2024, 7, 8)
