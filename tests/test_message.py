"""What a message says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    LABEL_HEALTH,
    PERFORMANCE,
    WARNING,
    ZONE,
    detection,
    missing_labels,
    run,
    snapshot_of,
    spec,
    story,
)
from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.values import ALL, Horizon, IncidentClass, Maturity, Notify, Severity, Span
from hindsight.explanation import Action, Advice, Explanation, facts
from hindsight.explanation.company import VersionChange, VolumeChange
from hindsight.explanation.drifts import Drift
from hindsight.explanation.levels import Change
from hindsight.explanation.parts import Part, Split
from hindsight.explanation.since import Since
from hindsight.incidents import Correction, as_told, fold, notes, replay, revisions
from hindsight.incidents.revised import window_of
from hindsight.message import (
    Document,
    Fact,
    Link,
    Tone,
    compose,
    from_json,
    html,
    plain,
    slack_blocks,
    slack_text,
    to_json,
)
from hindsight.policy import Act, Decision, Kind, decide
from hindsight.windows import DayRange
from hostile import texts


def decided(detections: list[Detection], first: int, last: int | None = None, **more: Any) -> Decision:
    """The live decision of a day, or the summary of several."""
    mode = Notify.LIVE if last is None else Notify.SUMMARY
    span = DayRange(run(first), run(first if last is None else last))
    return decide(mode, span, replay(detections, more.pop("stored", ()), ZONE), **more)[0]


def told(detections: list[Detection], day: int, **fields: Any) -> Document:
    """The message of a live day, with standard errors at hand."""
    return compose(decided(detections, day), spec(**fields), snapshots=map(snapshot_of, detections))


# --- what it says -------------------------------------------------------------------------------


def test_the_first_line_stands_alone_on_a_lock_screen() -> None:
    document = told(story("CB", severity=CRITICAL), 1)
    assert document.first_line == (
        "[CRITICAL] flight_delay: recall of v1 is 0.412, below 0.531, since Sat 23 Feb 2013, opened on "
        "Sat 2 Mar 2013. n = 8,204, 94 % labelled. Owner: ops-ml."
    )
    assert len(document.first_line) <= 200


def test_the_plain_message_reads_as_the_person_woken_by_it_needs_it() -> None:
    detections = [
        *story("CBB", severity=CRITICAL),
        *story("..B", segment="origin=JFK", observed=0.2),
        missing_labels(2),
    ]
    stored = [replace(i, told_on=run(1)) for i in fold(detections[:3], (), ZONE)]
    document = compose(
        decided(detections, 2, stored=stored),
        spec(),
        snapshots=map(snapshot_of, detections),
        links=[Link("Run", "https://airflow.example.com/dags/monitor__flight_delay")],
    )
    incidents = re.findall("inc_[0-9a-f]{16}", plain(document))
    assert plain(document) == (
        "[CRITICAL] flight_delay: recall of v1 is 0.412, below 0.531 (and 1 more), since Sat 23 Feb 2013, "
        "open since Sat 2 Mar 2013. n = 8,204, 94 % labelled. And 1 more incident. Owner: ops-ml.\n"
        "\n"
        "Performance: critical, since Sat 23 Feb 2013, open since Sat 2 Mar 2013\n"
        "  recall of v1 is 0.412, below 0.531 (95 % interval 0.388 to 0.436); "
        "expected 0.590, so 30 % lower.\n"
        "  News:     recall threshold of v1 in origin=JFK joined\n"
        "  Since:    Sat 23 Feb 2013; opened on Sat 2 Mar 2013, when its labels were 7 days old\n"
        "  How sure: 28 days to Sun 24 Feb 2013: n = 8,204, 94 % labelled, labels 7 days old, p < 0.001\n"
        "  Where:    version v1\n"
        "  Members:  2 of 2 still breach\n"
        "  Rule:     recall threshold (critical): recall is 10 % and more below the reference, "
        "and sampling error does not explain it\n"
        "  - also recall of v1 in origin=JFK is 0.200, below 0.531 [recall threshold]\n"
        "\n"
        "Label health: warning, since Sun 24 Feb 2013, opened on Sun 3 Mar 2013\n"
        "  Labels are missing: coverage of v1 is 12 %, below 80 % (95 % interval 9.6 % to 14 %). "
        "This says nothing of the model: what it did on these days is not known yet.\n"
        "  Since:    Sun 24 Feb 2013; opened on Sun 3 Mar 2013, when its labels were 7 days old\n"
        "  How sure: 28 days to Sun 24 Feb 2013: n = 25,000, labels 7 days old, p < 0.001\n"
        "  Where:    version v1\n"
        "  Rule:     coverage threshold (warning): 12 % of the predictions have a label where 80 % are due\n"
        "\n"
        "Runbook: https://wiki.example.com/flight-delay?a=1&b=2\n"
        "Run: https://airflow.example.com/dags/monitor__flight_delay\n"
        "Owner: ops-ml.\n"
        f"To take it on and stop reminders: hindsight acknowledge flight_delay {incidents[0]}\n"
        f"To say why it is over, or that it may go on: hindsight resolve flight_delay {incidents[0]} "
        "--as expected --reason WHY (or as fixed, no_action, false_positive)\n"
        f"Incidents: {', '.join(dict.fromkeys(incidents))}\n"
        "Why this message: 1 incident opened; 1 incident grew.\n"
    )
    assert len(set(incidents)) == 2


def test_missing_labels_are_not_told_as_a_bad_model() -> None:
    document = told([missing_labels(0)], 0)
    assert document.title == "flight_delay: labels are missing"
    assert "labels are missing, coverage of v1 is 12 %, below 80 %" in document.first_line
    assert "Not a statement about the model." in document.first_line
    assert "below its bound" not in plain(document)


def test_a_recovery_is_told_as_one() -> None:
    detections = story("BBCC")
    stored = [replace(i, told_on=run(0)) for i in fold(detections, (), ZONE)]
    document = compose(decided(detections, 3, stored=stored), spec())
    assert document.tone is Tone.RESOLVED
    assert document.title == "flight_delay: performance recovered"
    assert document.first_line == (
        "[RESOLVED] flight_delay: performance recovered, open for 3 days; "
        "was: recall of v1 is 0.412, below 0.531. Owner: ops-ml."
    )
    assert document.sections[0].heading == "Performance: resolved on Mon 4 Mar 2013, open for 3 days"
    assert document.sections[0].lead == (
        "Recovered: every member was clear 2 times in a row; the last breach was on Sat 2 Mar 2013."
    )


def test_what_was_found_in_silence_is_told_as_that() -> None:
    document = told(story("BBB"), 2)
    assert Fact("News", "still open; nobody had been told") in document.sections[0].facts
    assert document.context[-1] == (
        "Why this message: 1 incident still open and told here for the first time."
    )


def test_revisions_and_corrections_are_a_quiet_note() -> None:
    first, later = detection(7, CLEAR, horizon=7), detection(30, BREACH, horizon=30)
    detections = [first, later, detection(30, BREACH)]
    decision = replace(
        decided(detections, 30),
        revisions=revisions(detections, (), ZONE),
        corrections=(
            Correction("inc_x", "the performance incident of Fri 1 Mar 2013 ended on Mon 4 Mar 2013"),
        ),
    )
    note = compose(decision, spec(), snapshots=map(snapshot_of, detections)).sections[-1]
    assert (note.heading, note.tone) == ("Revised since it was told", Tone.QUIET)
    assert note.items == (
        "the performance incident of Fri 1 Mar 2013 ended on Mon 4 Mar 2013.",
        (
            "recall of v1, 28 days to Fri 1 Mar 2013: CLEAR (0.590) with labels 7 days old, "
            "now BREACH (0.412) with labels 30 days old."
        ),
    )


def test_a_message_of_corrections_alone_says_so() -> None:
    corrected = Correction("inc_x", "the incident of May is withdrawn")
    decision = replace(decided(story("C"), 0), kind=Kind.REVISED, corrections=(corrected,))
    document = compose(decision, spec())
    assert document.first_line == "[REVISED] flight_delay: the incident of May is withdrawn. Owner: ops-ml."
    assert document.tone is Tone.QUIET
    assert slack_blocks(document)


def test_a_note_says_what_changed_and_how_the_incident_stands_and_wakes_nobody() -> None:
    detections = [*story("BBB", severity=CRITICAL), detection(23, CLEAR, horizon=30, severity=CRITICAL)]
    stored = tuple(replace(i, told_on=run(0)) for i in fold(detections, (), ZONE))
    named = as_told([(stored[0].id, detections[0])])
    waiting = notes({window_of(detections[0]): json.loads(named)[0]}, detections, ZONE)
    decision = decided(detections, 23, stored=stored, notes=waiting)
    decision = replace(decision, kind=Kind.REVISED, revisions=tuple(waiting), transitions=())
    document = compose(decision, spec(), snapshots=map(snapshot_of, detections))
    assert document.first_line == (
        "[REVISED] flight_delay: recall of v1, 28 days to Fri 22 Feb 2013: BREACH (0.412) with labels 7 days "
        "old, now CLEAR (0.590) with labels 30 days old. The performance incident of Fri 1 Mar 2013 is still "
        "open. Owner: ops-ml."
    )
    assert document.tone is Tone.QUIET
    assert document.thread == stored[0].id
    assert "<!" not in slack_text(document)
    assert document.sections == ()  # the first line has said it


def test_a_summary_of_quiet_days_says_that_they_were_quiet() -> None:
    document = compose(decided([], 0, 30), spec())
    assert document.title == "flight_delay: 31 days computed, no incident"
    assert document.first_line == (
        "[SUMMARY] flight_delay: 31 days computed, no incident (Fri 1 Mar 2013 to Sun 31 Mar 2013). "
        "Owner: ops-ml."
    )
    assert (document.sections, document.tone, document.severity) == ((), Tone.QUIET, WARNING)


def test_a_summary_shows_what_is_open_and_lists_what_has_ended() -> None:
    apart = "BCC" + "C" * 5
    detections = [*story(apart * 7 + "BB"), missing_labels(57)]
    document = compose(decided(detections, 0, 57), spec())
    assert document.title == "flight_delay: 58 days computed, 9 incidents"
    assert "2 still open. Worst (warning): recall of v1 is 0.412" in document.first_line
    *still_open, ended = document.sections
    assert [section.heading.split(":")[0] for section in still_open] == ["Performance", "Label health"]
    assert ended.heading == "Resolved within these days: 7 incidents"
    assert ended.items[0] == (
        "performance, warning, Fri 1 Mar 2013 to Sun 3 Mar 2013, recovered, open for 2 days: "
        "recall of v1 is 0.412, below 0.531 (28 days to Fri 22 Feb 2013)"
    )
    assert ended.items[-1] == "and 2 more"
    assert all(fact.label != "News" for section in still_open for fact in section.facts)


def test_members_beyond_five_are_counted() -> None:
    detections = [made for number in range(40) for made in story("B", segment=f"origin=A{number:02}")]
    section = told(detections, 0).sections[0]
    assert len(section.items) == 6
    assert section.items[-1] == "and 34 more"


def test_the_subject_is_the_same_over_an_incident_and_another_for_the_next() -> None:
    detections = [*story("BBBCC" + "C" * 5 + "BB"), *story("..BCC", segment="origin=JFK", severity=CRITICAL)]
    stored = [replace(i, told_on=i.opened_on) for i in fold(detections, (), ZONE)]
    subjects = [compose(decided(detections, day, stored=stored), spec()).subject for day in (0, 2, 10)]
    assert subjects[0] == subjects[1] != subjects[2]
    assert re.fullmatch(r"\[hindsight\] flight_delay: performance incident [0-9a-f]{6}", subjects[0])
    assert not re.search(r"\d{4}-\d|Mar", subjects[0]), "a date in the subject would break the thread"


def test_an_interval_is_told_only_of_the_value_it_belongs_to() -> None:
    (made,) = story("B")
    other = replace(snapshot_of(made), value=0.7)
    assert "interval" in plain(compose(decided([made], 0), spec(), snapshots=[snapshot_of(made)]))
    for snapshots in ([], [other], [snapshot_of(made, standard_error=None)]):
        document = compose(decided([made], 0), spec(), snapshots=snapshots)
        assert "interval" not in plain(document)
        assert "recall of v1 is 0.412, below 0.531; expected 0.590" in plain(document)


def test_provisional_truth_is_named() -> None:
    (made,) = story("B")
    snapshot = replace(snapshot_of(made), maturity=Maturity.PROVISIONAL)
    document = compose(decided([made], 0), spec(), snapshots=[snapshot])
    assert "94 % labelled, provisional." in document.first_line
    assert "provisional: less truth than the monitor asks for" in plain(document)


def test_a_breach_without_a_figure_is_told_by_its_reason() -> None:
    made = detection(0, observed=None, reason="no prediction was logged. ")
    assert "recall of v1: no prediction was logged, since" in told([made], 0).first_line


def test_a_trend_is_told_by_its_reason_and_its_level() -> None:
    made = detection(
        0, metric="roc_auc", observed=0.871, lower=None, reason="roc_auc is declining by 0.004 a day."
    )
    document = compose(decided([made], 0), spec(), snapshots=[snapshot_of(made)])
    assert "roc_auc of v1 is declining by 0.004 a day, since" in document.first_line
    assert document.sections[0].lead.startswith(
        "roc_auc of v1 is declining by 0.004 a day; "
        "the value is 0.871 (95 % interval 0.847 to 0.895); expected"
    )


def test_an_upper_bound_is_passed_from_below() -> None:
    made = detection(0, metric="mae", observed=23.4123, expected=18.2, lower=None, upper=20.02)
    assert "mae of v1 is 23.4, above 20.0; expected 18.2, so 29 % higher." in plain(
        compose(decided([made], 0), spec())
    )


def test_two_figures_that_differ_are_printed_so_that_they_differ() -> None:
    made = detection(0, observed=0.53096, lower=0.53104)
    assert "is 0.53096, below 0.53104" in told([made], 0).first_line


def test_a_runbook_that_is_no_address_is_shown_and_not_linked() -> None:
    for runbook in ("javascript:alert(1)", "ask Kim"):
        document = told(story("B"), 0, runbook=runbook)
        assert document.links == ()
        assert f"Runbook: {runbook}" in document.context
        assert "href" not in html(document)


def test_equal_messages_are_equal_bytes_and_come_back_whole() -> None:
    document = told([*story("B"), missing_labels(0)], 0)
    assert to_json(document) == to_json(told([missing_labels(0), *story("B")], 0))
    assert from_json(to_json(document)) == document
    assert to_json(document) == json.dumps(
        json.loads(to_json(document)), sort_keys=True, separators=(",", ":")
    )


# --- what stands beside it ----------------------------------------------------------------------


def part(segment: str, total: float, within: float, values: tuple[float, float], *, out: bool = True) -> Part:
    """One segment's part in a fall."""
    ends = 0.12, 0.14
    return Part(segment, total, 0.01, total - within, 0.01, within, 0.01, *ends, *values, total, 1e-6, out)


def explained(name: str = "UA", **fields: Any) -> Explanation:
    """An explanation of the fall of recall; `name` is in everything that others name."""
    found = Split(
        "carrier",
        -0.178,
        True,
        (
            part(f"carrier={name}", -0.0552, -0.05, (0.61, 0.12)),
            part(f"carrier={name} EV", -0.04, -0.01, (0.6, 0.5)),
            part("carrier=DL", -0.02, -0.02, (0.5, 0.4), out=False),
        ),
    )
    made: dict[str, Any] = {
        "monitor": "flight_delay",
        "detector": "recall threshold",
        "metric": "recall",
        "version": "v1",
        "segment": ALL,
        "window": Span(28),
        "first": date(2013, 1, 27),
        "last": date(2013, 2, 23),
        "horizon": Horizon(7),
        "against": "the reference, 2013-01-01 to 2013-01-26",
        "advice": Advice(Action.RECALIBRATE, f"scores of {name} are off"),
        "since": Since(date(2013, 2, 7), 0.59, 0.4, 1),
        "dated_from": date(2013, 1, 1),
        "splits": (found,),
        "drifts": (Drift(f"temp {name}", 3.8, 0.2),),
        "others": (Change("positive_rate", 0.228, 0.123, 0.01, 0.01),),
        "versions": (VersionChange(f"v2 {name}", appeared=True, on=date(2013, 2, 6)),),
        "volume": VolumeChange(700.0, 1000.0, 20.0),
    }
    return Explanation(**{**made, **fields})


def with_explanation(explanation: Explanation | None) -> Document:
    """The message of an opened incident with what explains it."""
    decision = decided(story("B"), 0)
    found = {decision.cases[0].incident.id: explanation}
    return compose(decision, spec(), explanations=found)


def test_an_explained_breach_says_what_to_do_where_and_with_what() -> None:
    document = with_explanation(explained())
    told_of = {fact.label: fact.value for fact in document.sections[0].facts}
    assert told_of["Likely action"] == "recalibrate; retrain: not advised, because scores of UA are off"
    assert told_of["Likely where"] == (
        "carrier=UA explains 31 % of the fall with 13 % of the weight (within it, 0.610 to 0.120); "
        "'carrier=UA EV' explains 22 % of the fall with 13 % of the weight (its share went from 12 % to 14 %)"
    )
    assert told_of["What changed"] == (
        "inputs drifted: 'temp UA' (psi 3.80); positives 23 % to 12 %; all against the reference, "
        "2013-01-01 to 2013-01-26; version 'v2 UA' appeared on Wed 6 Feb 2013; 30 % fewer predictions than "
        "usual on such days"
    )
    assert told_of["Since"] == (
        "Fri 22 Feb 2013; opened on Fri 1 Mar 2013, when its labels were 7 days old; "
        "the level changed about Thu 7 Feb 2013"
    )
    assert document.first_line == compose(decided(story("B"), 0), spec()).first_line, (
        "it stands alone as before"
    )
    shown = [text["text"] for text in texts(slack_blocks(document))]
    assert any(text.startswith("Likely action: recalibrate") for text in shown)
    assert any(text.startswith("Likely where: carrier=UA") for text in shown)


def test_a_breach_that_is_everywhere_is_told_as_that() -> None:
    quiet = Split("carrier", -0.178, True, (part("carrier=UA", -0.05, -0.05, (0.6, 0.4), out=False),))
    found = explained(splits=(quiet,), drifts=(), others=(), versions=(), volume=None)
    assert dict(facts(found))["Likely where"] == "no segment stands out: it is everywhere"
    assert dict(facts(found))["What changed"] == (
        "nothing else that is watched has surely changed (against the reference, 2013-01-01 to 2013-01-26)"
    )
    few = replace(quiet, parts=(replace(quiet.parts[0], p_value=None),))
    told_of = dict(facts(explained(splits=(few,))))
    assert told_of["Likely where"] == "its segments have too few rows to tell"
    assert "Likely where" not in dict(facts(explained(segment="origin=JFK"))), "it is there, and nowhere else"
    mixed = replace(quiet, parts=(part("carrier=UA", -0.178, -0.05, (0.6, 0.5), out=False),), mix_error=0.03)
    noise = replace(mixed, mix_error=0.1)
    assert (
        dict(facts(explained(splits=(noise,))))["Likely where"] == "no segment stands out: it is everywhere"
    )
    assert dict(facts(explained(splits=(mixed,))))["Likely where"].endswith(
        "72 % of it is another mix of carrier, not change within"
    )


def test_a_breach_that_could_not_be_explained_is_told_all_the_same() -> None:
    document = with_explanation(None)
    assert (
        Fact("Likely action", "could not be explained; the run's log says why") in document.sections[0].facts
    )
    assert document.first_line == compose(decided(story("B"), 0), spec()).first_line


def test_slack_shows_every_fact_and_the_advice_whole_however_many_incidents_there_are() -> None:
    """Ten facts of an explained incident with several members, in one block each."""
    detections = [*story("B"), *story("B", segment="origin=JFK")]
    decision = decided(detections, 0)
    found = {decision.cases[0].incident.id: explained("U" * 50)}
    document = compose(decision, spec(), snapshots=map(snapshot_of, detections), explanations=found)
    (section,) = document.sections
    labels = "Likely action, Since, How sure, Where, Likely where, What changed, Members, Rule"
    assert ", ".join(fact.label for fact in section.facts) == labels
    for times in (1, 3, 5):
        blocks = slack_blocks(replace(document, sections=(section,) * times))
        shown = [text["text"] for text in texts(blocks)]
        for fact in section.facts:
            assert shown.count(f"{fact.label}: {fact.value}") == times, (times, fact)
        assert len(blocks) <= 4 + times


def test_what_is_a_share_stays_one_and_what_is_counted_has_no_interval() -> None:
    made = detection(
        0,
        metric="null_share(temp)",
        observed=1.0,
        expected=0.0,
        lower=None,
        upper=0.05,
        incident_class=IncidentClass.DATA_QUALITY,
    )
    document = compose(decided([made], 0), spec(), snapshots=[snapshot_of(made, standard_error=0.002)])
    assert "95 % interval >99.9 % to 100 %" in plain(document) or "to 100 %); expected 0 %" in plain(document)
    made = detection(0, observed=0.01, expected=0.5)
    document = compose(decided([made], 0), spec(), snapshots=[snapshot_of(made, standard_error=0.02)])
    assert "95 % interval 0.000 to 0.049" in plain(document).replace("interval 0 to", "interval 0.000 to")
    made = detection(0, metric="labels_learnt", observed=0.0, expected=None, lower=1.0)
    document = compose(decided([made], 0), spec(), snapshots=[snapshot_of(made, standard_error=1.0)])
    assert "interval" not in plain(document)


def test_what_grew_is_named_for_what_it_became() -> None:
    document = told([*story("BB"), *story("..B")[:0], detection(1, severity=CRITICAL)], 1)
    (fact,) = [fact for fact in document.sections[0].facts if fact.label == "News"]
    assert "became critical" in fact.value
    quiet = [*story("B", severity=Severity.WATCH), detection(1)]
    decision = decided(quiet, 1)
    assert "became a warning" in decision.reason
    assert "became a warning" in plain(compose(decision, spec()))


# --- whom it wakes, and what a summary's figures are ----------------------------------------------


def acted(decision: Decision, kind: Kind) -> Decision:
    return replace(decision, kind=kind)


def test_only_news_of_what_is_open_and_critical_may_break_quiet_hours() -> None:
    course = story("BBCC", severity=CRITICAL)
    stored = [replace(i, told_on=run(0)) for i in fold(course, (), ZONE)]
    opened, over = decided(course, 0), decided(course, 3, stored=stored)
    assert over.cases[0].incident.severity is CRITICAL
    assert (opened.severity, over.severity) == (CRITICAL, WARNING), "an end wakes nobody"
    for kind in (Kind.REVISED, Kind.ACT, Kind.SUMMARY, Kind.DAY, Kind.WEEK):
        assert acted(opened, kind).severity is WARNING, kind
    found = replace(opened, transitions=())
    assert found.severity is CRITICAL, "what nobody was told is news"
    assert compose(over, spec()).severity is WARNING


def figure_of(day: int, value: float, **fields: Any) -> Snapshot:
    made = {"window": 7} | {key: fields.pop(key) for key in ("window", "horizon") if key in fields}
    return replace(snapshot_of(detection(day, CLEAR, **made)), value=value, **fields)


def week(*figures: Snapshot) -> Document:
    days = DayRange(run(3), run(9))
    decision = Decision(Act.SEND, Kind.WEEK, days, "asked for")
    return compose(decision, replace(spec(), metrics=("recall",)), snapshots=figures)


def test_a_figure_of_a_summary_says_of_which_window_it_is_and_on_how_much_truth_it_rests() -> None:
    early = figure_of(9, 0.571, maturity=Maturity.PROVISIONAL)
    (fact,) = week(early).sections[0].facts
    assert fact == Fact(
        "recall of v1",
        "0.571 (7 days to Sun 3 Mar 2013, n = 8,204, labels 7 days old, provisional), "
        "95 % interval 0.547 to 0.595",
    )


def test_chance_is_not_told_as_a_fall() -> None:
    now, near, far = figure_of(9, 0.571), figure_of(2, 0.585), figure_of(2, 0.7)
    assert "was 0.585, no clear difference" in week(near, now).sections[0].facts[0].value
    assert "recall of v1: 0.571; was 0.585, no clear difference." in week(near, now).first_line
    assert week(far, now).sections[0].facts[0].value.endswith("; was 0.700, so 18 % lower")


def test_slack_says_where_to_find_what_finds_no_room() -> None:
    document = told(story("B"), 0)
    (section,) = document.sections
    shown = [text["text"] for text in texts(slack_blocks(replace(document, sections=(section,) * 20)))]
    assert any(text.endswith("more: see `hindsight incidents flight_delay`") for text in shown)


# --- links and intervals -------------------------------------------------------------------------


def test_a_link_is_live_only_if_it_is_safe() -> None:
    assert Link("Run", "https://example.com/a?b=1#c").is_safe
    for url in ("javascript:alert(1)", "ftp://x/y", "//x", "https://", "https://a/\nb", "http://[", "x"):
        assert not Link("Run", url).is_safe


def test_a_snapshot_of_another_window_lends_no_interval() -> None:
    (made,) = story("B")
    assert isinstance(snapshot_of(made), Snapshot)
    other = snapshot_of(detection(1))
    assert "interval" not in plain(compose(decided([made], 0), spec(), snapshots=[other]))
    assert {PERFORMANCE, LABEL_HEALTH} < set(IncidentClass)
