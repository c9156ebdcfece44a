"""What one listener is told of one day as if it had just ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from hindsight.domain.records import Incident, Member, Silence
from hindsight.domain.values import IncidentState
from hindsight.incidents import Case, Change, Correction, History, Revision, Transition, class_words
from hindsight.policy.decision import Act, Decision, Kind, gravest_first, grown
from hindsight.policy.listener import STANDS, WITHDRAWN, WITHHELD, Listener, Memory, end_told, split, told_of
from hindsight.policy.silence import said, silencing
from hindsight.windows import DayRange
from hindsight.wording import calendar, counted

_DONE = {
    Change.OPENED: "opened",
    Change.REOPENED: "came back",
    Change.JOINED: "grew",
    Change.ESCALATED: "became {}",
    Change.RESOLVED: "resolved",
    Change.REMINDED: "still open and not acknowledged",
    Change.ACKNOWLEDGED: "acknowledged",
}
_BEGINS = frozenset({Change.OPENED, Change.REOPENED, Change.ESCALATED})
_GROWS = frozenset({Change.OPENED, Change.REOPENED, Change.JOINED})


@dataclass(frozen=True)
class Day:
    """One run day: how every incident stood at its end, and what had happened to each by then."""

    day: date
    cases: Mapping[str, Case]
    past: Mapping[str, list[Transition]]

    def happened(self, incident: str) -> list[Transition]:
        """What happened to an incident up to this day, oldest first."""
        return [t for t in self.past.get(incident, ()) if t.day <= self.day]


def each_day(history: History, days: Iterable[date]) -> Iterator[Day]:
    """These ascending run days, one by one."""
    past: dict[str, list[Transition]] = defaultdict(list)
    for transition in history.transitions:
        past[transition.incident_id].append(transition)
    states = sorted(history.states, key=lambda state: state[0])
    cases: dict[str, Case] = {}
    waiting = iter(states)
    upcoming = next(waiting, None)
    for day in days:
        while upcoming is not None and upcoming[0] <= day:
            cases[upcoming[1].incident.id] = upcoming[1]
            upcoming = next(waiting, None)
        yield Day(day, dict(cases), past)


@dataclass(frozen=True)
class Share:
    """What of a day one listener is told, incident by incident.

    `refused` are incidents of which it does not want to hear, with the reason; `withheld` those of which it
    would have heard, if not for a silence.
    """

    news: list[Transition] = field(default_factory=list)
    named: dict[str, Case] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    refused: dict[str, tuple[Case, list[Transition], str]] = field(default_factory=dict)
    withheld: dict[str, tuple[Case, list[Transition], Silence]] = field(default_factory=dict)


def live_day(
    today: Day,
    now: Mapping[str, Incident],
    listener: Listener,
    *,
    corrections: Collection[Correction] = (),
    notes: Collection[Revision] = (),
    revisions: Collection[Revision] = (),
    heard: Collection[Transition] = (),
    silences: Collection[Silence] = (),
    is_last: bool = True,
) -> tuple[Decision, ...]:
    """The decision about a day and, where silence was wanted, a second one to record what was withheld.

    `now` are the incidents as they stand after the last day that is known; what they show otherwise than
    people believe is told on the last day of a run (`is_last`).
    """
    day, memory = today.day, listener.memory
    share = shared(today, listener, heard, silences)
    hushed = {
        i
        for i, incident in now.items()
        if silencing(silences, incident, max(day, incident.resolved_on or day)) is not None
    }
    amended: list[tuple[Correction, str]] = []
    if is_last:
        told = {c.incident_id: c.reason for c in corrections}
        unspoken = {t.incident_id for t in share.news} | hushed
        amended = [
            each for each in amendments(today, now, memory, told) if each[0].incident_id not in unspoken
        ]
    noted = [
        r
        for r in (notes if is_last else ())
        if r.incident is None or memory.knows(r.incident) or r.incident in share.named
        if r.incident not in hushed
    ]
    record = withheld(today, share, memory)
    reasons = reasons_of(share)
    if amended:
        reasons.append(f"{counted(len(amended), 'earlier message')} corrected")
    kind = Kind.DAILY if share.named or not (amended or noted) else Kind.REVISED
    named = share.named | {
        c.incident_id: today.cases[c.incident_id] for c, _ in amended if c.incident_id in today.cases
    }
    later = {r.later for r in noted}
    if kind is Kind.REVISED:
        named |= {i: case for i, case in today.cases.items() if i in {r.incident for r in noted}}
        revised: tuple[Revision, ...] = tuple(noted)
        if noted:
            reasons.append(f"later labels change {counted(len(noted), 'verdict')} that people were told")
    else:
        revised = (*noted, *(r for r in revisions if r.later not in later))
    tellings = [
        each
        for incident, case in share.named.items()
        for each in told_of(case.incident, today.happened(incident))
    ]
    for correction, what in amended:
        tellings.append(f"{correction.incident_id} {what}")
        if what.startswith(STANDS):
            tellings += told_of(now[correction.incident_id], ())
    decision = Decision(
        act=Act.SEND if reasons else Act.NOTHING,
        kind=kind,
        days=DayRange(day, day),
        reason="; ".join(reasons) or why_nothing(today, share, revised),
        cases=gravest_first(named.values()),
        transitions=tuple(share.news),
        also_open=gravest_first(
            case
            for incident, case in today.cases.items()
            if case.incident.is_open and incident not in named and memory.believes_open(incident)
        ),
        revisions=revised,
        corrections=tuple(correction for correction, _ in amended),
        tellings=tuple(each for each in tellings if not memory.has(*split(each))) if reasons else (),
    )
    if not reasons and share.refused:
        decision = refusal(today, share)
    return (decision, record) if record is not None else (decision,)


def shared(
    today: Day, listener: Listener, heard: Collection[Transition], silences: Collection[Silence]
) -> Share:
    """What of a day a listener is told, what it does not want to hear, and what is withheld from it."""
    share = Share()
    for incident, case in today.cases.items():
        fresh = [each for t in today.happened(incident) if (each := left_of(t, heard)) is not None]
        news, found, refused = tell(case, fresh, today.day, listener)
        silence = silencing(silences, case.incident, today.day)
        if refused:
            share.refused[incident] = case, news, refused
        elif (news or found) and silence is not None:
            share.withheld[incident] = case, news, silence
        elif news or found:
            share.named[incident] = case
            share.news.extend(news)
            if found:
                share.found.add(incident)
    order = list(Change)
    share.news.sort(key=lambda t: (t.day, t.incident_class, order.index(t.change)))
    return share


def tell(
    case: Case, happened: Collection[Transition], day: date, listener: Listener
) -> tuple[list[Transition], bool, str]:
    """What a listener is told of one incident: what is new to it, and whether it was found in silence.

    The third part is why it does not want to hear, where it otherwise would.
    """
    incident, memory = case.incident, listener.memory
    fresh = [t for t in happened if not memory.heard(t) and t.change is not Change.ACKNOWLEDGED]
    todays = [t for t in fresh if t.day == day]
    if incident.state is IncidentState.PENDING or memory.newest(incident.id) > day:
        return [], False, ""
    if not incident.is_open:
        ends = [t for t in fresh if t.change is Change.RESOLVED][-1:]
        return (ends if memory.believes_open(incident.id) else []), False, ""
    if not memory.knows(incident.id):
        news = [t for t in todays if t.change is not Change.REMINDED]
        found = not any(t.change in _BEGINS for t in news)
        refused = listener.refusal(case, members_of(news))
        return (news, False, refused if news else "") if refused else (news, found, "")
    if not memory.believes_open(incident.id):
        back = [t for t in fresh if t.change is Change.REOPENED]
        return ([*back[-1:], *(t for t in todays if t not in back)] if back else []), False, ""
    news = [t for t in todays if t.change in (Change.JOINED, Change.REMINDED)]
    news += [t for t in fresh if t.change is Change.JOINED and t.day < day and was_withheld(t, memory)]
    if incident.severity.rank > memory.level(incident.id).rank:
        raised = [t for t in fresh if t.change is Change.ESCALATED][-1:]
        news += raised or [worse_than_told(case, day, memory)]
    wanted = [t for t in news if not refuses(listener, case, t)]
    return wanted, False, ""


def refuses(listener: Listener, case: Case, t: Transition) -> bool:
    """Whether a listener that follows an incident does not want to hear this of it."""
    if t.change is Change.JOINED:
        return bool(listener.refusal(case, t.members))
    return case.incident.severity.rank < listener.wants.min_severity.rank


def left_of(transition: Transition, heard: Collection[Transition]) -> Transition | None:
    """What is left to tell of a transition, of which earlier runs of the same day have told a part.

    Whatever joins an incident on the day that it opened is told as that; None where nothing is left.
    """
    before = [
        each
        for each in heard
        if (each.incident_id, each.day) == (transition.incident_id, transition.day) and each.change in _GROWS
    ]
    if transition.change not in _GROWS or not before:
        return transition
    known = {member for each in before for member in each.members}
    fresh = tuple(member for member in transition.members if member not in known)
    return replace(transition, change=Change.JOINED, members=fresh) if fresh else None


def worse_than_told(case: Case, day: date, memory: Memory) -> Transition:
    """That an incident is graver than was told, where days computed since show it so from the start."""
    incident = case.incident
    reason = f"it was told as {memory.level(incident.id)}; days computed since show it {incident.severity}"
    return Transition(
        day,
        Change.ESCALATED,
        incident.id,
        incident.incident_class,
        incident.severity,
        incident.breaching,
        reason,
    )


def amendments(
    today: Day, now: Mapping[str, Incident], memory: Memory, told: Mapping[str, str]
) -> Iterator[tuple[Correction, str]]:
    """What people believe of incidents and what is not so, with the word for having told them.

    `told` lends sentences for it.  What is told as an end or a return anyway is not for here.
    """
    for incident_id in sorted(each for each in memory.told if memory.knows(each)):
        incident, closed = now.get(incident_id), memory.closed(incident_id)
        if incident is not None and incident.state is IncidentState.PENDING:
            incident = None
        if memory.believes_open(incident_id):
            if incident is None:
                gone = f"the incident {incident_id[4:10]} is withdrawn: recomputed days no longer show it"
                yield Correction(incident_id, told.get(incident_id, gone)), WITHDRAWN
            elif incident.resolved_on is not None:
                end = end_told(incident).partition(" ")[2]
                ended = f"{the(incident)} ended on {calendar(incident.resolved_on)}"
                if not memory.has(incident_id, end):
                    yield Correction(incident_id, told.get(incident_id, ended)), end
        elif (
            incident is not None
            and incident.is_open
            and closed is not None
            and not returned(today, incident_id, memory)
        ):
            open_ = f"{the(incident)} was told as resolved, but recomputed days show it still open"
            yield Correction(incident_id, told.get(incident_id, open_)), f"{STANDS} {closed.isoformat()}"


def returned(today: Day, incident_id: str, memory: Memory) -> bool:
    """Whether it is told of an incident that it came back, by this run or that of a later day."""
    happened = today.past.get(incident_id, ())
    return any(t.change is Change.REOPENED and not memory.heard(t) for t in happened)


def withheld(today: Day, share: Share, memory: Memory) -> Decision | None:
    """The record of what silences withheld on a day; None where it was nothing that is not recorded yet."""
    marks = [
        (incident, mark)
        for incident, (_, news, silence) in share.withheld.items()
        for mark in (silence.id, *(t.name for t in news))
    ]
    new = [(i, mark) for i, mark in marks if not memory.has(i, f"{WITHHELD} {mark}")]
    if not new:
        return None
    fresh = [share.withheld[incident] for incident in dict.fromkeys(incident for incident, _ in new)]
    wanted = "; ".join(dict.fromkeys(said(silence) for _, _, silence in fresh))
    transitions = tuple(t for _, news, _ in fresh for t in news)
    told = [f"{counted(len(changed), 'incident')} {done}" for done, changed in by_change(transitions)]
    return Decision(
        act=Act.SUPPRESS,
        kind=Kind.SILENCED,
        days=DayRange(today.day, today.day),
        reason=f"{wanted} ({'; '.join(told) or counted(len(fresh), 'incident') + ' still open'})",
        cases=gravest_first(case for case, _, _ in fresh),
        transitions=transitions,
        tellings=tuple(f"{incident} {WITHHELD} {mark}" for incident, mark in new),
    )


def was_withheld(transition: Transition, memory: Memory) -> bool:
    """Whether a silence kept a transition back."""
    return memory.has(transition.incident_id, f"{WITHHELD} {transition.name}")


def refusal(today: Day, share: Share) -> Decision:
    """The record that a listener did not want to hear of anything that happened."""
    happened = tuple(t for _, news, _ in share.refused.values() for t in news)
    told = "; ".join(f"{counted(len(changed), 'incident')} {done}" for done, changed in by_change(happened))
    why = "; ".join(dict.fromkeys(reason for _, _, reason in share.refused.values()))
    return Decision(
        act=Act.SUPPRESS,
        kind=Kind.DAILY,
        days=DayRange(today.day, today.day),
        reason=f"{why} ({told})",
        cases=gravest_first(case for case, _, _ in share.refused.values()),
        transitions=happened,
    )


def reasons_of(share: Share) -> list[str]:
    """Why a message is sent, a clause for each thing that happened."""
    reasons = [f"{counted(len(changed), 'incident')} {done}" for done, changed in by_change(share.news)]
    if share.found:
        found = counted(len(share.found), "incident")
        reasons.append(f"{found} found in silence, still open and told for the first time")
    return reasons


def why_nothing(today: Day, share: Share, revisions: Collection[Revision]) -> str:
    """Why there is nothing to tell."""
    if share.withheld:
        return "what happened is withheld, as somebody wanted"
    happened = [t for past in today.past.values() for t in past if t.day == today.day]
    ends = {t.incident_id for t in happened}
    if happened and all(t.change is Change.RESOLVED for t in happened):
        return f"{counted(len(ends), 'incident')} resolved of which nobody had been told"
    if happened:
        return "what happened on this day was told already"
    if revisions:
        revised = counted(len(revisions), "verdict")
        return f"nothing happened to an incident; {revised} revised, which alone sends no message"
    return "nothing happened to an incident"


def by_change(transitions: Iterable[Transition]) -> Iterable[tuple[str, set[str]]]:
    """What happened, in words, and to which incidents."""
    order = list(Change)
    found: dict[str, set[str]] = {}
    for t in sorted(transitions, key=lambda t: (order.index(t.change), -t.severity.rank)):
        found.setdefault(_DONE[t.change].format(grown(t.severity)), set()).add(t.incident_id)
    return found.items()


def members_of(transitions: Iterable[Transition]) -> tuple[Member, ...]:
    """What made these transitions."""
    return tuple(member for t in transitions for member in t.members)


def the(incident: Incident) -> str:
    """An incident, as a sentence names it."""
    return f"the {class_words(incident.incident_class)} incident of {calendar(incident.opened_on)}"
