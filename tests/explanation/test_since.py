"""Since when: steps are found, noise and what came back are not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from hindsight.explanation.company import VersionChange, versions, volume
from hindsight.explanation.since import Days, Since, since
from hindsight.windows import DayRange

FIRST = date(2013, 3, 1)


def series(
    levels: list[tuple[float, int]], *, seed: int = 1, usual: float | None = None, noise: float = 0.03
) -> Days:
    """Days of these levels, each so many, with rows that differ from day to day."""
    rng = np.random.default_rng(seed)
    mean = np.concatenate([np.full(count, level) for level, count in levels])
    rows = rng.integers(150, 400, len(mean)).astype(float)
    error = 0.03 / np.sqrt(rows / 250.0)
    units = [FIRST + timedelta(days=i) for i in range(len(mean))]
    return Days(units, mean + rng.normal(0, error), error, rows, usual)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def test_a_step_is_dated_to_the_day() -> None:
    errors = []
    for seed in range(20):
        found = since(series([(0.46, 31), (0.30, 40)], seed=seed, usual=0.46))
        assert found is not None
        errors.append(abs((found.day - on(31)).days))
        assert found.steps == 1
        assert (found.before, found.after) == pytest.approx((0.46, 0.30), abs=0.03)
    assert max(errors) <= 3
    assert np.median(errors) <= 1


def test_noise_has_no_beginning() -> None:
    found = [since(series([(0.46, 60)], seed=seed, usual=0.46)) for seed in range(40)]
    assert sum(each is not None for each in found) <= 2


def test_steps_down_are_one_decline_from_the_first_that_is_nearer_to_the_end() -> None:
    found = since(series([(0.5, 30), (0.3, 20), (0.2, 20)], usual=0.5))
    assert found is not None
    assert (found.day, found.steps) == (on(30), 2)


def test_what_left_and_came_back_has_not_begun() -> None:
    assert since(series([(0.5, 30), (0.2, 20), (0.5, 30)], usual=0.5)) is None


def test_a_dip_before_is_not_the_beginning_of_what_lasts() -> None:
    found = since(series([(0.5, 30), (0.2, 10), (0.5, 20), (0.25, 20)], usual=0.5))
    assert found is not None
    assert found.day == on(60)


def test_a_change_to_the_other_side_is_not_the_beginning_of_the_breach() -> None:
    """Below its bound over the window, above it in the last days: as the flights of early September."""
    days = series([(0.92, 20), (0.55, 35), (1.81, 5)], usual=0.92)
    below, above = since(days, -1), since(days, 1)
    assert below is not None
    assert (below.day, below.until) == (on(20), on(54))
    assert below.after == pytest.approx(0.55, abs=0.02)
    assert above is not None
    assert (above.day, above.until) == (on(55), None)
    assert since(series([(0.92, 30), (1.81, 20)], usual=0.92), -1) is None


def test_what_was_so_on_the_first_day_is_told_as_that() -> None:
    found = since(series([(0.2, 60)], usual=0.5))
    assert found == Since(FIRST, 0.5, pytest.approx(0.2, abs=0.02), 0)
    assert since(series([(0.2, 60)])) is None, "without a reference nobody knows what is usual"


def odd(values: list[float], errors: list[float] | None = None, rows: list[float] | None = None) -> Days:
    units = [FIRST + timedelta(days=i) for i in range(len(values))]
    some = errors if errors is not None else [0.1] * len(values)
    return Days(units, np.array(values), np.array(some), np.array(rows or [10.0] * len(values)), 0.5)


@pytest.mark.parametrize(
    "days",
    [
        odd([]),
        odd([0.5]),
        odd([0.5, 0.1]),
        odd([0.5] * 30),
        odd([float("nan")] * 30),
        odd([0.5, float("inf"), float("nan"), 0.2] * 8),
        odd([0.5] * 10 + [0.1] * 10, [0.0] * 20),
        odd([0.5] * 10 + [0.1] * 10, [float("nan")] * 20),
        odd([0.5] * 10 + [0.1] * 10, rows=[0.0] * 20),
    ],
)
def test_odd_days_are_no_fault(days) -> None:
    found = since(days)
    assert found is None or (np.isfinite(found.before) and np.isfinite(found.after))


# --- what happened on the same days -------------------------------------------------------------


def span(first: int, last: int) -> list[date]:
    return [on(i) for i in range(first, last + 1)]


def test_versions_that_came_or_went_within_the_window_are_named() -> None:
    lived = {
        "old": span(0, 45),
        "new": span(40, 69),
        "always": span(0, 69),
        "pause": [*span(0, 30), *span(50, 69)],
    }
    found = versions(lived, span(0, 69), DayRange(on(38), on(65)), None)
    assert found == (VersionChange("new", True, on(40)), VersionChange("old", False, on(45)))


def test_versions_about_the_change_are_named_even_before_the_window() -> None:
    lived = {"new": span(20, 69), "always": span(0, 69)}
    window = DayRange(on(42), on(69))
    assert versions(lived, span(0, 69), window, None) == ()
    assert versions(lived, span(0, 69), window, on(25)) == (VersionChange("new", True, on(20)),)
    assert versions(lived, span(0, 69), window, on(28)) == ()


def test_what_began_with_the_records_is_not_new_and_what_was_seen_yesterday_is_not_gone() -> None:
    lived = {"v1": span(10, 66)}
    assert versions(lived, span(10, 69), DayRange(on(5), on(69)), None) == ()
    assert versions({"v1": []}, span(0, 9), DayRange(on(0), on(9)), None) == ()


def test_a_version_that_sleeps_at_night_is_not_gone() -> None:
    hours = [datetime(2013, 3, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(96)]
    window = DayRange(hours[0], hours[-1])
    assert versions({"v1": hours[:85]}, hours, window, None) == ()
    assert versions({"v1": hours[:60]}, hours, window, None) == (VersionChange("v1", False, hours[59]),)


def week(start: int, count: int, rng: np.random.Generator, factor: float = 1.0) -> dict[date, float]:
    """Fewer on Saturdays, as flights are."""
    mean = [factor * (750 if on(i).weekday() == 5 else 970) for i in range(start, start + count)]
    return {on(start + i): float(rng.normal(m, 25)) for i, m in enumerate(mean)}


@pytest.mark.parametrize("length", [1, 7, 28])
def test_a_usual_week_is_not_told_and_a_change_is(length: int) -> None:
    rng = np.random.default_rng(3)
    quiet = loud = 0
    for start in range(28, 68):
        usual = week(0, 28, rng)
        same, fewer = volume(week(start, length, rng), usual), volume(week(start, length, rng, 0.7), usual)
        assert same is not None
        assert fewer is not None
        quiet += not same.notable
        loud += fewer.notable
    assert (quiet, loud) == (40, 40)


def test_hours_are_compared_with_their_own() -> None:
    base = datetime(2013, 3, 1, tzinfo=UTC)
    usual = {base + timedelta(hours=i): 10.0 + 90.0 * (8 <= i % 24 < 20) + i % 5 for i in range(24 * 10)}
    night = {base + timedelta(hours=24 * 10 + i): 11.0 for i in range(6)}
    found = volume(night, usual)
    assert found is not None
    assert not found.notable
    noon = volume({base + timedelta(hours=24 * 10 + 12): 11.0}, usual)
    assert noon is not None
    assert noon.notable


def test_without_earlier_days_there_is_nothing_to_compare_with() -> None:
    assert volume({on(9): 100.0}, {on(i): 100.0 for i in range(6)}) is None
    assert volume({}, {on(i): 100.0 for i in range(30)}) is None
    assert volume({on(31): 5.0}, {on(i): 0.0 for i in range(30)}) is None


def test_traffic_that_wanders_slowly_is_usual() -> None:
    """Days that go with the day before: of 28 of them a tenth more or less is soon there."""
    rng = np.random.default_rng(5)
    told = 0
    for _ in range(100):
        state, made = 0.0, []
        for _ in range(80):
            state = 0.7 * state + np.sqrt(1 - 0.7**2) * rng.normal()
            made.append(1000.0 * np.exp(0.15 * state))
        days = {on(i): count for i, count in enumerate(made)}
        usual = {day: count for day, count in days.items() if day < on(31)}
        found = volume({day: count for day, count in days.items() if day >= on(52)}, usual)
        assert found is not None
        told += found.notable
    assert told <= 12
