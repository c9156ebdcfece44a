"""Microsoft Teams: a card in the envelope that a workflow takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hindsight.errors import DeliveryError
from hindsight.message import Document, Section, card
from hindsight.notifiers import ConnectionInfo, Parcel, Sent, Teams
from letters import PICTURE, opened
from receivers import Answer, Receiver, slack_like

NOTIFIER = Teams("teams_ml")
DOCUMENT = opened()
LIMIT = 28 * 1024


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


def send(receiver: Receiver, document: Document = DOCUMENT, **options: Any) -> Sent:
    info = ConnectionInfo(password=f" {receiver.address}/workflows/W0RK?sig=S1G\n", extra={"timeout": 2})
    return NOTIFIER.send(Parcel(document, "key-1", **options), lambda _: info)


def test_the_card_goes_to_the_workflows_address_in_its_envelope(receiver) -> None:
    assert send(receiver, pictures=(PICTURE,)) == Sent()
    ((path, headers, body),) = receiver.requests
    assert path == "/workflows/W0RK?sig=S1G"
    assert headers["Content-Type"] == "application/json"
    assert body == {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": card(DOCUMENT),
            }
        ],
    }


@pytest.mark.parametrize("status", [200, 202])
def test_a_workflow_says_yes_in_two_ways(receiver, status) -> None:
    receiver.script.append(Answer(status, "", accepts=True))
    assert send(receiver) == Sent()


@pytest.mark.parametrize(
    "status, body, said",
    [
        (401, "", "answered 401 and refused the message: the workflow must let anyone trigger it."),
        (404, "", "answered 404 and refused the message: the workflow was deleted or turned off."),
        (
            400,
            '{"error": {"code": "WorkflowTriggerIsNotEnabled", "message": "see https://x/?sig=S1G"}}',
            "answered 400 (workflowtriggerisnotenabled) and refused the message.",
        ),
        (400, '{"error": "sig=S1G"}', "answered 400 and refused the message."),
    ],
)
def test_a_refusal_names_the_cure_and_nothing_of_the_address(receiver, status, body, said) -> None:
    receiver.script.append(Answer(status, body))
    with pytest.raises(DeliveryError) as caught:
        send(receiver)
    assert str(caught.value) == f"Microsoft Teams (connection 'teams_ml') {said}"


@pytest.mark.parametrize("password", ["W0RK", "gopher://x", "javascript:alert(1)", " "])
def test_what_is_no_address_is_refused(password) -> None:
    with pytest.raises(DeliveryError) as caught:
        NOTIFIER.send(Parcel(DOCUMENT, "k"), lambda _: ConnectionInfo(password=password))
    assert str(caught.value) == (
        "the connection 'teams_ml' holds no address: put the workflow's into its password."
    )


@pytest.mark.parametrize("letter", ["x", "é", "🔥", '"', "\\"])
def test_the_worst_day_is_within_what_teams_takes(receiver, letter) -> None:
    section = Section(letter * 500, letter * 9_000, items=(letter * 2_000,) * 50)
    send(receiver, replace(DOCUMENT, sections=(section,) * 500, context=(letter * 900,) * 50))
    ((_, headers, body),) = receiver.requests
    assert int(headers["Content-Length"]) <= LIMIT
    shown = body["attachments"][0]["content"]["body"]
    assert 1 < len(shown) < 500
    assert " more" in json.dumps(shown)
