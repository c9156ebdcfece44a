"""How incidents stand: what a message says of them to receivers that keep incidents, and a thread's first one
as they stand now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType

from hindsight.domain.records import Incident
from hindsight.domain.values import IncidentState, Resolution, Severity
from hindsight.incidents import class_words
from hindsight.message.document import About, Document, Section, Tone
from hindsight.wording import calendar, clean, counted, name, shorten

STANDING = "How it stands now"
"""The heading of the section that a thread's first message gains when its incidents stand otherwise."""

RESOLVED = "Resolved: "
"""What the title of a thread's first message begins with once all of its incidents are over."""

NEWS = frozenset({"opened", "reopened", "escalated"})
"""The changes of an incident for which somebody may be called; recovery is not among them."""

TAKE_ON = "To take it on and stop reminders: "
SETTLE = "To say why it is over, or that it may go on: "
"""How the lines of the small print begin that say what one can do about an incident."""

_HEADLINE, _LINE, _OWNER = 400, 300, 80
_TOLD = " (as told on "
_ENDED: Mapping[Resolution, str] = MappingProxyType(
    {
        Resolution.RECOVERED: "recovered",
        Resolution.GONE: "gone",
        Resolution.FIXED: "fixed",
        Resolution.EXPECTED: "expected",
        Resolution.NO_ACTION: "no action needed",
        Resolution.FALSE_POSITIVE: "false positive",
    }
)


def about(incident: Incident, changes: Iterable[str] = (), *, unheard: bool = False) -> About:
    """An incident as a message names it; `changes` are what happened to it that the message tells.

    One that is told without any is news all the same if it was `unheard` until now.
    """
    told = tuple(dict.fromkeys(map(str, changes)))
    return About(
        incident=incident.id,
        incident_class=incident.incident_class,
        severity=incident.severity,
        state=incident.state if incident.resolved_on is None else IncidentState.RESOLVED,
        headline=shorten(clean(incident.headline), _HEADLINE),
        since=incident.since,
        opened_on=incident.opened_on,
        resolved_on=incident.resolved_on,
        resolution=incident.resolution,
        acknowledged_by=None if incident.acknowledged_by is None else name(incident.acknowledged_by),
        acknowledged_until=incident.acknowledged_until,
        changes=told,
        news=incident.resolved_on is None and bool(NEWS.intersection(told) or (unheard and not told)),
    )


def gravest_first(named: Iterable[About]) -> tuple[About, ...]:
    """Open before resolved, then by severity, then the longest-standing."""
    return tuple(
        sorted(
            named,
            key=lambda each: (
                each.resolved_on is not None,
                -each.severity.rank,
                each.opened_on,
                each.incident_class,
                each.incident,
            ),
        )
    )


def tone_of(each: About) -> Tone:
    """How an incident should look: over, or as grave as it is."""
    if each.resolved_on is not None:
        return Tone.RESOLVED
    return Tone.CRITICAL if each.severity is Severity.CRITICAL else Tone.WARNING


def lasted(opened_on: date, resolved_on: date) -> str:
    """How long an incident lasted.

    >>> lasted(date(2013, 4, 7), date(2013, 4, 12)), lasted(date(2013, 4, 7), date(2013, 4, 7))
    ('open for 5 days', 'open for less than a day')
    """
    days = (resolved_on - opened_on).days
    return f"open for {counted(days, 'day') if days > 0 else 'less than a day'}"


def ended(resolution: Resolution | None) -> str:
    """Why an incident is over, in a word or two.

    >>> ended(Resolution.NO_ACTION), ended(None)
    ('no action needed', 'recovered')
    """
    return _ENDED[resolution or Resolution.RECOVERED]


def status(now: About, told: About | None = None) -> str:
    """How an incident stands, where that is otherwise than was told; else nothing.

    >>> from hindsight.domain.values import IncidentClass
    >>> opened = About("inc_1", IncidentClass.PERFORMANCE, Severity.WARNING, IncidentState.OPEN,
    ...                "recall is 0.4", date(2013, 4, 5), date(2013, 4, 7))
    >>> status(replace(opened, resolved_on=date(2013, 4, 12), resolution=Resolution.RECOVERED))
    'resolved on Fri 12 Apr 2013, open for 5 days (recovered)'
    >>> status(replace(opened, severity=Severity.CRITICAL), opened)
    'now critical'
    >>> status(replace(opened, acknowledged_by="Ann", acknowledged_until=date(2013, 4, 19)))
    'acknowledged by Ann until Fri 19 Apr 2013'
    """
    if now.resolved_on is not None:
        end = lasted(now.opened_on, now.resolved_on)
        return f"resolved on {calendar(now.resolved_on)}, {end} ({ended(now.resolution)})"
    said = []
    if told is not None and told.severity is not now.severity:
        said.append("now critical" if now.severity is Severity.CRITICAL else f"now a {now.severity}")
    if told is not None and told.resolved_on is not None:
        said.append("open again")
    elif now.state is IncidentState.REOPENED:
        said.append("came back and is open again")
    elif now.state is IncidentState.RECOVERING:
        said.append("recovering: the latest judgements are clear")
    if now.acknowledged_by is not None:
        until = f" until {calendar(now.acknowledged_until)}" if now.acknowledged_until is not None else ""
        said.append(f"acknowledged by {name(now.acknowledged_by)}{until}")
    return ", ".join(said)


def restated(
    document: Document, now: Mapping[str, About], notes: Mapping[str, str] = MappingProxyType({})
) -> Document:
    """A thread's first message as its incidents stand now; all that it told stays, and is marked.

    `now` are the incidents by id, `notes` what else is to be said of one, such as who silenced it until when.
    What it asked for is left out once it is done: nobody is asked to take on what somebody has taken on, or
    what is over.  `document` is the message as it was sent; where nothing has changed, this is the same.
    """
    sections = tuple(section for section in document.sections if section.heading != STANDING)
    title = document.title.removeprefix(RESOLVED)
    named = tuple(now.get(each.incident, each) for each in document.about)
    if not named:
        return replace(document, sections=sections, title=title)
    told = {each.incident: each for each in document.about}
    lines = []
    for each in named:
        parts = [status(each, told[each.incident]), clean(notes.get(each.incident, ""))]
        if said := "; ".join(part for part in parts if part):
            lead = f"{class_words(each.incident_class)}: " if len(named) > 1 else ""
            line = f"{lead}{said}"
            lines.append(shorten(line[:1].upper() + line[1:], _LINE))
    tone = tone_of(gravest_first(named)[0])
    tones = {each.incident: tone_of(each) for each in named}
    standing = Section(
        STANDING,
        lead=f"{lines[0]}." if len(lines) == 1 else "",
        items=tuple(lines) if len(lines) > 1 else (),
        tone=tone,
    )
    is_over = all(each.resolved_on is not None for each in named)
    was_over = all(each.resolved_on is not None for each in document.about)
    has_ended = is_over and not was_over
    return replace(
        document,
        tone=tone,
        title=f"{RESOLVED}{title}" if has_ended else title,
        first_line=_ended_line(document, lines) if has_ended else document.first_line,
        sections=(
            *((standing,) if lines else ()),
            *(_marked(each, tones.get(each.incident, each.tone), document.day) for each in sections),
        ),
        context=tuple(line for line in document.context if not _is_done(line, named)),
    )


def _ended_line(document: Document, lines: Sequence[str]) -> str:
    """The line that stands alone, of a message all of whose incidents are over."""
    if document.first_line.startswith(f"[{Tone.RESOLVED.upper()}]"):
        return document.first_line
    said = f"all {len(lines)} incidents are over"
    if len(lines) == 1:
        said = f"{lines[0][:1].lower()}{lines[0][1:]}"
    body, owner = parted(document.first_line)
    _, found, was = body.partition(f"] {document.monitor}: ")
    line = f"[{Tone.RESOLVED.upper()}] {document.monitor}: {said}; was: {was if found else body}"
    return shorten(line, _LINE - len(owner)) + owner


def parted(line: str) -> tuple[str, str]:
    """A first line without its end, and its end: whose it is, which stands whatever is cut.

    >>> parted("[WARNING] m: recall is low. Owner: me.")
    ('[WARNING] m: recall is low.', ' Owner: me.')
    """
    at = line.rfind(" Owner: ")
    return (line[:at], line[at:]) if at >= 0 and len(line) - at <= _OWNER else (line, "")


def _marked(section: Section, tone: Tone, day: date) -> Section:
    """A section of what was told, marked where its incident is over now and was not then."""
    if tone is not Tone.RESOLVED or section.tone is Tone.RESOLVED or not section.incident:
        return replace(section, tone=tone)
    heading = section.heading if _TOLD in section.heading else f"{section.heading}{_TOLD}{calendar(day)})"
    return replace(section, tone=tone, heading=heading)


def _is_done(line: str, named: Iterable[About]) -> bool:
    """Whether a line of the small print asks for what has been done."""
    words = line.split()
    for each in named:
        over = each.resolved_on is not None
        asked = (TAKE_ON, SETTLE) if over else (TAKE_ON,)
        if (over or each.acknowledged_by is not None) and line.startswith(asked) and each.incident in words:
            return True
    return False
