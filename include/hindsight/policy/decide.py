"""The rules: one for a live day, one for a summary, one for a silent run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from hindsight.domain.records import Silence
from hindsight.domain.values import Notify, When
from hindsight.incidents import Correction, History, Revision, Transition
from hindsight.policy.amended import end_told, the
from hindsight.policy.decision import Act, Decision, Kind, gravest_first
from hindsight.policy.decision import grown as grown
from hindsight.policy.listener import EVERYBODY, Listener, Memory, lived_through, split
from hindsight.policy.live import live_day
from hindsight.policy.share import each_day
from hindsight.policy.summary import regular, summary
from hindsight.windows import DayRange
from hindsight.wording import calendar, counted


def decide(
    mode: Notify,
    days: DayRange,
    history: History,
    listener: Listener = EVERYBODY,
    *,
    revisions: Collection[Revision] = (),
    corrections: Collection[Correction] = (),
    notes: Collection[Revision] = (),
    heard: Collection[Transition] = (),
    silences: Collection[Silence] = (),
    is_over: bool = True,
) -> tuple[Decision, ...]:
    """What a run over these run days tells one listener.

    LIVE makes one decision a day, and a second one to record what a silence withheld.  A message goes out if
    something happened to an incident on that day, and if an incident that the listener wants to hear of is
    open and it was not told (found late, silenced until now, withdrawn, or below its severity: told once,
    as new).  The end goes to who was told of the beginning.  If only what was told is no longer so, a quiet
    note goes out: an incident stands otherwise, or later labels judge a window otherwise that a message
    rested on.  SUMMARY always makes one message for all days.  NONE sends nothing, and makes a decision to
    record only where LIVE would have told something.  Who wants a summary a day or a week gets those of LIVE
    runs, once the day `is_over`, and nothing else.

    `notes` are revisions of what messages said, and not told yet; `revisions` those of all windows, which
    send no message: those since something last happened ride along, so pass all there are.  `corrections`
    lend the words for what was told and is no longer so.  `heard` are transitions that an earlier run of the
    same day has told, where a day has several.
    """
    if listener.wants.when is not When.EACH:
        return regular(days, history, listener, silences, is_over=is_over) if mode is Notify.LIVE else ()
    if listener.lived:
        listener = replace(listener, memory=lived_through(history, days.start))
    if mode is Notify.SUMMARY:
        made = summary(days, history, listener, revisions, corrections, silences)
        return (with_hindsight(made, history, listener.memory),)
    decisions = tuple(_live(days, history, listener, revisions, corrections, notes, heard, silences))
    if mode is Notify.NONE:
        decisions = _silent(days, decisions)
    return tuple(with_hindsight(decision, history, listener.memory) for decision in decisions)


def _live(
    days: DayRange,
    history: History,
    listener: Listener,
    revisions: Collection[Revision],
    corrections: Collection[Correction],
    notes: Collection[Revision],
    heard: Collection[Transition],
    silences: Collection[Silence],
) -> Iterable[Decision]:
    """What each day tells, if those before were told."""
    now = {incident.id: incident for incident in history.incidents}
    for today in each_day(history, days):
        made = live_day(
            today,
            now,
            listener,
            corrections=corrections,
            notes=notes,
            revisions=since_something_happened(revisions, history, today.day),
            heard=heard,
            silences=silences,
            is_last=today.day == days.end,
        )
        told = [each for decision in made if decision.act is not Act.NOTHING for each in decision.tellings]
        listener = replace(listener, memory=listener.memory.and_told(told))
        yield from made


def since_something_happened(
    revisions: Collection[Revision], history: History, day: date
) -> tuple[Revision, ...]:
    """The revisions up to a day that no earlier message can have told."""
    before = max((t.day for t in history.transitions if t.day < day), default=date.min)
    return tuple(revision for revision in revisions if before < revision.day <= day)


def with_hindsight(decision: Decision, history: History, memory: Memory) -> Decision:
    """The decision, saying of what it names as open where later days, computed before, show the end."""
    corrected = {correction.incident_id for correction in decision.corrections}
    later = [
        incident
        for incident in history.incidents
        if incident.id in decision.incidents
        and incident.id not in corrected
        and incident.resolved_on is not None
        and incident.resolved_on > decision.day
    ]
    if not later or decision.act is Act.NOTHING:
        return decision
    told = tuple(
        Correction(
            i.id, f"days computed before this one show that {the(i)} ended on {calendar(i.resolved_on)}"
        )
        for i in later
        if i.resolved_on is not None
    )
    if decision.act is not Act.SEND:
        return replace(decision, corrections=decision.corrections + told)
    memory = memory.and_told(decision.tellings)
    ends = tuple(
        each
        for i in later
        for each in end_told(i, history.transitions, decision.day, memory)
        if not memory.has(*split(each))
    )
    return replace(decision, corrections=decision.corrections + told, tellings=decision.tellings + ends)


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
            cases=gravest_first(latest.values()),
            transitions=tuple(t for decision in kept for t in decision.transitions),
            corrections=tuple(c for decision in kept for c in decision.corrections),
        ),
    )
