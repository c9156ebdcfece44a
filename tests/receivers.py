"""Real receivers on loopback that behave as they are told: an HTTP server like Slack's, and a mail server.

Each keeps what it accepted, so that a test can count: one message too many is a failure.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


SCOPES = {"chat:write", "files:write", "channels:read", "channels:history", "groups:read", "groups:history"}
"""What a Slack app may be granted, of what we ask for."""

_NEEDED = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.list": "channels:read",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
}


@dataclass
class Receiver:
    """An HTTP server that answers as scripted, and accepts once the script is over.

    `script` is for whatever brings a message; `scripts` for the other methods of Slack by their name, such
    as `conversations.history`, and for the address of an upload as `upload`.  `accepted` are the messages it
    took, `messages` the same as Slack shows them now, with their `ts`.  `now` is the second at which Slack's
    clock stands, `scopes` what the bot was granted, `channels` the ids by name, and `page` how many of
    anything it gives at once.
    """

    address: str = ""
    script: deque[Answer] = field(default_factory=deque)
    scripts: dict[str, deque[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    channels: dict[str, str] = field(default_factory=lambda: {"ml-incidents": CHANNEL})
    now: Callable[[], float] = lambda: 1_366_000_000
    page: int = 100

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.requests]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """What was asked of one method, or posted to addresses that end so."""
        return [body for path, _, body in self.requests if urlsplit(path).path.endswith(method)]

    def answer_to(self, path: str) -> Answer:
        """What is scripted next for this address."""
        method = _method(path)
        of_messages = method in ("chat.postMessage", "")
        script = self.script if of_messages else self.scripts.get(method, deque())
        return script.popleft() if script else OK

    def take(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Do what the address is for, and say so."""
        method = _method(path)
        needed = _NEEDED.get(method)
        if needed and needed not in self.scopes:
            granted = ",".join(sorted(self.scopes))
            return {"ok": False, "error": "missing_scope", "needed": needed, "provided": granted}
        match method:
            case "chat.postMessage":
                return self._posted(body)
            case "chat.update":
                return self._updated(body)
            case "conversations.list":
                named = [{"id": id_, "name": name} for name, id_ in self.channels.items()]
                private = "private_channel" in body.get("types", "")
                return self._paged("channels", [] if private else named, body)
            case "conversations.history":
                return self._paged("messages", self._seen(body, None), body)
            case "conversations.replies":
                return self._paged("messages", self._seen(body, body["ts"]), body)
            case "files.getUploadURLExternal":
                name = f"F{len(self.files) + len(self.uploads) + 1:08}"
                return {"ok": True, "upload_url": f"{self.address}/upload/{name}", "file_id": name}
            case "files.completeUploadExternal":
                files = json.loads(body["files"])
                self.files += files
                return {"ok": True, "files": files}
            case "upload":
                self.uploads[path.rpartition("/")[2]] = body["raw"]
        return {"ok": True}

    def _posted(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = self.channels.get(body["channel"].removeprefix("#"), body["channel"])
        channel = CHANNEL if channel.startswith("#") else channel
        ts = f"{int(self.now())}.{len(self.accepted):06}"
        self.messages.append({**body, "channel": channel, "ts": ts})
        return {"ok": True, "channel": channel, "ts": ts}

    def _updated(self, body: dict[str, Any]) -> dict[str, Any]:
        for message in self.messages:
            if (message["channel"], message["ts"]) == (body["channel"], body["ts"]):
                message.update(body)
                return {"ok": True, "channel": body["channel"], "ts": body["ts"], "text": body["text"]}
        return {"ok": False, "error": "message_not_found"}

    def _seen(self, body: dict[str, Any], thread: str | None) -> list[dict[str, Any]]:
        """What lies in a channel, newest first, or in a thread: its first message, then the rest."""
        oldest = float(body.get("oldest") or 0)
        found = [
            message if body.get("include_all_metadata") in ("1", "true", "True") else _bare(message)
            for message in self.messages
            if message["channel"] == body["channel"]
            and (message["ts"] == thread or float(message["ts"]) > oldest)
            and (
                thread in (message["ts"], message.get("thread_ts"))
                if thread
                else not message.get("thread_ts") or message.get("reply_broadcast")
            )
        ]
        return found if thread else found[::-1]

    def _paged(self, what: str, items: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        start = int(body.get("cursor") or 0)
        end = start + min(self.page, int(body.get("limit") or self.page))
        cursor = str(end) if end < len(items) else ""
        return {"ok": True, what: items[start:end], "response_metadata": {"next_cursor": cursor}}


def _method(path: str) -> str:
    """Slack's method, `upload` where a file is sent to, and nothing for every other address."""
    path = urlsplit(path).path
    return path.rpartition("/")[2] if path.startswith("/api/") else "upload" * path.startswith("/upload/")


def _bare(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "metadata"}


def _read(headers: Message, raw: bytes, query: str) -> dict[str, Any]:
    """What a request brings, whichever way it is written."""
    kind = headers.get_content_type()
    if kind == "application/json":
        return cast("dict[str, Any]", json.loads(raw))
    if raw and kind != "application/x-www-form-urlencoded":
        return {"raw": raw}
    return dict(parse_qsl(raw.decode() or query))


@contextmanager
def slack_like() -> Iterator[Receiver]:
    """Slack's methods below /api/, PagerDuty's events at /v2/enqueue, incoming webhooks everywhere else."""
    receiver = Receiver()
    with served(lambda path: (receiver, path)) as receiver.address:
        yield receiver


@contextmanager
def served(find: Callable[[str], tuple[Receiver, str]]) -> Iterator[str]:
    """The address of a server behind which `find` knows each path's receiver, and what the path is to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = _read(self.headers, raw, urlsplit(self.path).query)
            receiver, path = find(self.path)
            receiver.requests.append((path, dict(self.headers), body))
            answer = receiver.answer_to(path)
            time.sleep(answer.delay)
            said, status = answer.body, answer.status
            if answer.accepts:
                if _method(path) in ("chat.postMessage", ""):
                    receiver.accepted.append(body)
                taken = receiver.take(path, body)
                if not taken["ok"] and receiver.accepted and receiver.accepted[-1] is body:
                    receiver.accepted.pop()
                if said is None and path.endswith("/v2/enqueue"):
                    said = json.dumps({"status": "success", "dedup_key": body["dedup_key"]})
                    status = 202 if status == 200 else status
                elif said is None:
                    said = json.dumps(taken) if "/api/" in path else "ok"
            if answer.drops:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            said = said or ""
            self.send_response(status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *args: object) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign] # a client that gave up is no news
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
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


def self_signed(folder: Path) -> Path:
    """A key and a certificate that nobody vouches for, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "both.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path
