"""The message as plain text: for the log, for mail programs that show no HTML, and for scripts."""

from __future__ import annotations

from collections.abc import Iterator

from hindsight.message.document import Document, Section
from hindsight.wording import clean


def plain(document: Document) -> str:
    """The whole message; its first line is the one that stands alone."""
    blocks = [clean(document.first_line)]
    blocks += ["\n".join(_section(section)) for section in document.sections]
    links = [f"{clean(link.label)}: {clean(link.url)}" for link in document.links]
    blocks.append("\n".join([*links, *(clean(line) for line in document.context)]))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield clean(section.heading)
    if section.lead:
        yield f"  {clean(section.lead)}"
    width = max((len(clean(fact.label)) for fact in section.facts), default=0)
    for fact in section.facts:
        yield f"  {clean(fact.label) + ':':<{width + 1}} {clean(fact.value)}"
    for item in section.items:
        yield f"  - {clean(item)}"
