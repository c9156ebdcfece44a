"""Summaries: of the days that a backfill computed, and of a day or a week for those who asked for no more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from hindsight.domain.records import Incident, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, UNVERSIONED, Z95, Horizon, Maturity
from hindsight.incidents import Case, class_words
from hindsight.message.cases import capped, headed, news, section
from hindsight.message.document import Fact, Section, Tone
from hindsight.message.evidence import Evidence, age, limits_of
from hindsight.message.standing import ended, lasted
from hindsight.policy import Decision, Kind
from hindsight.windows import midnight, run_day, shift
from hindsight.wording import calendar, clean, counted, figure, interval, name, share, shorten, window_words

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
    standing = f" {len(lasting)} still open. {_worst(lasting[0], decision, words)}" if lasting else ""
    first_line = headed(
        f"[SUMMARY] {monitor}: ",
        f"{done} ({_span(decision)}).{standing}",
        f" Owner: {name(spec.owner)}.",
        _FIRST_LINE,
    )
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
    measured = figures_of(snapshots, spec, decision)[:MOST_FIGURES]
    zone = ZoneInfo(spec.timezone)
    standing = f" {_worst(lasting[0], decision, words)}" if lasting else ""
    if not standing and measured:
        standing = f" {_of(measured[0][0])}: {_value(measured[0][0])}{_beside(*measured[0])}."
    first_line = headed(
        f"[{decision.kind.name}] {monitor}: ",
        f"{said} in the {period} ({_span(decision)}).{standing}",
        f" Owner: {name(spec.owner)}.",
        _FIRST_LINE,
    )
    figures = Section(
        "Main figures, each with that of the window before",
        facts=tuple(_shown(*each, zone) for each in measured),
        tone=Tone.QUIET,
    )
    sections = (
        *(section(case, decision, words) for case in lasting),
        *_over(over, f"Ended in this {period}"),
        *([figures] if measured else []),
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
        f"{calendar(end)}, {ended(incident.resolution)}, {lasted(incident.opened_on, end)}: "
        f"{shorten(clean(incident.headline), _LINE)}"
    )


def _span(decision: Decision) -> str:
    days = decision.days
    return calendar(days.start) if len(days) == 1 else f"{calendar(days.start)} to {calendar(days.end)}"


def _worst(case: Case, decision: Decision, words: Evidence) -> str:
    """The gravest incident that is open, for a lock screen."""
    return f"Worst ({case.incident.severity}): {news(case, decision, words)}"


def _shown(now: Snapshot, before: Snapshot | None, zone: ZoneInfo) -> Fact:
    """A metric of a window, on how much truth it rests, how sure it is, and what it was."""
    end = run_day(now.window_end, zone)
    if now.window.unit == "h":
        end = shift(now.window_end, -1).astimezone(zone)
    rests = [window_words(now.window, end), f"n = {now.n:,}", age(now)]
    if now.maturity is not Maturity.MATURE:
        rests.append(str(now.maturity))
    said = f"{_value(now)} ({', '.join(rests)}){_sure(now)}{_beside(now, before)}"
    return Fact(_of(now), shorten(said, _LINE))


def _of(snapshot: Snapshot) -> str:
    version = "" if snapshot.version in (UNVERSIONED, ALL) else f" of {name(snapshot.version)}"
    return f"{name(snapshot.metric)}{version}"


def _value(snapshot: Snapshot) -> str:
    if snapshot.value is None:
        return f"none: {clean(snapshot.reason or snapshot.status)}"
    return share(snapshot.value) if _is_share(snapshot) else figure(snapshot.value, _error(snapshot))


def _sure(snapshot: Snapshot) -> str:
    """Its interval, as a clause."""
    error, limits = _error(snapshot), limits_of(snapshot.metric)
    if snapshot.value is None or not error or limits is None:
        return ""
    return f", {interval(snapshot.value, error, as_share=_is_share(snapshot), ends=limits)}"


def _beside(now: Snapshot, before: Snapshot | None) -> str:
    """What it was in the window before, and whether that is a difference: chance alone is told as none."""
    if now.value is None or before is None or before.value is None:
        return ""
    was = f"; was {_value(before)}"
    errors = _error(now), _error(before)
    if all(errors) and abs(now.value - before.value) <= Z95 * math.hypot(*(each or 0.0 for each in errors)):
        return f"{was}, no clear difference"
    if not before.value or now.value == before.value:
        return was
    off = share(abs(now.value - before.value) / abs(before.value))
    return f"{was}, so {off} {'lower' if now.value < before.value else 'higher'}"


def _error(snapshot: Snapshot) -> float | None:
    """The standard error of a value; a count is what it is."""
    return snapshot.standard_error if limits_of(snapshot.metric) is not None else None


def _is_share(snapshot: Snapshot) -> bool:
    return snapshot.metric.endswith("_share") or snapshot.metric == "coverage"
