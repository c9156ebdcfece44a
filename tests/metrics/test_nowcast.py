"""Estimates of young windows, in made-up worlds whose labels are missing not at random."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, replace
from functools import cache
from time import process_time
from typing import Any

import numpy as np
import pytest

from hindsight.domain.bins import BINS, SIGNED_BINS
from hindsight.metrics import find
from hindsight.metrics.binary.curves import EDGES
from hindsight.metrics.nowcast import Nowcasts, Tracked, Window, bounds, nowcast, tracked
from hindsight.metrics.regression.quantiles import HIGH
from hindsight.metrics.rest import Known, rest_of
from hindsight.statistics import BinaryStatistics, MulticlassStatistics, RegressionStatistics, Statistics
from hindsight.statistics.base import Array

AGES = (0, 1, 7, 30)
LOOK_BACK, LEAST, TRACK = 42, 7, 90
NEVER = 999


def calibrated(score: Array) -> Array:
    """A model whose scores come true as they say."""
    return score


def boastful(score: Array) -> Array:
    """A model whose scores mean little of what they say."""
    return 0.1 + 0.5 * score**2


def world(
    seed: int,
    rate: Callable[[Array], Array] = calibrated,
    *,
    days: int = 250,
    rows: int = 600,
    spread: float = 0.0,
    broken_from: int = NEVER,
    weight: float = 1.0,
) -> Known:
    """Days of a binary model.  A "no" is known after a day with a chance of 0.6, a "yes" with one of 0.1.

    The others take up to 20 days, and 3 % never come.  Days differ by `spread` in log odds; from day
    `broken_from` on scores mean the opposite.  With a `weight` only one in so many labels is drawn.
    """
    rng = np.random.default_rng(seed)
    batches = tuple(BinaryStatistics.zeros(days) for _ in AGES)
    for day in range(days):
        n = rng.poisson(rows)
        score = rng.beta(1.5, 4.0, n)
        cell = np.clip(np.searchsorted(EDGES, score, side="right") - 1, 0, BINS - 1)
        chance = rate(1.0 - score if day >= broken_from else score)
        odds = np.log(chance / (1.0 - chance)) + rng.normal(0.0, spread)
        actual = (rng.random(n) < 1.0 / (1.0 + np.exp(-odds))).astype(int)
        delay = np.where(rng.random(n) < np.where(actual, 0.1, 0.6), 1, rng.integers(2, 21, n))
        delay[rng.random(n) < 0.03] = NEVER
        delay[rng.random(n) >= 1.0 / weight] = NEVER
        predicted = (score >= 0.4).astype(int)
        for age, made in zip(AGES, batches, strict=True):
            told = delay <= age
            outcome, counts = np.where(told, 1 + actual, 0), np.where(told, weight, 1.0)
            loss = -np.log(np.where(actual, score, 1.0 - score))
            np.add.at(made.counts, (day, predicted, outcome, cell), counts)
            np.add.at(made.scores, (day, predicted, outcome, cell), counts * score)
            np.add.at(made.moments, (day, predicted, outcome, 0), counts * score**2)
            np.add.at(made.moments, (day, predicted, outcome, 1), np.where(told, counts * loss, 0.0))
            labels = float(told.sum())
            made.rows[day] = [n, labels, weight * labels, weight**2 * labels]
    return known(batches)


def errors(seed: int, *, days: int = 250, rows: int = 400, spread: float = 0.0) -> Known:
    """Days of a regression whose large errors are known late; days differ in how large they are."""
    rng = np.random.default_rng(seed)
    batches = tuple(RegressionStatistics.zeros(days) for _ in AGES)
    for day in range(days):
        n = rng.poisson(rows)
        actual = rng.normal(20.0, 10.0, n)
        error = rng.normal(1.0, 5.0, n) * np.exp(rng.normal(0.0, spread))
        delay = np.where(rng.random(n) < np.where(np.abs(error) < 4.0, 0.7, 0.1), 1, rng.integers(2, 21, n))
        cell = np.searchsorted(HIGH, error)
        for age, made in zip(AGES, batches, strict=True):
            told = delay <= age
            e, a = error[told], actual[told]
            labels = float(told.sum())
            made.rows[day] = [n, labels, labels, labels]
            made.sums[day] = [labels, e.sum(), abs(e).sum(), (e**2).sum(), a.sum(), (a**2).sum(), labels]
            share = abs(e / a)
            made.relative[day] = [labels, 0.0, 0.0, labels, share.sum(), (share**2).sum()]
            columns = np.stack([np.ones(len(e)), e**2, a, a**2], axis=1)
            np.add.at(made.errors, (day, cell[told]), columns)
    return known(batches)


def known(batches: tuple[Statistics, ...]) -> Known:
    """All units at all ages, as if everything had been computed."""
    computed = np.full((len(AGES), len(batches[0])), True)
    return Known(AGES, batches, computed, LOOK_BACK, LEAST)


@cache
def stationary(rate: Callable[[Array], Array], spread: float = 0.0) -> Known:
    return world(1, rate, spread=spread)


def recorded(windows: list[Window]) -> Nowcasts:
    """Made-up estimates of these windows, whose errors are as large as sampling explains."""
    rng, many = np.random.default_rng(11), len(windows)
    final, one = rng.normal(0.8, 0.01, many), np.ones(many)
    estimate = final + rng.normal(0.0, 0.01, many)
    return Nowcasts(tuple(windows), estimate, final, one, 0.01 * one, final, 99.0 * one, 0.0 * one)


def windows(known: Known, length: int, age: int) -> list[Window]:
    return [Window(end - length + 1, end) for end in range(length - 1, known.units - age)]


def estimates(name: str, known: Known, length: int, age: int) -> tuple[Nowcasts, Tracked]:
    rest = rest_of(known)
    assert rest is not None
    found = nowcast(find(name), known, rest, windows(known, length, age), age)
    return found, tracked(found, age, AGES[-1], TRACK)


def missed(found: Nowcasts, values: Array) -> float:
    """The root mean square distance from the final values, of the windows that have an estimate."""
    there = np.isfinite(found.estimate)
    return float(np.sqrt(np.nanmean((values - found.final)[there] ** 2)))


def held(found: Nowcasts, course: Tracked) -> float:
    """The share of intervals with a past behind them that hold the final value."""
    judged = np.isfinite(course.half) & (course.apart >= 3)
    assert judged.sum() > 50
    return float((np.abs(found.estimate - found.final) <= course.half)[judged].mean())


@pytest.mark.parametrize("rate", [calibrated, boastful])
@pytest.mark.parametrize("name", ["recall", "f1", "brier", "positive_rate", "accuracy", "log_loss"])
def test_an_estimate_beats_the_early_labels_by_far_though_a_no_is_known_sooner(
    name: str, rate: Callable[[Array], Array]
) -> None:
    found, _ = estimates(name, stationary(rate), 1, 1)
    assert np.nanmean(found.coverage) < 0.6
    assert missed(found, found.estimate) < 0.45 * missed(found, found.so_far)


@pytest.mark.parametrize("rate", [calibrated, boastful])
@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("age", [0, 1])
@pytest.mark.parametrize("name", ["recall", "precision", "roc_auc", "brier", "positive_rate", "accuracy"])
def test_intervals_of_days_hold_the_final_value_in_nineteen_of_twenty(
    name: str, age: int, spread: float, rate: Callable[[Array], Array]
) -> None:
    assert 0.90 <= held(*estimates(name, stationary(rate, spread), 1, age)) <= 0.995


@pytest.mark.parametrize("rate", [calibrated, boastful])
@pytest.mark.parametrize("name", ["recall", "roc_auc", "brier", "positive_rate"])
@pytest.mark.parametrize("length", [7, 28])
def test_intervals_of_longer_windows_do_too(length: int, name: str, rate: Callable[[Array], Array]) -> None:
    # Neighbours share most of their days, so a world has but a few independent windows of 28.
    assert held(*estimates(name, stationary(rate), length, 1)) >= (0.90 if length == 7 else 0.85)


def test_the_share_inside_and_the_past_errors_are_those_of_windows_known_to_be_mature() -> None:
    found, course = estimates("recall", stationary(boastful), 1, 1)
    i, age = len(found.windows) - 1, 1
    now = found.windows[i].last + age
    past = [
        j
        for j, window in enumerate(found.windows)
        if now - AGES[-1] - TRACK < window.last <= now - AGES[-1] and np.isfinite(found.estimate[j])
    ]
    error = (found.estimate - found.final)[past]
    assert course.past[i] == len(past) == TRACK
    assert course.error[i] == pytest.approx(error.mean())
    assert course.absolute[i] == pytest.approx(np.abs(error).mean())
    assert course.inside[i] == pytest.approx((np.abs(error) <= course.half[past]).mean())


def test_days_that_differ_show_it_in_their_own_labels() -> None:
    known = stationary(boastful, 0.5)
    blind, _ = estimates("positive_rate", known, 1, 0)
    seeing, _ = estimates("positive_rate", known, 1, 1)
    assert missed(seeing, seeing.estimate) < 0.5 * missed(blind, blind.estimate)


def test_a_concept_that_changes_is_missed_and_the_record_says_so() -> None:
    found, course = estimates("accuracy", world(3, calibrated, broken_from=120), 1, 0)
    ends = [window.last for window in found.windows]
    before, failing, later = (ends.index(end) for end in (118, 125, 165))
    assert abs(found.estimate[before] - found.final[before]) < 0.06
    assert found.estimate[failing] - found.final[failing] > 0.3
    # Nobody can know of it before the truth is due; then the error and the width of the interval tell.
    assert course.absolute[failing] < 0.03
    assert course.absolute[later] > 3.0 * course.absolute[failing]
    assert course.inside[later] < 0.85 < course.inside[failing]
    assert course.half[later] > 5.0 * course.half[failing]


@pytest.mark.parametrize("length, age", [(1, 0), (7, 1), (28, 7)])
def test_what_is_known_later_changes_no_estimate(length: int, age: int) -> None:
    whole = world(4, boastful, days=140, rows=100)
    rest = rest_of(whole)
    assert rest is not None
    end = 100
    window = Window(end - length + 1, end)
    units = end + age + 1
    cut = replace(
        whole,
        statistics=tuple(each[:units] for each in whole.statistics),
        # As of then: a unit has a horizon only once it has reached it.
        computed=np.array([np.arange(units) + age < units for age in AGES]),
    )
    rest_then = rest_of(cut)
    assert rest_then is not None
    for name in ("recall", "brier", "roc_auc"):
        now = nowcast(find(name), whole, rest, [window], age)
        then = nowcast(find(name), cut, rest_then, [window], age)
        assert now.estimate[0] == pytest.approx(then.estimate[0], rel=1e-12)
        assert now.sampling[0] == pytest.approx(then.sampling[0], rel=1e-12)
        assert np.isfinite(now.final[0])
        assert np.isnan(then.final[0])


def test_sampled_labels_count_by_their_weight() -> None:
    sampled = world(5, boastful, days=150, rows=2000, weight=5.0)
    full = world(5, boastful, days=150, rows=2000)
    for name in ("recall", "positive_rate", "brier"):
        found, _ = estimates(name, sampled, 7, 1)
        truth, _ = estimates(name, full, 7, 1)
        assert np.nanmean(found.estimate) == pytest.approx(np.nanmean(truth.final), rel=0.03)
        assert missed(found, found.estimate) < missed(found, found.so_far)


def test_with_every_label_there_is_nothing_to_estimate() -> None:
    whole = world(6, days=60, rows=50)
    complete = replace(whole, statistics=(whole.statistics[-1],) * len(AGES))
    found, _ = estimates("recall", complete, 7, 1)
    there = np.isfinite(found.estimate)
    ends = np.array([window.last for window in found.windows])
    np.testing.assert_array_equal(there, ends + 1 >= AGES[-1] + LEAST - 1)
    np.testing.assert_allclose(found.estimate[there], found.final[there])
    np.testing.assert_array_equal(found.sampling[there], 0.0)


def test_few_mature_units_make_no_estimate() -> None:
    found, _ = estimates("recall", world(7, days=60, rows=50), 1, 0)
    ends = np.array([window.last for window in found.windows])
    np.testing.assert_array_equal(np.isfinite(found.estimate), ends >= AGES[-1] + LEAST - 1)


def test_without_a_past_the_interval_rests_on_sampling_alone() -> None:
    found, course = estimates("recall", world(7, days=60, rows=50), 1, 0)
    first = int(np.flatnonzero(np.isfinite(found.estimate))[0])
    assert course.past[first] == course.apart[first] == 0
    assert course.ratio[first] == 1.0
    # Student's 97.5 % quantile for 2 degrees of freedom, from a table.
    assert course.half[first] == pytest.approx(4.3027 * found.sampling[first], rel=1e-4)


def test_a_monitor_that_only_now_began_has_no_unit_that_shows_late_labels() -> None:
    whole = world(7, days=60, rows=50)
    computed = whole.computed.copy()
    # The first run was that of day 40: it judged older days at old ages, and none of them when it was young.
    for at, age in enumerate(AGES):
        computed[at, : 40 - age] = False
    live = replace(whole, computed=computed)
    old = live.computed[-1] & (live.statistics[-1].labelled > 0)
    assert old.sum() > 3 * LEAST
    found, course = estimates("recall", live, 1, 1)
    assert np.isnan(found.estimate).all()
    assert np.isnan(course.half).all()
    assert found.told.max() < LEAST
    # Days do not tell of an age at which nobody looked, and do of the others.
    blind = whole.computed.copy()
    blind[1] = np.arange(60) >= 40
    rest = rest_of(replace(whole, computed=blind))
    assert rest is not None
    runs = np.array([50])
    assert (rest.told(0, runs), rest.told(1, runs), rest.told(2, runs)) == (21, 0, 21)


def test_labels_as_late_as_none_before_make_no_estimate() -> None:
    whole = errors(6, days=70, rows=50)
    complete, day = whole.statistics[-1], 65
    # All labels were in after a day, but those of day 65: as in an outage of the feed.
    outage: Any = deepcopy(complete)
    for field in fields(outage):
        getattr(outage, field.name)[day] = getattr(whole.statistics[1], field.name)[day]
    known = replace(whole, statistics=(whole.statistics[0], outage, complete, complete))
    found, _ = estimates("mae", known, 1, 1)
    ends = [window.last for window in found.windows]
    assert np.isnan(found.estimate[ends.index(day)])
    assert np.isfinite(found.so_far[ends.index(day)])
    assert found.unheard[ends.index(day)] > 0.3
    assert np.isfinite(found.estimate[ends.index(64)])


def test_only_what_is_asked_for_is_tracked_and_it_is_the_same() -> None:
    found, course = estimates("recall", stationary(boastful), 7, 1)
    asked = np.arange(len(found.windows)) == 180
    alone = tracked(found, 1, AGES[-1], TRACK, asked)
    for name in ("half", "error", "absolute", "past", "apart", "inside", "ratio"):
        assert getattr(alone, name)[180] == getattr(course, name)[180], name
    assert np.isnan(alone.inside[:180]).all()


def test_windows_that_overlap_count_as_many_as_lie_side_by_side() -> None:
    found, course = estimates("recall", stationary(boastful), 7, 1)
    i = len(found.windows) - 1
    past = [
        window
        for j, window in enumerate(found.windows)
        if found.windows[i].last + 1 - 30 - TRACK < window.last <= found.windows[i].last + 1 - 30
        and found.sampling[j] > 0
    ]
    units = {unit for window in past for unit in range(window.first, window.last + 1)}
    assert course.apart[i] == pytest.approx(len(units) / 7)
    # Also with gaps, and of unequal lengths, as months are.
    odd = recorded([Window(2, 4), Window(0, 9), Window(20, 29), Window(40, 49), Window(80, 80)])
    assert tracked(odd, 0, 5, 90).apart[-1] == pytest.approx(30 / 8.25)


def test_a_month_of_hours_is_tracked_in_no_time() -> None:
    found = recorded([Window(i, i + 167) for i in range(1500)])
    tracked(recorded([Window(0, 0)]), 6, 168, 672)  # imports what it needs
    begin = process_time()
    course = tracked(found, 6, 168, 672)
    assert process_time() - begin < 2.5, "a set of every hour of every window took 6 seconds"
    assert course.apart[-1] == pytest.approx((672 + 167) / 168)


def test_an_estimate_that_sampling_explains_no_error_of_has_no_interval() -> None:
    whole = world(6, days=90, rows=50)
    complete = replace(whole, statistics=(whole.statistics[-1],) * len(AGES))
    found, course = estimates("recall", complete, 7, 1)
    there = np.isfinite(found.estimate)
    assert there.any()
    assert np.isnan(course.half[there]).all()
    assert course.past[-1] > 0


def test_a_day_that_was_not_computed_leaves_its_windows_without_an_estimate() -> None:
    whole = world(8, days=80, rows=50)
    computed = whole.computed.copy()
    computed[1, 60] = False
    found, _ = estimates("accuracy", replace(whole, computed=computed), 3, 1)
    without = [found.windows[i].last for i in np.flatnonzero(np.isnan(found.estimate))]
    assert [end for end in without if end > 40] == [60, 61, 62]


def test_a_share_stays_a_share_and_a_loss_above_zero() -> None:
    estimate, half = np.array([0.02, 0.99]), np.array([0.1, 0.1])
    lower, upper = bounds(find("recall"), estimate, half)
    assert (lower[0], upper[1]) == (0.0, 1.0)
    lower, upper = bounds(find("mae"), estimate, half)
    assert (lower[0], upper[1]) == (0.0, pytest.approx(1.09))
    lower, _ = bounds(find("bias"), estimate, half)
    assert lower[0] == pytest.approx(-0.08)


@pytest.mark.parametrize("spread", [0.0, 0.3])
@pytest.mark.parametrize("name", ["mae", "rmse", "bias", "mse", "median_absolute_error", "r2"])
def test_errors_of_a_regression_are_estimated_though_small_ones_are_known_sooner(
    name: str, spread: float
) -> None:
    found, course = estimates(name, errors(9, spread=spread), 7, 1)
    if name not in ("bias", "r2"):
        assert missed(found, found.estimate) < 0.5 * missed(found, found.so_far)
    assert 0.88 <= held(found, course) <= 1.0


def test_bins_of_the_made_up_errors_are_those_of_the_package() -> None:
    made = errors(10, days=2).statistics[-1]
    assert isinstance(made, RegressionStatistics)
    assert made.errors.shape[1] == SIGNED_BINS
    np.testing.assert_allclose(made.errors[:, :, 0].sum(axis=1), made.labelled)


def test_statistics_that_tell_too_little_are_refused() -> None:
    assert rest_of(known((MulticlassStatistics.zeros(3, ("cat", "dog")),) * len(AGES))) is None
