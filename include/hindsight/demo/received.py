"""What the demo's receivers took in: one JSON line per message, read back and printed for people."""

from __future__ import annotations

import html
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

_LINK = re.compile(r"<([^<>|]+)\|([^<>]*)>")
_BARE_LINK = re.compile(r"<((?:https?|mailto):[^<>]+)>")


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it arrived.

    `kind` is "slack" or "mail"; `to` the channel or the recipients; `id` Slack's `ts` or the Message-ID, and
    `thread` the `id` of the message it answers.  `text` is what a reader would see, without
    markup; `payload` keeps the rest: Slack's JSON, or a mail's headers, HTML and attachment names.  With
    `updates` it is no message, but what the one of this `id` shows from now on.
    """

    kind: str
    at: datetime
    to: tuple[str, ...]
    id: str
    text: str
    subject: str = ""
    thread: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    updates: bool = False

    @classmethod
    def from_json(cls, line: str) -> Self:
        fields = json.loads(line)
        return cls(**{**fields, "at": datetime.fromisoformat(fields["at"]), "to": tuple(fields["to"])})

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, ensure_ascii=False)


class Mailbox:
    """A file to which received messages are appended, by any thread, a whole line at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def append(self, message: Received) -> None:
        line = message.to_json().encode() + b"\n"
        with self._lock, self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def __iter__(self) -> Iterator[Received]:
        return iter(read_received(self.path))


def read_received(path: Path) -> list[Received]:
    """The messages in the file as they are shown now, in the order of their arrival.

    An unfinished line is left for later.
    """
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else [""]
    found: list[Received] = []
    for each in map(Received.from_json, lines[:-1]):
        if not each.updates:
            found.append(each)
            continue
        places = [place for place, old in enumerate(found) if (old.kind, old.id) == (each.kind, each.id)]
        for place in places:
            found[place] = replace(found[place], text=each.text, payload=each.payload)
    return found


def show_received(messages: Iterable[Received], console: Console) -> None:
    """Print each message as a panel: where it arrived, then what it says."""
    for message in messages:
        title = f"{'Slack' if message.kind == 'slack' else 'E-mail'} to {', '.join(message.to)}"
        subtitle = "in a thread" if message.thread else None
        body = "\n\n".join(part for part in (message.subject, message.text) if part)
        # Text, not str: square brackets in a message are the sender's, not markup of ours.
        console.print(Panel(Text(body), title=Text(title), subtitle=subtitle, title_align="left"))


def slack_text(payload: Mapping[str, Any]) -> str:
    r"""What a reader of the channel sees of a message: its blocks if it has any, else its `text`.

    >>> slack_text({"text": "fallback", "blocks": [
    ...     {"type": "header", "text": {"type": "plain_text", "text": "Recall fell"}},
    ...     {"type": "section", "text": {"type": "mrkdwn", "text": "*.30* &lt; .41, <http://h/1|open>"}}]})
    'Recall fell\n*.30* < .41, open (http://h/1)'
    """
    attached = [block for item in payload.get("attachments") or () for block in item.get("blocks") or ()]
    lines = [line for block in [*(payload.get("blocks") or ()), *attached] for line in _block_lines(block)]
    return _plain("\n".join(lines) or str(payload.get("text") or ""))


def _block_lines(block: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(text := block.get("text"), str):
        yield text
    elif text:
        yield text["text"]
    for part in (*block.get("fields", ()), *block.get("elements", ())):
        yield from _block_lines(part)
    for key in ("alt_text", "url"):
        if key in block:
            yield block[key]


def _plain(mrkdwn: str) -> str:
    return html.unescape(_BARE_LINK.sub(r"\1", _LINK.sub(r"\2 (\1)", mrkdwn)))
