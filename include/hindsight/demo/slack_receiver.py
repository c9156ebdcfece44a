"""A Slack on this machine: the part of its Web API by which messages, their updates and charts come and are
found again, and an incoming webhook.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hindsight.demo.received import Mailbox, Received, slack_text

HOST = "127.0.0.1"
TOKEN = "xoxb-hindsight-demo"
WEBHOOK = "/services/T0DEMO/B0DEMO/hindsight"
UPLOAD = "/upload/"
WEBHOOK_CHANNEL = "#incoming-webhook"

Answer = Mapping[str, Any]
_JSON = "application/json; charset=utf-8"


class Workspace:
    """What Slack does with a call: check it, put the message into the mailbox, answer in Slack's words."""

    def __init__(self, mailbox: Mailbox, token: str = TOKEN) -> None:
        self.address = ""
        self._mailbox = mailbox
        self._token = token
        self._count = itertools.count(1)
        self._names: dict[str, str] = {}
        self._messages: list[dict[str, Any]] = []
        self.uploads: set[str] = set()
        self._methods: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "api.test": lambda _: {"ok": True},
            "auth.test": self._who_am_i,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.list": self._list_channels,
            "conversations.history": self._history,
            "conversations.replies": self._history,
            "files.getUploadURLExternal": self._begin_upload,
            "files.completeUploadExternal": lambda arguments: {"ok": True, "files": arguments["files"]},
        }

    def call(self, method: str, authorization: str | None, arguments: Mapping[str, Any]) -> Answer:
        """Answer a method of the Web API; Slack says with status 200 and `ok: false` that it refuses."""
        if method not in self._methods:
            return _refused("unknown_method", req_method=method)
        if authorization is None:
            return _refused("not_authed")
        if authorization != f"Bearer {self._token}":
            return _refused("invalid_auth")
        return self._methods[method](arguments)

    def webhook(self, payload: Mapping[str, Any]) -> tuple[HTTPStatus, str]:
        """Answer an incoming webhook, which has statuses and plain words instead."""
        if not _says_something(payload):
            return HTTPStatus.BAD_REQUEST, "no_text"
        self._take(str(payload.get("channel") or WEBHOOK_CHANNEL), payload)
        return HTTPStatus.OK, "ok"

    def _who_am_i(self, _: Mapping[str, Any]) -> Answer:
        return {"ok": True, "team": "Demo", "team_id": "T0DEMO", "user": "hindsight", "user_id": "U0DEMO"}

    def _post_message(self, arguments: Mapping[str, Any]) -> Answer:
        channel = str(arguments.get("channel") or "")
        if not channel:
            return _refused("channel_not_found")
        if not _says_something(arguments):
            return _refused("no_text")
        channel_id = self._channel_id(channel)
        ts = self._take(self._names[channel_id], arguments)
        self._messages.append({**arguments, "channel": channel_id, "ts": ts})
        message = {"type": "message", "user": "U0DEMO", "ts": ts, "text": arguments.get("text", "")}
        if thread := arguments.get("thread_ts"):
            message["thread_ts"] = thread
        return {"ok": True, "channel": channel_id, "ts": ts, "message": message}

    def _update(self, arguments: Mapping[str, Any]) -> Answer:
        place = (arguments.get("channel"), arguments.get("ts"))
        found = [each for each in self._messages if (each["channel"], each["ts"]) == place]
        if not found:
            return _refused("message_not_found")
        found[0].update(arguments)
        channel = self._names[str(arguments["channel"])]
        now, text = datetime.now(UTC), slack_text(arguments)
        self._mailbox.append(
            Received("slack", now, (channel,), found[0]["ts"], text, payload=arguments, updates=True)
        )
        return {"ok": True, "channel": place[0], "ts": place[1], "text": arguments.get("text", "")}

    def _list_channels(self, _: Mapping[str, Any]) -> Answer:
        channels = [{"id": key, "name": name.removeprefix("#")} for key, name in self._names.items()]
        return {"ok": True, "channels": channels}

    def _history(self, arguments: Mapping[str, Any]) -> Answer:
        """What lies in a channel, newest first, or in the thread of a message."""
        thread, oldest = arguments.get("ts"), float(arguments.get("oldest") or 0)
        found = [
            each
            for each in self._messages
            if each["channel"] == arguments.get("channel")
            and float(each["ts"]) > oldest
            and (thread in (each["ts"], each.get("thread_ts")) if thread else not each.get("thread_ts"))
        ]
        return {"ok": True, "messages": found if thread else found[::-1]}

    def _begin_upload(self, _: Mapping[str, Any]) -> Answer:
        name = f"F{next(self._count):08}"
        self.uploads.add(name)
        return {"ok": True, "upload_url": f"{self.address}{UPLOAD}{name}", "file_id": name}

    def upload(self, name: str, content: bytes) -> tuple[HTTPStatus, str]:
        """Take a file at an address that was given out, and keep it beside the messages."""
        if name not in self.uploads:
            return HTTPStatus.NOT_FOUND, "no such upload"
        folder = self._mailbox.path.with_suffix(".files")
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.png").write_bytes(content)
        return HTTPStatus.OK, "OK"

    def _take(self, channel: str, payload: Mapping[str, Any]) -> str:
        now = datetime.now(UTC)
        ts = f"{int(now.timestamp())}.{next(self._count):06d}"
        thread = payload.get("thread_ts")
        self._mailbox.append(
            Received("slack", now, (channel,), ts, slack_text(payload), thread=thread, payload=payload)
        )
        return ts

    def _channel_id(self, channel: str) -> str:
        """Slack takes names and ids, answers with the id, and knows the channel by either."""
        if channel in self._names:
            return channel
        channel_id = "C" + hashlib.sha256(channel.encode()).hexdigest()[:9].upper()
        self._names[channel_id] = channel
        return channel_id


class SlackServer(ThreadingHTTPServer):
    """The workspace behind HTTP, on a free port."""

    daemon_threads = True

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        super().__init__((HOST, 0), _SlackRequest)
        workspace.address = f"http://{HOST}:{self.server_port}"


class _SlackRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: SlackServer

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        workspace = self.server.workspace
        if path.startswith(UPLOAD):
            return self._answer(*workspace.upload(path.removeprefix(UPLOAD), content))
        try:
            body = content.decode("utf-8", "replace")
            arguments = query | dict(_arguments(body, self.headers.get_content_type()))
        except ValueError:
            if path.startswith("/api/"):
                return self._answer(HTTPStatus.OK, _refused("invalid_json"))
            return self._answer(HTTPStatus.BAD_REQUEST, "invalid_payload")
        if path.startswith("/api/"):
            authorization = self.headers.get("Authorization")
            answer = workspace.call(path.removeprefix("/api/"), authorization, arguments)
            return self._answer(HTTPStatus.OK, answer)
        if path == WEBHOOK:
            return self._answer(*workspace.webhook(arguments))
        return self._answer(HTTPStatus.NOT_FOUND, "no_service")

    def _answer(self, status: HTTPStatus, answer: Answer | str) -> None:
        kind, content = ("text/plain", answer) if isinstance(answer, str) else (_JSON, json.dumps(answer))
        encoded = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Say nothing: the mailbox is the record."""


def _arguments(body: str, content_type: str) -> Mapping[str, Any]:
    """What a call says, as JSON or as a form, whose structured fields are JSON again."""
    if content_type == "application/x-www-form-urlencoded":
        form: dict[str, Any] = dict(parse_qsl(body))
        if "payload" in form:
            return _object(form["payload"])
        structured = form.keys() & {"blocks", "attachments", "metadata", "files"}
        return form | {key: json.loads(form[key]) for key in structured}
    return _object(body) if body else {}


def _object(text: str) -> Mapping[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise json.JSONDecodeError("Not an object", text, 0)
    return value


def _refused(error: str, **more: str) -> Answer:
    return {"ok": False, "error": error, **more}


def _says_something(payload: Mapping[str, Any]) -> bool:
    return any(payload.get(key) for key in ("text", "blocks", "attachments"))
