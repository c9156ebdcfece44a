"""Summaries: the one message of a backfill, and what those get who want to hear once a day or a week."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final

from hindsight.domain.records import Incident, Silence
from hindsight.domain.values import IncidentState, When
from hindsight.incidents import Case, Change, Correction, History, Revision
from hindsight.policy.amended import amendments
from hindsight.policy.decision import Act, Decision, Kind, gravest_first
from hindsight.policy.listener import Listener, split, told_of
from hindsight.policy.share import each_day
from hindsight.policy.silence import said, silencing
from hindsight.windows import DayRange
from hindsight.wording import counted

SUNDAY: Final = 6


def summary(
    days: DayRange,
    history: History,
    listener: Listener,
    revisions: Collection[Revision] = (),
    corrections: Collection[Correction] = (),
    silences: Collection[Silence] = (),
) -> Decision:
    """One message for all days of a run, whatever was found.

    It corrects what its listener was told and is not so; of what is silenced it says only that it is.
    Who follows each incident, as PagerDuty does, has no place for it: that it was asked for is recorded, and
    the next live run tells what is open then as new.
    """
    cases, withheld = within(days, history, listener, silences)
    memory, named = listener.memory, {case.incident.id for case in cases}
    past = [t for t in history.transitions if t.day <= days.end]
    happened = tuple(t for t in past if t.day in days and t.incident_id in named)
    spoken = {t.incident_id for t in happened if t.change in (Change.RESOLVED, Change.REOPENED)}
    now = {incident.id: incident for incident in history.incidents}
    lent = {each.incident_id: each for each in corrections}
    (today,) = each_day(history, [days.end])
    amended = [
        (correction, remembered)
        for correction, remembered in amendments(today, now, memory, lent)
        if correction.incident_id not in spoken
        and not is_silenced(now.get(correction.incident_id), silences, days.end)
    ]
    corrected = {correction.incident_id for correction, _ in amended}
    tellings = [
        each
        for case in cases
        if case.incident.is_open or memory.knows(case.incident.id)
        if case.incident.id not in corrected
        for each in told_of(
            case.incident, [t for t in past if t.incident_id == case.incident.id], days.end, memory
        )
    ]
    tellings += [each for _, remembered in amended for each in remembered]
    found = f"{counted(len(days), 'day')} computed, {counted(len(cases), 'incident')}"
    is_told = not listener.wants.follows
    later = () if is_told else ("this notifier keeps incidents, and hears of them with the next live run",)
    return Decision(
        act=Act.SEND if is_told else Act.SUPPRESS,
        kind=Kind.SUMMARY,
        days=days,
        reason="; ".join([f"one summary was asked for: {found}", *withheld, *later]),
        cases=cases,
        transitions=happened,
        revisions=tuple(revision for revision in revisions if revision.day in days),
        corrections=tuple(correction for correction, _ in amended),
        tellings=tuple(each for each in tellings if is_told and not memory.has(*split(each))),
    )


def regular(
    days: DayRange,
    history: History,
    listener: Listener,
    silences: Collection[Silence] = (),
    *,
    is_over: bool = True,
) -> tuple[Decision, ...]:
    """The summaries that fall due on these run days: one for each day, or one for each week with its Sunday.

    The last day counts only if it `is_over`: some have many runs.
    """
    due = [day for day in days if is_over or day != days.end]
    if listener.wants.when is When.DAILY:
        return tuple(_regular(Kind.DAY, DayRange(day, day), history, listener, silences) for day in due)
    weeks = (DayRange(day - timedelta(days=SUNDAY), day) for day in due if day.weekday() == SUNDAY)
    return tuple(_regular(Kind.WEEK, week, history, listener, silences) for week in weeks)


def _regular(
    kind: Kind, days: DayRange, history: History, listener: Listener, silences: Collection[Silence]
) -> Decision:
    cases, withheld = within(days, history, listener, silences)
    named = {case.incident.id for case in cases}
    happened = tuple(t for t in history.transitions if t.day in days and t.incident_id in named)
    counts = {
        "opened": len({t.incident_id for t in happened if t.change is Change.OPENED}),
        "came back": len({t.incident_id for t in happened if t.change is Change.REOPENED}),
        "resolved": sum(not case.incident.is_open for case in cases),
        "open": sum(case.incident.is_open for case in cases),
    }
    told = [f"{counted(count, 'incident')} {what}" for what, count in counts.items() if count]
    asked = "a summary a day" if kind is Kind.DAY else "a summary a week"
    return Decision(
        act=Act.SEND,
        kind=kind,
        days=days,
        reason=f"{asked} was asked for: {'; '.join([*told, *withheld]) or 'all quiet'}",
        cases=cases,
        transitions=happened,
    )


def within(
    days: DayRange, history: History, listener: Listener, silences: Collection[Silence]
) -> tuple[tuple[Case, ...], list[str]]:
    """The incidents that were open on any of these days and that a listener wants to hear of; and, for those
    that somebody wants no messages of at the end of these days, how many there are and who.
    """
    wanted = [
        case
        for case in as_of(history, days.end)
        if case.incident.is_open or (case.incident.resolved_on or date.min) >= days.start
        if not listener.refusal(case, case.incident.breaching)
    ]
    hushed = [each for case in wanted if (each := silencing(silences, case.incident, days.end)) is not None]
    shown = gravest_first(case for case in wanted if not is_silenced(case.incident, silences, days.end))
    who = "; ".join(dict.fromkeys(map(said, hushed)))
    return shown, [f"{counted(len(hushed), 'incident')} withheld: {who}"] if hushed else []


def is_silenced(incident: Incident | None, silences: Collection[Silence], day: date) -> bool:
    """Whether somebody wants no messages of an incident on a day."""
    return incident is not None and silencing(silences, incident, day) is not None


def as_of(history: History, day: date) -> Iterable[Case]:
    """The cases at the end of a day that people may be told of: what is pending is not one yet."""
    return (case for case in history.as_of(day) if case.incident.state is not IncidentState.PENDING)
