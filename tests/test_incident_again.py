"""What gets better and worse again, and what happens after somebody acted: a critical is never swallowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from episodes import (
    BREACH,
    CRITICAL,
    START,
    WARNING,
    ZONE,
    action,
    detection,
    missing_labels,
    run,
    story,
)
from hindsight.domain.records import Action, Detection
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import IncidentState, Resolution, Severity
from hindsight.incidents import Change, History, replay
from hindsight.windows import midnight

JFK = {"segment": "origin=JFK"}


def after(detections: list[Detection], *actions: Action, **fields: object) -> History:
    return replay(detections, (), ZONE, actions=actions, **fields)  # type: ignore[arg-type]


def happened(history: History, *changes: Change) -> list[tuple[int, str]]:
    """What happened, and on which run day; of all changes if none are named."""
    return [
        ((t.day - START).days, str(t.change))
        for t in history.transitions
        if not changes or t.change in changes
    ]


# --- graver again -------------------------------------------------------------------------------------


def test_what_came_back_as_a_warning_and_becomes_critical_escalates_and_ends_what_was_taken_on() -> None:
    first = story("BCC", severity=CRITICAL)
    again = [*story("BB", start=4), *story("BBB", start=6, severity=CRITICAL)]
    history = after([*first, *again], action(5, until=30))
    assert happened(history) == [
        (0, "opened"),
        (2, "resolved"),
        (4, "reopened"),
        (5, "acknowledged"),
        (6, "escalated"),
        (7, "reminded"),
    ]
    assert history.as_of(run(5))[0].incident.severity is WARNING
    assert history.incidents[0].state is IncidentState.REOPENED


def test_a_member_that_recovered_and_is_critical_again_ends_what_was_taken_on_as_a_warning() -> None:
    lasting = story("B" * 12, **JFK)
    grave = [*story("BCC", severity=CRITICAL), *story("BB", start=8, severity=CRITICAL)]
    history = after([*lasting, *grave], action(5, until=30))
    assert (8, "escalated") in happened(history)
    assert history.as_of(run(7))[0].incident.state is IncidentState.ACKNOWLEDGED
    assert history.as_of(run(8))[0].incident.state is IncidentState.OPEN
    ended = "open for 11 days and the acknowledgement of ann ended on Sat 9 Mar 2013: "
    assert history.transitions[-1].reason.startswith(ended)


def test_what_was_taken_on_while_it_was_critical_holds_when_it_is_so_again_and_people_hear_of_it() -> None:
    lasting = story("B" * 12, **JFK)
    grave = [*story("BCC", severity=CRITICAL), *story("BB", start=8, severity=CRITICAL)]
    history = after([*lasting, *grave], action(1, until=30))
    assert happened(history) == [(0, "opened"), (1, "acknowledged"), (8, "escalated")]
    assert history.incidents[0].state is IncidentState.ACKNOWLEDGED


def test_each_time_that_it_is_as_grave_again_recovery_takes_longer() -> None:
    grave = story("BCC" * 3 + "BCCCB", detector="skill", metric="brier_skill", severity=CRITICAL)
    history = after([*story("B" * 14), *grave])
    assert happened(history, Change.ESCALATED) == [(3, "escalated")], "two clear days are not enough any more"


# --- acts while the day is not over, or was judged and not told -------------------------------------------


def at_hour(hour: int, severity: Severity = WARNING, **fields: object) -> Detection:
    """A breach of the day that ends so many hours after run day 0 began."""
    made = detection(0, BREACH, severity=severity, **fields)  # type: ignore[arg-type]
    moment = midnight(run(0), ZONE) + timedelta(hours=hour)
    return replace(
        made,
        as_of=moment,
        window_end=moment - timedelta(days=7),
        window_start=moment - timedelta(days=8),
    )


def following(act: Action, hour: int) -> Action:
    """What a person did on run day 0, when so many of its hours had been judged."""
    moment = midnight(run(0), ZONE) + timedelta(hours=hour)
    return replace(act, follows=moment, at=moment + timedelta(minutes=9), id=f"{act.id}_{hour}")


RISING = [at_hour(hour, WARNING if hour < 12 else CRITICAL) for hour in range(8, 40)]


def test_an_hour_that_is_critical_ends_what_was_taken_on_as_a_warning_hours_before() -> None:
    act = following(action(0, until=7), 10)
    early = after([d for d in RISING if d.as_of <= act.follows], act)  # type: ignore[operator]
    assert happened(early) == [(0, "opened"), (0, "acknowledged")]
    assert early.incidents[0].state is IncidentState.ACKNOWLEDGED
    noon = after([d for d in RISING if d.as_of <= midnight(run(0), ZONE) + timedelta(hours=12)], act)
    assert happened(noon) == [(0, "opened"), (0, "acknowledged"), (0, "escalated")]
    assert [t.severity for t in noon.transitions] == [WARNING, WARNING, CRITICAL]
    assert noon.transitions[:2] == early.transitions
    assert noon.incidents[0].state is IncidentState.OPEN


def test_an_hour_that_is_critical_comes_back_after_the_warning_was_resolved_hours_before() -> None:
    act = following(action(0, resolution=Resolution.EXPECTED, until=20), 10)
    history = after(RISING, act)
    assert happened(history)[:3] == [(0, "opened"), (0, "resolved"), (0, "reopened")]
    assert history.transitions[2].severity is CRITICAL
    calm = after([d for d in RISING if d.severity is WARNING], act)
    assert happened(calm) == [(0, "opened"), (0, "resolved")]


def test_a_fix_is_no_fix_if_an_hour_after_it_breaches_by_itself() -> None:
    hours = [
        replace(at_hour(hour), window_start=at_hour(hour).as_of - timedelta(hours=1)) for hour in (8, 10, 11)
    ]
    act = following(action(0, resolution=Resolution.FIXED), 10)
    assert happened(after(hours[:2], act)) == [(0, "opened"), (0, "resolved")]
    assert happened(after(hours, act)) == [(0, "opened"), (0, "resolved"), (0, "reopened")]


def test_the_hours_before_and_after_an_act_are_one_day_of_breaches() -> None:
    """What takes two breaching days is not confirmed by the two halves of one."""
    rule = IncidentRule(confirm=2)
    first = [at_hour(hour, **JFK) for hour in (8, 20, 24)]  # type: ignore[arg-type]
    known = [at_hour(hour, CRITICAL) for hour in (8, 10, 20, 24)]
    history = after([*known, *first], following(action(0, until=5), 10), rule=rule)
    assert [m.segment for m in history.incidents[0].members] == ["ALL"]


def test_acts_of_one_day_have_names_of_their_own() -> None:
    acts = [
        following(action(0, resolution=Resolution.EXPECTED), 10),
        following(action(0, resolution=Resolution.EXPECTED), 14),
    ]
    history = after(RISING, *acts)
    assert happened(history) == [(0, "opened"), (0, "resolved"), (0, "reopened"), (0, "resolved")]
    assert len({t.name for t in history.transitions}) == 4
    assert history.transitions[-1].name == "resolved 2013-03-01 #2"


def test_an_act_does_not_cover_a_day_that_was_judged_when_it_knew_only_the_day_before() -> None:
    days = [*story("BB"), *story("BBB", start=2, severity=CRITICAL)]
    told = midnight(run(2), ZONE)
    taken = replace(action(2, until=9), follows=told)
    assert (2, "escalated") in happened(after(days, taken))
    ended = replace(action(2, resolution=Resolution.EXPECTED), follows=told)
    assert happened(after(days, ended))[:3] == [(0, "opened"), (2, "resolved"), (2, "reopened")]


# --- reminders ----------------------------------------------------------------------------------------------


def test_nobody_is_reminded_on_a_day_on_which_all_is_clear() -> None:
    assert happened(after(story("BCC", severity=CRITICAL))) == [(0, "opened"), (2, "resolved")]
    assert happened(after(story("BCBB", severity=CRITICAL))) == [(0, "opened"), (2, "reminded")]


def test_a_reminder_after_an_acknowledgement_says_whose_has_ended() -> None:
    history = after(story("B" * 10), action(1, until=7))
    (reminded,) = (t for t in history.transitions if t.change is Change.REMINDED)
    assert reminded.day == run(8)
    said = "open for 8 days and the acknowledgement of ann ended on Fri 8 Mar 2013: recall of v1 is 0.412"
    assert reminded.reason.startswith(said)


def test_a_new_member_puts_the_next_reminder_off_and_does_not_begin_anew() -> None:
    joined = [*story("B" * 12, severity=CRITICAL), *story(".....BBBBBBB", **JFK)]
    assert happened(after(joined), Change.JOINED, Change.REMINDED) == [
        (1, "reminded"),
        (3, "reminded"),
        (5, "joined"),
        (9, "reminded"),
    ]


# --- what is said of an end ---------------------------------------------------------------------------------


def test_who_vanished_while_it_breached_was_not_clear() -> None:
    both = [*story("BBB"), *story("BBBBBBBBBBBCC", version="v2")]
    ended = after(both).transitions[-1]
    assert (ended.change, ended.resolution) == (Change.RESOLVED, Resolution.RECOVERED)
    assert ended.reason == (
        "every member that is still judged was clear 2 times in a row; v1 is no longer in the log; "
        "the last breach was on Mon 11 Mar 2013"
    )
    back = after([*story("BBB"), *story("BCC", start=11), *story("BBBBBBBBBBBBCC", version="v2")])
    assert back.transitions[-1].reason.startswith("every member was clear 2 times in a row; the last")


# --- settled ------------------------------------------------------------------------------------------------


def test_a_warning_that_was_critical_by_its_kind_counts_when_it_becomes_so_by_itself() -> None:
    two = [*story("BBBB"), *story("BBBB", detector="auc threshold", metric="roc_auc")]
    worse = story("BB", start=4, severity=CRITICAL)
    history = after([*two, *worse], action(4, resolution=Resolution.NO_ACTION))
    assert happened(history)[-3:] == [(4, "resolved"), (4, "reopened"), (5, "reminded")]


def test_what_was_settled_and_is_never_judged_again_needs_no_past() -> None:
    both = [*story("BBB"), *story("C" * 40, version="v2")]
    settled = after(both, action(3, resolution=Resolution.EXPECTED, until=200))
    assert max(settled.needed(run(39)).values()) == run(39)
    assert settled.needed(run(39)) == after(both).needed(run(39))
    expired = after(story("BBB" + "?" * 40), action(3, resolution=Resolution.EXPECTED, until=9))
    assert min(expired.needed(run(39)).values()) == run(39)


def test_what_comes_back_beside_the_settled_is_as_grave_as_itself() -> None:
    both = [*story("BBBBBB", severity=CRITICAL), *story("...BBB", **JFK)]
    history = after(both, action(2, resolution=Resolution.EXPECTED))
    assert happened(history)[-1] == (3, "reopened")
    assert history.transitions[-1].severity is WARNING


def test_what_was_settled_is_confirmed_anew() -> None:
    history = after(story("BBCCBB"), action(2, resolution=Resolution.EXPECTED), rule=IncidentRule(confirm=2))
    assert happened(history) == [(1, "opened"), (2, "resolved"), (5, "reopened")]


def test_the_settled_recover_by_clear_judgements_in_a_row() -> None:
    history = after(story("BBCBCBCB"), action(2, resolution=Resolution.EXPECTED))
    assert happened(history) == [(0, "opened"), (2, "resolved")]


# --- why it is pending --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "detections, confirm, because",
    [
        (story("B"), 2, "not confirmed yet: 1 of the 2 breaches among three judgements that it takes"),
        (
            [missing_labels(0), missing_labels(1), *story(".B")],
            1,
            "held back while the label health incident of Fri 1 Mar 2013 is open, which may explain it",
        ),
    ],
)
def test_a_pending_case_says_why(detections: list[Detection], confirm: int, because: str) -> None:
    history = after(detections, rule=IncidentRule(confirm=confirm))
    (pending,) = (c for c in history.cases if c.incident.state is IncidentState.PENDING)
    assert pending.because == because
    assert pending.incident.headline.endswith(f"; {because}")
