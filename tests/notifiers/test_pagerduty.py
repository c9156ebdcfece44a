"""PagerDuty: its incidents follow ours, event by event, whatever is repeated and whatever is late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from episodes import CRITICAL, missing_labels, story
from hindsight.domain.values import IncidentClass, IncidentState, Severity, When
from hindsight.errors import DeliveryError
from hindsight.message import About, Document, Link, event
from hindsight.message.standing import NEWS
from hindsight.notifiers import ConnectionInfo, PagerDuty, Parcel, Sent
from hindsight.notifiers.pagerduty import ADDRESS, dedup_key
from hindsight.policy import SUMMARIES
from letters import opened, told
from receivers import Answer, Receiver, slack_like

KEY = "R0UTINGKEYSECRET"
NOTIFIER = PagerDuty("on_call")
DOCUMENT = opened()
TWO = told([*story("B", severity=CRITICAL), missing_labels(0)])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


def send(receiver: Receiver, document: Document, notifier: PagerDuty = NOTIFIER, **options: Any) -> Sent:
    info = ConnectionInfo(
        "pagerduty_events", password=KEY, extra={"base_url": receiver.address, "timeout": 2}
    )
    return notifier.send(Parcel(document, "key-1", **options), lambda _: info)


def sent(receiver: Receiver) -> list[tuple[str, str]]:
    """What was asked for of which incident, in order."""
    return [(body["event_action"], body["dedup_key"]) for body in receiver.accepted]


def about(*changes: str, **fields: Any) -> About:
    fields.setdefault("news", not changes or bool(NEWS.intersection(changes)))
    return replace(DOCUMENT.about[0], changes=changes, **fields)


def document(*named: About, **fields: Any) -> Document:
    return replace(DOCUMENT, about=named, **fields)


ACKNOWLEDGED = {"state": IncidentState.ACKNOWLEDGED, "acknowledged_by": "kim"}
RESOLVED = {"state": IncidentState.RESOLVED, "resolved_on": DOCUMENT.day}


def test_an_incident_that_opens_is_triggered_with_all_that_is_known(receiver) -> None:
    sending = send(receiver, DOCUMENT)
    ((path, _, body),) = receiver.requests
    assert path == "/v2/enqueue"
    key = dedup_key(DOCUMENT, DOCUMENT.about[0])
    assert body == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Hindsight",
        **event(DOCUMENT, DOCUMENT.about[0]),
    }
    assert sending == Sent(key)
    assert body["payload"]["summary"] == DOCUMENT.first_line
    assert body["payload"]["severity"] == "critical"
    assert {"href": "https://wiki.example.com/flight-delay?a=1&b=2", "text": "Runbook"} in body["links"]


@pytest.mark.parametrize(
    "named, actions",
    [
        (about("opened"), ["trigger"]),
        (about("reopened", state=IncidentState.REOPENED), ["trigger"]),
        (about("escalated"), ["trigger"]),
        (about("joined"), ["trigger"]),
        (about("reminded"), ["trigger"]),
        (about("joined", state=IncidentState.RECOVERING), ["trigger"]),
        (about(), ["trigger"]),
        (about("acknowledged", **ACKNOWLEDGED), ["acknowledge"]),
        (about("joined", **ACKNOWLEDGED), ["trigger"]),
        (about("opened", "acknowledged", **ACKNOWLEDGED), ["trigger", "acknowledge"]),
        (about("resolved", **RESOLVED), ["resolve"]),
        (about("opened", "resolved", **RESOLVED), ["resolve"]),
        (about("acknowledged", "resolved", **RESOLVED), ["resolve"]),
        (about(state=IncidentState.PENDING), []),
    ],
)
def test_what_happened_says_what_pagerduty_has_to_do(receiver, named, actions) -> None:
    send(receiver, document(named))
    assert [action for action, _ in sent(receiver)] == actions


def test_only_a_trigger_says_what_is_the_matter(receiver) -> None:
    send(receiver, document(about("acknowledged", **ACKNOWLEDGED), about("resolved", **RESOLVED)))
    assert [set(body) for body in receiver.accepted] == [{"routing_key", "event_action", "dedup_key"}] * 2


@pytest.mark.parametrize("kind", ["revised", *sorted(SUMMARIES)])
def test_notes_and_summaries_page_nobody_but_end_what_has_ended(receiver, kind) -> None:
    told_nothing = send(receiver, document(about(news=False), kind=kind))
    assert receiver.requests == []
    assert told_nothing == Sent(
        remarks=("PagerDuty (connection 'on_call') keeps incidents, and the message changes none.",)
    )
    send(receiver, document(about("resolved", **RESOLVED), kind=kind))
    send(receiver, document(about("acknowledged", **ACKNOWLEDGED), kind=kind))
    assert [action for action, _ in sent(receiver)] == ["resolve", "acknowledge"]


@pytest.mark.parametrize("kind", sorted(SUMMARIES))
def test_what_waited_behind_a_summary_is_triggered(receiver, kind) -> None:
    send(receiver, document(about("opened", "joined"), kind=kind))
    assert [action for action, _ in sent(receiver)] == ["trigger"]


def test_what_waited_is_triggered_although_a_note_came_last(receiver) -> None:
    send(receiver, document(about("opened"), kind="revised"))
    assert [action for action, _ in sent(receiver)] == ["trigger"]


def test_each_incident_of_a_message_has_its_own_event(receiver) -> None:
    assert len(TWO.about) == 2
    send(receiver, TWO)
    keys = [dedup_key(TWO, each) for each in TWO.about]
    assert sent(receiver) == [("trigger", key) for key in keys]
    assert len(set(keys)) == 2
    classes = [body["payload"]["class"] for body in receiver.accepted]
    assert classes == [IncidentClass.PERFORMANCE, IncidentClass.LABEL_HEALTH]


def test_an_incident_keeps_its_key_whatever_is_told_of_it() -> None:
    later = [about("resolved", **RESOLVED), about("reopened", severity=Severity.WARNING)]
    assert {dedup_key(DOCUMENT, each) for each in later} == {dedup_key(DOCUMENT, DOCUMENT.about[0])}
    another = replace(DOCUMENT, monitor="another")
    assert dedup_key(another, DOCUMENT.about[0]) != dedup_key(DOCUMENT, DOCUMENT.about[0])


@given(monitor=st.text(max_size=400), incident=st.text(max_size=400))
def test_a_key_is_never_longer_than_pagerduty_takes(monitor, incident) -> None:
    key = dedup_key(replace(DOCUMENT, monitor=monitor), about(incident=incident))
    assert len(key) <= 255


def test_a_message_that_failed_half_way_is_sent_again_and_does_no_harm(receiver) -> None:
    receiver.script.extend([Answer(accepts=True), Answer(503, "")])
    with pytest.raises(DeliveryError) as caught:
        send(receiver, TWO)
    assert (caught.value.retry, caught.value.ambiguous) == (True, True)
    send(receiver, TWO)
    first, second = (dedup_key(TWO, each) for each in TWO.about)
    assert sent(receiver) == [("trigger", first), ("trigger", first), ("trigger", second)]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["ok", "dropped", "failed"]), min_size=1, max_size=3))
def test_whatever_is_repeated_in_order_pagerduty_ends_as_if_it_were_told_once(fates) -> None:
    course = [
        about("opened"),
        about("escalated"),
        about("acknowledged", **ACKNOWLEDGED),
        about("resolved", **RESOLVED),
    ]
    with slack_like() as receiver:
        for named in course:
            for fate in fates:
                if fate != "ok":
                    drops = Answer(accepts=True, drops=True) if fate == "dropped" else Answer(500, "")
                    receiver.script.append(drops)
                    with pytest.raises(DeliveryError):
                        send(receiver, document(named))
            send(receiver, document(named))
        assert _incidents(receiver) == ["resolved"], "one incident there, and it is over"


def _incidents(receiver: Receiver) -> list[str]:
    """The incidents that PagerDuty would hold: what is triggered anew after its end is another one."""
    found: list[tuple[str, str]] = []
    for action, key in sent(receiver):
        open_at = next((i for i, (k, state) in enumerate(found) if k == key and state != "resolved"), None)
        if action == "trigger" and open_at is None:
            found.append((key, "triggered"))
        elif open_at is not None and action != "trigger":
            found[open_at] = (key, f"{action}d")
    return [state for _, state in found]


def test_what_pagerduty_says_of_an_event_it_does_not_take_is_told(receiver) -> None:
    said = {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": ["'payload' is missing"],
    }
    receiver.script.append(Answer(400, json.dumps(said)))
    with pytest.raises(DeliveryError) as caught:
        send(receiver, DOCUMENT)
    assert str(caught.value) == (
        "PagerDuty (connection 'on_call') answered 400 and refused the message: "
        "Event object is invalid; 'payload' is missing."
    )
    assert not caught.value.retry


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        '{"message": ',
        "[]",
        "null",
        '{"errors": "x", "message": null}',
        json.dumps({"message": f"no integration {KEY.lower()}"}),
        json.dumps({"errors": ["<!channel>"]}),
    ],
)
def test_what_is_no_message_or_holds_the_key_is_not(receiver, body) -> None:
    receiver.script.append(Answer(400, body))
    with pytest.raises(DeliveryError) as caught:
        send(receiver, DOCUMENT)
    assert str(caught.value) == "PagerDuty (connection 'on_call') answered 400 and refused the message."


def test_a_broken_answer_that_says_accepted_is_believed(receiver) -> None:
    receiver.script.append(Answer(202, '{"status": "succ', accepts=True))
    assert send(receiver, DOCUMENT).provider_id


@pytest.mark.parametrize(
    "info",
    [
        ConnectionInfo("pagerduty_events", password=f" {KEY}\n"),
        ConnectionInfo("pagerduty", extra={"routing_key": KEY}),
    ],
)
def test_the_routing_key_is_the_password_or_an_extra(receiver, info) -> None:
    there = replace(info, extra={**info.extra, "base_url": f"{receiver.address}/"})
    NOTIFIER.send(Parcel(DOCUMENT, "k"), lambda _: there)
    assert receiver.accepted[0]["routing_key"] == KEY


def test_without_another_address_events_go_to_pagerduty() -> None:
    assert ADDRESS == "https://events.pagerduty.com"


def test_it_wants_to_hear_of_acknowledgements_and_of_no_summaries() -> None:
    assert NOTIFIER.follows
    with pytest.raises(ValueError, match="keeps incidents and takes no summaries: leave out `when`"):
        PagerDuty("on_call", when=When.WEEKLY)


def test_the_worst_day_is_within_what_pagerduty_takes(receiver) -> None:
    many = tuple(about("opened", incident=f"inc_{number}", headline="h" * 5_000) for number in range(20))
    links = tuple(Link("x" * 900, f"https://example.com/{'y' * 400}") for _ in range(50))
    long = tuple(
        replace(DOCUMENT.sections[0], incident=each.incident, items=("i" * 9_000,) * 500) for each in many
    )
    send(receiver, document(*many, links=links, sections=long, first_line="f" * 5_000))
    assert len(receiver.accepted) == len(many)
    for body in receiver.accepted:
        assert len(body["payload"]["summary"]) <= 1_024
        assert len(json.dumps(body)) < 512 * 1024
