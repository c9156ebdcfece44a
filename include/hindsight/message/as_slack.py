"""The message as Slack blocks, within every limit Slack has and inert whatever the names in it are.

Text that others chose goes into `plain_text` objects, which Slack shows literally, or is escaped; a
`<` is written by `_link` alone.  Limits: 16 blocks (Slack takes 50, nobody reads them), 150 characters
in a header, 3,000 in a section, 2,000 in a field, 10 fields, and 10,000 characters over all, for Slack
refuses a message of some 13,200 and documents that nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from hindsight.message.document import Document, Link, Section, Tone
from hindsight.wording import clean, shorten

MAX_BLOCKS = 16  # an incident of each class and what was revised, two blocks each
BUDGET = 10_000
HEADER, SECTION, FIELD, FIELDS = 150, 3_000, 2_000, 10

_TEXT, _NOTE, _LINE, _URL, _LABEL, _LINKS = 500, 150, 300, 500, 75, 4
_IN_URL = ":/?#[]@!$&'()*+,;=%~-._"
_MARK = {Tone.CRITICAL: "🔴", Tone.WARNING: "🟠", Tone.RESOLVED: "🟢", Tone.QUIET: "⚪"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Block = dict[str, Any]


def slack_text(document: Document) -> str:
    """What a lock screen shows and a screen reader says: one line, escaped."""
    return _escape(document.first_line, _TEXT) or "Hindsight"


def slack_blocks(document: Document) -> list[Block]:
    """The message as blocks; sections share the room there is, a last line counts those that find none."""
    head = [
        {"type": "header", "text": _plain(document.title, HEADER)},
        {"type": "section", "text": _plain(document.first_line, _TEXT)},
    ]
    foot = _foot(document)
    room = (MAX_BLOCKS - len(head) - len(foot)) // 2
    shown = document.sections[: room if len(document.sections) <= room else room - 1]
    left = BUDGET - _size([*head, *foot]) - _NOTE
    body = [block for section in shown for block in _section(section, left // len(shown))]
    if hidden := len(document.sections) - len(shown):
        body.append(_context([_plain(f"and {hidden} more; the log has all of it", _NOTE)]))
    return [*head, *body, *foot]


def _section(section: Section, budget: int) -> list[Block]:
    """A heading, and below it what is to be read as sentences, then the facts."""
    heading = _markdown(f"{_MARK[section.tone]} *{_escape(section.heading, HEADER)}*")
    blocks: list[Block] = [{"type": "section", "text": heading}]
    each = (budget - HEADER) // 2 // max(len(section.facts), 1)
    facts = [(f"{fact.label}: {fact.value}", min(each, FIELD, _LINE)) for fact in section.facts[:FIELDS]]
    body: Block = {"fields": [_plain(text, limit) for text, limit in facts]} if facts else {}
    text = _lines([section.lead, *(f"• {item}" for item in section.items)], budget - _size([*blocks, body]))
    if text:
        body["text"] = _object(text)
    return [*blocks, {"type": "section", **body}] if body else blocks


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


def _lines(lines: Iterable[str], budget: int) -> str:
    """One line each; where they do not all fit, each is cut to its fair part."""
    kept = [line for line in map(clean, lines) if line not in ("", "•")]
    limit = min(budget, SECTION)
    if sum(len(line) + 1 for line in kept) > limit:
        kept = [shorten(line, max(limit // len(kept) - 1, 1)) for line in kept][:limit]
    return "\n".join(kept)


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


def _size(blocks: Iterable[Block]) -> int:
    """The characters of all text in these blocks."""
    texts = [
        text
        for block in blocks
        for text in (block.get("text"), *block.get("fields", ()), *block.get("elements", ()))
    ]
    return sum(len(text["text"]) for text in texts if text)
