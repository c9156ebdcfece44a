"""Slack as a conversation: answers, charts, people who are called, first messages brought up to date."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from episodes import CRITICAL, WARNING
from hindsight.domain.values import IncidentState, Severity
from hindsight.errors import DeliveryError
from hindsight.message import Document, Section, restated, slack_blocks
from hindsight.message.as_slack import BUDGET, MAX_BLOCKS
from hindsight.message.standing import NEWS
from hindsight.notifiers import ConnectionInfo, Parcel, Sent, Slack
from hindsight.notifiers.slack_forms import FILE_PAUSE
from hindsight.policy import SUMMARIES
from letters import PICTURE, PNG, charted, opened
from receivers import CHANNEL, FAILS, Answer, Receiver, refuses, slack_like

TOKEN = "xoxb-1234-verysecret"
BOT = Slack("slack_ml", "#ml-incidents")
CALLING = Slack("slack_ml", "#ml-incidents", ("U012ABCDEF", "S012ABCDEF", "here"))
CALLED = "<@U012ABCDEF> <!subteam^S012ABCDEF> <!here>"
DOCUMENT = opened()


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with slack_like() as receiver:
        yield receiver


def connect(slack: Receiver) -> Any:
    extra = {"base_url": f"{slack.address}/api/", "timeout": 5}
    return lambda _: ConnectionInfo("slack", password=TOKEN, extra=extra)


def send(slack: Receiver, document: Document = DOCUMENT, notifier: Slack = BOT, **options: Any) -> Sent:
    return notifier.send(Parcel(document, "key-1", **options), connect(slack))


def images(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in message.get("blocks", ()) if block["type"] == "image"]


# --- Threads ------------------------------------------------------------------------------------


def test_a_first_message_stands_in_the_channel_and_the_next_below_it(slack) -> None:
    first = send(slack)
    second = send(slack, thread=first.provider_id)
    assert first.provider_id == f"{CHANNEL}:1366000000.000001"
    top, answer = slack.accepted
    assert "thread_ts" not in top
    assert (answer["channel"], answer["thread_ts"], answer["reply_broadcast"]) == (
        CHANNEL,
        "1366000000.000001",
        False,
    )
    assert second.provider_id == f"{CHANNEL}:1366000000.000002"


def test_a_loud_answer_is_seen_in_the_channel_too(slack) -> None:
    first = send(slack)
    send(slack, thread=first.provider_id, loud=True)
    assert slack.accepted[1]["reply_broadcast"] is True
    send(slack, loud=True)
    assert "reply_broadcast" not in slack.accepted[2], "what stands in the channel is seen there"


@pytest.mark.parametrize("code", ["thread_not_found", "message_not_found", "cannot_reply_to_message"])
def test_a_thread_that_somebody_deleted_loses_no_message(slack, code) -> None:
    slack.script.append(refuses(code))
    sent = send(slack, thread=f"{CHANNEL}:1366000000.000009")
    assert [body.get("thread_ts") for body in slack.bodies] == ["1366000000.000009", None]
    assert slack.accepted[0]["channel"] == CHANNEL
    assert sent.remarks == (
        "Slack (connection 'slack_ml') has no such thread any more: the message went to the channel itself.",
    )


# --- Charts -------------------------------------------------------------------------------------


def test_a_chart_is_uploaded_first_and_is_part_of_the_message(slack) -> None:
    sent = send(slack, pictures=(PICTURE,))
    assert [path.rpartition("/")[2] for path, _, _ in slack.requests] == [
        "files.getUploadURLExternal",
        "F00000001",
        "files.completeUploadExternal",
        "chat.postMessage",
    ]
    asked, _, completed, message = slack.bodies
    assert (asked["filename"], asked["length"], asked["alt_txt"]) == (
        "lift(0.1).png",
        str(len(PNG)),
        PICTURE.alt,
    )
    assert slack.uploads == {"F00000001": PNG}
    assert "channel_id" not in completed, "the file is shown by the message alone"
    assert images(message) == [
        {"type": "image", "slack_file": {"id": "F00000001"}, "alt_text": PICTURE.alt},
    ]
    assert [block for block in message["blocks"] if block["type"] != "image"] == slack_blocks(DOCUMENT)
    assert sent == Sent(f"{CHANNEL}:1366000000.000001:F00000001")


UPLOADS = {
    "no scope": ("files.getUploadURLExternal", refuses("missing_scope"), "missing_scope"),
    "too many": ("files.getUploadURLExternal", Answer(429, "", {"Retry-After": "9"}), "answered 429"),
    "no address": (
        "files.getUploadURLExternal",
        Answer(200, '{"ok": true}'),
        "named no address to upload to",
    ),
    "an address that is none": (
        "files.getUploadURLExternal",
        Answer(200, '{"ok": true, "upload_url": "file:///etc/passwd", "file_id": "F1"}'),
        "named no address to upload to",
    ),
    "an address nobody answers": (
        "files.getUploadURLExternal",
        Answer(200, '{"ok": true, "upload_url": "http://127.0.0.1:9/SECRETPATH", "file_id": "F1"}'),
        "could not be reached",
    ),
    "upload fails": ("upload", FAILS, "answered 500 to the upload"),
    "upload is dropped": ("upload", Answer(drops=True), "fell silent"),
    "login page": ("upload", Answer(200, "<html>Log in</html>"), "answered 200 to the upload"),
    "never completed": ("files.completeUploadExternal", refuses("internal_error"), "answered 503"),
    "completion is nonsense": ("files.completeUploadExternal", Answer(200, '{"ok": tr'), "Slack"),
}


@pytest.mark.parametrize("method, answer, said", UPLOADS.values(), ids=UPLOADS)
def test_a_chart_that_fails_holds_back_no_text(slack, method, answer, said) -> None:
    slack.scripts[method] = deque([answer])
    sent = send(slack, pictures=(PICTURE,))
    (message,) = slack.accepted
    assert message["blocks"] == slack_blocks(DOCUMENT)
    assert sent.provider_id == f"{CHANNEL}:1366000000.000001"
    (remark,) = sent.remarks
    assert said in remark
    assert not any(secret in remark for secret in (TOKEN, slack.address, "SECRETPATH", "passwd"))


def test_without_the_scope_the_remark_names_it(slack) -> None:
    slack.scopes.discard("files:write")
    assert send(slack, pictures=(PICTURE,)).remarks == (
        "Slack (connection 'slack_ml') took no chart: missing_scope; give the app the scope files:write.",
    )


def test_a_file_that_slack_has_not_digested_is_tried_again_after_a_pause(slack) -> None:
    slack.script.append(refuses("invalid_blocks"))
    begun = time.monotonic()
    sent = send(slack, pictures=(PICTURE,))
    assert time.monotonic() - begun >= FILE_PAUSE
    assert (len(slack.calls("chat.postMessage")), len(slack.accepted)) == (2, 1)
    assert images(slack.accepted[0])
    assert sent.remarks == ()


def test_what_slack_does_not_take_is_left_out_piece_by_piece(slack) -> None:
    slack.script.extend([refuses("invalid_blocks")] * 2)
    sent = send(slack, pictures=(PICTURE,))
    assert slack.accepted[0]["blocks"] == slack_blocks(DOCUMENT)
    assert sent == Sent(
        f"{CHANNEL}:1366000000.000001",
        ("Slack did not take the chart in the message, which went without it.",),
    )
    slack.script.extend([refuses("invalid_blocks")] * 3)
    sent = send(slack, pictures=(PICTURE,))
    assert not slack.accepted[1].get("blocks")
    assert sent.remarks == ("Slack did not take the blocks: the message went as plain text.",)
    slack.script.extend([refuses("invalid_blocks")] * 4)
    with pytest.raises(DeliveryError, match="invalid_blocks") as caught:
        send(slack, pictures=(PICTURE,))
    assert not caught.value.retry


def test_only_what_was_surely_refused_is_said_again(slack) -> None:
    slack.script.append(Answer(accepts=True, drops=True))
    with pytest.raises(DeliveryError) as caught:
        send(slack, pictures=(PICTURE,))
    assert caught.value.ambiguous
    assert len(slack.calls("chat.postMessage")) == 1


# --- Limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sections", [0, 5, 6, 7, 8, 9, 500])
def test_with_a_chart_and_a_call_a_message_still_keeps_slacks_limits(slack, sections) -> None:
    long = Section("a heading", "x" * 5_000, items=("y" * 900,) * 30)
    document = replace(DOCUMENT, sections=(long,) * sections)
    send(slack, document, CALLING, pictures=(replace(PICTURE, alt="z" * 9_000),))
    blocks = slack.accepted[0]["blocks"]
    assert len(blocks) <= MAX_BLOCKS
    (image,) = images(slack.accepted[0])
    shown = sum(map(_length, blocks)) - len(CALLED)
    assert shown + len(image["alt_text"]) <= BUDGET + 100
    bodies = [block for block in blocks if block["type"] == "section" and "a heading" in str(block)]
    if len(bodies) < sections:
        assert any(f"and {sections - len(bodies)} more" in str(block) for block in blocks)


def _length(block: dict[str, Any]) -> int:
    texts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return sum(len(text["text"]) for text in texts if text)


# --- Calling people -----------------------------------------------------------------------------


def calls(message: dict[str, Any]) -> list[str]:
    """The blocks that hold a live mention."""
    return [block["text"]["text"] for block in message["blocks"] if "<!" in str(block) or "<@" in str(block)]


def with_changes(*changes: str, severity: Severity = CRITICAL, **fields: Any) -> Document:
    (about,) = DOCUMENT.about
    fields.setdefault("news", not changes or bool(NEWS.intersection(changes)))
    return replace(DOCUMENT, about=(replace(about, changes=changes, severity=severity, **fields),))


def test_nobody_is_called_unless_the_file_says_so(slack) -> None:
    send(slack)
    assert not calls(slack.accepted[0])


@pytest.mark.parametrize(
    "document, called",
    [
        (with_changes("opened"), True),
        (with_changes("reopened"), True),
        (with_changes("joined", "escalated"), True),
        (with_changes("joined"), False),
        (with_changes("reminded"), False),
        (with_changes("acknowledged", state=IncidentState.ACKNOWLEDGED), False),
        (with_changes("opened", severity=WARNING), False),
        (with_changes("resolved", state=IncidentState.RESOLVED, resolved_on=DOCUMENT.day), False),
        (with_changes("opened", "resolved", state=IncidentState.RESOLVED, resolved_on=DOCUMENT.day), False),
        (with_changes(), True),
        (with_changes(news=False), False),
        (with_changes("joined", news=True), True),
        *((replace(with_changes("opened"), kind=kind), True) for kind in sorted(SUMMARIES)),
        (replace(DOCUMENT, about=()), False),
    ],
)
def test_people_are_called_by_what_begins_or_gets_worse_alone(slack, document, called) -> None:
    send(slack, document, CALLING)
    assert calls(slack.accepted[0]) == [CALLED] * called


def test_what_is_known_already_calls_nobody_again(slack) -> None:
    send(slack, with_changes(), CALLING, thread=f"{CHANNEL}:1366000000.000009")
    assert not calls(slack.accepted[0])


def test_the_severity_from_which_people_are_called_is_theirs_to_choose(slack) -> None:
    notifier = replace(CALLING, mention_severity=WARNING)
    send(slack, with_changes("opened", severity=WARNING), notifier)
    assert calls(slack.accepted[0]) == [CALLED]


def test_the_plain_form_calls_the_same_people(slack) -> None:
    slack.script.append(refuses("invalid_blocks"))
    send(slack, notifier=CALLING)
    assert slack.accepted[0]["text"].splitlines()[0] == CALLED
    assert slack.accepted[0]["text"].count("<") == CALLED.count("<")


@pytest.mark.parametrize("who", ["kim", "@kim", "<!channel>", "U1", "everyone", "here\n", "", "C012ABCDEF"])
def test_who_is_nobody_to_call_is_refused(who) -> None:
    with pytest.raises(ValueError, match="is nobody to mention: write a user's id such as U012ABCDEF"):
        Slack("slack_ml", "#a", (who,))


# --- First messages brought up to date ------------------------------------------------------------


def update(slack: Receiver, name: str, document: Document) -> None:
    CALLING.update(name, document, connect(slack))


def test_a_first_message_shows_how_its_incident_stands_now(slack) -> None:
    name = send(slack, notifier=CALLING).provider_id
    (about,) = DOCUMENT.about
    over = replace(about, state=IncidentState.RESOLVED, resolved_on=DOCUMENT.day)
    document = restated(DOCUMENT, {about.incident: over})
    for _ in range(2):
        update(slack, str(name), document)
    (shown,) = slack.messages
    assert shown["blocks"] == slack_blocks(document) != slack_blocks(DOCUMENT)
    assert "🟢" in str(shown["blocks"])
    assert not calls(shown), "an edit calls nobody"
    assert len(slack.accepted) == 1


def test_the_chart_stays_in_a_message_that_is_brought_up_to_date(slack) -> None:
    document = charted(DOCUMENT)
    name = send(slack, document, pictures=(PICTURE,)).provider_id
    update(slack, str(name), document)
    (shown,) = slack.messages
    assert images(shown) == [{"type": "image", "slack_file": {"id": "F00000001"}, "alt_text": PICTURE.alt}]
    assert len(slack.calls("files.getUploadURLExternal")) == 1
    slack.scripts["chat.update"] = deque([refuses("invalid_blocks")] * 2)
    update(slack, str(name), document)
    assert shown["blocks"] == []


@pytest.mark.parametrize(
    "code, cure",
    [
        ("message_not_found", "; the message was deleted"),
        ("cant_update_message", "; the message is not the bot's own"),
        ("edit_window_closed", "; the workspace allows no edits of messages this old"),
        ("a_code_slack_has_yet_to_invent", ""),
    ],
)
def test_a_message_that_cannot_be_changed_is_not_tried_again(slack, code, cure) -> None:
    slack.scripts["chat.update"] = deque([refuses(code)])
    with pytest.raises(DeliveryError) as caught:
        update(slack, f"{CHANNEL}:1366000000.000001", DOCUMENT)
    assert not caught.value.retry
    assert str(caught.value) == (
        f"Slack (connection 'slack_ml') refused the update of the message in '{CHANNEL}': {code}{cure}."
    )


@pytest.mark.parametrize("answer", [FAILS, Answer(429, ""), refuses("ratelimited"), Answer(drops=True)])
def test_an_update_that_fails_for_now_can_be_tried_again(slack, answer) -> None:
    slack.scripts["chat.update"] = deque([answer])
    with pytest.raises(DeliveryError) as caught:
        update(slack, f"{CHANNEL}:1366000000.000001", DOCUMENT)
    assert caught.value.retry


def test_what_names_no_message_cannot_be_brought_up_to_date(slack) -> None:
    with pytest.raises(DeliveryError, match="'#general' names no message of Slack"):
        update(slack, "#general", DOCUMENT)
    assert slack.requests == []
