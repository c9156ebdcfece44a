"""Whether a run tells anybody anything: each rule as a story, then what must hold over any history."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from hindsight.domain.records import Delivery, Detection, Incident
from hindsight.domain.values import Horizon, IncidentClass, Notify, Severity
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
from hindsight.policy import Act, Decision, Kind, decide, heard, lowest_audible, route, told
from hindsight.windows import DayRange, run_day


@dataclass(frozen=True)
class Ear:
    """A notifier as policy knows it."""

    min_severity: Severity = WARNING


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
    assert decision.reason.startswith(
        "1 incident grew; 1 incident became a warning; 1 incident found in silence"
    )
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
    assert first.reason == "1 incident found in silence, still open and told for the first time"
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


def test_a_correction_is_told_and_names_its_incident() -> None:
    detections = story("BBB")
    stored = told_on(0, detections)
    (decision,) = decide(
        Notify.LIVE,
        days(2),
        replay(detections, stored, ZONE),
        corrections=[Correction(stored[0].id, "it is still open")],
    )
    assert (decision.act, decision.reason) == (Act.SEND, "1 earlier message corrected")
    assert decision.incidents == (stored[0].id,)


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


def lived(detections: list[Detection], first: int, last: int) -> list[Decision]:
    """Live days one by one, each with what was known by then and told before."""
    stored: tuple[Incident, ...] = ()
    messages: list[str] = []
    decisions = []
    for day in range(first, last + 1):
        known = [d for d in detections if run_day(d.as_of, ZONE) <= run(day)]
        history = replay(known, stored, ZONE)
        (decision,) = decide(
            Notify.LIVE,
            days(day),
            history,
            revisions=revisions(known, history.incidents, ZONE),
            corrections=corrections(stored, history.incidents),
            notes=notes(last_told(messages), known, ZONE),
        )
        stored = history.incidents
        if decision.act is Act.SEND:
            stored = told(stored, decision)
            messages.append(message(decision))
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
    (decision,) = decide(Notify.LIVE, days(3), replay(after, stored, ZONE), notes=waiting)
    assert (decision.act, decision.kind) == (Act.SEND, Kind.REVISED)


def test_a_note_is_no_second_message_of_a_day_that_has_one() -> None:
    detections = [*judged_later("C"), *story("B", start=23, segment="origin=JFK")]
    decisions = lived(detections, 0, 30)
    assert sent(decisions) == [(run(0), Kind.DAILY), (run(23), Kind.DAILY)]
    assert len(decisions[23].revisions) == 1


def test_what_an_earlier_run_of_the_day_has_told_is_no_news_but_for_what_nobody_was_told() -> None:
    detections = story("B")
    history = replay(detections, told_on(0, detections), ZONE)
    for stored, act in ((told_on(0, detections), Act.NOTHING), ((), Act.SEND)):
        history = replay(detections, stored, ZONE)
        (decision,) = decide(Notify.LIVE, days(0), history, heard=history.transitions)
        assert decision.act is act


# --- none and summary ---------------------------------------------------------------------------


def test_a_silent_run_records_what_it_kept_to_itself() -> None:
    (decision,) = decide(Notify.NONE, days(0, 6), replay(story("CBBCCBB"), (), ZONE))
    assert (decision.act, decision.kind, decision.day) == (Act.SUPPRESS, Kind.SUMMARY, run(6))
    assert decision.reason == (
        "the run asked for silence (notify: none); a live one would have told "
        "Sat 2 Mar 2013: 1 incident opened; Tue 5 Mar 2013: 1 incident resolved; "
        "Wed 6 Mar 2013: 1 incident opened"
    )
    assert len(decision.cases) == 2


def test_a_silent_day_is_recorded_as_a_day() -> None:
    (decision,) = decide(Notify.NONE, days(0), replay(story("B"), (), ZONE))
    assert (decision.act, decision.kind) == (Act.SUPPRESS, Kind.DAILY)


def test_a_silent_run_with_nothing_to_tell_leaves_no_record() -> None:
    assert decide(Notify.NONE, days(0, 3), replay(story("CCCC"), (), ZONE)) == ()


@pytest.mark.parametrize(
    "verdicts, found", [("CCCC", "no incident"), ("CBBB", "1 incident"), ("BCCB", "2 incidents")]
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


# --- routes -------------------------------------------------------------------------------------


def test_a_notifier_passes_on_only_what_is_grave_enough_and_says_why_not() -> None:
    decision = live(story("B"), 0)
    quiet, open_eared = Ear(CRITICAL), Ear(WARNING)
    suppressed, pending = route(decision, [quiet, open_eared], Ear())
    assert (suppressed.state, suppressed.notifier) == (Delivery.SUPPRESSED, quiet)
    assert suppressed.reason == "warning is below the notifier's min_severity critical (1 incident opened)"
    assert (pending.state, pending.notifier, pending.reason) == (
        Delivery.PENDING,
        open_eared,
        decision.reason,
    )


def test_a_monitor_without_notifiers_uses_the_fallback() -> None:
    fallback = Ear()
    (only,) = route(live(story("B"), 0), [], fallback)
    assert only.notifier is fallback


def test_nothing_to_tell_takes_no_route_and_silence_is_recorded_at_each() -> None:
    assert route(live(story("C"), 0), [Ear()], Ear()) == ()
    (silent,) = decide(Notify.NONE, days(0), replay(story("B"), (), ZONE))
    assert [r.state for r in route(silent, [Ear(), Ear(CRITICAL)], Ear())] == [Delivery.SUPPRESSED] * 2


def test_nobody_is_told_what_every_notifier_holds_back() -> None:
    detections = story("BBB")
    decision = live(detections, 0)
    assert not heard(route(decision, [Ear(CRITICAL)], Ear()))
    assert heard(route(decision, [Ear(CRITICAL), Ear(WARNING)], Ear()))


def test_an_incident_too_mild_for_everybody_is_not_brought_up_every_day() -> None:
    history = replay(story("BBBB"), (), ZONE)
    (decision,) = decide(Notify.LIVE, days(3), history, audible=lowest_audible([Ear(CRITICAL)]))
    assert decision.act is Act.NOTHING
    assert lowest_audible([]) is lowest_audible([Ear(CRITICAL), Ear(WARNING)]) is WARNING


# --- what must hold over any history ------------------------------------------------------------

LENGTH = 12
MEMBERS = [
    {},
    {"segment": "origin=JFK"},
    {"detector": "auc threshold", "metric": "roc_auc", "severity": CRITICAL},
    {"detector": "coverage threshold", "metric": "coverage", "incident_class": LABEL_HEALTH},
]


@st.composite
def histories(draw: st.DrawFn) -> list[Detection]:
    return [
        made
        for fields in MEMBERS
        for made in story(draw(st.text(alphabet="BBCC?.", max_size=LENGTH)), **fields)
    ]


AT = {"recall threshold": Horizon(7), "auc threshold": Horizon(7), "coverage threshold": Horizon(7)}


@dataclass
class Team:
    """Runs in some order, with the store and the outbox they share: what was sent is kept under its key."""

    detections: list[Detection]

    def __post_init__(self) -> None:
        self.landed: list[Detection] = []
        self.stored: tuple[Incident, ...] = ()
        self.outbox: dict[tuple[date, Kind], Decision] = {}
        self.believed: dict[str, IncidentClass] = {}

    def run(self, mode: Notify, span: DayRange) -> None:
        self.landed += [d for d in self.detections if run_day(d.as_of, ZONE) in span and d not in self.landed]
        history = replay(self.landed, self.stored, ZONE, at=AT)
        wrong = corrections(self.stored, history.incidents)
        self.stored = history.incidents
        for decision in decide(mode, span, history, corrections=wrong):
            key = decision.day, decision.kind
            if decision.act is Act.SEND and key not in self.outbox:
                self.outbox[key] = decision
                self.believe(decision)
                self.stored = told(self.stored, decision)

    def believe(self, decision: Decision) -> None:
        """What a reader of the message takes to be open from now on."""
        for case in decision.cases:
            if case.incident.is_open:
                self.believed[case.incident.id] = case.incident.incident_class
            else:
                self.believed.pop(case.incident.id, None)
        for correction in decision.corrections:
            if "ended on" in correction.reason or "withdrawn" in correction.reason:
                self.believed.pop(correction.incident_id, None)


@settings(deadline=None)
@given(histories())
def test_every_incident_is_opened_to_people_once_and_ended_once_when_all_days_are_live(detections) -> None:
    team = Team(detections)
    for number in range(LENGTH):
        team.run(Notify.LIVE, days(number))
    said = Counter(
        (t.incident_id, t.change)
        for d in team.outbox.values()
        for t in d.transitions
        if t.change in ("opened", "resolved")
    )
    ids = {i.id for i in team.stored}
    ended = {i.id for i in team.stored if not i.is_open}
    assert said == Counter([(each, "opened") for each in ids] + [(each, "resolved") for each in ended])


@settings(deadline=None)
@given(histories(), st.integers(1, LENGTH - 1))
def test_after_a_silent_backfill_the_first_live_run_tells_all_that_is_open(detections, split) -> None:
    team = Team(detections)
    team.run(Notify.NONE, days(0, split - 1))
    assert not team.outbox
    open_then = {i.id for i in team.stored if i.is_open}
    team.run(Notify.LIVE, days(split))
    named = {each for decision in team.outbox.values() for each in decision.incidents}
    still = {i.id for i in team.stored if i.is_open}
    assert still <= named
    assert len(team.outbox) <= 1
    assert all(i.told_on == run(split) for i in team.stored if i.id in open_then & still)


@settings(max_examples=60, deadline=None)
@given(histories(), st.permutations(range(LENGTH)), st.randoms(use_true_random=False))
def test_in_any_order_and_with_repeats_no_incident_is_named_as_new_twice(
    detections, order, random: Random
) -> None:
    team = Team(detections)
    named: Counter[str] = Counter()
    for number in order:
        for _ in range(random.choice((1, 1, 2))):
            before = {i.id for i in team.stored if i.told_on is not None}
            sent = set(team.outbox)
            team.run(Notify.LIVE, days(number))
            for key in set(team.outbox) - sent:
                opened = {t.incident_id for t in team.outbox[key].transitions if t.change == "opened"}
                assert not opened & before, "it was told before"
                named.update(opened)
    assert all(count == 1 for count in named.values())
    assert all(i.told_on is not None for i in team.stored if i.is_open), "what is open, somebody knows of"


@settings(deadline=None)
@given(histories())
def test_a_critical_day_is_never_silent(detections) -> None:
    team = Team(detections)
    for number in range(LENGTH):
        team.run(Notify.LIVE, days(number))
    known: set[str] = set()
    for number in range(LENGTH):
        sent = team.outbox.get((run(number), Kind.DAILY))
        known |= set(sent.incidents) if sent else set()
        critical = [
            c.incident
            for c in replay(detections, team.stored, ZONE, at=AT).as_of(run(number))
            if c.incident.is_open and c.incident.severity is CRITICAL
        ]
        assert {i.id for i in critical} <= known


@settings(deadline=None)
@given(histories(), st.permutations(range(LENGTH)))
def test_whatever_the_order_of_the_days_people_end_up_believing_what_is_so(detections, order) -> None:
    team = Team(detections)
    for number in order:
        team.run(Notify.LIVE, days(number))
    assert set(team.believed.values()) == {i.incident_class for i in team.stored if i.is_open}
