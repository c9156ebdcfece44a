"""What people do to incidents: taking one on stops reminders, resolving one settles what breaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from episodes import (
    CRITICAL,
    LABEL_HEALTH,
    PERFORMANCE,
    START,
    WARNING,
    ZONE,
    action,
    detection,
    missing_labels,
    run,
    story,
)
from hindsight.domain.records import Action, Detection, Incident
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import IncidentState, Resolution, Span
from hindsight.incidents import Change, History, corrections, fold, replay

ACKNOWLEDGED, RESOLVED = IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED
FIXED, EXPECTED, NO_ACTION, FALSE_POSITIVE = (
    Resolution.FIXED,
    Resolution.EXPECTED,
    Resolution.NO_ACTION,
    Resolution.FALSE_POSITIVE,
)


def after(detections: list[Detection], *actions: Action, **fields: object) -> History:
    return replay(detections, (), ZONE, actions=actions, **fields)  # type: ignore[arg-type]


def happened(history: History) -> list[tuple[int, str]]:
    return [((t.day - START).days, str(t.change)) for t in history.transitions]


def stood(history: History, day: int) -> Incident:
    """The performance incident as it stood at the end of a run day."""
    (found,) = (c.incident for c in history.as_of(run(day)) if c.incident.incident_class is PERFORMANCE)
    return found


# --- acknowledging --------------------------------------------------------------------------------


def test_one_that_somebody_has_taken_on_says_who_and_until_when() -> None:
    history = after(story("BBBB"), action(2, until=3, author="ann"))
    assert stood(history, 1).state is IncidentState.OPEN
    found = stood(history, 3)
    assert (found.state, found.acknowledged_by, found.acknowledged_until) == (ACKNOWLEDGED, "ann", run(3))
    assert found.is_open
    (_, taken) = history.transitions
    assert (taken.change, taken.day, taken.by, taken.until) == (Change.ACKNOWLEDGED, run(2), "ann", run(3))
    assert taken.reason == "ann has taken it on, until Mon 4 Mar 2013"


def test_what_nobody_has_taken_on_for_long_enough_holds_for_a_week() -> None:
    found = stood(after(story("BBBB"), action(1)), 3)
    assert found.acknowledged_until == run(7)
    shorter = IncidentRule(acknowledge=timedelta(days=2))
    assert stood(after(story("BBBB"), action(1), rule=shorter), 2).acknowledged_until == run(2)


def test_it_holds_before_the_day_is_judged() -> None:
    """Whoever acknowledges at noon sees so at noon, though the day is judged tomorrow."""
    history = after(story("BB"), action(2))
    assert history.incidents[0].state is ACKNOWLEDGED
    assert happened(history) == [(0, "opened"), (2, "acknowledged")]


def test_it_stops_reminders_until_it_expires() -> None:
    without = after(story("B" * 16, severity=CRITICAL))
    assert [day for day, what in happened(without) if what == "reminded"] == [1, 3, 7, 14]
    taken = after(story("B" * 16, severity=CRITICAL), action(2, until=9))
    assert [day for day, what in happened(taken) if what == "reminded"] == [1, 10, 14]
    assert stood(taken, 9).state is ACKNOWLEDGED
    assert (stood(taken, 10).state, stood(taken, 10).acknowledged_by) == (IncidentState.OPEN, None)


def test_an_escalation_ends_it() -> None:
    worse = [*story("B" * 9), *story("....BBBBB", detector="skill", severity=CRITICAL)]
    history = after(worse, action(2, until=8))
    assert stood(history, 3).state is ACKNOWLEDGED
    assert stood(history, 4).state is IncidentState.OPEN
    assert happened(history) == [
        (0, "opened"),
        (2, "acknowledged"),
        (4, "joined"),
        (4, "escalated"),
        (5, "reminded"),
        (7, "reminded"),
    ]


def test_a_member_that_joins_does_not_end_it() -> None:
    joined = [*story("BBBBB"), *story("...BB", segment="origin=JFK")]
    assert stood(after(joined, action(2)), 4).state is ACKNOWLEDGED


def test_it_ends_with_the_incident_and_does_not_hold_when_that_comes_back() -> None:
    history = after(story("BCCB"), action(1, until=9))
    assert (stood(history, 2).state, stood(history, 2).acknowledged_by) == (RESOLVED, "ann")
    assert (stood(history, 3).state, stood(history, 3).acknowledged_by) == (IncidentState.REOPENED, None)


def test_the_last_of_several_counts_and_the_same_twice_is_once() -> None:
    several = [action(1, until=5, author="ann"), action(1, until=6, author="bob")]
    history = after(story("BBB"), *several, action(2, until=6, author="bob"))
    assert stood(history, 2).acknowledged_by == "bob"
    assert [what for _, what in happened(history)] == ["opened", "acknowledged", "acknowledged"]
    assert len({t.name for t in history.transitions}) == 3


@pytest.mark.parametrize(
    "done",
    [
        action(0),
        action(4),
        action(1, incident_class=LABEL_HEALTH),
        action(2, until=1),
        replace(action(1), monitor="other"),
    ],
)
def test_what_was_not_open_cannot_be_taken_on(done: Action) -> None:
    detections = story("BCC.CC")
    assert after(detections, done) == after(detections)


def test_who_took_it_on_cannot_break_the_line() -> None:
    history = after(story("BB"), action(1, author="ann\r\n\u202ebob", reason="see\x00 " + "x" * 999))
    reason = history.transitions[-1].reason
    assert reason.startswith("ann bob has taken it on, until Fri 8 Mar 2013: see xxx")
    assert len(reason) < 350


# --- resolving by hand ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resolution, said",
    [
        (FIXED, "fixed"),
        (EXPECTED, "expected"),
        (NO_ACTION, "needing no action"),
        (FALSE_POSITIVE, "a false positive"),
    ],
)
def test_a_person_may_say_that_it_is_over(resolution: Resolution, said: str) -> None:
    history = after(story("BBBBB"), action(2, resolution=resolution, reason="a holiday"))
    assert happened(history) == [(0, "opened"), (2, "resolved")]
    found = stood(history, 4)
    assert (found.state, found.resolution, found.resolved_on) == (RESOLVED, resolution, run(2))
    ended = history.transitions[-1]
    assert ended.reason == f"ann resolved it as {said}: a holiday"
    assert (ended.by, ended.resolution) == ("ann", resolution)


def days_told(history: History) -> list[tuple[int, str]]:
    return [(day, what) for day, what in happened(history) if what in ("opened", "reopened", "resolved")]


def test_what_breached_then_may_go_on_for_four_weeks() -> None:
    history = after(story("B" * 40), action(2, resolution=EXPECTED))
    assert days_told(history) == [(0, "opened"), (2, "resolved"), (30, "opened")], "silence expires"


def test_or_for_as_long_as_the_person_said() -> None:
    history = after(story("B" * 20), action(2, resolution=EXPECTED, until=10))
    assert days_told(history) == [(0, "opened"), (2, "resolved"), (11, "opened")]


def test_once_it_was_clear_it_counts_again() -> None:
    for verdicts, told in (
        ("BBBBCCB", [(0, "opened"), (2, "resolved"), (6, "opened")]),
        ("BBBBCBB", [(0, "opened"), (2, "resolved")]),
        ("BBBBC?CB", [(0, "opened"), (2, "resolved"), (7, "opened")]),
        ("BBCCB", [(0, "opened"), (2, "resolved"), (4, "reopened")]),
    ):
        assert days_told(after(story(verdicts), action(2, resolution=NO_ACTION))) == told


def test_what_becomes_graver_than_it_ever_was_counts_at_once() -> None:
    worse = [*story("BBBB"), *story("BBBB", start=4, severity=CRITICAL)]
    history = after(worse, action(2, resolution=FALSE_POSITIVE))
    assert days_told(history) == [(0, "opened"), (2, "resolved"), (4, "reopened")]
    was_grave = [
        *story("BB", severity=CRITICAL),
        *story("BB", start=2),
        *story("BB", start=4, severity=CRITICAL),
    ]
    history = after(was_grave, action(2, resolution=FALSE_POSITIVE))
    assert days_told(history) == [(0, "opened"), (2, "resolved")]


def test_a_member_that_was_not_part_of_it_opens_it_again_alone() -> None:
    both = [*story("BBBBBB"), *story("...BBB", segment="origin=JFK")]
    history = after(both, action(2, resolution=EXPECTED))
    assert days_told(history) == [(0, "opened"), (2, "resolved"), (3, "reopened")]
    assert [member.segment for member in stood(history, 5).breaching] == ["origin=JFK"]


def test_a_member_that_had_recovered_is_not_settled() -> None:
    both = [*story("BBBBBB"), *story("BCC.BB", segment="origin=JFK")]
    history = after(both, action(3, resolution=EXPECTED))
    assert days_told(history) == [(0, "opened"), (3, "resolved"), (4, "reopened")]


def test_what_is_fixed_shows_in_windows_that_begin_after_the_fix() -> None:
    """Windows of 7 days, judged the day they end: that of run day 8 is the first with no day from before."""
    story_of = [detection(day, horizon=0, window=7) for day in range(12)]
    assert story_of[8].window_start.date() == run(2)
    fixed = after(story_of, action(2, resolution=FIXED))
    assert days_told(fixed) == [(0, "opened"), (2, "resolved"), (8, "opened")]
    expected = after(story_of, action(2, resolution=EXPECTED))
    assert days_told(expected) == [(0, "opened"), (2, "resolved")]


def test_a_fix_of_single_days_shows_the_next_day() -> None:
    days = [replace(detection(day, horizon=0, window=1), window=Span(1)) for day in range(5)]
    assert days_told(after(days, action(2, resolution=FIXED))) == [
        (0, "opened"),
        (2, "resolved"),
        (2, "reopened"),
    ]


def test_nothing_that_is_resolved_is_resolved_again() -> None:
    detections = story("BCCCC")
    assert after(detections, action(3, resolution=FIXED)) == after(detections)
    twice = after(story("BBBB"), action(2, resolution=FIXED), action(3, resolution=EXPECTED))
    assert days_told(twice) == [(0, "opened"), (2, "resolved")]


def test_it_is_as_severe_as_it_ever_was() -> None:
    history = after(story("BBB", severity=CRITICAL), action(2, resolution=EXPECTED))
    assert history.incidents[0].severity is CRITICAL
    assert history.transitions[-1].severity is CRITICAL


def test_only_the_class_that_was_meant_is_resolved() -> None:
    both = [*story("BBBB", severity=CRITICAL), missing_labels(0), missing_labels(1)]
    history = after(both, action(2, resolution=EXPECTED, incident_class=LABEL_HEALTH))
    assert {i.incident_class: i.state for i in history.incidents} == {
        LABEL_HEALTH: RESOLVED,
        PERFORMANCE: IncidentState.OPEN,
    }


def test_labels_that_somebody_has_settled_explain_nothing_any_more() -> None:
    both = [*story("BBBB"), *(missing_labels(day) for day in range(4))]
    history = after(both, action(2, resolution=EXPECTED, incident_class=LABEL_HEALTH))
    assert days_told(history) == [(0, "opened"), (2, "resolved"), (2, "opened")]


def test_what_was_settled_is_not_pending() -> None:
    history = after(story("BBBBB"), action(2, resolution=EXPECTED))
    assert [case.incident.state for case in history.cases] == [RESOLVED]


# --- ids and corrections ----------------------------------------------------------------------------


def test_one_that_somebody_acted_on_keeps_its_id_when_backfilled_days_move_its_first_day() -> None:
    (found,) = fold(story("BB", start=5), (), ZONE)
    done = action(7, incident=found.id)
    (moved,) = fold(story("BBB.BBB"), [found], ZONE, actions=[done])
    assert (moved.id, moved.told_on, moved.opened_on) == (found.id, None, run(0))
    assert moved.state is ACKNOWLEDGED
    (unknown,) = fold(story("BBB.BBB"), [found], ZONE, actions=[action(7)])
    assert unknown.id != found.id


def test_the_end_that_a_person_made_corrects_nothing() -> None:
    before = [replace(i, told_on=run(0)) for i in fold(story("BBB"), (), ZONE)]
    ended = fold(story("BBB"), before, ZONE, actions=[action(3, resolution=EXPECTED)])
    assert corrections(before, ended) == ()
    assert [i.severity for i in ended] == [WARNING]
