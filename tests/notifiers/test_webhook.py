"""The signed webhook: what is posted, and that a receiver can tell who wrote it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hindsight.errors import DeliveryError
from hindsight.message import from_json, plain, to_json
from hindsight.notifiers import ConnectionInfo, Parcel, Sent, Webhook
from letters import charted, opened
from receivers import Receiver, slack_like

SECRET = "s1gning-secret"
NOTIFIER = Webhook("receiver")
DOCUMENT = charted(opened())
KEY = "flight_delay/2013-03-01/daily/webhook:01234567"
PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


def send(info: ConnectionInfo, key: str = KEY) -> Sent:
    return NOTIFIER.send(Parcel(DOCUMENT, key), lambda _: info)


def test_the_document_is_posted_by_its_fields_and_as_text(receiver) -> None:
    assert send(ConnectionInfo(host=f"{receiver.address}/hook", password=SECRET)) == Sent()
    ((path, headers, body),) = receiver.requests
    assert path == "/hook"
    assert headers["X-Hindsight-Key"] == KEY
    assert (body.pop("version"), body.pop("key"), body.pop("text")) == (1, KEY, plain(DOCUMENT))
    assert from_json(json.dumps(body)) == DOCUMENT
    assert body["about"][0]["changes"] == ["opened"]
    assert body["charts"][0]["points"][0]["day"] == "2013-03-01"


@pytest.mark.parametrize(
    "info, path",
    [
        (ConnectionInfo(host="{}/hook?team=ml"), "/hook?team=ml"),
        (ConnectionInfo(host="{}/", extra={"path": "/hook/deep"}), "/hook/deep"),
        (ConnectionInfo(schema="http", host="127.0.0.1", extra={"path": "hook"}), "/hook"),
        (ConnectionInfo(schema="http", host="127.0.0.1"), "/"),
    ],
)
def test_the_address_is_put_together_of_what_the_connection_says(receiver, info, path) -> None:
    port = int(receiver.address.rpartition(":")[2])
    host = (info.host or "").format(receiver.address)
    send(replace(info, host=host, port=None if "://" in host else port, password=SECRET))
    assert receiver.requests[0][0] == path


def test_a_connection_without_a_host_is_named() -> None:
    with pytest.raises(DeliveryError) as caught:
        send(ConnectionInfo(password=SECRET))
    assert str(caught.value) == ("the connection 'receiver' has no host: put the receiver's address there.")


def test_a_key_can_be_no_header_of_its_own(receiver) -> None:
    send(ConnectionInfo(host=receiver.address, password=SECRET), "a\r\nX-Evil: 1\u202e é")
    ((_, headers, body),) = receiver.requests
    assert headers["X-Hindsight-Key"] == "a%0D%0AX-Evil:%201%E2%80%AE%20%C3%A9"
    assert "X-Evil" not in headers
    assert body["key"].startswith("a\r\n")


# --- The signature, as the page tells receivers to check it -------------------------------------


@pytest.fixture(scope="module")
def genuine() -> Callable[..., bool]:
    """The function of docs/notifications.md."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## Signed webhook") :]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(compile(code[1], str(PAGE), "exec"), names)
    return names["is_genuine"]


@pytest.fixture
def raw() -> Iterator[list[tuple[dict[str, str], bytes]]]:
    """What arrives, to the byte; the server's address is put into the list's first item."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    got.append(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield got
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_receiver_that_checks_as_the_page_says_believes_us_and_nobody_else(genuine, raw) -> None:
    send(ConnectionInfo(host=raw[0], password=f" {SECRET}\n"))
    headers, body = raw[1]
    assert genuine(SECRET, headers, body)
    assert not genuine("another", headers, body)
    assert not genuine(SECRET, headers, body + b" ")
    later = str(int(headers["X-Hindsight-Timestamp"]) + 1)
    assert not genuine(SECRET, {**headers, "X-Hindsight-Timestamp": later}, body)
    assert not genuine(SECRET, {**headers, "X-Hindsight-Signature": ""}, body)
    assert not genuine(SECRET, {}, body)


def test_what_was_recorded_long_ago_is_not_believed_again(genuine, raw, monkeypatch) -> None:
    send(ConnectionInfo(host=raw[0], password=SECRET))
    headers, body = raw[1]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3_600)
    assert not genuine(SECRET, headers, body)


def test_a_repeat_has_the_same_key_and_the_same_body(raw) -> None:
    for _ in range(2):
        send(ConnectionInfo(host=raw[0], password=SECRET))
    (first, body), (second, again) = raw[1:]
    assert first["X-Hindsight-Key"] == second["X-Hindsight-Key"] == KEY
    assert body == again
    assert to_json(from_json(to_json(DOCUMENT))) == to_json(DOCUMENT)
