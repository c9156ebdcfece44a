"""What of one day one listener is told, incident by incident, and what it does not hear of and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from hindsight.domain.records import Silence
from hindsight.domain.values import IncidentState
from hindsight.incidents import Case, Change, History, Transition
from hindsight.policy.listener import RESOLVED, WITHDRAWN, Listener, Memory, lies_in
from hindsight.policy.silence import silencing

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

    `found` are those it is told of as they stand, `again` those of them that were withdrawn before;
    `refused` are incidents of which it does not want to hear, with the reason; `withheld` those of which it
    would have heard, if not for a silence.
    """

    news: list[Transition] = field(default_factory=list)
    named: dict[str, Case] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    refused: dict[str, tuple[Case, list[Transition], str]] = field(default_factory=dict)
    withheld: dict[str, tuple[Case, list[Transition], Silence]] = field(default_factory=dict)


def shared(
    today: Day,
    listener: Listener,
    heard: Collection[Transition],
    silences: Collection[Silence],
    came_back: Collection[str] = (),
) -> Share:
    """What of a day a listener is told, what it does not want to hear, and what is withheld from it.

    The end of what `came_back` on a later day, computed before, is no news any more.
    """
    share = Share()
    for incident, case in today.cases.items():
        if incident in came_back:
            continue
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
            if listener.memory.stands(incident) == WITHDRAWN:
                share.again.add(incident)
    order = list(Change)
    share.news.sort(key=lambda t: (t.day, t.incident_class, order.index(t.change)))
    return share


def tell(
    case: Case, happened: Collection[Transition], day: date, listener: Listener
) -> tuple[list[Transition], bool, str]:
    """What a listener is told of one incident: what is new to it, and whether it is told of as it stands.

    The third part is why it does not want to hear, where it otherwise would.
    """
    incident, memory = case.incident, listener.memory
    fresh = [t for t in happened if not memory.heard(t) and t.change is not Change.ACKNOWLEDGED]
    if incident.state is IncidentState.PENDING or memory.newest(incident.id) > day:
        return [], False, ""
    if not incident.is_open:
        ends = [t for t in fresh if t.change is Change.RESOLVED][-1:]
        return (ends if memory.believes_open(incident.id) else []), False, ""
    if memory.believes_open(incident.id):
        return (
            [t for t in news_of(case, fresh, day, memory) if not refuses(listener, case, t, day)],
            False,
            "",
        )
    todays = [t for t in fresh if t.day == day and t.change is not Change.REMINDED]
    refused = listener.refusal(case, incident.breaching)
    if refused:
        return todays, False, refused if todays else ""
    if memory.stands(incident.id) == RESOLVED:
        back = [t for t in fresh if t.change is Change.REOPENED]
        return ([*back[-1:], *(t for t in todays if t not in back)] if back else []), False, ""
    return todays, not any(t.change in _BEGINS for t in todays), ""


def news_of(case: Case, fresh: Collection[Transition], day: date, memory: Memory) -> Iterator[Transition]:
    """What is news of an incident that is known to be open.

    Who joined and still breaches is also told later: days computed in silence or anew, and silences, keep it
    back.  That it became graver is told if it is graver than was told, or became so once more since.
    """
    incident = case.incident
    breaching = frozenset(incident.breaching)
    for t in fresh:
        late = t.change is Change.JOINED and not breaching.isdisjoint(t.members)
        if late or (t.day == day and t.change in (Change.JOINED, Change.REMINDED)):
            yield t
    raised = [t for t in fresh if t.change is Change.ESCALATED]
    if incident.severity.rank > memory.level(incident.id).rank:
        yield raised[-1] if raised else worse_than_told(case, day, memory)
    elif raised and raised[-1].day > memory.newest(incident.id) and raised[-1].severity is incident.severity:
        yield raised[-1]


def refuses(listener: Listener, case: Case, t: Transition, day: date) -> bool:
    """Whether a listener that follows an incident does not want to hear this of it.

    What joined on an earlier day must lie in its segments itself.
    """
    if t.change is not Change.JOINED:
        return case.incident.severity.rank < listener.wants.min_severity.rank
    wanted = listener.wants.segments
    if t.day < day and wanted and not any(lies_in(member.segment, wanted) for member in t.members):
        return True
    return bool(listener.refusal(case, t.members))


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
