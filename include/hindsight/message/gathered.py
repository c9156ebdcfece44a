"""Several messages as one, for a channel that was out of reach; and a message that may be a repeat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from hindsight.message.document import About, Chart, Document, Section, Tone
from hindsight.message.standing import STANDING, gravest_first, parted, tone_of
from hindsight.policy import SUMMARIES
from hindsight.wording import calendar, clean, counted, shorten

EARLIER = "What could not be delivered before"
"""The heading of the list of messages that a later one stands for."""

REPEATED = (
    "This may be a repeat: the receiver did not say whether it took this message when it was sent before."
)

MOST_EARLIER = 10
"""How many of these messages are listed before the rest is only counted."""

_LINE, _FIRST_LINE = 300, 300
_SHORT_REPEAT = " (Perhaps a repeat.)"
_MORE = "and more before these"
_AS_OF = " (as of "
_WHY = "Could not be delivered before: "
_OTHERS = re.compile(r" And ([\d,]+) more incidents?\.$")
_OWN = ("To ", "Also open, ", "Incident: ", "Incidents: ", "Why this message: ", _WHY)
"""How lines of the small print begin that speak of one message alone."""

_MOST_REASONS = 3


def merged(documents: Sequence[Document]) -> Document:
    """One message that says what all of these say, oldest first.

    The newest that names the gravest incident leads, and says of which day it is; how each incident stands is
    taken from the newest that names it, and what is news of it from all.  What the others said is listed, a
    line for each.  One message is itself.

    ValueError if there is none.
    """
    if not documents:
        raise ValueError("Nothing can be merged: there is no message.")
    if len(documents) == 1:
        return documents[0]
    newest = documents[-1]
    named = _united(documents)
    lead = _leading(documents, named)
    rest = [each for each in documents if each is not lead]
    thread = next((each for each in (lead, *reversed(rest)) if each.thread), lead)
    return replace(
        lead,
        kind=newest.kind,
        day=newest.day,
        severity=max((each.severity for each in documents), key=lambda severity: severity.rank),
        subject=thread.subject,
        thread=thread.thread,
        first_line=_first_line(lead, newest, named),
        sections=(*_sections(documents, named), _list(documents, lead)),
        context=_context(documents, lead, named),
        links=newest.links or lead.links,
        about=named,
        charts=_charts(documents, named),
    )


def perhaps_repeated(document: Document) -> Document:
    """The message, saying that the reader may have seen it before.  Saying it twice is saying it once."""
    if REPEATED in document.context:
        return document
    body, owner = parted(document.first_line)
    room = _FIRST_LINE - len(owner) - len(_SHORT_REPEAT)
    return replace(
        document,
        first_line=shorten(body, room) + owner + _SHORT_REPEAT,
        context=(REPEATED, *document.context),
    )


def _first_line(lead: Document, newest: Document, named: Sequence[About]) -> str:
    """That of the message which leads, saying of which day it is, and how many more incidents there are."""
    body, owner = parted(lead.first_line)
    if lead.day != newest.day:
        head, found, rest = body.partition(f"] {lead.monitor}: ")
        of = f"{calendar(lead.day)}, "
        body = f"{head}{found}{of}{rest}" if found else f"{of}{body}"
    own = {each.incident for each in lead.about}
    others = sum(each.incident not in own for each in named)
    if others:
        if said := _OTHERS.search(body):
            body, others = body[: said.start()], others + int(said[1].replace(",", ""))
        owner = f" And {counted(others, 'more incident')}.{owner}"
    return shorten(body, max(_FIRST_LINE - len(owner), 40)) + owner


def _context(documents: Sequence[Document], lead: Document, named: Sequence[About]) -> tuple[str, ...]:
    """Why it is one message, what one can do about the gravest incident, and whatever the others said."""
    own = [line for line in lead.context if line.startswith("To ")]
    lasting = next((each.incident for each in named if each.resolved_on is None), None)
    kept = [line for line in own if lasting is not None and f" {lasting}" in line]
    plain = [line for each in (lead, *documents) for line in each.context if not line.startswith(_OWN)]
    incidents = f"Incidents: {', '.join(each.incident for each in named)}"
    why = [line for each in documents for line in each.context if line.startswith("Why this message: ")]
    earlier = _why([each for each in documents if each is not documents[-1]])
    known = [line for line in documents[-1].context if line.startswith("Also open, ")]
    several = [incidents] if len(named) > 1 else []
    lines = (earlier, *plain, *kept, *known, *several, *why[-_MOST_REASONS:])
    return tuple(dict.fromkeys(lines))


def _why(earlier: Sequence[Document]) -> str:
    days = list(dict.fromkeys(calendar(each.day) for each in earlier))
    said = f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0]
    return f"{_WHY}{counted(len(earlier), 'message')} of {said}; this one says what they said."


def _united(documents: Sequence[Document]) -> tuple[About, ...]:
    """Each incident as the newest message has it, with all that happened to it and is news of it."""
    found: dict[str, About] = {}
    for document in documents:
        for each in document.about:
            before = found.get(each.incident, each)
            changes = tuple(dict.fromkeys((*before.changes, *each.changes)))
            is_news = (before.news or each.news) and each.resolved_on is None
            found[each.incident] = replace(each, changes=changes, news=is_news)
    return gravest_first(found.values())


def _leading(documents: Sequence[Document], named: Sequence[About]) -> Document:
    """The newest that names the gravest incident; of those that name none the newest."""
    for each in named[:1]:
        for document in reversed(documents):
            if document.tone is not Tone.QUIET and each.incident in {one.incident for one in document.about}:
                return document
    return documents[-1]


def _sections(documents: Sequence[Document], named: Sequence[About]) -> tuple[Section, ...]:
    """Each incident's newest section, gravest first, then the notes.

    A section of another day than the newest says so, and one of an incident that has ended since, or has come
    back, is left out: how that was is told in a line.  Of several summaries the newest has its lists whole;
    other notes of one heading become one.
    """
    standing = {each.incident: tone_of(each) for each in named}
    of: dict[str, Section] = {}
    notes: dict[str, Section] = {}
    last = next((each for each in reversed(documents) if each.kind in SUMMARIES), None)
    for document in documents:
        for section in document.sections:
            if section.heading in (EARLIER, STANDING):
                continue
            if section.incident:
                is_old = document.day != documents[-1].day
                of[section.incident] = _dated(section, document) if is_old else section
            elif document.kind in SUMMARIES and document is not last:
                continue
            elif section.heading in notes:
                before = notes[section.heading]
                items = tuple(dict.fromkeys((*section.items, *before.items)))
                notes[section.heading] = replace(section, items=items)
            else:
                notes[section.heading] = section
    kept = {
        incident: replace(section, tone=standing.get(incident, section.tone))
        for incident, section in of.items()
        if (section.tone is Tone.RESOLVED) is (standing.get(incident, section.tone) is Tone.RESOLVED)
    }
    order = [each.incident for each in named]
    rest = [incident for incident in kept if incident not in order]
    return (*(kept[each] for each in (*order, *rest) if each in kept), *notes.values())


def _dated(section: Section, document: Document) -> Section:
    """The section, saying of which day it is."""
    if _AS_OF in section.heading:
        return section
    return replace(section, heading=f"{section.heading}{_AS_OF}{calendar(document.day)})")


def _list(documents: Sequence[Document], lead: Document) -> Section:
    """A line for each message that the lead stands for, newest first, and what those stood for themselves."""
    lines: list[str] = []
    for each in reversed(documents):
        if each is not lead:
            lines.append(f"{calendar(each.day)}: {shorten(clean(each.first_line), _LINE)}")
        lines += (item for section in each.sections if section.heading == EARLIER for item in section.items)
    kept = [line for line in dict.fromkeys(lines) if line != _MORE]
    cut = len(kept) > MOST_EARLIER or _MORE in lines
    return Section(EARLIER, items=(*kept[:MOST_EARLIER], *((_MORE,) if cut else ())), tone=Tone.QUIET)


def _charts(documents: Sequence[Document], named: Sequence[About]) -> tuple[Chart, ...]:
    newest = {chart.incident: chart for document in documents for chart in document.charts}
    order = [each.incident for each in named if each.incident in newest]
    order += [incident for incident in newest if incident not in order]
    return tuple(newest[incident] for incident in order[:1])
