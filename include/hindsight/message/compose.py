"""Wording a decision: what is wrong, how bad, since when, against what, how sure, where, and why we write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.explanation import Explanation
from hindsight.incidents import Revision, class_words
from hindsight.message.cases import capped, headed, news, section, state, tag, tone
from hindsight.message.document import About, Chart, Document, Link, Section, Tone
from hindsight.message.evidence import Evidence, age
from hindsight.message.standing import about
from hindsight.message.summary import backfilled, periodic
from hindsight.policy import Decision, Kind
from hindsight.wording import calendar, clean, counted, name, shorten, watched

_FIRST_LINE, _TITLE, _LINE, _URL = 300, 150, 400, 500

Written = tuple[str, str, tuple[Section, ...]]
"""A title, a first line, and the sections."""


def compose(
    decision: Decision,
    spec: MonitorSpec,
    *,
    snapshots: Iterable[Snapshot] = (),
    links: Sequence[Link] = (),
    explanations: Mapping[str, Explanation | None] = MappingProxyType({}),
    charts: Sequence[Chart] = (),
) -> Document:
    """The document of a decision.

    `snapshots` lend the standard errors for the intervals; those of the windows in the decision's
    evidence are enough.  `links` lead to the run or a page; the runbook is added here.  `explanations` are
    those of the incidents' worst members, by the incident's id; None for one that could not be explained.
    A summary of a day or a week shows the monitor's metrics from the `snapshots`, each beside the window
    before.
    """
    snapshots = tuple(snapshots)
    words = Evidence(snapshots, ZoneInfo(spec.timezone), explanations)
    match decision.kind:
        case Kind.REVISED:
            title, first_line, sections = _revised(decision, spec, words)
        case Kind.SUMMARY:
            title, first_line, sections = backfilled(decision, spec, words)
        case Kind.DAY | Kind.WEEK:
            title, first_line, sections = periodic(decision, spec, words, snapshots)
        case _:
            title, first_line, sections = _each(decision, spec, words)
    gravest = decision.cases[0].incident if decision.cases else None
    offered = [*([Link("Runbook", spec.runbook)] if spec.runbook else []), *links]
    quiet = decision.kind is Kind.REVISED
    return Document(
        kind=decision.kind,
        monitor=name(spec.monitor),
        day=decision.day,
        severity=decision.severity,
        tone=tone(decision.cases[0]) if decision.cases and not quiet else Tone.QUIET,
        title=shorten(title, _TITLE),
        subject=f"[hindsight] {name(spec.monitor)}: {_subject(decision)}",
        first_line=first_line,
        sections=(*sections, *_notes(decision, words)),
        context=tuple(_context(decision, spec)),
        links=tuple(Link(name(link.label), link.url) for link in offered if _is_usable(link)),
        thread=gravest.id if gravest and decision.kind not in (Kind.DAY, Kind.WEEK) else "",
        about=_about(decision),
        charts=tuple(charts),
    )


def _each(decision: Decision, spec: MonitorSpec, words: Evidence) -> Written:
    """What happened to incidents."""
    monitor = name(spec.monitor)
    if not decision.cases:
        return f"{monitor}: nothing to tell", f"[OK] {monitor}: {decision.reason}.", ()
    worst, *others = decision.cases
    more = f" And {counted(len(others), 'more incident')}." if others else ""
    title = f"{monitor}: {state(worst, decision)}" + (f" (+{len(others)})" if others else "")
    first_line = headed(
        f"[{tag(worst, decision)}] {monitor}: ",
        news(worst, decision, words),
        f"{more} Owner: {name(spec.owner)}.",
        _FIRST_LINE,
    )
    return title, first_line, tuple(section(case, decision, words) for case in decision.cases)


def _revised(decision: Decision, spec: MonitorSpec, words: Evidence) -> Written:
    """A note that asks nobody to get up: what was told has changed, and how the incident stands now."""
    monitor = name(spec.monitor)
    changes = _changes(decision, words)
    stands = [f" {_stands(about(case.incident))}." for case in decision.cases if not decision.corrections]
    return (
        f"{monitor}: {counted(len(changes), 'earlier message')} revised",
        shorten(f"[REVISED] {monitor}: {changes[0]}{''.join(stands[:1])}", _FIRST_LINE),
        (),
    )


def _stands(incident: About) -> str:
    """Whether an incident lasts."""
    said = f"The {class_words(incident.incident_class)} incident of {calendar(incident.opened_on)}"
    if incident.resolved_on is None:
        return f"{said} is still open"
    return f"{said} ended on {calendar(incident.resolved_on)}"


def _notes(decision: Decision, words: Evidence) -> Iterable[Section]:
    """What was told and is no longer so, and what more labels have changed, but for a note's first line."""
    lines = _changes(decision, words)[decision.kind is Kind.REVISED :]
    if lines:
        yield Section("Revised since it was told", items=capped(lines), tone=Tone.QUIET)


def _changes(decision: Decision, words: Evidence) -> list[str]:
    """What is no longer so, a sentence each."""
    told = [f"{correction.reason}." for correction in decision.corrections]
    return told + [f"{_revision(revision, words)}." for revision in reversed(decision.revisions)]


def _revision(revision: Revision, words: Evidence) -> str:
    """A window, how it was judged first, and how now."""
    first, later = revision.first, revision.later
    before, now = (f"{d.verdict}{words.value(d)} with {age(d)}" for d in (first, later))
    return f"{watched(first)}, {words.window(first)}: {before}, now {now}"


def _about(decision: Decision) -> tuple[About, ...]:
    """The incidents it names, each with what it tells of it."""
    return tuple(
        about(case.incident, (t.change for t in decision.transitions if t.incident_id == case.incident.id))
        for case in decision.cases
    )


def _subject(decision: Decision) -> str:
    """The same for every message whose gravest incident is the same, so that mail programs thread them."""
    match decision.kind:
        case Kind.SUMMARY:
            return f"summary of {counted(len(decision.days), 'day')}"
        case Kind.DAY:
            return "daily summary"
        case Kind.WEEK:
            return "weekly summary"
    if not decision.cases:
        return "notes"
    gravest = decision.cases[0].incident
    return f"{class_words(gravest.incident_class)} incident {gravest.id[4:10]}"


def _context(decision: Decision, spec: MonitorSpec) -> Iterable[str]:
    """The small print: whose it is, what one can do, and why it was sent."""
    monitor = name(spec.monitor)
    yield f"Owner: {name(spec.owner)}."
    if spec.runbook and not _is_usable(Link("Runbook", spec.runbook)):
        yield f"Runbook: {shorten(clean(spec.runbook), _LINE)}"
    lasting = [case.incident for case in decision.cases if case.incident.is_open]
    untaken = [incident for incident in lasting if incident.acknowledged_by is None]
    if untaken and decision.kind is not Kind.REVISED:
        yield f"To take it on and stop reminders: hindsight acknowledge {monitor} {untaken[0].id}"
    if lasting and decision.kind is not Kind.REVISED:
        about_it = f"--class {lasting[0].incident_class}"
        yield f"To hear no more of it: hindsight silence {monitor} {about_it} --for 7d --reason WHY"
    if decision.also_open:
        known = [
            f"{class_words(c.incident.incident_class)} since {calendar(c.incident.since)}"
            for c in decision.also_open
        ]
        yield f"Also open, told before: {', '.join(capped(known))}."
    if len(decision.incidents) > 1 or (decision.incidents and not untaken):
        named = "Incidents" if len(decision.incidents) > 1 else "Incident"
        yield f"{named}: {', '.join(capped(decision.incidents))}"
    yield f"Why this message: {shorten(clean(decision.reason), _LINE)}."


def _is_usable(link: Link) -> bool:
    return link.is_safe and len(link.url) <= _URL
