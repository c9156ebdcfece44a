"""Weekday effects: learnt where there are any and enough days, else said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detectors.charted import expecting, point, points
from detectors.points import FIRST
from hindsight.detectors import Point
from hindsight.detectors.methods.seasonality import Seasonality, seasonality

WEEK = np.array([0.01, 0.02, 0.0, -0.01, 0.03, -0.02, -0.03])


def noisy(days: int, week: np.ndarray = WEEK, seed: int = 1) -> list[Point]:
    rng = np.random.default_rng(seed)
    return points(0.9 + np.resize(week, days) + 0.002 * rng.standard_normal(days), error=0.002)


def effects(found: Seasonality) -> np.ndarray:
    return np.array([found.effect(FIRST + timedelta(days=i)) for i in range(7)])


@pytest.mark.parametrize("days", [28, 31, 90])
def test_weekdays_are_learnt_from_four_weeks(days: int) -> None:
    found = seasonality(noisy(days))
    assert found.learnt
    assert found.note == f"weekday effects from {days} days of the reference"
    assert effects(found) == pytest.approx(WEEK - WEEK.mean(), abs=0.004)
    assert sum(found.effects) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("days", [0, 1, 14, 27])
def test_from_fewer_there_are_none_and_it_says_so(days: int) -> None:
    found = seasonality(noisy(days))
    assert (found.learnt, set(effects(found))) == (False, {0.0})
    assert found.note == f"the reference has {days} days, too few for weekday effects"


def test_a_weekday_that_is_hardly_there_teaches_nothing() -> None:
    days = [day for day in noisy(40) if day.start.weekday() != 6 or day.start < FIRST + timedelta(days=14)]
    assert not seasonality(days).learnt


def test_effects_hold_where_the_level_is_not_estimated_from_whole_weeks() -> None:
    assert effects(seasonality(noisy(33)))[5] == pytest.approx(effects(seasonality(noisy(28)))[5], abs=0.003)


def test_noise_teaches_next_to_nothing() -> None:
    shares = [seasonality(noisy(31, np.zeros(7), seed)) for seed in range(200)]
    sizes = [np.abs(effects(found)).max() for found in shares]
    # Unshrunken, the largest of seven means of four to five days would be about 0.0015.
    assert np.median(sizes) < 0.0005
    assert any(found.note == "no weekday effect in 31 days of the reference" for found in shares)


@pytest.mark.parametrize("value", [0.0, 0.9, -3e9])
def test_constant_days_have_no_effect(value: float) -> None:
    found = seasonality(points([value] * 35))
    assert set(effects(found)) == {0.0}
    assert found.learnt


def test_what_cannot_be_judged_does_not_count() -> None:
    days = noisy(31)
    days[3] = replace(days[3], value=None)
    days[11] = replace(days[10], value=float("inf"))
    assert seasonality(days).note == "weekday effects from 29 days of the reference"


def test_a_day_with_few_rows_weighs_less() -> None:
    days = noisy(28)
    days[5] = replace(days[5], value=0.2, standard_error=1.0)
    sure = replace(days[5], standard_error=0.002)
    doubtful, certain = (effects(seasonality([*days[:5], day, *days[6:]])) for day in (days[5], sure))
    assert abs(doubtful[5] + 0.02) < 0.01 < abs(certain[5] + 0.02)


def test_adjusted_effects_are_those_of_observed_minus_expected() -> None:
    days = [replace(day, expected=expecting(day.value or 0.0)) for day in noisy(31)]
    found = seasonality(days, adjusted=True)
    assert effects(found) == pytest.approx(np.zeros(7), abs=1e-9)


def test_hours_of_the_day_are_learnt_at_an_hourly_grain() -> None:
    start = datetime(2024, 6, 3, tzinfo=UTC)
    rng = np.random.default_rng(2)
    hours = []
    for i in range(96):
        at = start + timedelta(hours=i)
        value = 0.9 - 0.1 * (at.hour < 6) + 0.002 * rng.standard_normal()
        hours.append(replace(point(0, float(value), 0.002), start=at, end=at))
    found = seasonality(hours)
    assert found.note == "hour effects from 96 hours of the reference"
    night, noon = start + timedelta(days=9, hours=3), start + timedelta(days=9, hours=12)
    assert found.effect(noon) - found.effect(night) == pytest.approx(0.1, abs=0.01)
    assert seasonality(hours[:95]).note == "the reference has 95 hours, too few for hour effects"


def test_a_weekday_that_never_occurs_forbids_no_effects() -> None:
    found = seasonality([day for day in noisy(31) if day.start.weekday() != 6])
    assert found.note == "weekday effects from 27 days of the reference"
    assert effects(found)[:6] == pytest.approx(WEEK[:6] - WEEK[:6].mean(), abs=0.004)
    assert effects(found)[6] == 0.0
    assert not seasonality([day for day in noisy(26) if day.start.weekday() != 6]).learnt
