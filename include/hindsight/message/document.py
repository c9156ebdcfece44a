"""The message before it has a channel: text in small named parts, with no markup and no escapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from hindsight.domain.values import Severity


class Tone(StrEnum):
    """How a part of the message should look; ordered from loud to quiet."""

    CRITICAL = "critical"
    WARNING = "warning"
    RESOLVED = "resolved"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Fact:
    """A short label and what it stands for, such as `Since` and `Fri 12 Apr 2013 (day 3)`."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go on reading; anything but http and https is shown as text, never as a link."""

    label: str
    url: str

    @property
    def is_safe(self) -> bool:
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname) and self.url.isprintable()


@dataclass(frozen=True, slots=True)
class Section:
    """One incident, or one kind of note: a heading in our own words, a sentence, facts, and a list."""

    heading: str
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    items: tuple[str, ...] = ()
    tone: Tone = Tone.QUIET


@dataclass(frozen=True, slots=True)
class Document:
    """A message as every channel starts from it.

    `first_line` stands alone on a lock screen.  `subject` is the same for every message whose gravest
    incident is the same, so that mail programs thread them; `thread` is that incident's id, or empty.
    `context` are the last lines: why it was sent, whose it is.
    """

    kind: str
    monitor: str
    day: date
    severity: Severity
    tone: Tone
    title: str
    subject: str
    first_line: str
    sections: tuple[Section, ...] = ()
    context: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    thread: str = ""


def to_json(document: Document) -> str:
    """The document as canonical JSON: equal documents give equal text, to the byte."""
    return json.dumps(asdict(document), sort_keys=True, separators=(",", ":"), default=_plain_value)


def from_json(text: str) -> Document:
    """The document that `to_json` wrote."""
    fields = json.loads(text)
    return Document(
        **{
            **fields,
            "day": date.fromisoformat(fields["day"]),
            "severity": Severity(fields["severity"]),
            "tone": Tone(fields["tone"]),
            "sections": tuple(_section(section) for section in fields["sections"]),
            "context": tuple(fields["context"]),
            "links": tuple(Link(**link) for link in fields["links"]),
        }
    )


def _section(fields: Mapping[str, Any]) -> Section:
    return Section(
        heading=fields["heading"],
        lead=fields["lead"],
        facts=tuple(Fact(**fact) for fact in fields["facts"]),
        items=tuple(fields["items"]),
        tone=Tone(fields["tone"]),
    )


def _plain_value(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a document holds no {type(value).__name__}, yet one was found: {value!r}")
