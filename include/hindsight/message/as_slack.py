"""The message as Slack blocks, within every limit Slack has and inert whatever the names in it are.

Text that others chose goes into `plain_text` objects, which Slack shows literally, or is escaped; a
`<` is written by `_link` alone, and by `slack_blocks` of a checked mention.  Limits: 12 blocks (Slack takes
50, nobody reads them), 150 characters in a header, 3,000 in a section, 2,000 in a field, 10 fields, and
10,000 characters over all, for Slack refuses a message of some 13,200 and documents that nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from hindsight.message.document import Document, Link, Section, Tone
from hindsight.wording import clean, shorten

MAX_BLOCKS = 12  # an incident of each class, what was revised, and some room
BUDGET = 10_000
HEADER, SECTION, FIELD, FIELDS, ALT = 150, 3_000, 2_000, 10, 1_000
ITEMS = 0.25  # what a list may keep of a section where the rest wants all of it

_TEXT, _NOTE, _LINE, _URL, _LABEL, _LINKS = 500, 150, 300, 500, 75, 4
_MENTION = re.compile(r"<(?:@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!here|!channel)>")
_IN_URL = ":/?#[]@!$&'()*+,;=%~-._"
_MARK = {Tone.CRITICAL: "🔴", Tone.WARNING: "🟠", Tone.RESOLVED: "🟢", Tone.QUIET: "⚪"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Block = dict[str, Any]


def slack_text(document: Document) -> str:
    """What a lock screen shows and a screen reader says: one line, escaped."""
    return _escape(document.first_line, _TEXT) or "Hindsight"


def slack_blocks(
    document: Document, *, image: tuple[str, str] | None = None, mention: str = ""
) -> list[Block]:
    """The message as blocks; sections share the room there is, a last line counts those that find none.

    `image` is the id that Slack gave an uploaded chart, and what it shows in words.  `mention` calls people
    or groups by their ids, as `<!subteam^S123>`; of it nothing else comes through.
    """
    head = [
        {"type": "header", "text": _plain(document.title, HEADER)},
        {"type": "section", "text": _plain(document.first_line, _TEXT)},
    ]
    if called := " ".join(_MENTION.findall(mention)[:FIELDS]):
        head.append({"type": "section", "text": _markdown(called)})
    foot = [*_picture(image), *_foot(document)]
    room = MAX_BLOCKS - len(head) - len(foot)
    shown = document.sections[: room if len(document.sections) <= room else room - 1]
    left = BUDGET - _size([*head, *foot]) - _NOTE
    wanted = [sum(map(len, _lines(section))) + _needs(section) for section in shown]
    body = [_section(*each) for each in zip(shown, shares(wanted, left), strict=True)]
    if hidden := len(document.sections) - len(shown):
        monitor = clean(document.monitor)
        body.append(_context([_plain(f"and {hidden} more: see `hindsight incidents {monitor}`", _NOTE)]))
    return [*head, *body, *foot]


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """What each gets of the room: all it wants if that is little, and else as much as any other.

    >>> shares([10, 500, 80, 900], 600)
    [10, 255, 80, 255]
    """
    given = [0] * len(wanted)
    for place, i in enumerate(sorted(range(len(wanted)), key=lambda i: wanted[i])):
        given[i] = min(wanted[i], max(room, 0) // (len(wanted) - place))
        room -= given[i]
    return given


def _section(section: Section, budget: int) -> Block:
    """One block: a heading, what is to be read as sentences, and the facts.

    Where not all of it fits, the list is cut first.
    """
    lines = _lines(section)
    heads = 1 + bool(clean(section.lead))
    texts = [*lines[:heads], *(clean(f"{fact.label}: {fact.value}") for fact in section.facts[:FIELDS])]
    least = min(sum(len(line) + 1 for line in lines[heads:]), int(budget * ITEMS))
    sizes = shares([len(text) + 1 for text in texts], budget - least)
    items = shares([len(line) + 1 for line in lines[heads:]], min(budget - sum(sizes), SECTION // 2))
    cut = [shorten(text, max(size - 1, 1)) for text, size in zip(texts, sizes, strict=True)]
    cut_items = [shorten(line, size - 1) for line, size in zip(lines[heads:], items, strict=True) if size > 2]
    made: Block = {"type": "section", "text": _plain_lines([*cut[:heads], *cut_items])}
    if section.facts:
        made["fields"] = [_plain(text, FIELD) for text in cut[heads:]]
    return made


def _lines(section: Section) -> list[str]:
    """Its heading, its lead and its list, a line each."""
    items = (f"• {item}" for item in map(clean, section.items) if item)
    lead = clean(section.lead)
    heading = shorten(f"{_MARK[section.tone]} {clean(section.heading)}", HEADER)
    return [heading, *([lead] if lead else []), *items]


def _needs(section: Section) -> int:
    """The characters that its facts want, and what separates lines."""
    facts = section.facts[:FIELDS]
    lines = len(facts) + len(section.items) + 2
    return sum(len(clean(f"{fact.label}: {fact.value}")) for fact in facts) + lines


def _picture(image: tuple[str, str] | None) -> list[Block]:
    """The chart, which Slack has already."""
    if image is None:
        return []
    file, alt = image
    return [{"type": "image", "slack_file": {"id": file}, "alt_text": shorten(clean(alt), ALT) or "A chart"}]


def _foot(document: Document) -> list[Block]:
    """Links, and the small print."""
    blocks = []
    if document.links:
        links = " · ".join(_link(link) for link in document.links[:_LINKS])
        blocks.append(_context([_markdown(links)]))
    if document.context:
        blocks.append(_context([_plain(line, _LINE) for line in document.context[:FIELDS]]))
    return blocks


def _context(elements: Sequence[Block]) -> Block:
    return {"type": "context", "elements": list(elements)}


def _link(link: Link) -> str:
    """The one place that writes a live `<`: an http or https address that cannot end early."""
    address = quote(link.url, safe=_IN_URL).replace("&", "&amp;") if link.is_safe else ""
    if not address or len(address) > _URL:
        return f"{_escape(link.label, _LABEL)}: {_escape(link.url, _LINE)}"
    return f"<{address}|{_escape(link.label, _LABEL).replace('|', '¦')}>"


def _plain_lines(lines: Iterable[str]) -> Block:
    return _object("\n".join(lines)[:SECTION])


def _plain(text: str, limit: int) -> Block:
    return _object(shorten(clean(text), max(limit, 1)) or "…")


def _object(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _markdown(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escape(text: str, limit: int) -> str:
    """The text for mrkdwn, cut so that no entity is broken."""
    escaped: list[str] = []
    length = 0
    for char in clean(text):
        entity = _ENTITIES.get(char, char)
        if length + len(entity) > limit - 1:
            return "".join(escaped) + "…"
        escaped.append(entity)
        length += len(entity)
    return "".join(escaped)


def _size(blocks: Sequence[Block]) -> int:
    """The characters of all text in these blocks."""
    texts = [
        text
        for block in blocks
        for text in (block.get("text"), *block.get("fields", ()), *block.get("elements", ()))
    ]
    alts = sum(len(block.get("alt_text", "")) for block in blocks)
    return alts + sum(len(text["text"]) for text in texts if text)
