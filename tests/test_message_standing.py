"""Messages after the fact: a thread's first as its incidents stand now, several as one, perhaps a repeat."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import CRITICAL, incident, missing_labels, run, story
from hindsight.domain.values import ActionKind, IncidentState, Resolution, Severity
from hindsight.message import About, Document, Tone, about, merged, perhaps_repeated, plain, restated
from hindsight.message.gathered import EARLIER, MOST_EARLIER, REPEATED
from hindsight.message.standing import RESOLVED, STANDING, tone_of
from hindsight.notifiers import Parcel
from hindsight.notifiers.base import news
from hindsight.notifiers.pagerduty import actions
from hindsight.policy import Kind
from hostile import ABOUTS, DOCUMENTS
from transitions import act, documents, told

OPENED = told(story("B", severity=CRITICAL), 0)
GROWN = told([*story("BB", severity=CRITICAL), *story(".B", segment="origin=JFK", severity=CRITICAL)], 1)
OVER = told(story("BCC", severity=CRITICAL), 2)
LABELS = told([missing_labels(1)], 1)
(NAMED,) = OPENED.about


STANDINGS = st.lists(ABOUTS, max_size=3).map(lambda found: {each.incident: each for each in found})
"""How some incidents stand."""


def standing(document: Document) -> list[str]:
    """What the section on how things stand says."""
    found = [section for section in document.sections if section.heading == STANDING]
    assert len(found) <= 1
    return [line for section in found for line in (section.lead, *section.items) if line]


# --- about --------------------------------------------------------------------------------------


def test_an_incident_is_named_with_what_the_message_tells_of_it() -> None:
    assert (NAMED.state, NAMED.changes) == (IncidentState.OPEN, ("opened",))
    assert OVER.about[0].changes == ("resolved",)
    assert OVER.about[0].resolution is Resolution.RECOVERED
    assert [section.incident for section in OPENED.sections] == [NAMED.incident]


def test_who_has_taken_an_incident_on_is_named_without_harm() -> None:
    taken = replace(incident(0), acknowledged_by="Ann\u202e\r\n" + "x" * 99, headline="a\x00b")
    found = about(taken, ["joined", "joined"])
    assert found.acknowledged_by is not None
    assert len(found.acknowledged_by) <= 60
    assert found.headline == "a b"
    assert found.changes == ("joined",)


# --- restated -----------------------------------------------------------------------------------


def test_a_thread_turns_green_when_its_incident_is_over() -> None:
    now = restated(OPENED, {NAMED.incident: OVER.about[0]})
    assert now.tone is Tone.RESOLVED
    assert now.title == f"Resolved: {OPENED.title}"
    assert standing(now) == ["Resolved on Sun 3 Mar 2013, open for 2 days (recovered)."]
    assert now.sections[0].tone is Tone.RESOLVED
    (before,) = OPENED.sections
    marked = f"{before.heading} (as told on Fri 1 Mar 2013)"
    assert now.sections[1:] == (replace(before, tone=Tone.RESOLVED, heading=marked),)


def test_a_thread_whose_incident_is_over_or_taken_asks_for_nothing_that_is_done() -> None:
    over = restated(OPENED, {NAMED.incident: OVER.about[0]})
    assert over.first_line == (
        "[RESOLVED] flight_delay: resolved on Sun 3 Mar 2013, open for 2 days (recovered); was: recall of v1 "
        "is 0.412, below 0.531, since Fri 22 Feb 2013, opened on Fri 1 Mar 2013. n = 8,204, 94 % labelled. "
        "Owner: ops-ml."
    )
    assert not [line for line in over.context if " hindsight " in line]
    taken = restated(OPENED, {NAMED.incident: replace(NAMED, acknowledged_by="Ann")})
    assert taken.first_line == OPENED.first_line
    assert not [line for line in taken.context if "hindsight acknowledge" in line]
    assert [line for line in taken.context if "hindsight resolve" in line], "it can still be settled"


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, []),
        (
            {"acknowledged_by": "Ann", "acknowledged_until": date(2013, 4, 19)},
            ["Acknowledged by Ann until Fri 19 Apr 2013."],
        ),
        ({"severity": Severity.WARNING}, ["Now a warning."]),
        ({"state": IncidentState.RECOVERING}, ["Recovering: the latest judgements are clear."]),
        ({"state": IncidentState.REOPENED}, ["Came back and is open again."]),
        (
            {"resolved_on": run(9), "resolution": Resolution.FALSE_POSITIVE},
            ["Resolved on Sun 10 Mar 2013, open for 9 days (false positive)."],
        ),
    ],
)
def test_a_thread_says_how_its_incident_stands(change: dict[str, object], said: list[str]) -> None:
    now = {NAMED.incident: replace(NAMED, **change)}  # type: ignore[arg-type]
    assert standing(restated(OPENED, now)) == said


def test_a_thread_says_what_else_there_is_to_say() -> None:
    found = restated(OPENED, {}, {NAMED.incident: "Kim wanted silence until Sun 10 Mar 2013"})
    assert standing(found) == ["Kim wanted silence until Sun 10 Mar 2013."]


def test_a_thread_of_several_incidents_is_green_only_when_all_are_over() -> None:
    both = merged([OPENED, replace(LABELS, thread=OPENED.thread)])
    half = restated(both, {NAMED.incident: OVER.about[0]})
    assert half.tone is Tone.WARNING
    assert not half.title.startswith(RESOLVED)
    assert standing(half) == ["Performance: resolved on Sun 3 Mar 2013, open for 2 days (recovered)."]
    labels = replace(LABELS.about[0], resolved_on=run(5))
    whole = restated(both, {NAMED.incident: OVER.about[0], labels.incident: labels})
    assert whole.tone is Tone.RESOLVED
    assert len(standing(whole)) == 2


def test_a_message_that_told_of_the_end_is_not_resolved_twice() -> None:
    assert restated(OVER, {NAMED.incident: OVER.about[0]}).title == OVER.title
    back = replace(OVER.about[0], resolved_on=None, resolution=None, state=IncidentState.OPEN)
    assert standing(restated(OVER, {NAMED.incident: back})) == ["Open again."]


@settings(deadline=None)
@given(DOCUMENTS, STANDINGS)
def test_restating_is_the_same_however_often(document, now) -> None:
    once = restated(document, now)
    assert restated(once, now) == once
    assert once.about == document.about
    assert set(once.context) <= set(document.context)
    assert len(once.first_line) <= max(300, len(document.first_line))


# --- merged -------------------------------------------------------------------------------------


def test_one_message_is_itself_and_none_is_an_error() -> None:
    assert merged([OPENED]) is OPENED
    with pytest.raises(ValueError, match="Nothing can be merged: there is no message"):
        merged([])


def test_two_days_of_silence_are_one_message_with_the_newest_in_the_lead() -> None:
    one = merged([OPENED, GROWN, OVER])
    assert one.first_line == OVER.first_line
    assert (one.day, one.tone) == (run(2), Tone.RESOLVED)
    (named,) = one.about
    assert named.changes == ("opened", "joined", "resolved")
    assert named.resolved_on == run(2)
    assert [section.heading for section in one.sections][1:] == [EARLIER]
    assert [item[:15] for item in one.sections[-1].items] == ["Sat 2 Mar 2013:", "Fri 1 Mar 2013:"]
    assert one.context[0] == (
        "Could not be delivered before: 2 messages of Fri 1 Mar 2013 to Sat 2 Mar 2013; "
        "this one says what they said."
    )


def test_what_only_an_older_message_names_is_kept() -> None:
    one = merged([LABELS, OVER])
    assert [section.incident for section in one.sections[:2]] == [LABELS.thread, OVER.thread]
    assert "labels are missing" in one.first_line, "it is still open, and so graver than what is over"
    assert one.first_line.startswith("[WARNING] flight_delay: Sat 2 Mar 2013, labels")
    assert one.first_line.endswith(" And 1 more incident. Owner: ops-ml.")
    assert one.tone is Tone.WARNING
    assert one.thread == LABELS.thread
    assert OVER.first_line in plain(one)


def test_a_quiet_note_leads_nothing_graver() -> None:
    note = replace(documents()["revised"], about=OPENED.about, day=run(3))
    one = merged([OPENED, note])
    of_its_day = OPENED.first_line.replace("flight_delay: ", "flight_delay: Fri 1 Mar 2013, ")
    assert (one.first_line, one.tone) == (of_its_day, Tone.CRITICAL)
    assert one.sections[0].heading == f"{OPENED.sections[0].heading} (as of Fri 1 Mar 2013)"
    assert one.kind == note.kind
    assert "Revised since it was told" in [section.heading for section in one.sections]


def test_of_many_days_the_newest_are_listed() -> None:
    days = [replace(OPENED, day=run(number), first_line=f"day {number}") for number in range(40)]
    listed = merged(days).sections[-1].items
    assert len(listed) == MOST_EARLIER + 1
    assert listed[0].endswith("day 38")
    assert listed[-1] == "and more before these"


def test_merging_again_after_a_try_that_failed_says_the_same() -> None:
    whole = merged([OPENED, GROWN, LABELS, OVER])
    assert merged([OPENED, GROWN, LABELS, OVER]) == whole
    for parts in (
        [merged([OPENED, GROWN]), LABELS, OVER],
        [merged([OPENED, GROWN, LABELS]), OVER],
        [OPENED, merged([GROWN, LABELS]), OVER],
    ):
        again = merged(parts)
        assert again.about == whole.about
        assert [s for s in again.sections if s.incident] == [s for s in whole.sections if s.incident]
        for document in (OPENED, GROWN, LABELS, OVER):
            said = document.first_line.partition("flight_delay: ")[2].partition(" Owner")[0]
            assert said in plain(again)


@settings(deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_every_incident_of_every_message_is_in_the_merged_one_as_the_newest_has_it(found) -> None:
    one = merged(found)
    newest: dict[str, About] = {each.incident: each for document in found for each in document.about}
    assert {each.incident for each in one.about} == set(newest)
    for each in one.about:
        told_before = {c for d in found for a in d.about if a.incident == each.incident for c in a.changes}
        assert set(each.changes) == told_before
        course = [a for d in found for a in d.about if a.incident == each.incident]
        ended = max((place for place, a in enumerate(course) if a.resolved_on is not None), default=-1)
        told_news = any(a.news for a in course[ended + 1 :])
        assert len(found) == 1 or each.news is told_news, "news of what has ended since is none"
        assert replace(each, changes=(), news=False) == replace(newest[each.incident], changes=(), news=False)
    if len(found) > 1:
        assert len(one.first_line) <= 300
        looks = {each.incident: tone_of(each) for each in one.about}
        for section in one.sections:
            assert section.tone is looks.get(section.incident, section.tone), "each looks as it stands"
    assert merged(found) == one
    assert one.day == found[-1].day


NEWS_DOCUMENTS = {
    "opened": OPENED,
    "labels": LABELS,
    "over": OVER,
    "summary that names it": told(story("BB", severity=CRITICAL), 1, kind=Kind.SUMMARY, days=2),
    "quiet summary": told([], 3, kind=Kind.DAY, days=1),
    "weekly": told(story("BB", severity=CRITICAL), 1, kind=Kind.WEEK, days=2),
    "note": replace(
        documents()["revised"], about=tuple(replace(a, changes=(), news=False) for a in OPENED.about)
    ),
    "acknowledged": told(
        story("BB", severity=CRITICAL),
        2,
        actions=[act(ActionKind.ACKNOWLEDGE, 2, until=run(9))],
        kind=Kind.ACT,
    ),
}
PAIRS = [(a, b) for a in NEWS_DOCUMENTS for b in NEWS_DOCUMENTS if a != b]


def calling(document: Document) -> set[str]:
    """The incidents for which a message may call somebody."""
    return {each.incident for each in news(Parcel(document, "key"))}


def test_only_what_happened_is_news() -> None:
    loud = {name for name, document in NEWS_DOCUMENTS.items() if calling(document)}
    assert loud == {"opened", "labels"}


@pytest.mark.parametrize("first, later", PAIRS)
def test_a_merged_message_calls_for_what_its_parts_would_have_and_has_not_ended(
    first: str, later: str
) -> None:
    parts = NEWS_DOCUMENTS[first], NEWS_DOCUMENTS[later]
    over = {each.incident for each in merged(parts).about if each.resolved_on is not None}
    assert calling(merged(parts)) == (calling(parts[0]) | calling(parts[1])) - over
    triggered = {
        each.incident for action, each in actions(Parcel(merged(parts), "key")) if action == "trigger"
    }
    assert triggered == calling(merged(parts))


def test_of_two_summaries_the_newest_stands_and_what_has_ended_is_not_shown_as_open() -> None:
    days = story("BBCC", severity=CRITICAL)
    one = merged([told(days, 1, kind=Kind.DAY, days=1), told(days, 3, kind=Kind.DAY, days=1)])
    assert [section.heading for section in one.sections] == ["Ended in this day: 1 incident", EARLIER]
    both = merged([told(days, 3, kind=Kind.DAY, days=1), told([], 4, kind=Kind.DAY, days=1)])
    assert [section.heading for section in both.sections] == [EARLIER], "it ended on another day"


# --- perhaps repeated ---------------------------------------------------------------------------


def test_a_message_that_may_be_a_repeat_says_so_where_it_is_seen() -> None:
    again = perhaps_repeated(OPENED)
    assert again.first_line == f"{OPENED.first_line} (Perhaps a repeat.)"
    assert again.context == (REPEATED, *OPENED.context)
    assert perhaps_repeated(again) == again
    long = perhaps_repeated(replace(OPENED, first_line="x" * 300))
    assert len(long.first_line) <= 300
    assert long.first_line.endswith("(Perhaps a repeat.)")
    owned = perhaps_repeated(replace(OPENED, first_line=f"{'x' * 285} Owner: ops-ml."))
    assert owned.first_line.endswith(" Owner: ops-ml. (Perhaps a repeat.)")
    assert len(owned.first_line) <= 300
