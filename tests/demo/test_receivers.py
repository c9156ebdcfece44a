from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from hindsight.demo.received import read_received, show_received
from hindsight.demo.receivers import Addresses, Receivers

BLOCKS = [
    {"type": "header", "text": {"type": "plain_text", "text": "Recall of flight_delay fell"}},
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "0.30 &lt; 0.41, see <http://localhost/run|the run>"},
    },
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "version v1 [origin=EWR]"}]},
]


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[Receivers]:
    with Receivers(tmp_path / "received.jsonl") as running:
        yield running


@pytest.fixture
def slack(receivers: Receivers) -> WebClient:
    return WebClient(token=receivers.addresses.slack_token, base_url=receivers.addresses.slack_api)


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {"From": "hindsight@example.com", "To": "ops@example.com", **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content("Recall fell below 0.41.\nSince 12 April – naïve.")
    message.add_alternative("<p>Recall fell</p>", subtype="html")
    message.add_attachment(b"png", maintype="image", subtype="png", filename="chart.png")
    return message


def send(receivers: Receivers, message: EmailMessage) -> None:
    with smtplib.SMTP(receivers.addresses.smtp_host, receivers.addresses.smtp_port, timeout=10) as client:
        assert client.send_message(message) == {}


def test_slack_takes_a_message_and_its_answer_can_be_replied_to(
    receivers: Receivers, slack: WebClient
) -> None:
    posted = slack.chat_postMessage(channel="#ml-alerts", text="Recall fell", blocks=BLOCKS)
    assert posted["ok"] is True
    reply = slack.chat_postMessage(channel=posted["channel"], text="It is over.", thread_ts=posted["ts"])
    assert reply["channel"] == posted["channel"]
    assert reply["ts"] > posted["ts"]

    first, second = receivers.mailbox
    assert first.to == second.to == ("#ml-alerts",)
    assert first.text.splitlines() == [
        "Recall of flight_delay fell",
        "0.30 < 0.41, see the run (http://localhost/run)",
        "version v1 [origin=EWR]",
    ]
    assert first.payload["blocks"] == BLOCKS
    assert (first.id, first.thread) == (posted["ts"], None)
    assert (second.text, second.thread) == ("It is over.", posted["ts"])


def test_a_message_is_updated_in_place_and_found_again_by_its_metadata(
    receivers: Receivers, slack: WebClient
) -> None:
    metadata = {"event_type": "ours", "event_payload": {"key": "k1"}}
    first = slack.chat_postMessage(channel="#ml-alerts", text="Recall fell", metadata=metadata)
    slack.chat_postMessage(channel="#ml-alerts", text="Still low", thread_ts=first["ts"])
    slack.chat_update(channel=first["channel"], ts=first["ts"], text="Recall recovered")
    assert [message.text for message in receivers.mailbox] == ["Recall recovered", "Still low"]
    (listed,) = slack.conversations_list(types="public_channel")["channels"]
    assert (listed["id"], listed["name"]) == (first["channel"], "ml-alerts")
    (found,) = slack.conversations_history(channel=listed["id"], oldest="1", include_all_metadata=True)[
        "messages"
    ]
    assert (found["ts"], found["metadata"]) == (first["ts"], metadata)
    answers = slack.conversations_replies(channel=listed["id"], ts=first["ts"])["messages"]
    assert [each["text"] for each in answers] == ["Recall recovered", "Still low"]
    later = str(float(first["ts"]) + 9)
    assert slack.conversations_history(channel=listed["id"], oldest=later)["messages"] == []
    with pytest.raises(SlackApiError, match="message_not_found"):
        slack.chat_update(channel=first["channel"], ts="1.0", text="nothing")


def test_a_chart_is_uploaded_where_slack_says(receivers: Receivers, slack: WebClient) -> None:
    begun = slack.files_getUploadURLExternal(filename="chart.png", length=3)
    assert httpx.post(begun["upload_url"], content=b"png").status_code == 200
    done = slack.files_completeUploadExternal(files=[{"id": begun["file_id"], "title": "chart.png"}])
    assert [each["id"] for each in done["files"]] == [begun["file_id"]]
    kept = receivers.mailbox.path.with_suffix(".files") / f"{begun['file_id']}.png"
    assert kept.read_bytes() == b"png"
    elsewhere = begun["upload_url"].replace(begun["file_id"], "..%2fx")
    assert httpx.post(elsewhere, content=b"png").status_code == 404


def test_slack_knows_its_token(receivers: Receivers, slack: WebClient) -> None:
    assert slack.auth_test()["ok"] is True
    stranger = WebClient(token="xoxb-other", base_url=receivers.addresses.slack_api)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        stranger.chat_postMessage(channel="#ml-alerts", text="hello")
    nobody = httpx.post(
        receivers.addresses.slack_api + "chat.postMessage", json={"channel": "#a", "text": "b"}
    )
    assert nobody.status_code == 200
    assert nobody.json() == {"ok": False, "error": "not_authed"}
    assert list(receivers.mailbox) == []


def test_slack_refuses_as_slack_does(receivers: Receivers, slack: WebClient) -> None:
    with pytest.raises(SlackApiError, match="no_text"):
        slack.api_call("chat.postMessage", json={"channel": "#ml-alerts"})
    with pytest.raises(SlackApiError, match="channel_not_found"):
        slack.api_call("chat.postMessage", json={"text": "to nobody"})
    with pytest.raises(SlackApiError, match="unknown_method"):
        slack.api_call("chat.shout", json={})
    bearer = {"Authorization": f"Bearer {receivers.addresses.slack_token}"}
    broken = httpx.post(receivers.addresses.slack_api + "chat.postMessage", content="{", headers=bearer)
    assert broken.json()["error"] == "invalid_json"
    assert list(receivers.mailbox) == []


def test_slack_takes_a_form_as_well(receivers: Receivers, slack: WebClient) -> None:
    form = {
        "channel": "C1",
        "text": "fallback",
        "blocks": '[{"type": "header", "text": {"text": "In a form"}}]',
    }
    assert slack.api_call("chat.postMessage", data=form)["ok"] is True
    (message,) = receivers.mailbox
    assert message.text == "In a form"


def test_a_webhook_takes_a_message(receivers: Receivers) -> None:
    answer = WebhookClient(receivers.addresses.slack_webhook).send(text="Recall fell", blocks=BLOCKS)
    assert (answer.status_code, answer.body) == (200, "ok")
    (message,) = receivers.mailbox
    assert message.kind == "slack"
    assert message.text.startswith("Recall of flight_delay fell")


def test_a_webhook_refuses_in_plain_words(receivers: Receivers) -> None:
    url = receivers.addresses.slack_webhook
    silent, broken, wrong = (
        httpx.post(url, json={}),
        httpx.post(url, content="["),
        httpx.post(url + "x", json={}),
    )
    assert (silent.status_code, silent.text) == (400, "no_text")
    assert (broken.status_code, broken.text) == (400, "invalid_payload")
    assert (wrong.status_code, wrong.text) == (404, "no_service")
    assert list(receivers.mailbox) == []


def test_a_mail_arrives_whole(receivers: Receivers) -> None:
    send(receivers, mail(Subject="Recall fell – v1", Message_ID="<1@h>", Cc="lead@example.com"))
    send(receivers, mail(Subject="Re: Recall fell", Message_ID="<2@h>", In_Reply_To="<1@h>"))
    first, second = receivers.mailbox
    assert (first.kind, first.subject, first.id, first.thread) == ("mail", "Recall fell – v1", "<1@h>", None)
    assert set(first.to) == {"ops@example.com", "lead@example.com"}
    assert first.text == "Recall fell below 0.41.\nSince 12 April – naïve."
    assert first.payload["from"] == "hindsight@example.com"
    assert "<p>Recall fell</p>" in first.payload["html"]
    assert first.payload["attachments"] == ["chart.png"]
    assert ["Subject", "Recall fell – v1"] in first.payload["headers"]
    assert second.thread == "<1@h>"


def test_what_is_shown_is_what_arrived(receivers: Receivers, slack: WebClient) -> None:
    slack.chat_postMessage(channel="#ml-alerts", text="fallback", blocks=BLOCKS)
    send(receivers, mail(Subject="Recall fell", Message_ID="<1@h>"))
    out = StringIO()
    show_received(receivers.mailbox, Console(file=out, width=100))
    shown = out.getvalue()
    for words in (
        "Slack to #ml-alerts",
        "version v1 [origin=EWR]",
        "E-mail to ops@example.com",
        "Since 12 April",
    ):
        assert words in shown
    assert "fallback" not in shown


def test_a_line_still_being_written_is_left_for_later(receivers: Receivers, slack: WebClient) -> None:
    slack.chat_postMessage(channel="#ml-alerts", text="whole")
    path = receivers.mailbox.path
    with path.open("a") as file:
        file.write('{"kind": "sla')
    assert [message.text for message in read_received(path)] == ["whole"]
    assert read_received(path.with_name("absent.jsonl")) == []


def test_many_senders_at_once_lose_nothing(receivers: Receivers) -> None:
    url = receivers.addresses.slack_webhook
    senders = [
        subprocess.Popen([
            sys.executable, "-c",
            f"import httpx\nfor n in range(20): httpx.post({url!r}, json={{'text': f'{sender} {{n}}'}})",
        ])
        for sender in range(2)
    ]  # fmt: skip
    assert [sender.wait(timeout=60) for sender in senders] == [0, 0]
    received = {message.text for message in receivers.mailbox}
    assert received == {f"{sender} {n}" for sender in range(2) for n in range(20)}
    assert len({message.id for message in receivers.mailbox}) == 40


def started(command: list[str], ports: Path) -> tuple[subprocess.Popen[bytes], Addresses]:
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while not ports.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, Addresses.read(ports)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_receives_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    out, ports = tmp_path / "received.jsonl", tmp_path / "ports.json"
    command = [
        sys.executable,
        "-m",
        "hindsight.demo.receivers",
        "--out",
        str(out),
        "--ports-file",
        str(ports),
    ]
    process, addresses = started(command, ports)
    WebClient(token=addresses.slack_token, base_url=addresses.slack_api).chat_postMessage(
        channel="#a", text="hi"
    )
    assert addresses.pid == process.pid
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert not ports.exists()
    assert [message.text for message in read_received(out)] == ["hi"]
    with pytest.raises(httpx.ConnectError):
        httpx.post(addresses.slack_webhook, json={"text": "too late"})


def test_as_a_process_it_does_not_outlive_its_parent(tmp_path: Path) -> None:
    out, ports = tmp_path / "received.jsonl", tmp_path / "ports.json"
    receive = [
        sys.executable,
        "-m",
        "hindsight.demo.receivers",
        "--out",
        str(out),
        "--ports-file",
        str(ports),
    ]
    code = f"import subprocess, time; subprocess.Popen({receive!r}, start_new_session=True); time.sleep(60)"
    parent, addresses = started([sys.executable, "-c", code], ports)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while ports.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not ports.exists()
    assert addresses.pid != parent.pid
