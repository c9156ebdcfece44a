"""Silences against a real store: wanted, withheld, told afterwards, ended early, and reported when stale."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from episodes import CRITICAL, LABEL_HEALTH, missing_labels, run, story
from hindsight.domain.records import Silence
from hindsight.domain.values import IncidentClass
from hindsight.errors import ActionRefused, HindsightError
from hindsight.pipeline.acts import acknowledge, end_silence, incidents, silence
from hindsight.pipeline.stale_silences import refuse_stale_silences
from hindsight.wording import calendar
from stories import judged, live, said, tellings, withheld
from worlds import Bench

SPEC = judged()


def hush(bench: Bench, until: int, **more: Any) -> Silence:
    wanted = {"author": "Ann", "reason": "the feed moves", **more}
    return silence(SPEC, bench.runtime(), until=run(until), **wanted)


def kept(bench: Bench) -> list[Silence]:
    with bench.store.transaction() as connection:
        return bench.store.silences(connection, SPEC.monitor)


def test_what_is_silenced_lies_in_the_outbox_as_withheld_and_is_told_once_when_the_silence_is_over(
    bench: Bench,
) -> None:
    rows = story("C" + "B" * 8)
    live(bench, SPEC, [run(0)], rows)
    made = hush(bench, 4)
    assert (made.start, made.until, made.author) == (run(1), run(4), "Ann")
    live(bench, SPEC, map(run, range(1, 8)), rows)
    assert withheld(bench, SPEC) == [
        (
            run(1),
            "silenced",
            f"Ann wanted silence until {calendar(run(4))}: the feed moves (1 incident opened)",
        )
    ]
    first = "1 incident still open and told here for the first time"
    assert said(bench, SPEC) == [(run(5), "daily", first)]
    words = {each.transition.split()[0] for each in tellings(bench, SPEC)}
    assert words == {"withheld", "opened", "as"}


def test_an_end_in_the_middle_of_a_silence_is_told_after_it_to_who_knew_of_the_beginning(
    bench: Bench,
) -> None:
    rows = story("BBCCCCC")
    live(bench, SPEC, map(run, range(2)), rows)
    hush(bench, 4)
    live(bench, SPEC, map(run, range(2, 7)), rows)
    assert said(bench, SPEC) == [
        (run(0), "daily", "1 incident opened"),
        (run(5), "daily", "1 incident resolved"),
    ]
    assert [reason.rpartition("(")[2] for _, _, reason in withheld(bench, SPEC)] == ["1 incident resolved)"]


def test_what_is_not_silenced_is_told_in_full_while_something_else_is(bench: Bench) -> None:
    rows = [*story("CBBB"), *(missing_labels(day) for day in (1, 2, 3))]
    live(bench, SPEC, [run(0)], rows)
    hush(bench, 9, incident_class=LABEL_HEALTH)
    critical = [*rows, *story("..BB", detector="skill", severity=CRITICAL)]
    live(bench, SPEC, map(run, range(1, 4)), critical)
    assert [(day, kind) for day, kind, _ in said(bench, SPEC)] == [(run(2), "daily"), (run(3), "daily")]
    assert [day for day, _, _ in withheld(bench, SPEC)] == [run(1)]


def test_a_silence_that_is_ended_early_ends_with_the_next_run_and_says_who_ended_it(bench: Bench) -> None:
    rows = story("C" + "B" * 5)
    live(bench, SPEC, [run(0)], rows)
    made = hush(bench, 20)
    live(bench, SPEC, map(run, range(1, 3)), rows)
    ended = end_silence(SPEC, bench.runtime(), made.id, author="Bob")
    assert (ended.ended_on, ended.ended_by) == (run(3), "Bob")
    assert kept(bench) == [ended]
    assert end_silence(SPEC, bench.runtime(), made.id, author="Bob") == ended
    already = f"^Bob ended the silence {made.id} already, from Mon 4 Mar 2013 on"
    with pytest.raises(ActionRefused, match=already):
        end_silence(SPEC, bench.runtime(), made.id, author="Ann")
    live(bench, SPEC, map(run, range(3, 6)), rows)
    assert [day for day, _, _ in said(bench, SPEC)] == [run(3)]


def test_to_want_the_same_silence_twice_is_to_want_it_once_until_it_was_ended(bench: Bench) -> None:
    live(bench, SPEC, [run(0)], story("C"))
    first = hush(bench, 9)
    assert hush(bench, 9, author=" Ann\n") == first
    end_silence(SPEC, bench.runtime(), first.id, author="Ann")
    again = hush(bench, 9)
    assert again.id != first.id
    assert len(kept(bench)) == 2


def test_a_silence_that_cannot_be_is_refused_with_what_would_do(bench: Bench) -> None:
    live(bench, SPEC, [run(0)], [*story("C", segment="origin=JFK"), *story("C", version="v2")])
    next_day, cover = "Sat 2 Mar 2013", {"detector": "skill"}
    refused: dict[str, dict[str, Any]] = {
        "A silence needs a reason that others understand later: the reason is empty.": {"reason": "\t"},
        "Say who does it: the author is empty.": {"author": ""},
        "A silence that covers everything until Sat 1 Jun 2013 is too long: 90 days are the most, so "
        "Fri 31 May 2013 at the latest.": {"until": date(2013, 6, 1)},
        "A silence until Mon 3 Mar 2014 is too long: 365 days are the most, so Sun 2 Mar 2014 at the "
        "latest.": {"until": date(2014, 3, 3), **cover},
        "A silence until Fri 1 Mar 2013 ends before it begins, on Sat 2 Mar 2013.": {"until": run(0)},
        "A silence cannot begin on Fri 1 Mar 2013, for that day was judged and told already: "
        f"{next_day} is the earliest.": {"start": run(0)},
        "odd knows no detector 'skil' (did you mean 'skill'?): "
        "there are coverage threshold, recall threshold, skill.": {"detector": "skil"},
        "odd knows no version 'v22' (did you mean 'v2'?): there are v1, v2.": {"version": "v22"},
        "odd knows no segment 'origin=JKF' (did you mean 'origin=JFK'?): there are ALL, origin=JFK.": {
            "segment": "origin=JKF"
        },
    }
    for sentence, given in refused.items():
        wanted = {"until": run(9), "author": "Ann", "reason": "moving", **given}
        with pytest.raises(ActionRefused) as caught:
            silence(SPEC, bench.runtime(), **wanted)
        assert str(caught.value) == sentence
    with pytest.raises(ActionRefused, match=r"^There is no silence 'sil_1': none lasts\.$"):
        end_silence(SPEC, bench.runtime(), "sil_1", author="Ann")
    assert kept(bench) == []


def test_a_silence_that_ended_by_itself_cannot_be_ended(bench: Bench) -> None:
    rows = story("CCCC")
    live(bench, SPEC, [run(0)], rows)
    made = hush(bench, 1)
    live(bench, SPEC, map(run, range(1, 4)), rows)
    with pytest.raises(ActionRefused, match=f"^The silence {made.id} ended by itself on Sat 2 Mar 2013"):
        end_silence(SPEC, bench.runtime(), made.id, author="Ann")


def test_stale_silences_are_reported_with_who_wanted_them_and_what_to_do(bench: Bench) -> None:
    assert refuse_stale_silences(SPEC, bench.runtime()) == {"silences": 0, "stale": 0}
    rows = [*story("C" * 2 + "B" * 20), *(missing_labels(day) for day in range(22))]
    live(bench, SPEC, [run(0)], rows)
    over = hush(bench, 3, incident_class=LABEL_HEALTH, reason="labels late")
    idle = hush(bench, 25, detector="skill", reason="a new skill")
    long = hush(bench, 60, detector="recall threshold", reason="a new feed")
    fine = hush(bench, 25, incident_class=IncidentClass.PERFORMANCE)
    for day in (1, 2):
        live(bench, SPEC, [run(day)], rows)
    assert refuse_stale_silences(SPEC, bench.runtime()) == {"silences": 4, "stale": 0}
    live(bench, SPEC, map(run, range(3, 16)), rows)
    with pytest.raises(HindsightError) as caught:
        refuse_stale_silences(SPEC, bench.runtime())
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 silences seem stale at odd:"
    assert not [each for each in (fine, long) if each.id in str(caught.value)]
    (ended,) = (line for line in lines if over.id in line)
    assert "of Ann (labels late) ended on Mon 4 Mar 2013, and the label health incident" in ended
    (useless,) = (line for line in lines if idle.id in line)
    assert useless == (
        f"- {idle.id} of Ann (a new skill) has had nothing to silence for 15 days: "
        f"end it (hindsight unsilence odd {idle.id})"
    )
    for each in (idle, long):
        end_silence(SPEC, bench.runtime(), each.id, author="Ann")


def test_a_silence_is_long_when_it_has_lasted_for_long_and_not_because_it_is_meant_to(bench: Bench) -> None:
    live(bench, SPEC, [run(0)], story("C"))
    long = hush(bench, 60, detector="recall threshold", reason="a new feed")
    live(bench, SPEC, [run(1), run(30)], [*story("B", start=1), *story("B", start=30)])
    assert refuse_stale_silences(SPEC, bench.runtime()) == {"silences": 1, "stale": 0}
    live(bench, SPEC, [run(31)], story("B", start=31))
    with pytest.raises(HindsightError) as caught:
        refuse_stale_silences(SPEC, bench.runtime())
    assert (
        f"{long.id} of Ann (a new feed) has lasted 31 days, and would until Tue 30 Apr 2013: end it"
        in str(caught.value)
    )


def test_what_somebody_has_taken_on_is_no_longer_asked_about_after_its_silence(bench: Bench) -> None:
    rows = story("CBBBBBBBBB")
    live(bench, SPEC, [run(0)], rows)
    over = hush(bench, 2)
    live(bench, SPEC, map(run, range(1, 5)), rows)
    with pytest.raises(HindsightError, match=f"{over.id} of Ann .*still breaches"):
        refuse_stale_silences(SPEC, bench.runtime())
    (found,) = incidents(SPEC, bench.runtime())
    acknowledge(SPEC, bench.runtime(), found.id, author="Bob", until=run(6))
    live(bench, SPEC, [run(5)], rows)
    assert refuse_stale_silences(SPEC, bench.runtime()) == {"silences": 1, "stale": 0}
    live(bench, SPEC, map(run, range(6, 9)), rows)
    with pytest.raises(HindsightError, match=f"{over.id} of Ann .*still breaches"):
        refuse_stale_silences(SPEC, bench.runtime())
