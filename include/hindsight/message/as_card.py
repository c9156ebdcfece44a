"""The message as an Adaptive Card for Microsoft Teams, within its 28 KB and inert whatever is in it.

Text stands in runs, which know no Markdown: a name can be no link, no mention and no emphasis.  Braces in
pairs, which a card would read as a date or a template, are set apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hindsight.message.document import Document, Section, Tone
from hindsight.wording import clean, shorten

LIMIT = 25_000
"""Bytes of a card as JSON in ASCII; Teams takes 28 KB with what is around it."""

LINKS, URL, LABEL, TITLE = 5, 500, 40, 150


@dataclass(frozen=True, slots=True)
class Room:
    """How long a text may be, and how many sections, facts of each, and lines of a list there may be."""

    length: int
    sections: int = 12
    facts: int = 10
    items: int = 10


_ROOMS = (
    Room(2_000),
    Room(500),
    Room(250, items=5),
    Room(120, 8, items=3),
    Room(60, 5, 6, 2),
    Room(24, 3, 3, 1),
)
_IN_URL = ":/?#[]@!$&'()*+,;=%~-._"
_COLOUR = {
    Tone.CRITICAL: "Attention",
    Tone.WARNING: "Warning",
    Tone.RESOLVED: "Good",
    Tone.QUIET: "Default",
}

Element = dict[str, Any]


def card(document: Document) -> dict[str, Any]:
    """The card itself, which goes into an attachment; texts and lists are cut until it is small enough."""
    made = _card(document, _ROOMS[0])
    for room in _ROOMS[1:]:
        if len(json.dumps(made)) <= LIMIT:
            break
        made = _card(document, room)
    return made


def _card(document: Document, room: Room) -> dict[str, Any]:
    shown = document.sections[: room.sections]
    title = _run(document.title, min(room.length, TITLE), weight="Bolder", size="Large")
    body = [
        _line([title], colour=_COLOUR[document.tone]),
        _line([_run(document.first_line, room.length)]),
        *(_section(section, room) for section in shown),
    ]
    if hidden := len(document.sections) - len(shown):
        body.append(_line([_run(f"and {hidden} more", room.length, isSubtle=True)]))
    body += [
        _line([_run(line, room.length, isSubtle=True, size="Small")], spacing="Small")
        for line in document.context[: room.items]
    ]
    made: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": _text(document.first_line, room.length),
        "msteams": {"width": "Full"},
        "body": body,
    }
    if actions := list(_actions(document)):
        made["actions"] = actions
    return made


def _actions(document: Document) -> Iterator[Element]:
    for link in document.links[:LINKS]:
        address = quote(link.url, safe=_IN_URL) if link.is_safe else ""
        if address and len(address) <= URL:
            yield {"type": "Action.OpenUrl", "title": _text(link.label, LABEL) or "Open", "url": address}


def _section(section: Section, room: Room) -> Element:
    return {
        "type": "Container",
        "separator": True,
        "spacing": "Medium",
        "items": list(_lines(section, room)),
    }


def _lines(section: Section, room: Room) -> Iterator[Element]:
    yield _line([_run(section.heading, room.length, weight="Bolder")], colour=_COLOUR[section.tone])
    if clean(section.lead):
        yield _line([_run(section.lead, room.length)])
    for fact in section.facts[: room.facts]:
        label = _run(f"{clean(fact.label)}:", room.length, weight="Bolder")
        label["text"] += " "
        yield _line([label, _run(fact.value, room.length)], spacing="Small")
    for item in section.items[: room.items]:
        yield _line([_run(f"• {clean(item)}", room.length)], spacing="Small")
    if (rest := len(section.items) - room.items) > 0:
        yield _line([_run(f"and {rest:,} more", room.length)], spacing="Small")


def _line(runs: list[Element], *, colour: str = "Default", spacing: str = "Default") -> Element:
    if colour != "Default":
        runs = [{**run, "color": colour} for run in runs]
    return {"type": "RichTextBlock", "inlines": runs, "spacing": spacing}


def _run(text: str, limit: int, **look: Any) -> Element:
    return {"type": "TextRun", "text": _text(text, limit) or "…", **look}


def _text(text: str, limit: int) -> str:
    """The text on one line, in which a card finds nothing to work out."""
    return shorten(clean(text).replace("{{", "{ {").replace("${", "$ {"), limit)
