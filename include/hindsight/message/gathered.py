"""Several messages as one, for a channel that was out of reach; and a message that may be a repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hindsight.message.document import About, Chart, Document, Section, Tone
from hindsight.message.standing import STANDING, gravest_first
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


def merged(documents: Sequence[Document]) -> Document:
    """One message that says what all of these say, oldest first.

    The newest that names the gravest incident leads; how each incident stands is taken from the newest that
    names it.  What the others said is listed, a line for each.  One message is itself.

    ValueError if there is none.
    """
    if not documents:
        raise ValueError("Nothing can be merged: there is no message.")
    if len(documents) == 1:
        return documents[0]
    *earlier, newest = documents
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
        sections=(*_sections(documents, named), _list(documents, lead)),
        context=(_why(earlier), *(line for line in lead.context if not line.startswith(_WHY))),
        links=newest.links or lead.links,
        about=named,
        charts=_charts(documents, named),
    )


def perhaps_repeated(document: Document) -> Document:
    """The message, saying that the reader may have seen it before.  Saying it twice is saying it once."""
    if REPEATED in document.context:
        return document
    room = _FIRST_LINE - len(_SHORT_REPEAT)
    return replace(
        document,
        first_line=shorten(document.first_line, room) + _SHORT_REPEAT,
        context=(REPEATED, *document.context),
    )


_WHY = "Could not be delivered before: "


def _why(earlier: Sequence[Document]) -> str:
    days = list(dict.fromkeys(calendar(each.day) for each in earlier))
    said = f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0]
    return f"{_WHY}{counted(len(earlier), 'message')} of {said}; this one says what they said."


def _united(documents: Sequence[Document]) -> tuple[About, ...]:
    """Each incident as the newest message has it, with all that happened to it."""
    found: dict[str, About] = {}
    for document in documents:
        for each in document.about:
            before = found[each.incident].changes if each.incident in found else ()
            changes = tuple(dict.fromkeys((*before, *each.changes)))
            found[each.incident] = replace(each, changes=changes)
    return gravest_first(found.values())


def _leading(documents: Sequence[Document], named: Sequence[About]) -> Document:
    """The newest that names the gravest incident; of those that name none the newest."""
    for each in named[:1]:
        for document in reversed(documents):
            if document.tone is not Tone.QUIET and each.incident in {one.incident for one in document.about}:
                return document
    return documents[-1]


def _sections(documents: Sequence[Document], named: Sequence[About]) -> tuple[Section, ...]:
    """Each incident's newest section, gravest first, then the notes; notes of one heading become one."""
    of: dict[str, Section] = {}
    notes: dict[str, Section] = {}
    for document in documents:
        for section in document.sections:
            if section.heading in (EARLIER, STANDING):
                continue
            if section.incident:
                of[section.incident] = section
            elif section.heading in notes:
                before = notes[section.heading]
                items = tuple(dict.fromkeys((*section.items, *before.items)))
                notes[section.heading] = replace(section, items=items)
            else:
                notes[section.heading] = section
    order = [each.incident for each in named]
    rest = [incident for incident in of if incident not in order]
    return (*(of[each] for each in (*order, *rest) if each in of), *notes.values())


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
