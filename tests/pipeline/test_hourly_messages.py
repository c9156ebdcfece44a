"""What an hourly monitor tells in the course of a day: each thing once, in the hour that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from episodes import detection
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Delivery, Detection, Notification
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Grain, Horizon, IncidentClass, Notify, Severity, Span, Verdict
from hindsight.pipeline.notify import notify
from hindsight.windows import DayRange
from worlds import Bench, monitor

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2013, 7, 1, 4, tzinfo=UTC)
"""Of New York: the first of the hours here."""

Story = Callable[[int], list[Detection]]


def judged(
    hour: int,
    bad: bool,
    name: str = "recall",
    of: IncidentClass = IncidentClass.PERFORMANCE,
    severity: Severity = Severity.WARNING,
    begin: datetime = MIDNIGHT,
    horizon: Horizon = NO_LABELS,
) -> Detection:
    """The verdict on the hour with this number."""
    start = begin + hour * HOUR
    end = start + HOUR
    plain = detection(0, Verdict.BREACH if bad else Verdict.CLEAR, detector=name, monitor="odd")
    return replace(
        plain,
        window=Span(1, "h"),
        window_start=start,
        window_end=end,
        as_of=end + horizon.count * HOUR,
        horizon=horizon,
        incident_class=of,
        severity=severity,
    )


def hourly(zone: str = "America/New_York") -> MonitorSpec:
    detectors = tuple(
        Threshold(metric="recall", min=0.1, window=Span(1, "h"), at=NO_LABELS, name=name)
        for name in ("recall", "labels", "grave")
    )
    return replace(monitor(), monitor="odd", grain=Grain.HOUR, timezone=zone, detectors=detectors, notify=())


def live(bench: Bench, spec: MonitorSpec, hours: range, story: Story, begin: datetime = MIDNIGHT) -> None:
    """Runs of these hours, one by one."""
    for hour in hours:
        with bench.store.transaction(spec.monitor) as connection:
            rows = story(hour)
            partitions = [(d.detector, d.window_start, d.horizon) for d in rows]
            bench.store.replace_detections(connection, spec.monitor, partitions, rows)
        unit = begin + hour * HOUR
        notify(spec, DayRange(unit, unit), bench.runtime(), Notify.LIVE)


def sent(bench: Bench) -> list[Notification]:
    with bench.store.transaction() as connection:
        found = bench.store.notifications(connection, "odd")
    return [row for row in found if row.state is not Delivery.SUPPRESSED]


def reasons(bench: Bench) -> list[tuple[date, str, str]]:
    return [(row.day, row.kind, row.reason) for row in sent(bench)]


FIRST = date(2013, 7, 1)


def test_what_opens_later_the_same_day_is_told_in_its_hour(bench: Bench) -> None:
    def story(hour: int) -> list[Detection]:
        return [judged(hour, hour >= 3), judged(hour, hour >= 6, "labels", IncidentClass.LABEL_HEALTH)]

    live(bench, hourly(), range(9), story)
    assert reasons(bench) == [
        (FIRST, "daily@07:00Z", "1 incident opened"),
        (FIRST, "daily@10:00Z", "1 incident opened"),
    ]


def test_what_joins_an_incident_later_the_same_day_is_told_as_that(bench: Bench) -> None:
    def story(hour: int) -> list[Detection]:
        return [judged(hour, hour >= 3), judged(hour, hour >= 6, "grave")]

    live(bench, hourly(), range(9), story)
    assert [reason for _, _, reason in reasons(bench)] == ["1 incident opened", "1 incident grew"]


def test_an_escalation_later_the_same_day_is_told(bench: Bench) -> None:
    def story(hour: int) -> list[Detection]:
        return [judged(hour, hour >= 3), judged(hour, hour >= 6, "grave", severity=Severity.CRITICAL)]

    live(bench, hourly(), range(9), story)
    assert [kind for _, kind, _ in reasons(bench)] == ["daily@07:00Z", "daily@10:00Z"]
    assert [row.severity for row in sent(bench)] == [Severity.WARNING, Severity.CRITICAL]


def test_hours_that_go_on_as_before_tell_nothing_and_a_run_again_neither(bench: Bench) -> None:
    def story(hour: int) -> list[Detection]:
        return [judged(hour, hour >= 3)]

    live(bench, hourly(), range(30), story)
    live(bench, hourly(), range(25, 30), story)
    assert reasons(bench) == [(FIRST, "daily@07:00Z", "1 incident opened")]


@pytest.mark.parametrize(
    "zone, begin", [("America/New_York", MIDNIGHT), ("Asia/Kolkata", datetime(2013, 6, 30, 19, tzinfo=UTC))]
)
def test_the_end_of_an_incident_is_told_once_and_as_an_end(bench: Bench, zone: str, begin: datetime) -> None:
    def story(hour: int) -> list[Detection]:
        return [judged(hour, 3 <= hour < 6, begin=begin)]

    live(bench, hourly(zone), range(24 * 4), story, begin)
    assert [reason for _, _, reason in reasons(bench)] == ["1 incident opened", "1 incident resolved"]


def test_a_later_age_that_clears_what_a_message_named_gives_a_note_and_other_hours_do_not(
    bench: Bench,
) -> None:
    later = Horizon(6, "h")

    def story(hour: int) -> list[Detection]:
        rows = [judged(hour, 3 <= hour < 12)]
        return rows + ([judged(hour - 6, False, horizon=later)] if hour >= 6 else [])

    live(bench, hourly(), range(14), story)
    told = reasons(bench)
    assert [(kind, reason) for _, kind, reason in told] == [
        ("daily@07:00Z", "1 incident opened"),
        ("revised@13:00Z", "later labels change 1 verdict that people were told"),
    ]
