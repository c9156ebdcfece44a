"""What each channel is sent for each thing that happens to an incident, held against files.

A change of a message is seen there before people see it.  `REWRITE_GOLDEN=1` writes the files anew; read the
difference then.  They hold what went over the wire to a receiver, but for clocks and random boundaries.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hindsight.message import restated
from hindsight.notifiers import (
    NOTIFIERS,
    BaseNotifier,
    ConnectionInfo,
    Email,
    Log,
    PagerDuty,
    Parcel,
    Slack,
    SlackWebhook,
    Teams,
    Webhook,
)
from letters import PICTURE, course
from receivers import CHANNEL, Mailbox, Receiver, mail_server, slack_like

HERE = Path(__file__).parents[1] / "golden" / "messages"
REWRITE = bool(os.environ.get("REWRITE_GOLDEN"))
COURSE = course()
CHANNELS: dict[str, BaseNotifier] = {
    "slack": Slack("there", CHANNEL, ("S012ABCDEF",)),
    "slack_webhook": SlackWebhook("there"),
    "email": Email("there", ("kim@example.com", "ops-ml@example.com")).channels()[0],
    "pagerduty": PagerDuty("there"),
    "teams": Teams("there"),
    "webhook": Webhook("there"),
    "log": Log(),
}
ENDINGS = {"email": "eml", "log": "txt"}
EACH = pytest.mark.parametrize("kind", CHANNELS)
FIRST = f"{CHANNEL}:1366000000.000000"
TOP = {"opened", "summary", "weekly"}
"""What stands in the channel itself; the rest are answers."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


def parcel(kind: str, transition: str) -> Parcel:
    document = COURSE[transition]
    return Parcel(
        document,
        f"flight_delay/{document.day}/{document.kind}/{kind}:01234567",
        thread=None if transition in TOP else FIRST,
        loud=transition in ("reopened", "escalated"),
        pictures=(PICTURE,) if document.charts else (),
    )


def info(kind: str, address: str) -> ConnectionInfo:
    match kind:
        case "slack":
            return ConnectionInfo(password="xoxb-1", extra={"base_url": f"{address}/api/"})
        case "pagerduty":
            return ConnectionInfo(password="ROUTING-KEY", extra={"base_url": address})
        case "email":
            extra = {"disable_ssl": True, "disable_tls": True, "from_email": "hindsight@ml.example.com"}
            host, _, port = address.partition(":")
            return ConnectionInfo("smtp", host, int(port), extra=extra)
    return ConnectionInfo(host=address, password=f"{address}/hook")


def sent(kind: str, transition: str, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> str:
    """What the receiver of this channel got, as a file can hold it."""
    notifier, letter = CHANNELS[kind], parcel(kind, transition)
    if kind == "email":
        with mail_server(Mailbox()) as mailbox:
            notifier.send(letter, lambda _: info(kind, f"127.0.0.1:{mailbox.port}"))
        ((recipients, mail),) = mailbox.mails
        return f"RCPT TO: {', '.join(recipients)}\n{still(mail.as_string())}"
    with caplog.at_level(logging.INFO, logger="hindsight.notifications"):
        notifier.send(letter, lambda _: info(kind, receiver.address))
    if kind == "log":
        (record,) = caplog.records
        return f"{record.levelname}: {record.getMessage()}"
    return pretty(receiver.accepted)


def pretty(found: Any) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def still(mail: str) -> str:
    """A mail without what differs each time."""
    mail = re.sub(r"^Date: .*$", "Date: (now)", mail, flags=re.MULTILINE)
    mail = re.sub(r"^X-(Peer|MailFrom|RcptTo): .*\n", "", mail, flags=re.MULTILINE)
    for number, boundary in enumerate(dict.fromkeys(re.findall(r'boundary="([^"]+)"', mail)), 1):
        mail = mail.replace(boundary, f"boundary-{number}")
    return mail.replace("\r\n", "\n")


def held(name: str, found: str) -> None:
    file = HERE / name
    if REWRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == found, f"{name} differs: see REWRITE_GOLDEN"


@EACH
@pytest.mark.parametrize("transition", COURSE)
def test_a_message_is_as_the_file_says(receiver, caplog, kind, transition) -> None:
    held(f"{kind}.{transition}.{ENDINGS.get(kind, 'json')}", sent(kind, transition, receiver, caplog))


def test_a_first_message_that_turned_green_is_as_the_file_says(receiver) -> None:
    opened, resolved = COURSE["opened"], COURSE["resolved"]
    there = info("slack", receiver.address)
    name = CHANNELS["slack"].send(parcel("slack", "opened"), lambda _: there).provider_id
    (over,) = resolved.about
    CHANNELS["slack"].update(str(name), restated(opened, {opened.about[0].incident: over}), lambda _: there)
    held("slack.turned_green.json", pretty(receiver.messages))


def test_every_file_belongs_to_a_channel_and_something_that_happens() -> None:
    assert set(CHANNELS) == set(NOTIFIERS)
    expected = {f"{kind}.{each}.{ENDINGS.get(kind, 'json')}" for kind in CHANNELS for each in COURSE}
    assert {file.name for file in HERE.iterdir()} == {*expected, "slack.turned_green.json"}
