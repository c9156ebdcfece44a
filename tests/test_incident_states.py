"""Pending, recovering, reopened, gone, reminded: each rule of an incident's life, by a table or a story."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    LABEL_HEALTH,
    PERFORMANCE,
    START,
    WARNING,
    ZONE,
    detection,
    incident,
    missing_labels,
    run,
    story,
)
from hindsight.domain.records import Detection, Incident, Member
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import IncidentClass, IncidentState, Resolution, Severity, Span
from hindsight.incidents import Change, History, corrections, fold, replay
from hindsight.wording import calendar

PENDING, OPEN, RECOVERING, REOPENED, RESOLVED = (
    IncidentState.PENDING,
    IncidentState.OPEN,
    IncidentState.RECOVERING,
    IncidentState.REOPENED,
    IncidentState.RESOLVED,
)
NEVER = timedelta(days=400)
QUIET = IncidentRule(remind=NEVER, remind_critical=NEVER)
"""The usual rule, without reminders."""


def happened(history: History) -> list[tuple[int, str]]:
    """What happened, by number of the run day."""
    return [((t.day - START).days, str(t.change)) for t in history.transitions]


def states(history: History, days: int, incident_class: IncidentClass = PERFORMANCE) -> str:
    """A letter a day for how the class stood: pending, open, recovering, back again, resolved; or nothing."""
    letters = {PENDING: "p", OPEN: "o", RECOVERING: "r", REOPENED: "b", RESOLVED: "."}
    found = ""
    for day in range(days):
        cases = [c.incident for c in history.as_of(run(day)) if c.incident.incident_class is incident_class]
        lasting = [i for i in cases if i.resolved_on is None] or cases[-1:]
        found += letters[lasting[0].state] if lasting else "-"
    return found


# --- recovering and coming back -------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdicts, stood",
    [
        ("CBCC", "-or."),
        ("BBCBCC", "ooror."),
        ("B?C?C", "oorr."),
        ("BCCB", "or.b"),
        ("BCCBCCCC", "or.brrr."),
        ("BCC..BCCCC", "or...brrr."),
        ("BCC...BCC", "or....or."),
        ("BCCBCCCCBCCCCCC", "or.brrr.brrrrr."),
        ("BCCBCCCCBCCCCCCBCCCCCCCCBCCCCCCCC", "or.brrr.brrrrr.brrrrrrr.brrrrrrr."),
    ],
)
def test_an_incident_recovers_and_comes_back(verdicts: str, stood: str) -> None:
    assert states(replay(story(verdicts), (), ZONE), len(verdicts)) == stood


def test_it_recovers_only_when_every_member_that_breaches_had_a_clear_judgement() -> None:
    history = replay([*story("BCCCC"), *story("BBCCC", segment="origin=JFK")], (), ZONE)
    assert states(history, 5) == "oor.."


def test_one_that_comes_back_is_the_same_and_counts_how_often() -> None:
    history = replay(story("BCCBCCCCB"), (), ZONE)
    (found,) = history.incidents
    assert happened(history) == [
        (0, "opened"),
        (2, "resolved"),
        (3, "reopened"),
        (7, "resolved"),
        (8, "reopened"),
    ]
    assert (found.reopened, found.resolved_on, found.resolution, found.opened_on) == (2, None, None, run(0))
    assert {t.incident_id for t in history.transitions} == {found.id}
    (then,) = (case.incident for case in history.as_of(run(2)))
    assert (then.state, then.resolution, then.reopened) == (RESOLVED, Resolution.RECOVERED, 0)


def test_another_member_brings_it_back_as_well() -> None:
    history = replay([*story("BCC"), *story("...B", segment="origin=JFK")], (), ZONE)
    assert happened(history) == [(0, "opened"), (2, "resolved"), (3, "reopened")]
    assert len(history.incidents[0].members) == 2
    assert [m.segment for m in history.transitions[-1].members] == ["origin=JFK"]


def test_whatever_it_was_before_one_that_comes_back_is_as_severe_as_what_breaches_now() -> None:
    worse = [*story("BCC"), *story("...B", severity=CRITICAL)]
    better = [*story("BCC", severity=CRITICAL), *story("...B")]
    for detections, severity in ((worse, CRITICAL), (better, WARNING)):
        history = replay(detections, (), ZONE, rule=QUIET)
        assert (history.transitions[-1].change, history.transitions[-1].severity) == (
            Change.REOPENED,
            severity,
        )
        assert history.incidents[0].severity is severity


@pytest.mark.parametrize("days, changes", [(0, ["opened"] * 2), (1, ["opened", "reopened"])])
def test_the_file_says_within_how_many_days_it_comes_back(days: int, changes: list[str]) -> None:
    history = replay(story("BCCB"), (), ZONE, rule=replace(QUIET, reopen=timedelta(days=days)))
    assert [name for _, name in happened(history) if name != "resolved"] == changes


@pytest.mark.parametrize("recovery, ends", [(1, 1), (2, 2), (5, 5)])
def test_the_file_says_how_many_clear_judgements_are_a_recovery(recovery: int, ends: int) -> None:
    (found,) = fold(story("BCCCCCC"), (), ZONE, rule=IncidentRule(recovery=recovery))
    assert found.resolved_on == run(ends)


def test_an_end_says_how_long_it_was_calm() -> None:
    ends = [t.reason for t in replay(story("BCCBCCCC"), (), ZONE).transitions if t.change is Change.RESOLVED]
    assert ends == [
        "every member was clear 2 times in a row; the last breach was on Fri 1 Mar 2013",
        "every member was clear 4 times in a row; the last breach was on Mon 4 Mar 2013",
    ]
    (_, once) = replay(story("BC"), (), ZONE, rule=IncidentRule(recovery=1)).transitions
    assert once.reason == "every member was clear; the last breach was on Fri 1 Mar 2013"


# --- pending: not confirmed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "confirm, verdicts, stood",
    [
        (2, "B", "p"),
        (2, "BC", "p-"),
        (2, "BB", "po"),
        (2, "BCB", "p-o"),
        (2, "BCCB", "p--p"),
        (2, "B?B", "ppo"),
        (2, "B..B", "pppo"),
        (3, "BBB", "ppo"),
        (3, "BBCBB", "pp-pp"),
        (3, "BBCBBB", "pp-ppo"),
    ],
)
def test_a_warning_waits_until_it_is_confirmed(confirm: int, verdicts: str, stood: str) -> None:
    history = replay(story(verdicts), (), ZONE, rule=IncidentRule(confirm=confirm))
    assert states(history, len(verdicts)) == stood
    assert [change for _, change in happened(history)] == ["opened"] * ("o" in stood)


def test_a_critical_breach_waits_for_nothing() -> None:
    history = replay(story("B", severity=CRITICAL), (), ZONE, rule=IncidentRule(confirm=3))
    assert happened(history) == [(0, "opened")]


def test_two_members_do_not_confirm_each_other() -> None:
    both = [*story("B"), *story(".B", segment="origin=JFK")]
    assert states(replay(both, (), ZONE, rule=IncidentRule(confirm=2)), 2) == "pp"


def test_what_is_pending_is_seen_and_leaves_no_trace() -> None:
    rule = IncidentRule(confirm=2)
    history = replay(story(".BCC"), (), ZONE, rule=rule)
    (case,) = history.as_of(run(1))
    found = case.incident
    assert (found.state, found.resolution, found.resolved_on, found.is_open) == (PENDING, None, None, False)
    assert (found.opened_on, found.last_breach_on, found.since) == (run(1), run(1), run(-6))
    assert found.members == found.breaching == (Member("recall threshold", "v1", "ALL"),)
    assert found.headline.startswith("recall of v1 is 0.412, below 0.531")
    assert history.as_of(run(2)) == history.cases == ()
    assert (history.transitions, history.states) == ((), ())
    canonical = b'["flight_delay","performance","2013-03-02","pending"]'
    assert found.id == "inc_" + sha256(canonical).hexdigest()[:16]


def test_one_that_opens_says_since_when_it_was_pending() -> None:
    (found,) = fold(story("BB"), (), ZONE, rule=IncidentRule(confirm=2))
    assert (found.opened_on, found.since) == (run(1), run(-7))
    assert found.id == fold(story("B", start=1), (), ZONE)[0].id, "named by the day on which it opened"


def test_while_one_is_open_what_is_not_confirmed_neither_joins_nor_is_pending() -> None:
    both = [*story("BBBB"), *story("..BCBB", segment="origin=JFK")]
    history = replay(both, (), ZONE, rule=replace(QUIET, confirm=2))
    assert happened(history) == [(1, "opened"), (4, "joined")]
    assert states(history, 5) == "poooo"


def test_a_member_that_still_breaches_needs_no_second_confirmation() -> None:
    history = replay(story("BBCBCB"), (), ZONE, rule=replace(QUIET, confirm=2))
    assert states(history, 6) == "pororo"


# --- pending: explained by something else -----------------------------------------------------------


def labels(verdicts: str, **fields: object) -> list[Detection]:
    return story(
        verdicts, detector="coverage", metric="coverage", incident_class=LABEL_HEALTH, lower=0.8, **fields
    )


@pytest.mark.parametrize(
    "health, performance, severity, stood",
    [
        ("BBBB", "BBBB", WARNING, "pppp"),
        ("BBBB", "BBCC", WARNING, "pp--"),
        ("BBBB", "BBBB", CRITICAL, "oooo"),
        ("BCC.", "BBBB", WARNING, "ppoo"),
        ("BCCC", "BBCC", WARNING, "pp--"),
        (".BBB", "BBBB", WARNING, "oooo"),
        ("B???", "B???", WARNING, "pppp"),
        ("BCC.", "BB?B", WARNING, "pppo"),
    ],
)
def test_missing_labels_explain_new_performance_warnings(health, performance, severity, stood) -> None:
    history = replay([*labels(health), *story(performance, severity=severity)], (), ZONE)
    assert states(history, 4) == stood


def test_a_failing_pipeline_explains_them_as_well_and_bad_inputs_do_not() -> None:
    for kind, stood in ((IncidentClass.PIPELINE, "p"), (IncidentClass.DATA_QUALITY, "o")):
        other = story("B", detector="other", metric="volume", incident_class=kind)
        assert states(replay([*story("B"), *other], (), ZONE), 1) == stood


def test_something_critical_opens_an_incident_of_all_that_breaches() -> None:
    grave = story(".B", detector="skill", metric="brier_skill", severity=CRITICAL)
    history = replay([*labels("BBB"), *story("BB"), *grave], (), ZONE, rule=QUIET)
    (opened,) = (t for t in history.transitions if t.incident_class is PERFORMANCE)
    assert (opened.day, opened.change, len(opened.members)) == (run(1), Change.OPENED, 2)


def test_what_was_explained_opens_when_the_explanation_is_over_and_says_since_when_it_is_so() -> None:
    history = replay([*labels("BBCC"), *story("BBBBB")], (), ZONE)
    (found,) = (i for i in history.incidents if i.incident_class is PERFORMANCE)
    assert (found.opened_on, found.since) == (run(3), run(-7))


def test_an_hour_that_was_told_before_the_labels_failed_is_not_taken_back() -> None:
    early = replace(detection(0, horizon=1), as_of=detection(0, horizon=1).as_of - timedelta(hours=9))
    late = missing_labels(0, horizon=1)
    (_, opened) = replay([early, late], (), ZONE).transitions
    assert opened.incident_class is PERFORMANCE
    swapped = [replace(late, as_of=early.as_of), detection(0, horizon=1)]
    assert [t.incident_class for t in replay(swapped, (), ZONE).transitions] == [LABEL_HEALTH]


# --- gone -----------------------------------------------------------------------------------------


def test_a_retired_version_ends_its_incident_after_seven_run_days() -> None:
    history = replay([*story("BBB"), *story("C" * 14, version="v2")], (), ZONE, rule=QUIET)
    (found,) = history.incidents
    assert (found.resolved_on, found.resolution, found.state) == (run(9), Resolution.GONE, RESOLVED)
    assert history.transitions[-1].resolution is Resolution.GONE
    assert history.transitions[-1].reason == (
        "v1 is no longer in the log; the last breach was on Sun 3 Mar 2013"
    )


@pytest.mark.parametrize(
    "others, reason",
    [
        ({"version": "v2"}, "v1 is no longer in the log"),
        ({"segment": "origin=LGA"}, "origin=JFK of v1 is no longer in the log"),
        (
            {"segment": "origin=JFK", "detector": "other"},
            "recall threshold no longer judges origin=JFK of v1",
        ),
    ],
)
def test_the_end_says_what_is_no_longer_there(others: dict[str, str], reason: str) -> None:
    history = replay([*story("B", segment="origin=JFK"), *story("C" * 9, **others)], (), ZONE, rule=QUIET)
    assert history.transitions[-1].reason.startswith(reason + "; the last breach was on ")


def test_a_monitor_that_judges_nothing_has_lost_nobody() -> None:
    (found,) = fold([*story("B"), *story("C", version="v2", start=40)], (), ZONE)
    assert found.is_open, "one run day of others is not seven"


def test_an_insufficient_judgement_is_one() -> None:
    (found,) = fold([*story("B" + "?" * 20), *story("C" * 21, version="v2")], (), ZONE)
    assert found.is_open


def test_what_is_judged_once_a_month_is_not_gone_in_between() -> None:
    monthly = [replace(d, window=Span.parse("month")) for d in (*story("B"), *story("B", start=30))]
    (found,) = fold([*monthly, *story("C" * 31, version="v2")], (), ZONE)
    assert found.is_open


def test_the_members_that_are_left_keep_it_open() -> None:
    history = replay([*story("B"), *story("B" * 20, version="v2")], (), ZONE, rule=QUIET)
    (found,) = history.incidents
    assert [member.version for member in found.breaching] == ["v2"]
    assert len(found.members) == 2


def test_what_waits_and_is_gone_waits_no_more() -> None:
    history = replay([*story("B"), *story("C" * 9, version="v2")], (), ZONE, rule=IncidentRule(confirm=2))
    assert states(history, 9) == "ppppppp--"


def test_a_hostile_version_cannot_write_the_reason() -> None:
    history = replay(
        [*story("B", version="v1\r\n\u202e" + "x" * 99), *story("C" * 9, version="v2")], (), ZONE
    )
    reason = history.transitions[-1].reason
    assert "\n" not in reason
    assert "\u202e" not in reason
    assert len(reason) < 150


# --- reminders ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "severity, reminded", [(WARNING, [7, 14, 21, 28]), (CRITICAL, [1, 3, 7, 14, 21, 28])]
)
def test_an_open_incident_is_brought_up_again_and_ever_more_rarely(severity, reminded) -> None:
    history = replay(story("B" * 30, severity=severity), (), ZONE)
    assert happened(history) == [(0, "opened"), *((day, "reminded") for day in reminded)]


def test_the_file_says_after_how_long() -> None:
    rule = IncidentRule(remind=timedelta(days=2), remind_critical=timedelta(days=10))
    for severity, reminded in ((WARNING, [2, 6, 13, 20, 27]), (CRITICAL, [10, 20])):
        history = replay(story("B" * 30, severity=severity), (), ZONE, rule=rule)
        assert [day for day, change in happened(history) if change == "reminded"] == reminded


def test_a_reminder_says_for_how_long_and_what() -> None:
    (_, reminded) = replay(story("B" * 8), (), ZONE).transitions
    assert reminded.reason == (
        "open for 7 days and nobody has taken it on: "
        "recall of v1 is 0.412, below 0.531 (28 days to Fri 1 Mar 2013)"
    )
    assert reminded.members == (Member("recall threshold", "v1", "ALL"),)
    assert reminded.name == "reminded 2013-03-08"


def test_news_put_a_reminder_off() -> None:
    joined = [*story("B" * 20), *story(".....B", segment="origin=JFK")]
    assert happened(replay(joined, (), ZONE)) == [
        (0, "opened"),
        (5, "joined"),
        (12, "reminded"),
        (19, "reminded"),
    ]


def test_what_becomes_graver_is_brought_up_as_often_as_if_it_had_just_opened() -> None:
    detections = [*story("B" * 15), *story("." * 8 + "BBBBBBB", detector="skill", severity=CRITICAL)]
    days = [day for day, change in happened(replay(detections, (), ZONE)) if change == "reminded"]
    assert days == [7, 9, 11]


def test_a_day_on_which_nothing_runs_reminds_nobody() -> None:
    detections = [*story("B" * 3), *story("B", start=12)]
    assert happened(replay(detections, (), ZONE)) == [(0, "opened"), (12, "reminded")]


def test_a_run_that_judges_something_else_reminds_as_well() -> None:
    later = [replace(d, horizon=type(d.horizon)(30)) for d in story("C" * 20)]
    assert (7, "reminded") in happened(replay([*story("B"), *later], (), ZONE))


# --- names of transitions -------------------------------------------------------------------------


def test_a_transition_of_a_whole_day_is_named_by_its_day_and_kind() -> None:
    history = replay([*story("BBCC"), *story(".BCC", segment="origin=JFK")], (), ZONE)
    assert [t.name for t in history.transitions] == [
        "opened 2013-03-01",
        "joined 2013-03-02",
        "resolved 2013-03-04",
    ]


def test_one_of_a_day_of_hours_is_named_by_its_content_too() -> None:
    def at(hour: int, **fields: object) -> Detection:
        made = detection(0, horizon=0, **fields)  # type: ignore[arg-type]
        return replace(made, as_of=made.as_of - timedelta(hours=24 - hour))

    first = replay([at(5)], (), ZONE).transitions
    later = replay([at(5), at(6)], (), ZONE).transitions
    grown = replay([at(5), at(7, segment="origin=JFK")], (), ZONE).transitions
    assert [t.name for t in first] == [t.name for t in later]
    assert {t.name[:17] for t in (*first, *grown)} == {"opened 2013-03-01"}
    assert len({t.name for t in (*first, *grown)}) == 2


# --- what the file no longer has ------------------------------------------------------------------


def told(found: Incident) -> Incident:
    return replace(found, told_on=found.opened_on)


def test_a_rule_that_is_removed_from_the_file_is_why_its_incident_is_withdrawn() -> None:
    (correction,) = corrections([incident(3, told=3)], [], rules=["auc threshold"])
    assert correction.reason == (
        "the performance incident of Mon 4 Mar 2013 is withdrawn: its rule was removed from the file"
    )
    (recomputed,) = corrections([incident(3, told=3)], [], rules=["recall threshold"])
    assert recomputed.reason.endswith("recomputed days no longer show it")


def test_an_incident_whose_last_rule_is_removed_is_over_for_that() -> None:
    both = [*story("BCCC"), *story("BBBB", detector="auc rule", metric="roc_auc")]
    before = [told(i) for i in fold(both, (), ZONE)]
    after = fold(story("BCCC"), before, ZONE)
    (correction,) = corrections(before, after, rules=["recall threshold"])
    assert correction.reason == (
        f"the performance incident of {calendar(run(0))} is over: its rule was removed from the file"
    )


def test_what_came_back_is_told_as_that_and_corrects_nothing() -> None:
    before = [told(i) for i in fold(story("BCC"), (), ZONE)]
    assert corrections(before, fold(story("BCCB"), before, ZONE)) == ()


def test_an_end_that_never_was_is_corrected() -> None:
    before = [told(i) for i in fold(story("BCC"), (), ZONE)]
    (correction,) = corrections(before, fold(story("BCB"), before, ZONE))
    assert correction.reason.endswith("was told as resolved, but recomputed days show it still open")


def test_a_history_says_from_which_day_on_it_is_needed() -> None:
    history = replay([*story("BCC...CCBC"), *labels("CCCCCCCCCC")], (), ZONE)
    assert history.needed(run(7)) == dict.fromkeys(IncidentClass, run(7))
    assert history.needed(run(9))[PERFORMANCE] == run(8), "it began with nothing in memory"
    assert history.needed(run(4))[PERFORMANCE] == run(0), "it may come back until day 5"
    assert history.needed(run(4))[LABEL_HEALTH] == run(0), "it might explain what performance shows"
    assert replay([], (), ZONE).needed(run(3)) == dict.fromkeys(IncidentClass, run(3))


def test_watch_is_neither_a_breach_nor_clear() -> None:
    watched = [replace(d, severity=Severity.WATCH) for d in story("CC", start=1)]
    (found,) = fold([detection(0), *watched], (), ZONE)
    assert (found.state, found.is_open) == (OPEN, True)
    assert fold([replace(detection(0, CLEAR), severity=Severity.WATCH)], (), ZONE) == ()
    assert fold([detection(0, BREACH)], (), ZONE)[0].is_open
