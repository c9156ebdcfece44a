"""Wording a decision: what is wrong, how bad, since when, against what, how sure, where, and why we write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hindsight.domain.records import Incident, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, UNVERSIONED, Severity
from hindsight.explanation import Explanation
from hindsight.incidents import Case, Change, Revision, Transition, class_words
from hindsight.message.document import Document, Link, Section, Tone
from hindsight.message.evidence import Evidence
from hindsight.policy import Decision, Kind
from hindsight.policy.decide import grown
from hindsight.wording import calendar, clean, counted, is_missing_labels, name, shorten, side, watched

MOST_ITEMS = 5
"""How many members, ended incidents or notes are listed before the rest is only counted."""

_FIRST_LINE, _TITLE, _LINE, _URL = 300, 150, 400, 500
_NOT_THE_MODEL = "This says nothing of the model: what it did on these days is not known yet."


def compose(
    decision: Decision,
    spec: MonitorSpec,
    *,
    snapshots: Iterable[Snapshot] = (),
    links: Sequence[Link] = (),
    explanations: Mapping[str, Explanation | None] = MappingProxyType({}),
) -> Document:
    """The document of a decision.

    `snapshots` lend the standard errors for the intervals; those of the windows in the decision's
    evidence are enough.  `links` lead to the run or a page; the runbook is added here.  `explanations` are
    those of the incidents' worst members, by the incident's id; None for one that could not be explained.
    """
    words = Evidence(snapshots, ZoneInfo(spec.timezone), explanations)
    writer = {Kind.DAILY: _daily, Kind.REVISED: _revised, Kind.SUMMARY: _summary}[decision.kind]
    title, first_line, sections = writer(decision, spec, words)
    quiet = decision.kind is Kind.REVISED
    gravest = decision.cases[0].incident if decision.cases else None
    offered = [*([Link("Runbook", spec.runbook)] if spec.runbook else []), *links]
    about = f"{class_words(gravest.incident_class)} incident {gravest.id[4:10]}" if gravest else "notes"
    if decision.kind is Kind.SUMMARY:
        about = f"summary of {counted(len(decision.days), 'day')}"
    return Document(
        kind=decision.kind,
        monitor=name(spec.monitor),
        day=decision.day,
        severity=decision.severity,
        tone=_tone(decision.cases[0]) if decision.cases and not quiet else Tone.QUIET,
        title=shorten(title, _TITLE),
        subject=f"[hindsight] {name(spec.monitor)}: {about}",
        first_line=shorten(first_line, _FIRST_LINE),
        sections=(*sections, *_notes(decision, words)),
        context=tuple(_context(decision, spec)),
        links=tuple(Link(name(link.label), link.url) for link in offered if _is_usable(link)),
        thread=gravest.id if gravest else "",
    )


def _daily(decision: Decision, spec: MonitorSpec, words: Evidence) -> tuple[str, str, tuple[Section, ...]]:
    monitor = name(spec.monitor)
    if not decision.cases:
        return f"{monitor}: nothing to tell", f"[OK] {monitor}: {decision.reason}.", ()
    worst = decision.cases[0]
    others = f" And {counted(len(decision.cases) - 1, 'more incident')}." if len(decision.cases) > 1 else ""
    title = f"{monitor}: {_state(worst)}" + (f" (+{len(decision.cases) - 1})" if others else "")
    first_line = (
        f"{_tag(worst)} {monitor}: {_news(worst, decision, words)}{others} Owner: {name(spec.owner)}."
    )
    return title, first_line, tuple(_case(case, decision, words) for case in decision.cases)


def _revised(decision: Decision, spec: MonitorSpec, words: Evidence) -> tuple[str, str, tuple[Section, ...]]:
    """A note that asks nobody to get up: what was told has changed, and how the incident stands now."""
    monitor = name(spec.monitor)
    changes = _changes(decision, words)
    stands = [f" {_stands(case.incident)}." for case in decision.cases if not decision.corrections]
    return (
        f"{monitor}: {counted(len(changes), 'earlier message')} revised",
        f"[REVISED] {monitor}: {changes[0]}{''.join(stands[:1])}",
        (),
    )


def _stands(incident: Incident) -> str:
    """Whether an incident lasts."""
    about = f"The {class_words(incident.incident_class)} incident of {calendar(incident.opened_on)}"
    if incident.resolved_on is None:
        return f"{about} is still open"
    return f"{about} ended on {calendar(incident.resolved_on)}"


def _summary(decision: Decision, spec: MonitorSpec, words: Evidence) -> tuple[str, str, tuple[Section, ...]]:
    monitor, days = name(spec.monitor), decision.days
    still_open = [case for case in decision.cases if case.incident.is_open]
    ended = [case for case in decision.cases if not case.incident.is_open]
    done = f"{counted(len(days), 'day')} computed, {counted(len(decision.cases), 'incident')}"
    span = calendar(days.start) if len(days) == 1 else f"{calendar(days.start)} to {calendar(days.end)}"
    standing = f" {len(still_open)} still open: {_news(still_open[0], decision, words)}" if still_open else ""
    sections = [_case(case, decision, words) for case in still_open]
    if ended:
        lines = [
            f"{class_words(i.incident_class)}, {i.severity}, {calendar(i.opened_on)} to "
            f"{calendar(i.resolved_on or i.last_breach_on)}: {shorten(clean(i.headline), _LINE)}"
            for i in sorted((case.incident for case in ended), key=lambda i: (-i.severity.rank, i.opened_on))
        ]
        heading = f"Resolved within these days: {counted(len(ended), 'incident')}"
        sections.append(Section(heading, items=_capped(lines), tone=Tone.RESOLVED))
    return f"{monitor}: {done}", f"[SUMMARY] {monitor}: {done} ({span}).{standing}", tuple(sections)


def _case(case: Case, decision: Decision, words: Evidence) -> Section:
    """One incident in full."""
    incident, worst = case.incident, case.evidence[0]
    today = [t for t in decision.transitions if t.incident_id == incident.id]
    kind = class_words(incident.incident_class).capitalize()
    if incident.resolved_on is not None:
        ends = [t.reason for t in today if t.change is Change.RESOLVED]
        lasted = counted((incident.resolved_on - incident.opened_on).days, "day")
        return Section(
            heading=f"{kind}: resolved on {calendar(incident.resolved_on)}, after {lasted}",
            lead=f"Recovered: {ends[0]}." if ends else "",
            facts=words.of_the_past(case),
            tone=Tone.RESOLVED,
        )
    missing = is_missing_labels(worst)
    others = [words.member(detection) for detection in case.evidence[1:]]
    return Section(
        heading=f"{kind}: {incident.severity}, {_since(case, decision)}",
        lead=f"{'Labels are missing: ' if missing else ''}{words.lead(worst)}."
        + (f" {_NOT_THE_MODEL}" if missing else ""),
        facts=words.facts(case, _happened(today, decision)),
        items=_capped([f"also {line}" for line in others]),
        tone=_tone(case),
    )


def _news(case: Case, decision: Decision, words: Evidence) -> str:
    """The incident in one breath, for the first line."""
    incident, worst = case.incident, case.evidence[0]
    kind = class_words(incident.incident_class)
    if incident.resolved_on is not None:
        lasted = counted((incident.resolved_on - incident.opened_on).days, "day")
        return f"{kind} recovered after {lasted}; was: {words.short(worst)}."
    more = f" (and {len(case.evidence) - 1:,} more)" if len(case.evidence) > 1 else ""
    missing = is_missing_labels(worst)
    return (
        f"{'labels are missing, ' if missing else ''}{words.short(worst)}{more}, {_since(case, decision)}."
        f" {words.sure(worst)}." + (" Not a statement about the model." if missing else "")
    )


def _notes(decision: Decision, words: Evidence) -> Iterable[Section]:
    """What was told and is no longer so, and what more labels have changed, but for a note's first line."""
    lines = _changes(decision, words)[decision.kind is Kind.REVISED :]
    if lines:
        yield Section("Revised since it was told", items=_capped(lines), tone=Tone.QUIET)


def _changes(decision: Decision, words: Evidence) -> list[str]:
    """What is no longer so, a sentence each."""
    told = [f"{correction.reason}." for correction in decision.corrections]
    return told + [f"{_revision(revision, words)}." for revision in reversed(decision.revisions)]


def _revision(revision: Revision, words: Evidence) -> str:
    """A window, how it was judged first, and how now."""
    first, later = revision.first, revision.later
    before, now = (f"{d.verdict}{words.value(d)} with {words.age(d)}" for d in (first, later))
    return f"{watched(first)}, {words.window(first)}: {before}, now {now}"


def _is_usable(link: Link) -> bool:
    return link.is_safe and len(link.url) <= _URL


def _context(decision: Decision, spec: MonitorSpec) -> Iterable[str]:
    yield f"Why this message: {shorten(clean(decision.reason), _LINE)}."
    yield f"Owner: {name(spec.owner)}."
    if decision.also_open:
        known = (
            f"{class_words(c.incident.incident_class)} since {calendar(c.incident.since)}"
            for c in decision.also_open
        )
        yield f"Also open, told before: {', '.join(known)}."
    if spec.runbook and not _is_usable(Link("Runbook", spec.runbook)):
        yield f"Runbook: {shorten(clean(spec.runbook), _LINE)}"
    if decision.incidents:
        yield f"Incidents: {', '.join(_capped(decision.incidents))}"


def _state(case: Case) -> str:
    """What is the matter, in a title's few words."""
    incident, worst = case.incident, case.evidence[0]
    if not incident.is_open:
        return f"{class_words(incident.incident_class)} recovered"
    if is_missing_labels(worst):
        return "labels are missing"
    passed = side(worst)
    return f"{watched(worst)} {passed[0]} its bound" if passed else f"{watched(worst)} breaches"


def _since(case: Case, decision: Decision) -> str:
    """Since when it has been so, and for how long we have known."""
    known = counted((decision.day - case.incident.opened_on).days + 1, "day")
    is_new = decision.kind is Kind.DAILY and case.incident.opened_on == decision.day
    return f"since {calendar(case.incident.since)}, {'opened today' if is_new else f'open for {known}'}"


def _happened(today: Sequence[Transition], decision: Decision) -> str:
    """What changed on this day; in a summary nothing, for it has no today."""
    if decision.kind is Kind.SUMMARY:
        return ""
    changes: Mapping[Change, str] = {
        Change.OPENED: "opened",
        Change.JOINED: "{} joined",
        Change.ESCALATED: "became {}",
        Change.RESOLVED: "resolved",
    }
    said = (
        changes[t.change].format(_who(t) if t.change is Change.JOINED else grown(t.severity))
        + (f", for {shorten(clean(t.because), _LINE)}" if t.because else "")
        for t in today
    )
    return ", ".join(said) or "still open; nobody had been told"


def _who(joined: Transition) -> str:
    """The members that joined: one by its detector and place, more by their number."""
    if len(joined.members) > 1:
        return counted(len(joined.members), "member")
    (member,) = joined.members
    found = [name(member.detector)]
    found += [] if member.version in (UNVERSIONED, ALL) else [f"of {name(member.version)}"]
    found += [] if member.segment == ALL else [f"in {name(member.segment)}"]
    return " ".join(found)


def _tone(case: Case) -> Tone:
    if not case.incident.is_open:
        return Tone.RESOLVED
    return Tone.CRITICAL if case.incident.severity is Severity.CRITICAL else Tone.WARNING


def _tag(case: Case) -> str:
    return f"[{_tone(case).upper()}]"


def _capped(lines: Sequence[str]) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    rest = len(lines) - MOST_ITEMS
    if rest <= 0:
        return tuple(lines)
    return (*lines[:MOST_ITEMS], f"and {rest:,} more")
