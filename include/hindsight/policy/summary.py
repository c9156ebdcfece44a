"""Summaries: the one message of a backfill, and what those get who want to hear once a day or a week."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final

from hindsight.domain.values import IncidentState, When
from hindsight.incidents import Case, Change, Correction, History, Revision
from hindsight.policy.decision import Act, Decision, Kind, gravest_first
from hindsight.policy.listener import Listener, told_of
from hindsight.windows import DayRange
from hindsight.wording import counted

SUNDAY: Final = 6


def summary(
    days: DayRange,
    history: History,
    listener: Listener,
    revisions: Collection[Revision] = (),
    corrections: Collection[Correction] = (),
) -> Decision:
    """One message for all days of a run, whatever was found."""
    cases = within(days, history, listener)
    named = {case.incident.id for case in cases}
    past = [t for t in history.transitions if t.day <= days.end]
    return Decision(
        act=Act.SEND,
        kind=Kind.SUMMARY,
        days=days,
        reason=f"one summary was asked for: {counted(len(days), 'day')} computed, "
        f"{counted(len(cases), 'incident')}",
        cases=cases,
        transitions=tuple(t for t in past if t.day in days and t.incident_id in named),
        revisions=tuple(revision for revision in revisions if revision.day in days),
        corrections=tuple(corrections),
        tellings=tuple(
            each
            for case in cases
            if case.incident.is_open or listener.memory.knows(case.incident.id)
            for each in told_of(case.incident, [t for t in past if t.incident_id == case.incident.id])
        ),
    )


def regular(
    days: DayRange, history: History, listener: Listener, *, is_over: bool = True
) -> tuple[Decision, ...]:
    """The summaries that fall due on these run days: one for each day, or one for each week with its Sunday.

    The last day counts only if it `is_over`: some have many runs.
    """
    due = [day for day in days if is_over or day != days.end]
    if listener.wants.when is When.DAILY:
        return tuple(_regular(Kind.DAY, DayRange(day, day), history, listener) for day in due)
    weeks = (DayRange(day - timedelta(days=SUNDAY), day) for day in due if day.weekday() == SUNDAY)
    return tuple(_regular(Kind.WEEK, week, history, listener) for week in weeks)


def _regular(kind: Kind, days: DayRange, history: History, listener: Listener) -> Decision:
    cases = within(days, history, listener)
    named = {case.incident.id for case in cases}
    happened = tuple(t for t in history.transitions if t.day in days and t.incident_id in named)
    counts = {
        "opened": len({t.incident_id for t in happened if t.change is Change.OPENED}),
        "came back": len({t.incident_id for t in happened if t.change is Change.REOPENED}),
        "resolved": sum(not case.incident.is_open for case in cases),
        "open": sum(case.incident.is_open for case in cases),
    }
    said = [f"{counted(count, 'incident')} {what}" for what, count in counts.items() if count]
    asked = "a summary a day" if kind is Kind.DAY else "a summary a week"
    return Decision(
        act=Act.SEND,
        kind=kind,
        days=days,
        reason=f"{asked} was asked for: {'; '.join(said) or 'all quiet'}",
        cases=cases,
        transitions=happened,
    )


def within(days: DayRange, history: History, listener: Listener) -> tuple[Case, ...]:
    """The incidents that were open on any of these days, and that a listener wants to hear of."""
    return gravest_first(
        case
        for case in as_of(history, days.end)
        if case.incident.is_open or (case.incident.resolved_on or date.min) >= days.start
        if not listener.refusal(case)
    )


def as_of(history: History, day: date) -> Iterable[Case]:
    """The cases at the end of a day that people may be told of: what is pending is not one yet."""
    return (case for case in history.as_of(day) if case.incident.state is not IncidentState.PENDING)
