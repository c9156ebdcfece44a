"""Real receivers on loopback that behave as they are told: an HTTP server like Slack's, and a mail server.

Each keeps what it accepted, so that a test can count: one message too many is a failure.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

CHANNEL = "C0123456789"


@dataclass
class Answer:
    """What the server does with one request; `accepts` says whether it counts the message as taken."""

    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    accepts: bool = False
    drops: bool = False
    delay: float = 0.0


OK = Answer(accepts=True)
DROPS_AFTER_ACCEPTING = Answer(accepts=True, drops=True)
FAILS = Answer(500, "oops")


def refuses(code: str) -> Answer:
    """Slack's way to say no."""
    return Answer(200, json.dumps({"ok": False, "error": code}))


@dataclass
class Receiver:
    """An HTTP server that answers as scripted, and accepts once the script is over."""

    address: str = ""
    script: deque[Answer] = field(default_factory=deque)
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.requests]


@contextmanager
def slack_like() -> Iterator[Receiver]:
    """Slack's `chat.postMessage` below /api/, and incoming webhooks everywhere else."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.requests.append((self.path, dict(self.headers), body))
            answer = receiver.script.popleft() if receiver.script else OK
            time.sleep(answer.delay)
            if answer.accepts:
                receiver.accepted.append(body)
            if answer.drops:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            said = answer.body if answer.body is not None else self.yes(len(receiver.accepted))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def yes(self, number: int) -> str:
            ts = f"1366000000.{number:06}"
            return json.dumps({"ok": True, "channel": CHANNEL, "ts": ts}) if "/api/" in self.path else "ok"

        def log_message(self, *args: object) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign] # a client that gave up is no news
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """A mail server: whom it refuses, with which code, and what it does once it has the message."""

    port: int = 0
    refuses: dict[str, int] = field(default_factory=dict)
    after_data: str = "250 taken"
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return f"{self.refuses[address]} not here"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.after_data.startswith("250") or self.after_data == "drop":
            mail = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
            self.mails.append((list(envelope.rcpt_tos), cast("EmailMessage", mail)))
        if self.after_data == "drop":
            assert server.transport is not None
            server.transport.close()
        return self.after_data


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[Mailbox]:
    """The mailbox behind a real SMTP server on a free port."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])
