"""Whether a run tells anybody anything: each rule as a story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    INSUFFICIENT,
    LABEL_HEALTH,
    WARNING,
    ZONE,
    detection,
    run,
    story,
)
from hindsight.domain.records import Detection, Incident, Silence
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import Hours, IncidentClass, Notify, Severity, When
from hindsight.incidents import (
    Correction,
    History,
    as_told,
    corrections,
    fold,
    last_told,
    notes,
    replay,
    revisions,
)
from hindsight.policy import Act, Decision, Kind, Listener, Memory, decide, told
from hindsight.windows import DayRange, run_day


@dataclass(frozen=True)
class Ear:
    """A notifier as policy knows it."""

    min_severity: Severity = WARNING
    classes: tuple[IncidentClass, ...] = ()
    segments: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    quiet: Hours | None = None
    when: When = When.EACH
    follows: bool = False


def days(first: int, last: int | None = None) -> DayRange:
    return DayRange(run(first), run(first if last is None else last))


def live(detections: list[Detection], day: int, stored: tuple[Incident, ...] = ()) -> Decision:
    (decision,) = decide(Notify.LIVE, days(day), replay(detections, stored, ZONE))
    return decision


def told_on(day: int, detections: list[Detection]) -> tuple[Incident, ...]:
    """The incidents of these detections, all told on one run day."""
    return tuple(replace(i, told_on=run(day)) for i in fold(detections, (), ZONE))


# --- live ---------------------------------------------------------------------------------------


def test_a_live_run_tells_what_opened_on_its_day() -> None:
    decision = live(story("CB"), 1)
    assert (decision.act, decision.kind, decision.day) == (Act.SEND, Kind.DAILY, run(1))
    assert decision.reason == "1 incident opened"
    assert len(decision.cases) == 1


def test_a_day_on_which_nothing_happened_sends_nothing_and_says_so() -> None:
    assert live(story("CBB"), 0).act is Act.NOTHING
    assert live(story("CBB"), 0).reason == "nothing happened to an incident"
    assert decide(Notify.LIVE, days(0), History())[0].act is Act.NOTHING


def test_an_incident_that_goes_on_unchanged_is_not_told_again() -> None:
    detections = story("BBB")
    decision = live(detections, 2, told_on(0, detections))
    assert decision.act is Act.NOTHING
    assert [case.incident.told_on for case in decision.also_open] == [run(0)]


def test_members_escalation_and_the_end_of_a_told_incident_are_told() -> None:
    detections = [
        *story("BBBCC"),
        *story(".B.CC", segment="origin=JFK"),
        *story("..BCC", version="v2", severity=CRITICAL),
    ]
    stored = told_on(0, detections)
    assert live(detections, 1, stored).reason == "1 incident grew"
    assert live(detections, 2, stored).reason == "1 incident grew; 1 incident became critical"
    assert live(detections, 2, stored).severity is CRITICAL
    end = live(detections, 4, stored)
    assert end.reason == "1 incident resolved"
    assert not end.cases[0].incident.is_open


def test_what_was_only_watched_and_becomes_a_warning_is_told_as_one() -> None:
    detections = [*story("BB", severity=Severity.WATCH), *story(".B", detector="recall 28d")]
    decision = live(detections, 1)
    assert decision.reason == "1 incident grew; 1 incident became a warning"
    assert decision.severity is WARNING
    critical = [*story("BB", severity=Severity.WATCH), *story(".B", detector="skill", severity=CRITICAL)]
    assert live(critical, 1, told_on(0, critical)).reason == "1 incident grew; 1 incident became critical"


def test_the_end_of_an_incident_nobody_was_told_of_is_no_news() -> None:
    decision = live(story("BCC"), 2)
    assert decision.act is Act.NOTHING
    assert decision.reason == "1 incident resolved of which nobody had been told"


def test_an_incident_found_in_silence_and_still_open_is_told_once_by_the_first_live_run() -> None:
    detections = story("BBBBB")
    first = live(detections, 3)
    assert first.reason == "1 incident still open and told here for the first time"
    stored = told(fold(detections, (), ZONE), first)
    assert [i.told_on for i in stored] == [run(3)]
    assert live(detections, 4, stored).act is Act.NOTHING


def test_an_incident_that_ended_within_the_silence_is_never_told() -> None:
    assert live(story("BCCCC"), 4).act is Act.NOTHING


def test_what_was_told_on_a_later_day_is_not_told_again_by_the_run_of_an_earlier_one() -> None:
    detections = [*story("BBBB"), *story(".BBB", segment="origin=JFK")]
    for day in (0, 1):
        decision = live(detections, day, told_on(3, detections))
        assert decision.act is Act.NOTHING
    assert decision.reason == "what happened on this day was told already"


def test_the_same_run_decides_the_same_when_it_is_run_again() -> None:
    for detections, day in ((story("CB"), 1), (story("BBBB"), 3)):
        first = live(detections, day)
        again = live(detections, day, told(fold(detections, (), ZONE), first))
        assert again.act is first.act is Act.SEND
        assert (again.reason, again.incidents) == (first.reason, first.incidents)


def test_a_day_is_decided_as_it_stood_and_says_what_later_days_showed() -> None:
    decision = live(story("CBBCC"), 1)
    assert decision.cases[0].incident.is_open
    assert [c.reason for c in decision.corrections] == [
        (
            "days computed before this one show that the performance incident of Sat 2 Mar 2013 "
            "ended on Tue 5 Mar 2013"
        )
    ]


def test_several_live_days_are_decided_one_by_one_as_if_each_had_been_live() -> None:
    decisions = decide(Notify.LIVE, days(0, 6), replay(story("CBBCCBB"), (), ZONE))
    assert [d.act for d in decisions] == [
        Act.NOTHING,
        Act.SEND,
        Act.NOTHING,
        Act.NOTHING,
        Act.SEND,
        Act.SEND,
        Act.NOTHING,
    ]
    assert [d.day for d in decisions] == [run(number) for number in range(7)]


def test_who_was_told_of_an_end_that_is_none_is_told_once_in_the_words_of_the_correction() -> None:
    detections = story("BBB")
    stored = told_on(0, detections)
    (name,) = (i.id for i in stored)
    listener = Listener(memory=Memory.of([f"{name} opened 2013-03-01", f"{name} as resolved 2013-03-02 1"]))
    ask = partial(decide, Notify.LIVE, days(2), replay(detections, stored, ZONE))
    (decision,) = ask(listener, corrections=[Correction(name, "it is still open")])
    assert (decision.act, decision.kind) == (Act.SEND, Kind.REVISED)
    assert (decision.reason, decision.incidents) == ("1 earlier message corrected", (name,))
    assert [c.reason for c in decision.corrections] == ["it is still open"]
    again = replace(listener, memory=listener.memory.and_told(decision.tellings))
    assert [d.act for d in ask(again)] == [Act.NOTHING]


def test_who_was_told_of_an_incident_that_never_was_is_told_that_once() -> None:
    listener = Listener(
        memory=Memory.of(["inc_abcdef01 opened 2013-03-01", "inc_abcdef01 as warning 2013-03-01 1"])
    )
    history = replay(story("CCC"), (), ZONE)
    (decision,) = decide(Notify.LIVE, days(2), history, listener)
    assert [c.reason for c in decision.corrections] == [
        "the incident abcdef is withdrawn: recomputed days no longer show it"
    ]
    again = replace(listener, memory=listener.memory.and_told(decision.tellings))
    assert [d.act for d in decide(Notify.LIVE, days(2), history, again)] == [Act.NOTHING]


def test_an_end_is_told_as_an_end_and_not_as_a_correction_too() -> None:
    detections = story("BBCC")
    stored = told_on(0, detections)
    (decision,) = decide(
        Notify.LIVE,
        days(3),
        replay(detections, stored, ZONE),
        corrections=[Correction(stored[0].id, "it ended on that day")],
    )
    assert (decision.reason, decision.corrections) == ("1 incident resolved", ())


def test_a_revision_rides_along_and_sends_no_message_by_itself() -> None:
    first, later = detection(7, CLEAR, horizon=7), detection(30, BREACH, horizon=30)
    found = revisions([first, later], (), ZONE)
    (alone,) = decide(Notify.LIVE, days(30), replay([first, later], (), ZONE), revisions=found)
    assert alone.act is Act.NOTHING
    assert alone.reason == "nothing happened to an incident; 1 verdict revised, which alone sends no message"
    detections = [first, later, detection(30, BREACH)]
    (decision,) = decide(Notify.LIVE, days(30), replay(detections, (), ZONE), revisions=found)
    assert (decision.act, decision.revisions) == (Act.SEND, found)


def test_revisions_wait_for_the_next_message_and_are_told_once() -> None:
    pairs = [
        (detection(7 + day, CLEAR, horizon=7), detection(30 + day, BREACH, horizon=30)) for day in range(6)
    ]
    detections = [*(d for pair in pairs for d in pair), *story("B.B", start=32, segment="origin=JFK")]
    detections += story("B", start=34, segment="origin=LGA")
    history, found = replay(detections, (), ZONE), revisions(detections, (), ZONE)
    decisions = decide(Notify.LIVE, days(30, 35), history, revisions=found)
    told_revisions = [[r.day for r in d.revisions] for d in decisions if d.act is Act.SEND]
    assert told_revisions == [[run(30), run(31), run(32)], [run(33), run(34)]]
    (summary,) = decide(Notify.SUMMARY, days(33, 40), history, revisions=found)
    assert [r.day for r in summary.revisions] == [run(33), run(34), run(35)]


def message(decision: Decision) -> str:
    """What a message names, as the outbox keeps it."""
    named = [(r.incident, r.later) for r in decision.revisions if r.incident]
    if decision.kind is not Kind.REVISED:
        named += [(c.incident.id, d) for c in decision.cases if c.incident.is_open for d in c.evidence]
    return as_told(named)


UNREMINDED = IncidentRule(remind=timedelta(days=400))


def lived(detections: list[Detection], first: int, last: int) -> list[Decision]:
    """Live days one by one, each with what was known by then and told before."""
    stored: tuple[Incident, ...] = ()
    messages: list[str] = []
    decisions = []
    listener = Listener()
    for day in range(first, last + 1):
        known = [d for d in detections if run_day(d.as_of, ZONE) <= run(day)]
        history = replay(known, stored, ZONE, rule=UNREMINDED)
        (decision,) = decide(
            Notify.LIVE,
            days(day),
            history,
            listener,
            revisions=revisions(known, history.incidents, ZONE),
            corrections=corrections(stored, history.incidents),
            notes=notes(last_told(messages), known, ZONE),
        )
        stored = history.incidents
        if decision.act is Act.SEND:
            stored = told(stored, decision)
            messages.append(message(decision))
            listener = replace(listener, memory=listener.memory.and_told(decision.tellings))
        decisions.append(decision)
    return decisions


def sent(decisions: list[Decision]) -> list[tuple[date, Kind]]:
    return [(d.day, d.kind) for d in decisions if d.act is Act.SEND]


def judged_later(*later: str) -> list[Detection]:
    """A breach told on day 0 that goes on, and what each later age says of the window it began with."""
    verdicts = {"B": BREACH, "C": CLEAR, "?": INSUFFICIENT}
    return [
        *story("BBB"),
        *(detection(age - 7, verdicts[verdict], horizon=age) for age, verdict in enumerate(later, 30)),
    ]


def test_later_labels_that_clear_what_was_told_give_one_quiet_note() -> None:
    decisions = lived(judged_later("C"), 0, 30)
    assert sent(decisions) == [(run(0), Kind.DAILY), (run(23), Kind.REVISED)]
    note = decisions[23]
    assert note.reason == "later labels change 1 verdict that people were told"
    assert note.incidents == decisions[0].incidents
    assert [(r.first.verdict, r.later.verdict) for r in note.revisions] == [(BREACH, CLEAR)]


def test_a_verdict_that_turns_twice_is_noted_twice_each_time_against_what_was_told_last() -> None:
    decisions = lived(judged_later("C", "C", "B"), 0, 30)
    assert sent(decisions) == [(run(0), Kind.DAILY), (run(23), Kind.REVISED), (run(25), Kind.REVISED)]
    turned = decisions[25].revisions[0]
    assert (turned.first.verdict, str(turned.first.horizon)) == (CLEAR, "30d")


def test_a_reminder_that_names_a_revised_breach_again_takes_no_note_back() -> None:
    first, _, _, later = judged_later("C")
    opened, noted = (as_told([("inc_1", each)]) for each in (first, later))
    assert notes(last_told([opened]), [first, later], ZONE) != ()
    assert notes(last_told([opened, noted, opened]), [first, later], ZONE) == ()


def test_to_know_less_later_revises_nothing() -> None:
    assert sent(lived(judged_later("?", "B"), 0, 30)) == [(run(0), Kind.DAILY)]


def test_a_window_that_no_message_rested_on_is_not_noted() -> None:
    # The second day of the incident sent nothing, so nobody was told of its window.
    detections = [*story("BBB"), detection(24, CLEAR, horizon=30)]
    assert sent(lived(detections, 0, 30)) == [(run(0), Kind.DAILY)]


def test_a_note_that_fell_into_silence_is_sent_by_the_next_live_run() -> None:
    detections = judged_later("C")
    (told_first,) = [d for d in lived(detections, 0, 0) if d.act is Act.SEND]
    stored = told(replay(detections[:3], (), ZONE).incidents, told_first)
    history = replay(detections, stored, ZONE)
    waiting = notes(last_told([message(told_first)]), detections, ZONE)
    (silent,) = decide(Notify.NONE, days(23), history, notes=waiting)
    assert silent.act is Act.SUPPRESS
    (live_later,) = decide(Notify.LIVE, days(27), history, notes=waiting)
    assert (live_later.act, live_later.kind) == (Act.SEND, Kind.REVISED)


def test_rows_that_landed_late_and_turn_a_told_verdict_give_a_note_though_the_incident_goes_on() -> None:
    before, after = story("BBB"), story("CBB")
    (first,) = [d for d in lived(before, 0, 0) if d.act is Act.SEND]
    found = notes(last_told([message(first)]), after, ZONE)
    assert [(r.first.verdict, r.later.verdict) for r in found] == [(BREACH, CLEAR)]
    assert found[0].first.observed == before[0].observed


def test_a_told_incident_that_had_ended_and_is_withdrawn_is_noted_by_its_window() -> None:
    (first,) = [d for d in lived(story("BCC"), 0, 0) if d.act is Act.SEND]
    stored, after = told(replay(story("BCC"), (), ZONE).incidents, first), story("CCC")
    waiting = notes(last_told([message(first)]), after, ZONE)
    listener = Listener(memory=Memory.of(first.tellings))
    (decision,) = decide(Notify.LIVE, days(3), replay(after, stored, ZONE), listener, notes=waiting)
    assert (decision.act, decision.kind) == (Act.SEND, Kind.REVISED)
    assert (len(decision.revisions), len(decision.corrections)) == (1, 1)


def test_a_note_is_no_second_message_of_a_day_that_has_one() -> None:
    detections = [*judged_later("C"), *story("B", start=23, segment="origin=JFK")]
    decisions = lived(detections, 0, 30)
    assert sent(decisions) == [(run(0), Kind.DAILY), (run(23), Kind.DAILY)]
    assert len(decisions[23].revisions) == 1


def test_what_an_earlier_run_of_the_day_has_told_is_no_news_but_for_who_was_told_nothing() -> None:
    history = replay(story("B"), (), ZONE)
    (first,) = decide(Notify.LIVE, days(0), history, Listener())
    for memory, act in ((Memory.of(first.tellings), Act.NOTHING), (Memory(), Act.SEND)):
        listener = Listener(memory=memory)
        (decision,) = decide(Notify.LIVE, days(0), history, listener, heard=history.transitions)
        assert decision.act is act


# --- none and summary ---------------------------------------------------------------------------


def test_a_silent_run_records_what_it_kept_to_itself() -> None:
    (decision,) = decide(Notify.NONE, days(0, 6), replay(story("CBBCCBB"), (), ZONE))
    assert (decision.act, decision.kind, decision.day) == (Act.SUPPRESS, Kind.SUMMARY, run(6))
    assert decision.reason == (
        "the run asked for silence (notify: none); a live one would have told "
        "Sat 2 Mar 2013: 1 incident opened; Tue 5 Mar 2013: 1 incident resolved; "
        "Wed 6 Mar 2013: 1 incident came back"
    )
    assert len(decision.cases) == 1


def test_a_silent_day_is_recorded_as_a_day() -> None:
    (decision,) = decide(Notify.NONE, days(0), replay(story("B"), (), ZONE))
    assert (decision.act, decision.kind) == (Act.SUPPRESS, Kind.DAILY)


def test_a_silent_run_with_nothing_to_tell_leaves_no_record() -> None:
    assert decide(Notify.NONE, days(0, 3), replay(story("CCCC"), (), ZONE)) == ()


@pytest.mark.parametrize(
    "verdicts, found", [("CCCC", "no incident"), ("CBBB", "1 incident"), ("BCCB", "1 incident")]
)
def test_a_summary_is_always_one_message_also_when_nothing_was_found(verdicts, found) -> None:
    (decision,) = decide(Notify.SUMMARY, days(0, 3), replay(story(verdicts), (), ZONE))
    assert (decision.act, decision.kind, decision.day) == (Act.SEND, Kind.SUMMARY, run(3))
    assert decision.reason == f"one summary was asked for: 4 days computed, {found}"


def test_a_summary_leaves_out_what_ended_before_it_and_began_after_it() -> None:
    history = replay(story("BCCCCCBCCCCCB"), (), ZONE)
    (decision,) = decide(Notify.SUMMARY, days(4, 9), history)
    assert [case.incident.opened_on for case in decision.cases] == [run(6)]


def test_an_incident_told_by_a_summary_is_not_told_again_by_the_next_live_run() -> None:
    detections = story("BBBB")
    (summary,) = decide(Notify.SUMMARY, days(0, 2), replay(detections[:3], (), ZONE))
    stored = told(fold(detections[:3], (), ZONE), summary)
    assert live(detections, 3, stored).act is Act.NOTHING


# --- what each channel wants and has heard --------------------------------------------------------


def one(listener: Listener, detections: list[Detection], day: int, **more) -> Decision:
    """What a channel is told of a day."""
    decision, *_ = decide(Notify.LIVE, days(day), by(day, detections), listener, **more)
    return decision


def by(day: int, detections: list[Detection]) -> History:
    """What is known by the end of a day."""
    known = [d for d in detections if run_day(d.as_of, ZONE) <= run(day)]
    return replay(known, (), ZONE)


def hearing(listener: Listener, decision: Decision) -> Listener:
    """The channel after it was told."""
    return replace(listener, memory=listener.memory.and_told(decision.tellings))


def test_a_channel_hears_only_what_is_grave_enough_and_it_is_said_why_not() -> None:
    decision = one(Listener(Ear(CRITICAL)), story("B"), 0)
    assert (decision.act, decision.kind) == (Act.SUPPRESS, Kind.DAILY)
    assert decision.reason == "warning is below the notifier's min_severity critical (1 incident opened)"
    assert decision.tellings == ()
    assert one(Listener(Ear(CRITICAL)), story("BB"), 1).act is Act.NOTHING


def test_an_incident_that_grew_into_what_a_channel_wants_is_told_there_as_new() -> None:
    detections = [*story("BBBCC"), *story(".BBCC", detector="skill", severity=CRITICAL)]
    grave = Listener(Ear(CRITICAL))
    first = one(grave, detections, 1)
    assert (first.act, first.reason) == (Act.SEND, "1 incident grew; 1 incident became critical")
    assert first.loud
    grave = hearing(grave, first)
    assert one(grave, detections, 2).reason == "1 incident still open and not acknowledged"
    assert one(grave, detections, 4).reason == "1 incident resolved"


@pytest.mark.parametrize(
    "wants, reason",
    [
        (Ear(classes=(LABEL_HEALTH,)), "the notifier does not want incidents of performance"),
        (
            Ear(segments=("origin=EWR", "carrier")),
            "no breach lies in the notifier's segments origin=EWR, carrier",
        ),
        (Ear(owners=("fraud",)), "the notifier does not want monitors of ops-ml"),
    ],
)
def test_a_channel_says_which_classes_segments_and_owners_it_wants(wants, reason) -> None:
    decision = one(Listener(wants, owner="ops-ml"), story("B", segment="origin=JFK"), 0)
    assert (decision.act, decision.reason) == (Act.SUPPRESS, f"{reason} (1 incident opened)")
    for wanted in (Ear(segments=("origin",)), Ear(segments=("origin=JFK",)), Ear(owners=("ops-ml",))):
        told_there = one(Listener(wanted, owner="ops-ml"), story("B", segment="origin=JFK"), 0)
        assert told_there.act is Act.SEND


def test_a_segment_that_newly_breaches_is_told_to_whom_it_belongs_though_the_worst_lies_elsewhere() -> None:
    detections = [*story("BBCC"), *story(".BCC", segment="origin=EWR")]
    newark = Listener(Ear(segments=("origin=EWR",)))
    assert one(newark, detections, 0).act is Act.SUPPRESS
    decision = one(newark, detections, 1)
    assert (decision.act, decision.reason) == (
        Act.SEND,
        "1 incident grew; 1 incident still open and told here for the first time",
    )
    assert one(hearing(newark, decision), detections, 3).reason == "1 incident resolved"


def test_the_end_goes_only_to_who_was_told_of_the_beginning() -> None:
    detections = story("BCC")
    told_first = hearing(Listener(), one(Listener(), detections, 0))
    assert one(told_first, detections, 2).reason == "1 incident resolved"
    assert one(Listener(), detections, 2).act is Act.NOTHING


def test_an_end_that_fell_into_silent_days_is_told_by_the_next_live_run() -> None:
    detections = story("BCCC")
    told_first = hearing(Listener(), one(Listener(), detections, 0))
    (silent,) = decide(Notify.NONE, days(2), by(2, detections), told_first)
    assert (silent.act, silent.tellings) == (Act.SUPPRESS, ())
    late = one(told_first, detections, 3)
    assert (late.act, late.reason) == (Act.SEND, "1 incident resolved")
    assert one(hearing(told_first, late), detections, 3).act is Act.NOTHING


def test_what_came_back_is_told_as_that_and_must_be_seen() -> None:
    detections = story("BCCB")
    listener = Listener()
    for day in range(3):
        listener = hearing(listener, one(listener, detections, day))
    back = one(listener, detections, 3)
    assert (back.reason, back.loud) == ("1 incident came back", True)


def test_who_has_not_taken_an_incident_on_is_reminded_of_it() -> None:
    detections = story("B" * 10)
    listener = hearing(Listener(), one(Listener(), detections, 0))
    acts = [
        one(listener, detections, day).reason for day in range(1, 10) if one(listener, detections, day).act
    ]
    said = [reason for reason in acts if "not acknowledged" in reason]
    assert said == ["1 incident still open and not acknowledged"]


def test_a_reminder_is_nothing_for_who_was_never_told() -> None:
    detections = story("B" * 8)
    decision = one(Listener(), detections, 7)
    assert decision.reason == "1 incident still open and told here for the first time"


def test_a_note_goes_only_to_who_was_told_of_its_incident() -> None:
    detections = judged_later("C")
    first = one(Listener(), detections[:3], 0)
    found = notes(last_told([message(first)]), detections, ZONE)
    ask = partial(decide, Notify.LIVE, days(23), replay(detections, (), ZONE, rule=UNREMINDED))
    assert [d.kind for d in ask(hearing(Listener(), first), notes=found)] == [Kind.REVISED]
    assert [d.act for d in ask(Listener(Ear(CRITICAL)), notes=found)] == [Act.NOTHING]


# --- silences -------------------------------------------------------------------------------------


def hush(first: int, last: int, **about) -> Silence:
    return Silence(
        "sil_1", "flight_delay", run(first), run(last), "Ann", "the feed moves", datetime.now(UTC), **about
    )


def test_what_is_silenced_is_withheld_with_the_reason_and_told_once_after_it_if_it_still_is_so() -> None:
    detections, listener, told_days = story("CBBBBBB"), Listener(), []
    for day in range(7):
        decisions = decide(
            Notify.LIVE, days(day), replay(detections, (), ZONE), listener, silences=[hush(0, 3)]
        )
        for decision in decisions:
            listener = hearing(listener, decision)
            if decision.act is not Act.NOTHING:
                told_days.append((day, decision.act, decision.kind, decision.reason))
    assert told_days == [
        (
            1,
            Act.SUPPRESS,
            Kind.SILENCED,
            "Ann wanted silence until Mon 4 Mar 2013: the feed moves (1 incident opened)",
        ),
        (
            4,
            Act.SEND,
            Kind.DAILY,
            "1 incident still open and told here for the first time",
        ),
    ]


def test_a_silence_hides_an_incident_only_if_it_is_about_all_that_breaches() -> None:
    detections = [*story("BB"), *story(".B", segment="origin=JFK")]
    ask = partial(one, Listener(), detections)
    assert ask(0, silences=[hush(0, 9, segment="ALL")]).act is Act.NOTHING
    assert ask(1, silences=[hush(0, 9, segment="ALL")]).act is Act.SEND
    for about in (
        {"detector": "recall threshold"},
        {"version": "v1"},
        {"incident_class": IncidentClass.PERFORMANCE},
        {},
    ):
        assert ask(1, silences=[hush(0, 9, **about)]).act is Act.NOTHING
    for about in ({"detector": "other"}, {"version": "v2"}, {"incident_class": LABEL_HEALTH}):
        assert ask(1, silences=[hush(0, 9, **about)]).act is Act.SEND
    assert ask(1, silences=[replace(hush(0, 9), ended_on=run(1))]).act is Act.SEND
    assert ask(1, silences=[hush(2, 9)]).act is Act.SEND


def test_what_joined_during_a_silence_is_told_after_it_to_who_knew_the_incident() -> None:
    detections = [*story("BBBB"), *story(".BBB", segment="origin=JFK")]
    listener = hearing(Listener(), one(Listener(), detections, 0))
    history = replay(detections, (), ZONE)
    for day, reasons in ((1, [Act.NOTHING, Act.SUPPRESS]), (2, [Act.NOTHING]), (3, [Act.SEND])):
        decisions = decide(Notify.LIVE, days(day), history, listener, silences=[hush(1, 2)])
        assert [d.act for d in decisions] == reasons
        for decision in decisions:
            listener = hearing(listener, decision)
    assert decisions[0].reason == "1 incident grew"


# --- summaries ------------------------------------------------------------------------------------


def test_who_wants_a_summary_a_week_gets_it_with_the_run_of_sunday_and_nothing_else() -> None:
    history = replay(story("CBBCC"), (), ZONE)
    weekly = Listener(Ear(when=When.WEEKLY))
    found = decide(Notify.LIVE, days(0, 20), history, weekly)
    assert [(d.kind, d.day.isoformat(), d.reason) for d in found] == [
        (Kind.WEEK, "2013-03-03", "a summary a week was asked for: 1 incident opened; 1 incident open"),
        (Kind.WEEK, "2013-03-10", "a summary a week was asked for: 1 incident resolved"),
        (Kind.WEEK, "2013-03-17", "a summary a week was asked for: all quiet"),
    ]
    assert all(d.act is Act.SEND and len(d.days) == 7 and d.tellings == () for d in found)
    for mode in (Notify.NONE, Notify.SUMMARY):
        assert decide(mode, days(0, 20), history, weekly) == ()


def test_who_wants_a_summary_a_day_gets_one_for_each_day_that_is_over() -> None:
    daily = Listener(Ear(when=When.DAILY))
    history = replay(story("CB"), (), ZONE)
    assert [d.reason for d in decide(Notify.LIVE, days(0, 1), history, daily)] == [
        "a summary a day was asked for: all quiet",
        "a summary a day was asked for: 1 incident opened; 1 incident open",
    ]
    assert len(decide(Notify.LIVE, days(0, 1), history, daily, is_over=False)) == 1
    assert decide(Notify.LIVE, days(1), history, Listener(Ear(CRITICAL, when=When.DAILY)))[0].cases == ()
