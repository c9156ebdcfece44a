"""What channels are told when days are computed anew, rules leave and return, and things are found late."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    LABEL_HEALTH,
    PERFORMANCE,
    WARNING,
    ZONE,
    missing_labels,
    run,
    story,
)
from hindsight.domain.records import Detection, Silence
from hindsight.domain.values import IncidentClass, Notify, Severity, When
from hindsight.incidents import Change, replay
from hindsight.policy import Act, Decision, Kind, Listener, Memory, decide
from hindsight.windows import run_day
from test_policy_laws import MEMBERS, Ear, Team, days, people_believe_what_is_so

LENGTH = 9
INPUTS = IncidentClass.INPUTS


class Anew(Team):
    """A team whose every run knows just the judgements it is given."""

    def tell(self, day: int, landed: Collection[Detection], mode: Notify = Notify.LIVE) -> list[str]:
        """What a run of a day sends, as `channel: reason`, each correction in full."""
        self.detections, self.landed = [], list(landed)
        before = dict(self.outbox)
        self.run(mode, days(day))
        new = {key: d for key, d in self.outbox.items() if before.get(key) != d and d.act is Act.SEND}
        return [
            f"{to}: {'; '.join([d.reason, *(c.reason for c in d.corrections)])}"
            for (to, _, _), d in new.items()
        ]


def anew(silences: Collection[Silence] = (), **ears: Ear) -> Anew:
    return Anew([], silences, ears=ears or {"all": Ear()})


def hush(first: int, last: int, **about) -> Silence:
    at = datetime(2013, 3, 1, tzinfo=UTC)
    return Silence("sil_1", "flight_delay", run(first), run(last), "Ann", "moving", at, **about)


# --- withdrawn, ended, taken back --------------------------------------------------------------------


def test_a_withdrawn_incident_that_is_so_again_is_told_again_and_can_be_withdrawn_again() -> None:
    team = anew()
    assert team.tell(0, story("B")) == ["all: 1 incident opened"]
    for first in (1, 3):
        (withdrawn,) = team.tell(first, story("C" * (first + 1)))
        assert withdrawn.endswith("is withdrawn: recomputed days no longer show it")
        assert team.tell(first, story("C" * (first + 1))) == []
        back = team.tell(first + 1, story("B" * (first + 2)))
        assert back == ["all: 1 incident open after all, which had been withdrawn"]
    assert team.tell(5, story("BBBBB") + story("B", start=5, severity=CRITICAL)) == [
        "all: 1 incident became critical"
    ]
    assert team.tell(7, story("BBBBBCCC"))[0].startswith("all: 1 incident resolved")


def test_a_rule_that_was_out_of_the_file_for_a_day_is_heard_when_it_is_back() -> None:
    team = anew()
    team.tell(2, story("BBB", severity=CRITICAL))
    assert "withdrawn" in team.tell(3, [])[0]
    assert team.tell(4, story("BBBBB", severity=CRITICAL)) == [
        "all: 1 incident open after all, which had been withdrawn"
    ]
    (name,) = (i.id for i in team.stored)
    assert team.memory["all"].level(name) is CRITICAL


def test_an_end_that_was_taken_back_and_is_so_after_all_is_told_as_a_correction() -> None:
    team = anew()
    for day in range(4):
        team.tell(day, story("BBCC"[: day + 1]))
    assert "was told as resolved, but recomputed days show it still open" in team.tell(4, story("BBCBB"))[0]
    assert team.tell(5, story("BBCCCC")) == [
        "all: 1 earlier message corrected; the performance incident of Fri 1 Mar 2013 ended on Mon 4 Mar 2013"
    ]
    assert team.tell(6, story("BBCCCCC")) == []
    people_believe_what_is_so(team)


# --- who wants to hear only some ------------------------------------------------------------------------


def test_a_channel_for_critical_only_is_not_woken_by_a_warning_that_comes_back() -> None:
    known = [*story("B", severity=CRITICAL), *story("CCBB", start=1), *story("B", start=5, severity=CRITICAL)]
    team, heard = anew(grave=Ear(CRITICAL)), []
    for day in range(6):
        heard += team.tell(day, [d for d in known if run_day(d.as_of, ZONE) <= run(day)])
    said = [each for each in heard if "not acknowledged" not in each]
    assert said[:2] == ["grave: 1 incident opened", "grave: 1 incident resolved"]
    assert len(said) == 3
    assert "1 incident came back" in said[2]
    refused = team.outbox["grave", run(3), Kind.DAILY]
    assert (refused.act, refused.reason) == (
        Act.SUPPRESS,
        "warning is below the notifier's min_severity critical (1 incident came back)",
    )


@pytest.mark.parametrize("silences", [(), (hush(0, 0),)])
def test_what_breaches_in_a_channels_segment_is_told_there_however_late_it_is_found(silences) -> None:
    def both(day: int) -> list[Detection]:
        return [d for f in ({}, {"segment": "origin=JFK"}) for d in story("B" * (day + 1), **f)]

    team = anew(silences, jfk=Ear(segments=("origin=JFK",)), lga=Ear(segments=("origin=LGA",)))
    team.tell(0, both(0), Notify.LIVE if silences else Notify.NONE)
    assert team.tell(1, both(1)) == ["jfk: 1 incident still open and told here for the first time"]
    assert team.tell(2, both(2)) == []


@pytest.mark.parametrize("mode", [Notify.LIVE, Notify.NONE])
def test_who_joined_when_a_day_was_computed_again_or_in_silence_is_told_by_the_next_live_run(mode) -> None:
    team = anew(all=Ear(), lga=Ear(segments=("origin=LGA",)), grave=Ear(CRITICAL))
    inputs = story("BBB", incident_class=INPUTS, detector="psi")
    assert team.tell(0, [*story("B"), *inputs[:1]]) == ["all: 2 incidents opened"]
    team.tell(1, [*story("BB"), *inputs[:2], *story(".B", detector="psi 2", incident_class=INPUTS)])
    joined = [*story("BB"), *story(".B", segment="origin=JFK"), *inputs[:2]]
    assert team.tell(1, joined, mode) == []
    landed = [*story("BBB"), *story(".BB", segment="origin=JFK"), *inputs]
    assert team.tell(2, landed) == ["all: 1 incident grew"]
    assert team.tell(2, landed) == []
    assert team.tell(1, landed) == []


def test_who_joined_and_recovered_meanwhile_is_no_news() -> None:
    team = anew()
    team.tell(0, story("B"))
    team.tell(1, [*story("BB"), *story(".B", segment="origin=JFK")], Notify.NONE)
    assert team.tell(3, [*story("BBBB"), *story(".BCC", segment="origin=JFK")]) == []


# --- how bad it was told ----------------------------------------------------------------------------------


def test_how_bad_it_was_counts_from_the_last_beginning_that_was_told() -> None:
    memory = Memory.of(["inc_1 as critical 2013-03-01 1", "inc_1 as resolved 2013-03-03 2"])
    assert memory.level("inc_1") is Severity.OK
    again = memory.and_told([memory.said("inc_1", "warning", run(3))])
    assert (again.level("inc_1"), again.believes_open("inc_1")) == (WARNING, True)
    assert again.newest("inc_1") == run(3)


def test_what_somebody_did_keeps_no_news_of_the_day_back() -> None:
    opened = [*story("B"), *story("B", detector="skill", severity=CRITICAL)]
    team = anew()
    team.tell(0, opened[:1])
    (name,) = (i.id for i in team.stored)
    team.memory["all"] = team.memory["all"].and_told([f"{name} acknowledged 2013-03-02 0123abcd"])
    team.outbox.clear()
    assert team.tell(0, opened) == ["all: 1 incident became critical"]


# --- summaries --------------------------------------------------------------------------------------------


def summed(detections: list[Detection], listener: Listener, last: int, **more) -> Decision:
    (decision,) = decide(Notify.SUMMARY, days(0, last), replay(detections, (), ZONE), listener, **more)
    return decision


def test_summaries_leave_out_what_is_silenced_and_say_that_they_do() -> None:
    withheld = "1 incident withheld: Ann wanted silence until Thu 21 Mar 2013: moving"
    known = [*story("BBB"), *story("BBB", incident_class=INPUTS, detector="psi")]
    about = [hush(0, 20, incident_class=PERFORMANCE)]
    summary = summed(known, Listener(), 2, silences=about)
    assert [case.incident.incident_class for case in summary.cases] == [INPUTS]
    assert summary.reason == f"one summary was asked for: 3 days computed, 1 incident; {withheld}"
    assert all(PERFORMANCE is not t.incident_class for t in summary.transitions)
    assert len({each.split()[0] for each in summary.tellings}) == 1
    for when, asked in ((When.DAILY, "a day"), (When.WEEKLY, "a week")):
        ask = Listener(Ear(when=when))
        (regular,) = decide(Notify.LIVE, days(2), replay(story("BBB"), (), ZONE), ask, silences=[hush(0, 20)])
        assert (regular.cases, regular.transitions) == ((), ())
        assert regular.reason == f"a summary {asked} was asked for: {withheld}"
        (over,) = decide(Notify.LIVE, days(2), replay(story("BBB"), (), ZONE), ask, silences=[hush(0, 1)])
        assert len(over.cases) == 1


def test_a_summary_corrects_only_who_was_told_and_once() -> None:
    first, labels = story("B"), Listener(Ear(classes=(LABEL_HEALTH,)))
    (opened,) = decide(Notify.LIVE, days(0), replay(first, (), ZONE), Listener())
    listener = Listener(memory=Memory.of(opened.tellings))
    summary = summed(story("CCC"), listener, 2)
    assert ["withdrawn" in c.reason for c in summary.corrections] == [True]
    heard = replace(listener, memory=listener.memory.and_told(summary.tellings))
    assert summed(story("CCC"), heard, 2).corrections == ()
    (after,) = decide(Notify.LIVE, days(3), replay(story("CCCC"), (), ZONE), heard)
    assert after.act is Act.NOTHING
    assert summed(story("CCC"), labels, 2).corrections == ()


def test_an_end_that_a_summary_tells_is_not_corrected_in_it_too() -> None:
    (opened,) = decide(Notify.LIVE, days(0), replay(story("B"), (), ZONE), Listener())
    listener = Listener(memory=Memory.of(opened.tellings))
    summary = summed(story("BCCC"), listener, 3)
    assert summary.corrections == ()
    assert [t.change for t in summary.transitions] == [Change.OPENED, Change.RESOLVED]
    heard = listener.memory.and_told(summary.tellings)
    assert not any(heard.believes_open(case.incident.id) for case in summary.cases)


# --- laws -------------------------------------------------------------------------------------------------

EARS: Mapping[str, Ear] = {
    "all": Ear(),
    "grave": Ear(CRITICAL),
    "jfk": Ear(segments=("origin",)),
    "labels": Ear(classes=(LABEL_HEALTH,)),
}
Turned = tuple[int, int]
RULES = ("", "", "", "recall threshold", "coverage threshold")
SOME = st.lists(st.tuples(st.integers(0, len(MEMBERS) - 1), st.integers(0, LENGTH - 1)), max_size=2)


def known_by_day(
    verdicts: Sequence[str], turned: Sequence[Sequence[Turned]], out: Sequence[str]
) -> Iterator[list[Detection]]:
    """What is known on each day: each turns judgements of earlier days, and may lack a rule."""
    stories = [list(story(text, **fields)) for text, fields in zip(verdicts, MEMBERS, strict=True)]
    for day, (turns, rule) in enumerate(zip(turned, out, strict=True)):
        for member, number in turns:
            if number < min(day, len(stories[member])):
                was = stories[member][number]
                stories[member][number] = replace(was, verdict=CLEAR if was.verdict is BREACH else BREACH)
        yield [d for rows in stories for d in rows[: day + 1] if d.detector != rule]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text("BC", min_size=LENGTH, max_size=LENGTH), min_size=len(MEMBERS), max_size=len(MEMBERS)),
    st.lists(SOME, min_size=LENGTH, max_size=LENGTH),
    st.lists(st.sampled_from(RULES), min_size=LENGTH, max_size=LENGTH),
    st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH),
)
@example(["BCB", "", "", ""], [[], [(0, 0)], [(0, 0), (0, 1)]], [""] * 3, [False] * 3)
@example(["BBCCBC", "", "", ""], [[]] * 4 + [[(0, 3)], [(0, 3), (0, 4)]], [""] * 6, [False] * 6)
@example(
    ["CCCCBBCBC", "BCCBCBCBB", "CCCBCBCBC", "CCBCCBBBC"],
    [[], [], [], [(3, 1)], [], [], [(2, 1), (3, 2)], [], [(0, 3)]],
    [""] * 9,
    [False] * 4 + [True] + [False] * 4,
)
def test_whatever_is_computed_anew_people_believe_what_is_so(verdicts, turned, out, silent) -> None:
    team, landed = anew(**EARS), []
    for day, landed in enumerate(known_by_day(verdicts, turned, out)):
        if silent[day] and day + 1 < len(turned):
            team.tell(day, landed, Notify.NONE)
            continue
        team.tell(day, landed)
        people_believe_what_is_so(team)
        each_hears_of_what_it_wants(team, day)
    for day in range(len(turned)):
        team.tell(day, landed)
    people_believe_what_is_so(team)


def each_hears_of_what_it_wants(team: Team, day: int) -> None:
    """Who wants to hear of an incident that is open believes it open; who does not was sent no beginning."""
    for channel, ear in team.ears.items():
        listener = Listener(ear, team.memory[channel], "ops-ml")
        for case in team.history().as_of(run(day)):
            incident = case.incident
            if incident.is_open and incident.told_on and not listener.refusal(case, incident.breaching):
                assert listener.memory.believes_open(incident.id)
        sent = team.outbox.get((channel, run(day), Kind.DAILY))
        for t in sent.transitions if sent is not None and sent.act is Act.SEND else ():
            if t.change in (Change.OPENED, Change.REOPENED):
                grown = next(c.incident.severity for c in sent.cases if c.incident.id == t.incident_id)
                assert grown.rank >= ear.min_severity.rank


def test_who_hears_nothing_of_late_labels_can_read_that_performance_warnings_wait_for_them() -> None:
    late = [missing_labels(0), *story("B")]
    waits = "; while label health is open, new performance warnings wait for it"
    silenced = [hush(0, 9, incident_class=LABEL_HEALTH)]
    _, record = decide(Notify.LIVE, days(0), replay(late, (), ZONE), Listener(), silences=silenced)
    assert record.reason == (f"Ann wanted silence until Sun 10 Mar 2013: moving (1 incident opened){waits}")
    listener = Listener(Ear(classes=(PERFORMANCE,)))
    (refused,) = decide(Notify.LIVE, days(0), replay(late, (), ZONE), listener)
    assert refused.reason == (
        f"the notifier does not want incidents of label health (1 incident opened){waits}"
    )
