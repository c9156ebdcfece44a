"""How many predictions there were: drops, rises, holidays, weekdays and hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from detectors.log_worlds import PROFILE, counted, of_days, volumes
from detectors.points import day
from hindsight.detectors import Finding, Point, Series
from hindsight.detectors.methods.robust import spread
from hindsight.detectors.volume import Counted, Volume, ordinal, usual_at, windows_before
from hindsight.domain.values import Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.metrics import find

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def busy(days: int = 56, seed: int = 3, differ: float = 0.05) -> list[float]:
    """Predictions a day: 1,000, with fewer at weekends."""
    return [float(each) for each in volumes(np.random.default_rng(seed), differ, weeks=days // 7)]


def found(numbers: Sequence[float], **options: Any) -> Finding:
    """What is said of the last day."""
    return Volume(**options).examine(of_days("volume", counted(numbers)))


def last(share: float, **options: Any) -> Finding:
    """What is said of a Sunday with this share of what it usually has."""
    usual = busy()
    return found([*usual[:-1], share * float(np.median(usual[6::7]))], **options)


@pytest.mark.parametrize(
    "share, verdict, severity",
    [
        (1.0, CLEAR, None),
        (0.75, CLEAR, None),
        (0.65, CLEAR, Severity.WATCH),
        (0.45, BREACH, Severity.WARNING),
        (0.2, BREACH, Severity.CRITICAL),
        (0.0, CLEAR, Severity.WATCH),
        (1.3, CLEAR, None),
        (1.7, CLEAR, Severity.WATCH),
        (2.2, BREACH, Severity.WARNING),
        (9.0, BREACH, Severity.WARNING),
    ],
)
def test_a_day_breaches_beyond_half_or_twice_of_its_weekday(
    share: float, verdict: Verdict, severity: Severity | None
) -> None:
    told = last(share)
    assert (told.verdict, told.severity) == (verdict, severity)
    assert "Sundays" in told.reason
    assert told.expected is not None
    assert told.lower is not None
    assert told.upper is not None
    assert told.lower == pytest.approx(0.5 * told.expected, rel=0.01)
    assert told.upper == pytest.approx(2.0 * told.expected, rel=0.01)


def test_each_side_has_a_bound_of_its_own() -> None:
    assert last(0.65, drop=0.7).verdict is BREACH
    assert last(1.6, rise=1.5).verdict is BREACH
    assert last(0.45, drop=0.3).verdict is CLEAR
    assert last(2.2, rise=3.0).verdict is CLEAR


def test_quiet_weekends_are_no_drop_and_busy_ones_a_rise() -> None:
    usual = busy()
    sunday = float(np.median(usual[6::7]))
    assert sunday < 0.6 * usual[0]
    assert found(usual).verdict is CLEAR
    assert found([*usual[:-1], float(np.median(usual[0::7])) * 1.2]).verdict is BREACH


def test_one_or_two_days_like_a_holiday_are_watched_and_the_third_breaches() -> None:
    usual = busy()
    low = [value * (0.65 if i >= 53 else 1.0) for i, value in enumerate(usual)]
    verdicts = [found(low[:end]) for end in (54, 55, 56)]
    assert [each.verdict for each in verdicts] == [CLEAR, CLEAR, BREACH]
    assert [each.severity for each in verdicts] == [Severity.WATCH, Severity.WATCH, Severity.WARNING]
    assert "a day or two may be a holiday" in verdicts[1].reason
    assert "the 3rd day in a row like that" in verdicts[2].reason
    assert verdicts[2].details["since"] == counted(low)[53].end.isoformat()
    assert verdicts[2].observed is not None
    assert verdicts[2].lower is not None
    assert verdicts[2].observed < verdicts[2].lower
    mixed = [*low[:54], low[54] * 1.65 / 0.65, low[55]]
    assert found(mixed).verdict is CLEAR


def test_half_a_feed_that_stays_away_breaches_every_day_for_weeks() -> None:
    usual = busy(84)
    numbers = [value * (0.4 if i >= 56 else 1.0) for i, value in enumerate(usual)]
    verdicts = [found(numbers[max(0, end - 56) : end]).verdict for end in range(57, 57 + 21)]
    # The first is a Monday and no lower than Sundays are: it may be a holiday.
    assert verdicts == [CLEAR] + [BREACH] * 20


def test_a_window_without_any_prediction_is_left_to_missing() -> None:
    told = last(0.0)
    assert "`missing` is about that" in told.reason
    weekdays = [0.0 if i % 7 > 4 else 900.0 for i in range(56)]
    told = found(weekdays)
    assert (told.verdict, told.severity) == (CLEAR, None)
    told = found([*weekdays[:-1], 90.0])
    assert told.verdict is BREACH
    assert told.reason.startswith("volume 90, where of 7 Sundays half or more had none")


def test_one_day_like_a_sunday_is_watched_and_a_second_breaches() -> None:
    usual = busy(63)
    quiet = float(np.median(usual[6::7]))
    monday = [*usual[:56], 0.9 * quiet]
    told = found(monday[-56:])
    assert (told.verdict, told.severity) == (CLEAR, Severity.WATCH)
    assert "one day like the quietest of the week may be a holiday" in told.reason
    assert found([*monday, 0.9 * quiet][-56:]).verdict is BREACH
    assert found([*usual[:56], 0.5 * quiet][-56:]).verdict is BREACH


def test_an_outage_is_not_taken_for_how_much_days_differ() -> None:
    rng = np.random.default_rng(8)
    told = []
    for _ in range(10):
        usual = volumes(rng, 0.1, weeks=12) * np.where(np.arange(84) >= 60, 0.4, 1.0)
        told += [found([float(x) for x in usual[end - 56 : end]]).verdict is BREACH for end in range(62, 81)]
    assert np.mean(told) > 0.95


def test_weekends_that_differ_more_are_judged_by_their_own_spread() -> None:
    rng = np.random.default_rng(9)
    wild = 0
    for _ in range(150):
        differ = np.where(np.arange(56) % 7 > 4, 0.4, 0.05)
        numbers = rng.poisson(1000.0 * PROFILE[np.arange(56) % 7] * np.exp(rng.normal(0.0, differ)))
        wild += found([float(each) for each in numbers]).verdict is BREACH
    assert wild <= 3


def test_the_spread_of_days_decides_where_it_is_large() -> None:
    wild = [float(each) for each in volumes(np.random.default_rng(5), 0.8)]
    told = found([*wild[:-1], 0.45 * float(np.median(wild[6::7]))])
    assert told.verdict is CLEAR
    assert told.lower is not None
    assert told.expected is not None
    assert told.lower < 0.3 * told.expected


def test_a_handful_of_predictions_is_no_measure() -> None:
    few = [2.0] * 55
    assert found([*few, 0.0]).verdict is CLEAR
    assert found([*[200.0] * 55, 5.0]).verdict is BREACH


def test_wild_days_among_the_past_move_nothing() -> None:
    usual = busy()
    spoilt = [0.0 if i % 7 == 6 and i < 21 else value for i, value in enumerate(usual)]
    assert found(spoilt).verdict is CLEAR
    assert found([*spoilt[:-1], 0.4 * usual[-1]]).verdict is BREACH


def test_a_weekday_is_judged_once_three_of_its_kind_are_known() -> None:
    usual = busy()
    told = found(usual[:21])
    assert told.verdict is INSUFFICIENT
    assert told.reason == "2 Sundays are known in the 56d before; volume needs 3."
    assert found(usual[:28]).verdict is CLEAR


def test_days_that_were_not_computed_are_left_out() -> None:
    points = counted(busy())
    holes = tuple(replace(each, value=None) if i in (6, 13, 20) else each for i, each in enumerate(points))
    told = Volume().examine(Series(find("volume"), points[-1], holes))
    assert told.verdict is CLEAR
    assert "of 4 Sundays" in told.reason


def test_weeks_are_compared_with_weeks() -> None:
    usual = busy()
    points = counted(usual)
    for share, verdict in ((1.0, CLEAR), (0.45, BREACH)):
        week = replace(points[-1], start=points[-7].start, value=share * sum(usual[-7:]))
        told = Volume(window=Span(7)).examine(Series(find("volume"), week, points))
        assert told.verdict is verdict


def local_hours(zone: ZoneInfo, weeks: int) -> list[Point]:
    """Hours of a feed that is busy from eight to eight by local clocks, on working days, from a Monday."""
    rng = np.random.default_rng(3)
    first = datetime(2024, 2, 5, tzinfo=zone).astimezone(UTC)
    made = []
    for i in range(weeks * 168):
        at = first + timedelta(hours=i)
        there = at.astimezone(zone)
        value = float(rng.poisson(200.0 if 8 <= there.hour < 20 and there.weekday() < 5 else 20.0))
        made.append(day(0, value, max(value, 1.0) ** 0.5, start=at, end=at, n=int(value)))
    return made


def test_people_come_by_their_own_clocks_when_these_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    hours = local_hours(zone, 9)
    detector = Volume(window=Span(1, "h"), past=Span(56 * 24, "h"))
    judged = {True: 0, False: 0}
    for end, hour in enumerate(hours):
        # The clocks went forward on the last Sunday of March, the 31st.
        if hour.end < datetime(2024, 4, 1, tzinfo=UTC) or hour.end.astimezone(zone).hour not in (
            7,
            8,
            19,
            20,
        ):
            continue
        seen = of_days("volume", hours[max(0, end - 56 * 24 + 1) : end + 1])
        for local in judged:
            told = detector.examine(replace(seen, zone=zone if local else None))
            judged[local] += told.verdict is BREACH
    assert judged[True] == 0
    assert judged[False] > 3
    assert "Mondays at 00:00 (" in detector.examine(replace(seen, latest=hours[-1], zone=zone)).reason


def hourly(count: int, per_hour: float = 100.0) -> list[Point]:
    """Hours that are busy by day and quiet by night and at weekends."""
    first = datetime(2024, 6, 3, tzinfo=UTC)
    rng = np.random.default_rng(8)
    made = []
    for i in range(count):
        at = first + timedelta(hours=i)
        level = per_hour * (0.2 + 0.8 * (8 <= at.hour < 20)) * PROFILE[at.weekday()]
        value = float(rng.poisson(level))
        made.append(day(0, value, max(value, 1.0) ** 0.5, start=at, end=at, n=int(value)))
    return made


def test_hours_are_compared_with_the_same_hours_of_the_week() -> None:
    hours = hourly(5 * 168 + 12)
    detector = Volume(window=Span(1, "h"), past=Span(56 * 24, "h"))
    assert list(detector.problems()) == []
    told = detector.examine(of_days("volume", hours))
    assert told.verdict is CLEAR
    assert "5 Mondays at 11:00 UTC" in told.reason
    night = replace(hours[-1], value=hours[-10].value)
    assert detector.examine(Series(find("volume"), night, tuple(hours))).verdict is BREACH
    quiet = hours[:-8]
    assert detector.examine(of_days("volume", quiet)).verdict is CLEAR


def test_a_window_of_a_day_at_an_hourly_grain_slides_by_the_hour() -> None:
    hours = hourly(6 * 168 + 12)
    day_before = sum(each.value or 0.0 for each in hours[-24:])
    detector = Volume(window=Span(24, "h"), past=Span(56 * 24, "h"))
    assert list(detector.problems()) == []
    for share, verdict in ((1.0, CLEAR), (0.4, BREACH)):
        latest = replace(hours[-1], start=hours[-24].start, value=share * day_before)
        assert detector.examine(Series(find("volume"), latest, tuple(hours))).verdict is verdict


def test_windows_follow_on_each_other_and_lack_no_day() -> None:
    points = counted(range(10))
    ends = [each.value for each in windows_before(points[:3] + points[4:], points[9].end, Span(2))]
    assert ends == [0 + 1, 4 + 5, 6 + 7]


def test_the_usual_is_the_median_and_the_spread_that_of_normal_days() -> None:
    assert usual_at([], Counted(day(0, 1.0).end, 1.0, 0)) is None
    rng = np.random.default_rng(4)
    dozens = rng.normal(0.0, 1.0, (4000, 12))
    sizes = [spread(each - np.median(each)) for each in dozens]
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.05)
    for known in (4, 5, 8):
        groups = rng.normal(0.0, 1.0, (2000, 7, known))
        residuals = groups - np.median(groups, axis=2, keepdims=True)
        assert np.mean([spread(each.ravel(), 7) for each in residuals]) == pytest.approx(1.0, abs=0.05)
    plain = rng.normal(0.0, 3.0, 500)
    scale = stats.median_abs_deviation(plain, center=lambda x, axis: np.zeros(()), scale="normal")
    assert spread(plain, 0) == pytest.approx(scale, rel=1e-6)


def test_it_is_wrong_as_seldom_as_its_docstring_says_where_days_differ_widely() -> None:
    rng = np.random.default_rng(6)
    breaches = sum(
        Volume().examine(of_days("volume", counted(volumes(rng, 0.3)))).verdict is BREACH for _ in range(800)
    )
    low, high = stats.binomtest(breaches, 800).proportion_ci(0.999)
    assert low <= 0.0005 <= high


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"metric": "coverage"}, "a detector of volume judges volume, not 'coverage': leave `metric` out"),
        (
            {"window": Span(3)},
            "the same weekdays are compared, so `window` must go into a week without a rest, as 1d",
        ),
        ({"window": Span.parse("month")}, "the same weekdays are compared, so `window` must go into a week"),
        ({"past": Span(21)}, "`past` must hold at least 4 weeks, not 21d"),
        ({"drop": 1.0}, "`drop` is the share of the usual that there must be, between 0 and 1, not 1.0"),
        ({"rise": 1.0}, "`rise` is how many times the usual there may be, more than 1, not 1.0"),
        ({"spreads": 0.0}, "`spreads` is how many spreads of days a count may be off, more than 0, not 0.0"),
    ],
)
def test_options_that_make_no_sense_are_told(options: dict[str, Any], sentence: str) -> None:
    told = [each for each in Volume(**options).problems() if each.startswith(sentence)]
    assert len(told) == 1


def test_it_is_about_what_came_in() -> None:
    detector = Volume()
    assert detector.incident_class is IncidentClass.INPUTS
    assert (detector.at, detector.reach, detector.name) == (Horizon(0), Span(56), "volume:volume:1d@0d")
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st")
    ]
