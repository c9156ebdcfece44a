"""The worst day: everything breaches at once, every name is hostile, and every message is still taken."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import CRITICAL, WARNING, detection, run, snapshot_of, spec, story
from hindsight.domain.records import Detection
from hindsight.domain.values import IncidentClass
from hindsight.incidents import Correction
from hindsight.message import (
    Document,
    Fact,
    Link,
    Section,
    card,
    compose,
    event,
    from_json,
    html,
    merged,
    perhaps_repeated,
    plain,
    restated,
    slack_blocks,
    slack_text,
    to_json,
)
from hindsight.metrics import METRICS
from hostile import DOCUMENTS, HOSTILE, MAIL, assert_harmless, stretched, texts
from test_message import decided, explained, told, with_explanation


def hostile_day() -> list[Detection]:
    """Three hundred detections of every class, whose every name is hostile and 3,000 characters long."""
    classes, kinds = list(IncidentClass), len(HOSTILE)
    return [
        detection(
            0,
            detector=f"{HOSTILE[number % kinds] * 400}{number}"[-3000:],
            version=f"{HOSTILE[(number + 3) % kinds] * 400}"[:3000],
            segment=f"{HOSTILE[(number + 5) % kinds] * 400}{number}"[:3000],
            metric="<!here>" * 400,
            reason=HOSTILE[(number + 7) % kinds] * 300,
            incident_class=classes[number % len(classes)],
            severity=CRITICAL if number % 2 else WARNING,
            observed=None if number % 5 == 0 else number * 1e-7,
        )
        for number in range(300)
    ]


def widest_day() -> list[Detection]:
    """Every metric there is, 500 segments of each class, and five classes at once."""
    classes = list(IncidentClass)
    return [
        detection(
            0,
            detector=f"{metric} threshold",
            metric=metric,
            segment=f"origin=A{number:03}" if number else "ALL",
            incident_class=classes[place % len(classes)],
            severity=CRITICAL if place % 2 else WARNING,
        )
        for place, metric in enumerate(METRICS)
        for number in range(501 if place < len(classes) else 1)
    ]


@pytest.fixture(scope="module")
def worst() -> list[Document]:
    """The messages of both worst days: as a live run tells them, and as a summary does."""
    hostile = spec(
        monitor="<!channel>\r\n" * 300,
        owner="<@U1>" * 600,
        runbook="https://wiki.example.com/" + "<>|" * 1000,
    )
    links = [
        Link("<!channel>|" * 100, f"https://example.com/{'&' * 400}"),
        Link("x", "javascript:alert(1)"),
    ] * 5
    found = []
    for detections in (hostile_day(), widest_day()):
        corrections = tuple([Correction("inc_x", "<!everyone>" * 300)] * 50)
        for decision in (decided(detections, 0), decided(detections, 0, 9)):
            explanations = {
                incident: explained(HOSTILE[number % len(HOSTILE)] * 300)
                for number, incident in enumerate(decision.incidents)
            }
            found.append(
                compose(
                    replace(decision, corrections=corrections),
                    hostile,
                    snapshots=map(snapshot_of, detections),
                    links=links,
                    explanations=explanations,
                )
            )
    return found


def test_the_worst_day_stays_within_every_limit_and_is_inert(worst: list[Document]) -> None:
    for document in worst:
        assert len(document.about) == 5, "an incident of every class"
        assert_harmless(document)
        assert from_json(to_json(document)) == document
        assert len(document.title) <= 150
        assert len(document.first_line) <= 300
        shown = " ".join(text["text"] for text in texts(slack_blocks(document)))
        for incident_class in ("Performance", "Label health", "Inputs", "Data quality", "Pipeline"):
            assert incident_class in shown, "every incident is there, whatever the names"
        assert re.search(r"and [\d,]+ more", shown)
        assert len(html(document)) < MAIL, "mail programs cut what is longer than 102 kB"


def test_the_worst_days_together_are_one_message_that_is_taken(worst: list[Document]) -> None:
    """A channel that was down for a month gets one message."""
    days = [replace(each, day=run(number)) for number, each in enumerate(worst * 3)]
    document = perhaps_repeated(merged(days))
    now = {about.incident: replace(about, resolved_on=run(40)) for about in document.about}
    for each in (document, restated(document, now), merged([document, *days])):
        assert_harmless(each)
        assert len(html(each)) < MAIL
        assert from_json(to_json(each)) == each
    assert len(document.about) == 5


def test_the_worst_day_is_told_to_pagerduty_and_teams_by_what_matters(worst: list[Document]) -> None:
    for document in worst:
        for about in document.about:
            made = event(document, about)
            assert len(json.dumps(made)) < 64_000
            details = made["payload"]["custom_details"]
            assert {"what", "in full", "since", "how sure", "likely action"} <= details.keys()
        assert len(card(document)["body"]) >= 7


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_segment_in_an_explanation_is_inert(name: str) -> None:
    document = with_explanation(explained(name * 30, against=name))
    assert_harmless(document)
    assert from_json(to_json(document)) == document
    assert all(len(fact.value) <= 500 for fact in document.sections[0].facts)


def test_a_hostile_name_in_an_ordinary_message_is_shown_as_it_is() -> None:
    document = told(story("B", version="<!channel>", segment="a & b"), 0)
    shown = [text for text in texts(slack_blocks(document)) if "channel" in text["text"]]
    assert shown
    assert all(text["type"] == "plain_text" for text in shown if "channel>" in text["text"]), (
        "Slack shows plain text literally"
    )
    assert "recall of &lt;!channel&gt; in a &amp; b" in slack_text(document)
    assert "recall of &lt;!channel&gt; in a &amp; b" in html(document)
    assert "recall of <!channel> in a & b" in plain(document)


@settings(deadline=None)
@given(DOCUMENTS, st.sampled_from([1, 1, 1, 5]))
def test_no_document_whatever_is_in_it_does_harm(document, times) -> None:
    assert_harmless(stretched(document, times))


@settings(deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_what_is_merged_restated_or_repeated_does_no_harm_either(documents) -> None:
    one = perhaps_repeated(merged(documents))
    assert_harmless(one)
    now = {about.incident: about for each in documents for about in each.about}
    assert_harmless(restated(one, now, {"inc_a": HOSTILE[0] * 100}))


@settings(deadline=None)
@given(DOCUMENTS)
def test_any_document_survives_its_json(document) -> None:
    assert from_json(to_json(document)) == document


def test_long_facts_are_cut_before_short_ones() -> None:
    facts = (Fact("Long", "x" * 1900), Fact("Action", "y" * 300), Fact("Rule", "z"))
    sections = (Section("head", "lead", facts, ("i" * 700,) * 6),) * 8
    document = replace(told(story("B"), 0), sections=sections)
    assert_harmless(document)
    shown = [text["text"] for text in texts(slack_blocks(document))]
    assert shown.count("Rule: z") == 8
    assert max(len(text) for text in shown if text.startswith("Long")) < 600
    assert shown.count(f"Action: {'y' * 300}") == 8
