"""The message before it has a channel: text in small named parts, with no markup and no escapes."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from hindsight.domain.values import IncidentClass, IncidentState, Resolution, Severity


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
    """One incident, or one kind of note: a heading in our own words, a sentence, facts, and a list.

    `incident` is the id of the one it speaks of, or empty.
    """

    heading: str
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    items: tuple[str, ...] = ()
    tone: Tone = Tone.QUIET
    incident: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """An incident that a message is about, for receivers that keep incidents themselves.

    `changes` are what happened to it that the message tells, as `Change` calls them: none where it only sums
    up.  `news` says that it has begun, come back or become graver, or is told for the first time, so that
    somebody may be called; it belongs to the incident and not to the message, for several messages may become
    one.  `headline` is one sentence.
    """

    incident: str
    incident_class: IncidentClass
    severity: Severity
    state: IncidentState
    headline: str
    since: date
    opened_on: date
    resolved_on: date | None = None
    resolution: Resolution | None = None
    acknowledged_by: str | None = None
    acknowledged_until: date | None = None
    changes: tuple[str, ...] = ()
    news: bool = False


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A window in a chart: its last day, or hour by the monitor's clock, its value, and what is around it.

    `low` and `high` bound its 95 % interval, `lower` and `upper` are what the rule allowed it.  Values are in
    the metric's unit, None where there is none.  `open` says that less truth is known than the monitor asks
    for.
    """

    day: date
    value: float | None
    low: float | None = None
    high: float | None = None
    lower: float | None = None
    upper: float | None = None
    expected: float | None = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart of an incident's worst metric shows; it is drawn where the message is sent.

    `versions` are days on which another version took over, with its name; `shaded` the incident, from its
    first window to its last or that of the message.  `alt` says the same in words and figures.  `as_share`
    says that values are parts of a whole, which people read in percent.
    """

    incident: str
    title: str
    metric: str
    alt: str
    points: tuple[ChartPoint, ...]
    versions: tuple[tuple[date, str], ...] = ()
    shaded: tuple[date, date] | None = None
    as_share: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A message as every channel starts from it.

    `first_line` stands alone on a lock screen.  `subject` is the same for every message whose gravest
    incident is the same, so that mail programs thread them; `thread` is that incident's id, or empty.
    `context` are the last lines: why it was sent, whose it is.  `about` are the incidents it names, gravest
    first, and `charts` what may be drawn beside the text.
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
    about: tuple[About, ...] = ()
    charts: tuple[Chart, ...] = ()


def to_json(document: Document) -> str:
    """The document as canonical JSON: equal documents give equal text, to the byte."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), default=_plain_value)


def from_json(text: str) -> Document:
    """The document that `to_json` wrote.

    ValueError if another version of this code wrote it otherwise.
    """
    try:
        found: Document = _read(Document, json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"This is no message that this version can read ({error}).") from None
    return found


def _read(hint: Any, value: Any) -> Any:
    """A value of this type, from what JSON has left of it."""
    if is_dataclass(hint) and isinstance(hint, type):
        hints = _kinds(hint)
        return hint(**{name: _read(hints[name], each) for name, each in value.items()})
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        kinds = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        return tuple(_read(each, item) for each, item in zip(kinds, value, strict=True))
    if NoneType in arguments:
        return None if value is None else _read(arguments[0], value)
    if hint is date:
        return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    return hint(value) if issubclass(hint, StrEnum) else value


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(cls))


@cache
def _kinds(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _plain_value(value: object) -> str | dict[str, Any]:
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return {each: getattr(value, each) for each in _names(value.__class__)}
    raise TypeError(f"a document holds no {type(value).__name__}, yet one was found: {value!r}")
