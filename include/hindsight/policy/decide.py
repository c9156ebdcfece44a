"""The rules: one for a live day, one for a summary, one for a silent run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from hindsight.domain.records import Incident
from hindsight.domain.values import Notify, Severity
from hindsight.incidents import Case, Change, Correction, History, Revision, Transition, class_words
from hindsight.policy.decision import Act, Decision, Kind
from hindsight.windows import DayRange
from hindsight.wording import calendar, counted

_DONE = {
    Change.OPENED: "opened",
    Change.JOINED: "grew",
    Change.ESCALATED: "became {}",
    Change.RESOLVED: "resolved",
}


def decide(
    mode: Notify,
    days: DayRange,
    history: History,
    *,
    revisions: Collection[Revision] = (),
    corrections: Collection[Correction] = (),
    notes: Collection[Revision] = (),
    heard: Collection[Transition] = (),
    audible: Severity = Severity.WARNING,
) -> tuple[Decision, ...]:
    """What a run over these days tells.

    LIVE makes one decision a day.  A message goes out if something happened to an incident on that
    day, if one is open of which nobody was told (it was found in silence: told once, by the first
    live run).  If only what people were told is no longer so, a quiet note goes out: an incident stands
    otherwise, or later labels judge a window otherwise that a message rested on.  SUMMARY always makes one
    message for all days.  NONE sends nothing, and makes a decision to record only where LIVE would have told
    something.

    `audible` is the lowest severity that any notifier passes on: an incident below it counts as untold,
    and is not brought up again every day.  `notes` are revisions of what messages said, and not told yet;
    `revisions` those of all windows, which send no message: those since something last happened ride along,
    so pass all there are.  `heard` are transitions that an earlier run of the same day has told, where a day
    has several.
    """
    decisions: tuple[Decision, ...]
    if mode is Notify.SUMMARY:
        decisions = (_summary(days, history, revisions, corrections),)
    else:
        decisions = _live(days, history, revisions, corrections, notes, heard, audible)
        if mode is Notify.NONE:
            decisions = _silent(days, decisions)
    ended = tuple(i for i in history.incidents if i.resolved_on is not None and i.resolved_on > days.end)
    return tuple(_with_hindsight(decision, ended) for decision in decisions)


def _live(
    days: DayRange,
    history: History,
    revisions: Collection[Revision],
    corrections: Collection[Correction],
    notes: Collection[Revision],
    heard: Collection[Transition],
    audible: Severity,
) -> tuple[Decision, ...]:
    known = {i.id: i.told_on for i in history.incidents if i.told_on is not None}
    ends = {t.incident_id for t in history.transitions if t.day in days and t.change is Change.RESOLVED}
    decisions = []
    for day in days:
        last = day == days.end
        decision = _live_day(
            day,
            history,
            known,
            revisions,
            tuple(c for c in corrections if last and c.incident_id not in ends),
            tuple(notes) if last else (),
            heard,
            audible,
        )
        if decision.act is Act.SEND and decision.severity.rank >= audible.rank:
            known |= {each: day for each in decision.incidents if each not in known}
        decisions.append(decision)
    return tuple(decisions)


def _live_day(
    day: date,
    history: History,
    known: dict[str, date],
    revisions: Collection[Revision],
    corrections: tuple[Correction, ...],
    notes: tuple[Revision, ...],
    heard: Collection[Transition],
    audible: Severity,
) -> Decision:
    cases = history.as_of(day)
    before = max((t.day for t in history.transitions if t.day < day), default=date.min)
    revised = tuple(revision for revision in revisions if before < revision.day <= day)
    gists = set(map(_gist, heard))
    news = tuple(
        _grown(t, heard)
        for t in history.on(day)
        if _is_news(t, known.get(t.incident_id))
        and not (_gist(t) in gists and (t.incident_id in known or t.severity.rank < audible.rank))
    )
    found = [
        case.incident
        for case in cases
        if case.incident.is_open
        and known.get(case.incident.id, day) == day
        and case.incident.opened_on < day
        and case.incident.severity.rank >= audible.rank
    ]
    noted = {r.later for r in notes}
    revised = (*notes, *(r for r in revised if r.later not in noted))
    named = {t.incident_id for t in news} | {i.id for i in found} | {c.incident_id for c in corrections}
    reasons = [f"{counted(len(changed), 'incident')} {done}" for done, changed in _by_change(news)]
    if found:
        reasons.append(
            f"{counted(len(found), 'incident')} found in silence, still open and told for the first time"
        )
    if corrections:
        reasons.append(f"{counted(len(corrections), 'earlier message')} corrected")
    kind = Kind.DAILY if news or found or not (corrections or notes) else Kind.REVISED
    if kind is Kind.REVISED:
        named |= {r.incident for r in notes if r.incident}
        revised = notes
        if notes:
            reasons.append(f"later labels change {counted(len(notes), 'verdict')} that people were told")
    act = Act.SEND if reasons else Act.NOTHING
    return Decision(
        act=act,
        kind=kind,
        days=DayRange(day, day),
        reason="; ".join(reasons) or _why_nothing(day, history, revised),
        cases=_gravest_first(case for case in cases if case.incident.id in named),
        transitions=news,
        also_open=_gravest_first(c for c in cases if c.incident.is_open and c.incident.id not in named),
        revisions=revised,
        corrections=corrections,
    )


def _with_hindsight(decision: Decision, ended: Collection[Incident]) -> Decision:
    """The decision, saying of what it names as open where later days, computed before, show the end."""
    later = tuple(
        Correction(
            i.id,
            f"days computed before this one show that the {class_words(i.incident_class)} incident of "
            f"{calendar(i.opened_on)} ended on {calendar(i.resolved_on)}",
        )
        for i in ended
        if i.id in decision.incidents and i.resolved_on is not None
    )
    return replace(decision, corrections=decision.corrections + later) if later else decision


def _grown(transition: Transition, heard: Collection[Transition]) -> Transition:
    """An opening that an earlier run of the day has told is told again as what joined since."""
    before = [t for t in heard if (t.incident_id, t.change) == (transition.incident_id, Change.OPENED)]
    if transition.change is not Change.OPENED or not before:
        return transition
    fresh = tuple(member for member in transition.members if member not in before[0].members)
    return replace(transition, change=Change.JOINED, members=fresh) if fresh else transition


def _gist(transition: Transition) -> tuple[object, ...]:
    """What is told of a transition, but for its words: later hours of a day change those."""
    return transition.incident_id, transition.change, transition.severity, transition.members


def _is_news(transition: Transition, told_on: date | None) -> bool:
    """Whether a transition is still to be told, of an incident first told on `told_on` or never.

    What the day itself told is news again when the day is run again: the same run decides the same, and
    the outbox holds it once already.  The end of what nobody was told is no news.
    """
    match transition.change:
        case Change.RESOLVED:
            return told_on is not None
        case Change.OPENED:
            return told_on in (None, transition.day)
        case Change.JOINED | Change.ESCALATED:
            return told_on is None or told_on <= transition.day


def _why_nothing(day: date, history: History, revisions: Collection[Revision]) -> str:
    happened = history.on(day)
    if happened and all(t.change is Change.RESOLVED for t in happened):
        return f"{counted(len(happened), 'incident')} resolved of which nobody had been told"
    if happened:
        return "what happened on this day was told already"
    if revisions:
        revised = counted(len(revisions), "verdict")
        return f"nothing happened to an incident; {revised} revised, which alone sends no message"
    return "nothing happened to an incident"


def _summary(
    days: DayRange, history: History, revisions: Collection[Revision], corrections: Collection[Correction]
) -> Decision:
    cases = _gravest_first(
        case
        for case in history.as_of(days.end)
        if case.incident.is_open or (case.incident.resolved_on or date.min) >= days.start
    )
    found = counted(len(cases), "incident")
    return Decision(
        act=Act.SEND,
        kind=Kind.SUMMARY,
        days=days,
        reason=f"one summary was asked for: {counted(len(days), 'day')} computed, {found}",
        cases=cases,
        transitions=tuple(t for t in history.transitions if t.day in days),
        revisions=tuple(revision for revision in revisions if revision.day in days),
        corrections=tuple(corrections),
    )


def _silent(days: DayRange, live: Iterable[Decision]) -> tuple[Decision, ...]:
    """One record of what these days would have told, if anything."""
    kept = [decision for decision in live if decision.act is Act.SEND]
    if not kept:
        return ()
    latest = {case.incident.id: case for decision in kept for case in decision.cases}
    told = "; ".join(dict.fromkeys(f"{calendar(d.day)}: {d.reason}" for d in kept[:3]))
    more = f"; and {counted(len(kept) - 3, 'more message')}" if len(kept) > 3 else ""
    return (
        Decision(
            act=Act.SUPPRESS,
            kind=Kind.DAILY if len(days) == 1 else Kind.SUMMARY,
            days=days,
            reason=f"the run asked for silence (notify: none); a live one would have told {told}{more}",
            cases=_gravest_first(latest.values()),
            transitions=tuple(t for decision in kept for t in decision.transitions),
            corrections=tuple(c for decision in kept for c in decision.corrections),
        ),
    )


def grown(severity: Severity) -> str:
    """What something has become that is graver than it was."""
    return "critical" if severity is Severity.CRITICAL else f"a {severity}"


def _by_change(transitions: Iterable[Transition]) -> Iterable[tuple[str, set[str]]]:
    """What happened, in words, and to which incidents."""
    found: dict[str, set[str]] = {}
    for t in sorted(transitions, key=lambda t: (list(Change).index(t.change), -t.severity.rank)):
        found.setdefault(_DONE[t.change].format(grown(t.severity)), set()).add(t.incident_id)
    return found.items()


def _gravest_first(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Open before resolved, then by severity, then the longest-standing."""
    return tuple(
        sorted(
            cases,
            key=lambda case: (
                not case.incident.is_open,
                -case.incident.severity.rank,
                case.incident.opened_on,
                case.incident.incident_class,
            ),
        )
    )
