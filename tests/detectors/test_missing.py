"""What did not come: predictions, labels, versions, and days that nobody looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.log_worlds import counted, of_days
from detectors.points import day
from hindsight.detectors import Finding, Point, Series
from hindsight.detectors.missing import Missing, gaps_in
from hindsight.domain.values import Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.metrics import find

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
LABELS = Missing(metric="labels_learnt")


def found(numbers: Sequence[float], detector: Missing | None = None, **more: Any) -> Finding:
    """What is said of the last of these days."""
    detector = detector or Missing()
    return detector.examine(of_days(detector.metric, counted(numbers), **more))


def test_a_day_without_a_prediction_breaches_at_once() -> None:
    told = found([50] * 20 + [0])
    assert (told.verdict, told.severity) == (BREACH, Severity.CRITICAL)
    assert told.reason == (
        "there is no prediction in 1 day that usually has some: the last came on 2024-06-22."
    )
    assert told.details["since"] == "2024-06-23"
    assert found([50] * 21).verdict is CLEAR


def test_weekdays_on_which_nothing_comes_do_not_count() -> None:
    week = [50] * 5 + [0, 0]
    assert found(week * 4).verdict is CLEAR
    assert found([*week * 3, 0]).verdict is BREACH
    assert found([*week * 3, 50, 0]).verdict is BREACH


def test_what_is_usual_on_a_weekday_is_known_from_two_of_them() -> None:
    week = [50] * 5 + [0, 0]
    for end in range(1, 29):
        told = found((week * 4)[:end])
        assert told.verdict is CLEAR
        assert (told.severity is Severity.WATCH) == (end in (6, 7, 13, 14))
    assert "nobody knows yet whether some is usual then" in found([*week, *week[:6]]).reason
    # Once it had some, it is missed.
    assert found([*[50] * 7, *[50] * 5, 0]).verdict is BREACH
    assert found([*week, 0]).verdict is BREACH
    # What never came at all is missed after a week.
    assert [found([0] * many).verdict for many in (1, 7, 8)] == [CLEAR, CLEAR, BREACH]


@pytest.mark.parametrize(
    "usual, silent, verdict", [(3, 1, CLEAR), (3, 3, CLEAR), (3, 4, BREACH), (10, 1, BREACH)]
)
def test_sparse_traffic_may_stay_away_by_chance(usual: int, silent: int, verdict: Verdict) -> None:
    told = found([usual] * 21 + [0] * silent)
    assert told.verdict is verdict
    if verdict is CLEAR:
        assert told.severity is Severity.WATCH
        assert "which may be chance" in told.reason


def test_sparse_traffic_seldom_breaches() -> None:
    rng = np.random.default_rng(2)
    numbers = rng.poisson(2.0, 400)
    told = [found(numbers[end - 28 : end]).verdict is BREACH for end in range(28, 400)]
    assert sum(told) <= 1
    assert sum(numbers[28:] == 0) > 30


def test_a_long_silence_is_counted_by_what_was_usual_when_it_began() -> None:
    numbers = ([50] * 5 + [0, 0]) * 6 + [0] * 18
    points = counted(numbers)
    short = Missing().examine(of_days("volume", points[18:46]))
    assert short.reason == (
        "there is no prediction in 4 days that usually have some: the last came on 2024-07-12."
    )
    long = Missing().examine(of_days("volume", points[-28:]))
    assert (long.verdict, long.details["since"]) == (BREACH, "2024-07-13")
    assert long.reason.startswith("there is no prediction in 20 days: the last came on 2024-07-12")
    labels = [30] * 15 + [0] * 28
    verdicts = [found(labels[:end][-28:], LABELS).verdict for end in range(18, 44)]
    assert verdicts == [BREACH] * 25 + [INSUFFICIENT]


def test_a_week_of_silence_is_a_week_with_its_quiet_days() -> None:
    numbers = ([50] * 5 + [0, 0]) * 4 + [0] * 7
    weekly = Missing(window=Span(7))
    told = [found(numbers[:end][-28:], weekly).verdict for end in range(29, 36)]
    # The last prediction came on the Friday before; a week later five days that usually have some had none.
    assert told == [CLEAR] * 4 + [BREACH] * 3


def test_hours_of_the_week_are_local_ones() -> None:
    zone = ZoneInfo("Europe/Berlin")
    first = datetime(2024, 2, 26, tzinfo=zone).astimezone(UTC)
    hours = []
    for i in range(6 * 168):
        at = first + timedelta(hours=i)
        there = at.astimezone(zone)
        value = 200.0 if 8 <= there.hour < 18 and there.weekday() < 5 else 0.0
        hours.append(day(0, value, 1.0, start=at, end=at, n=int(value)))
    detector = Missing(window=Span(1, "h"), past=Span(28 * 24, "h"))
    for end in range(5 * 168, 6 * 168):
        seen = of_days("volume", hours[end - 671 : end + 1], zone=zone)
        assert detector.examine(seen).verdict is CLEAR


def test_a_feed_of_labels_may_pause_for_a_day() -> None:
    verdicts = [found([30] * 20 + [0] * silent, LABELS) for silent in (0, 1, 2, 3)]
    assert [each.verdict for each in verdicts] == [CLEAR, CLEAR, BREACH, BREACH]
    assert [each.severity for each in verdicts] == [None, Severity.WATCH, Severity.WARNING, Severity.WARNING]
    assert "there is no label in 2 days that usually have some" in verdicts[2].reason
    assert found([30] * 20 + [0] * 3, replace(LABELS, silence=Span(4))).verdict is CLEAR


def test_weekly_labels_are_missed_when_their_day_brings_none() -> None:
    weekly = [0, 0, 400, 0, 0, 0, 0]
    assert found(weekly * 4, LABELS).verdict is CLEAR
    assert found([*weekly * 3, 0, 0, 0], LABELS).verdict is CLEAR
    assert found([*weekly * 2, *[0] * 10], LABELS).verdict is BREACH


def test_labels_that_never_came_are_not_yet_missing_and_predictions_are() -> None:
    told = found([0] * 10, LABELS)
    assert told.verdict is INSUFFICIENT
    assert told.reason == "there was no label in the 28d up to the window."
    told = found([0] * 10)
    assert told.verdict is BREACH
    assert told.reason.endswith("nor in the 28d before.")


def test_no_label_at_an_age_is_a_coverage_of_nothing() -> None:
    detector = Missing(metric="coverage", at=Horizon(7))
    days = tuple(day(i, 0.9 if i < 20 else 0.0, 0.01) for i in range(22))
    told = detector.examine(of_days("coverage", days))
    assert told.verdict is BREACH
    assert "there is no labelled prediction in 2 days" in told.reason
    assert detector.incident_class is IncidentClass.LABEL_HEALTH


def holed(lacking: set[int], count: int = 20) -> tuple[Point, ...]:
    return tuple(each for i, each in enumerate(counted([50] * count)) if i not in lacking)


def test_days_that_were_not_looked_at_are_told_by_the_first_run_after_them() -> None:
    days = holed({15, 16, 17, 18})
    told = Missing().examine(of_days("volume", days))
    assert (told.verdict, told.severity) == (BREACH, Severity.WARNING)
    assert told.reason == (
        "4 days were not looked at, of the 28d up to the window: 2024-06-18, 2024-06-19, 2024-06-20, "
        "2024-06-21.  Run them, or nobody knows how the model did then."
    )
    assert told.details["not_looked_at"][0] == "2024-06-18"
    assert Missing().examine(of_days("volume", holed(set()))).verdict is CLEAR
    single = Missing().examine(of_days("volume", holed({7})))
    assert single.reason.startswith("1 day was not looked at")
    many = Missing().examine(of_days("volume", holed(set(range(3, 12)))))
    assert "and 4 more" in many.reason


def test_what_was_before_the_first_day_is_no_gap() -> None:
    assert Missing().examine(of_days("volume", counted([50] * 3))).verdict is CLEAR
    assert gaps_in(()) == []


def test_no_prediction_is_told_before_a_gap_is() -> None:
    days = holed({10})
    latest = replace(days[-1], value=0.0, n=0)
    told = Missing().examine(Series(find("volume"), latest, (*days[:-1], latest)))
    assert "there is no prediction" in told.reason
    assert told.details["not_looked_at"] == ["2024-06-13"]


def versions(**numbers: Sequence[float]) -> dict[str, Series]:
    made = {}
    for name, values in numbers.items():
        days = tuple(each for each in counted(values) if each.n)
        absent = replace(counted(values)[-1], value=None, n=0)
        made[name] = Series(find("volume"), days[-1] if values[-1] else absent, days)
    return made


def test_a_version_that_fell_silent_is_named_or_a_breach_if_asked() -> None:
    of = versions(v1=[40] * 15 + [0] * 5, v2=[10] * 15 + [50] * 5)
    told = found([50] * 20, versions=of)
    assert (told.verdict, told.severity) == (CLEAR, None)
    assert told.reason == (
        "no prediction of v1 any more, while other versions have some; it may have been retired."
    )
    assert told.details["silent_versions"] == {"v1": "2024-06-17"}
    told = found([50] * 20, Missing(versions=True), versions=of)
    assert (told.verdict, told.severity) == (BREACH, Severity.WARNING)
    weekly = versions(v1=[40] * 27, v2=[0 if i % 7 > 4 else 10 for i in range(27)])
    assert found([50] * 27, Missing(versions=True), versions=weekly).verdict is CLEAR
    retired = versions(v1=[40] * 12 + [0] * 8, v2=[10] * 20)
    assert found([50] * 20, Missing(versions=True), versions=retired).verdict is CLEAR
    both = versions(v1=[40] * 20, v2=[10] * 20)
    assert "silent_versions" not in found([50] * 20, versions=both).details


def test_hours_are_counted_in_hours() -> None:
    first = datetime(2024, 6, 3, tzinfo=UTC)
    hours = tuple(
        day(0, 5.0 if i < 480 else 0.0, 1.0, start=at, end=at, n=5)
        for i in range(510)
        for at in (first + timedelta(hours=i),)
    )
    detector = Missing(window=Span(24, "h"), past=Span(28 * 24, "h"))
    assert detector.allowed == Span(24, "h")
    assert detector.examine(of_days("volume", hours[:490])).verdict is CLEAR
    told = detector.examine(of_days("volume", hours))
    assert told.verdict is BREACH
    assert "in 30 hours" in told.reason
    assert "2024-06-22 23:00 UTC" in told.reason
    labels = Missing(metric="labels_learnt", window=Span(24, "h"), past=Span(28 * 24, "h"))
    assert labels.allowed == Span(48, "h")
    gap = (*hours[:100], *hours[103:470])
    told = detector.examine(of_days("volume", gap))
    assert told.reason.startswith("3 hours were not looked at")


def test_nothing_known_is_insufficient() -> None:
    absent = replace(day(3, None), n=0)
    told = Missing().examine(Series(find("volume"), absent, ()))
    assert told.verdict is INSUFFICIENT
    assert told.reason == "no day of the 28d up to the window was looked at."


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"metric": "recall"},
            "what is missing is told by volume, labels_learnt, coverage, not by 'recall'",
        ),
        (
            {"window": Span(7), "silence": Span(3)},
            "`silence` must be as long as the window of 7d or longer, not 3d",
        ),
        ({"past": Span(1)}, "`past` must be at least twice as long as a silence of 1d, not 1d"),
        (
            {"metric": "labels_learnt", "versions": True},
            "labels are learnt for all versions together, so `versions` does not go with labels_learnt",
        ),
    ],
)
def test_options_that_make_no_sense_are_told(options: dict[str, Any], sentence: str) -> None:
    assert list(Missing(**options).problems()) == [sentence]


def test_what_is_missing_says_whose_trouble_it_is() -> None:
    assert Missing().incident_class is IncidentClass.PIPELINE
    assert LABELS.incident_class is IncidentClass.LABEL_HEALTH
    assert (
        Missing(metric="coverage", at=Horizon(7)).sentence == "some labelled prediction within every 2d at 7d"
    )
