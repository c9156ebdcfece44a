"""Summaries: of the days that a backfill computed, and of a day or a week for those who asked for no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from hindsight.domain.records import Incident, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, UNVERSIONED, Horizon, Maturity
from hindsight.incidents import Case, class_words
from hindsight.message.cases import capped, headed, news, section
from hindsight.message.document import Fact, Section, Tone
from hindsight.message.evidence import Evidence, limits_of
from hindsight.message.standing import ended, lasted
from hindsight.policy import Decision, Kind
from hindsight.windows import midnight
from hindsight.wording import calendar, clean, counted, figure, interval, name, share, shorten

Figure = tuple[Snapshot, Snapshot | None]
"""A metric in a period, and in the one before."""

MOST_FIGURES = 10
"""As many as Slack shows beside each other."""

_LINE, _FIRST_LINE = 400, 300
_PERIOD = {Kind.DAY: "day", Kind.WEEK: "week"}

Written = tuple[str, str, tuple[Section, ...]]


def backfilled(decision: Decision, spec: MonitorSpec, words: Evidence) -> Written:
    """What many days brought that were computed at once."""
    monitor, days = name(spec.monitor), decision.days
    lasting, over = _parted(decision)
    done = f"{counted(len(days), 'day')} computed, {counted(len(decision.cases), 'incident')}"
    standing = f" {len(lasting)} still open: {news(lasting[0], decision, words)}" if lasting else ""
    first_line = shorten(f"[SUMMARY] {monitor}: {done} ({_span(decision)}).{standing}", _FIRST_LINE)
    sections = (
        *(section(case, decision, words) for case in lasting),
        *_over(over, "Resolved within these days"),
    )
    return f"{monitor}: {done}", first_line, sections


def periodic(
    decision: Decision, spec: MonitorSpec, words: Evidence, snapshots: Iterable[Snapshot]
) -> Written:
    """A day or a week in one message: what is open, what ended, and the main figures."""
    monitor, period = name(spec.monitor), _PERIOD[decision.kind]
    lasting, over = _parted(decision)
    opened = [case for case in decision.cases if case.incident.opened_on in decision.days]
    counts = [
        f"{number:,} {word}"
        for number, word in ((len(lasting), "open"), (len(opened), "opened"), (len(over), "ended"))
        if number
    ]
    said = ", ".join(counts) or "all quiet"
    shown = [_shown(*each) for each in figures_of(snapshots, spec, decision)[:MOST_FIGURES]]
    standing = f" Worst: {news(lasting[0], decision, words)}" if lasting else ""
    if not standing and shown:
        standing = f" {shown[0].label}: {shown[0].value}."
    first_line = headed(
        f"[{decision.kind.name}] {monitor}: ",
        f"{said} in the {period} ({_span(decision)}).{standing}",
        f" Owner: {name(spec.owner)}.",
        _FIRST_LINE,
    )
    measured = Section(
        f"Main figures, each with that of the {period} before", facts=tuple(shown), tone=Tone.QUIET
    )
    sections = (
        *(section(case, decision, words) for case in lasting),
        *_over(over, f"Ended in this {period}"),
        *([measured] if shown else []),
    )
    return f"{monitor}: {said} in the {period} to {calendar(decision.days.end)}", first_line, sections


def figures_of(snapshots: Iterable[Snapshot], spec: MonitorSpec, decision: Decision) -> list[Figure]:
    """Of each metric and version the newest window of all rows, and the one before it at the same age.

    The windows are the longest that are no longer than the period, and of those with enough truth if there is
    one; what was known before the period began is no figure of it.
    """
    place = {metric: number for number, metric in enumerate(spec.metrics)}
    hours, began = len(decision.days) * 24, midnight(decision.days.start, ZoneInfo(spec.timezone))
    fitting = [
        each
        for each in snapshots
        if each.segment == ALL and each.metric in place and not each.window.calendar
        if each.window.hours <= hours
    ]
    longest = max((each.window.hours for each in fitting), default=0)
    newest: dict[tuple[str, str], Snapshot] = {}
    known: dict[tuple[str, str, Horizon, datetime], Snapshot] = {}
    for each in fitting:
        if each.window.hours != longest:
            continue
        known[each.metric, each.version, each.horizon, each.window_end] = each
        key = each.metric, each.version
        if each.as_of > began and (key not in newest or _rank(each) > _rank(newest[key])):
            newest[key] = each
    shown = sorted(newest.values(), key=lambda each: (place[each.metric], each.version))
    return [(each, known.get((each.metric, each.version, each.horizon, each.window_start))) for each in shown]


def _rank(snapshot: Snapshot) -> tuple[bool, datetime, Horizon]:
    return snapshot.maturity is Maturity.MATURE, snapshot.window_end, snapshot.horizon


def _parted(decision: Decision) -> tuple[list[Case], list[Case]]:
    """The cases that are open, and those that are over."""
    lasting = [case for case in decision.cases if case.incident.is_open]
    return lasting, [case for case in decision.cases if not case.incident.is_open]


def _over(cases: Sequence[Case], heading: str) -> tuple[Section, ...]:
    """The incidents that ended, a line each, gravest first."""
    if not cases:
        return ()
    incidents = sorted((case.incident for case in cases), key=lambda i: (-i.severity.rank, i.opened_on, i.id))
    lines = [_ended(incident) for incident in incidents]
    return (
        Section(f"{heading}: {counted(len(cases), 'incident')}", items=capped(lines), tone=Tone.RESOLVED),
    )


def _ended(incident: Incident) -> str:
    end = incident.resolved_on or incident.last_breach_on
    return (
        f"{class_words(incident.incident_class)}, {incident.severity}, {calendar(incident.opened_on)} to "
        f"{calendar(end)}, {ended(incident.resolution)} {lasted(incident.opened_on, end)}: "
        f"{shorten(clean(incident.headline), _LINE)}"
    )


def _span(decision: Decision) -> str:
    days = decision.days
    return calendar(days.start) if len(days) == 1 else f"{calendar(days.start)} to {calendar(days.end)}"


def _shown(now: Snapshot, before: Snapshot | None) -> Fact:
    """A metric with its interval, and what it was."""
    limits = limits_of(now.metric)
    as_share = now.metric.endswith("_share") or now.metric == "coverage"
    if now.value is None:
        said = f"none: {clean(now.reason or now.status)}"
    else:
        error = now.standard_error if limits is not None else None
        said = share(now.value) if as_share else figure(now.value, error)
        if error and limits is not None:
            said += f" ({interval(now.value, error, as_share=as_share, ends=limits)})"
        if before is not None and before.value is not None:
            was = share(before.value) if as_share else figure(before.value, before.standard_error)
            said += f"; was {was}"
            if before.value and now.value != before.value:
                off = share(abs(now.value - before.value) / abs(before.value))
                said += f", so {off} {'lower' if now.value < before.value else 'higher'}"
    of = "" if now.version in (UNVERSIONED, ALL) else f" of {name(now.version)}"
    return Fact(f"{name(now.metric)}{of}", shorten(said, _LINE))
