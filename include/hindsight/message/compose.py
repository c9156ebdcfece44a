"""Wording a decision: what is wrong, how bad, since when, against what, how sure, where, and why we write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Resolution
from hindsight.explanation import Explanation
from hindsight.incidents import Revision, class_words
from hindsight.message.cases import capped, headed, news, section, state, tag, tone
from hindsight.message.document import About, Chart, Document, Link, Section, Tone
from hindsight.message.evidence import Evidence, age
from hindsight.message.standing import SETTLE, TAKE_ON, about
from hindsight.message.summary import backfilled, periodic
from hindsight.policy import SUMMARIES, Decision, Kind
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
    words = Evidence(snapshots, ZoneInfo(spec.timezone), explanations, begun(charts))
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
    changes = _changes(decision, words) or [f"{shorten(clean(decision.reason), _LINE)}."]
    stands = [f" {_stands(about(case.incident))}." for case in decision.cases if not decision.corrections]
    return (
        f"{monitor}: {counted(len(changes), 'earlier message')} revised",
        headed(
            f"[REVISED] {monitor}: ",
            f"{changes[0]}{''.join(stands[:1])}",
            f" Owner: {name(spec.owner)}.",
            _FIRST_LINE,
        ),
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
    """The incidents it names, each with what it tells of it; what is only summed up has no news."""
    if decision.kind in SUMMARIES:
        return tuple(about(case.incident) for case in decision.cases)
    unheard = decision.kind is not Kind.REVISED
    named = tuple(
        about(
            case.incident,
            (t.change for t in decision.transitions if t.incident_id == case.incident.id),
            unheard=unheard,
        )
        for case in decision.cases
    )
    return named + tuple(
        about(replace(each.withdrawn, resolved_on=decision.day, resolution=Resolution.GONE))
        for each in decision.corrections
        if each.withdrawn is not None and each.incident_id not in decision.incidents
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
        yield f"{TAKE_ON}hindsight acknowledge {monitor} {untaken[0].id}"
    if lasting and decision.kind is not Kind.REVISED:
        ways = "--as expected --reason WHY (or as fixed, no_action, false_positive)"
        yield f"{SETTLE}hindsight resolve {monitor} {lasting[0].id} {ways}"
    if decision.also_open:
        known = [
            f"{class_words(c.incident.incident_class)} since {calendar(c.incident.since)}"
            for c in decision.also_open
        ]
        yield f"Also open, told before: {', '.join(capped(known))}."
    if len(decision.incidents) > 1 or (decision.incidents and not lasting):
        named = "Incidents" if len(decision.incidents) > 1 else "Incident"
        yield f"{named}: {', '.join(capped(decision.incidents))}"
    yield f"Why this message: {shorten(clean(decision.reason), _LINE)}."


def begun(charts: Iterable[Chart]) -> dict[str, datetime]:
    """The first hours of incidents of hourly monitors, by the monitor's clock, where a chart shows them."""
    return {
        chart.incident: chart.shaded[0]
        for chart in charts
        if chart.shaded is not None and isinstance(chart.shaded[0], datetime)
        for point in chart.points
        if point.day == chart.shaded[0] and point.value is not None
        if (point.lower is not None and point.value < point.lower)
        or (point.upper is not None and point.value > point.upper)
    }


def _is_usable(link: Link) -> bool:
    return link.is_safe and len(link.url) <= _URL
