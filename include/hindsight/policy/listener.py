"""A listener: what one channel wants to hear, and what it has heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Protocol

from hindsight.domain.records import Incident, Member, Telling
from hindsight.domain.values import Hours, IncidentClass, Severity, When
from hindsight.incidents import Case, Change, History, Transition, class_words
from hindsight.incidents.judgements import member_of
from hindsight.policy.decision import Decision
from hindsight.wording import name, shorten

AS: Final = "as"
"""Told of an incident: how it stands (how bad it is while it is open), by the message of which run day, and
the how manieth such word it is: whatever days are computed in whatever order, the last one holds.
"""

RESOLVED: Final = str(Change.RESOLVED)
"""How an incident stands that was told as ended."""

WITHDRAWN: Final = "withdrawn"
"""How an incident stands of which it was told that there was none."""

WITHHELD: Final = "withheld"
"""Not told of an incident, for somebody wanted silence."""


_OVER: Final = (RESOLVED, WITHDRAWN)


class Notifier(Protocol):
    """What a decision asks of a notifier: which messages it wants."""

    @property
    def min_severity(self) -> Severity: ...
    @property
    def classes(self) -> tuple[IncidentClass, ...]: ...
    @property
    def segments(self) -> tuple[str, ...]: ...
    @property
    def owners(self) -> tuple[str, ...]: ...
    @property
    def quiet(self) -> Hours | None: ...
    @property
    def when(self) -> When: ...
    @property
    def follows(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Everything:
    """The wants of somebody who wants all that a notifier passes on by default."""

    min_severity: Severity = Severity.WARNING
    classes: tuple[IncidentClass, ...] = ()
    segments: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    quiet: Hours | None = None
    when: When = When.EACH
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """What a channel was told of each incident: names of transitions, and a few words of our own.

    It is compared with how things stand, so that who was told of a beginning hears of the end, whatever
    happened in between: days computed in silence, in any order, or while somebody wanted silence.

    >>> heard = Memory.of(["inc_1 opened 2013-04-12", "inc_1 as warning 2013-04-12 1"])
    >>> heard.knows("inc_1"), heard.believes_open("inc_1"), heard.level("inc_1").value
    (True, True, 'warning')
    >>> heard.and_told(["inc_1 resolved 2013-04-14", "inc_1 as resolved 2013-04-14 2"]).stands("inc_1")
    'resolved'
    """

    told: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, tellings: Iterable[str]) -> Memory:
        """The memory of what was told, each as `incident transition`."""
        return cls().and_told(tellings)

    def and_told(self, tellings: Iterable[str]) -> Memory:
        """The same, and this was told besides."""
        found: dict[str, set[str]] = defaultdict(set)
        for each in tellings:
            incident, what = split(each)
            found[incident].add(what)
        return Memory({**self.told, **{i: self.told.get(i, frozenset()) | new for i, new in found.items()}})

    def has(self, incident: str, what: str) -> bool:
        """Whether just this was told of an incident."""
        return what in self.told.get(incident, ())

    def heard(self, transition: Transition) -> bool:
        """Whether it was told of a transition."""
        return self.has(transition.incident_id, transition.name)

    def knows(self, incident: str) -> bool:
        """Whether it was told of an incident at all."""
        return any(not each.startswith(WITHHELD) for each in self.told.get(incident, ()))

    def level(self, incident: str) -> Severity:
        """How bad an incident is at the worst that was told since it opened or came back; OK where it is
        not told as open.
        """
        worst = Severity.OK
        for _, _, stands in reversed(self._standing(incident)):
            if stands in _OVER:
                break
            worst = max(worst, Severity(stands), key=lambda severity: severity.rank)
        return worst

    def newest(self, incident: str) -> date:
        """The last run day of which a message told how an incident stands; what people do is of no day."""
        return max((day for _, day, _ in self._standing(incident)), default=date.min)

    def stands(self, incident: str) -> str:
        """How an incident stands for whoever was told: its severity, resolved or withdrawn; empty where
        nothing was told.
        """
        return next((stands for _, _, stands in reversed(self._standing(incident))), "")

    def believes_open(self, incident: str) -> bool:
        """Whether whoever was told takes an incident to be open."""
        return self.stands(incident) not in ("", *_OVER)

    def said(self, incident: str, stands: str, day: date) -> str:
        """What is remembered of an incident that is told, by the message of a run day, to stand so."""
        number = max((number for number, _, _ in self._standing(incident)), default=0) + 1
        return f"{incident} {AS} {stands} {day} {number}"

    def _standing(self, incident: str) -> list[tuple[int, date, str]]:
        """How an incident stood, each time it was told: the last one last."""
        words = (each.split() for each in self.told.get(incident, ()) if each.startswith(f"{AS} "))
        return sorted((int(number), date.fromisoformat(day), stands) for _, stands, day, number in words)


@dataclass(frozen=True, slots=True)
class Listener:
    """One channel: what it wants, what it was told, and whose monitor it hears of.

    With `lived` it has no memory of its own: it was told whatever happened before the day that is decided, of
    the incidents that are marked as told.
    """

    wants: Notifier = field(default_factory=Everything)
    memory: Memory = field(default_factory=Memory)
    owner: str = ""
    lived: bool = False

    def refusal(self, case: Case, joined: Collection[Member] = (), severity: Severity | None = None) -> str:
        """Why it does not want to hear of an incident; empty if it does.

        Of the segments at least one must hold the worst breach, or one of these members.
        """
        incident, wants = case.incident, self.wants
        bad = severity or incident.severity
        if bad.rank < wants.min_severity.rank:
            return f"{bad} is below the notifier's min_severity {wants.min_severity}"
        if wants.classes and incident.incident_class not in wants.classes:
            return f"the notifier does not want incidents of {class_words(incident.incident_class)}"
        if wants.owners and self.owner not in wants.owners:
            return f"the notifier does not want monitors of {name(self.owner)}"
        if wants.segments:
            worst = [member_of(each) for each in case.evidence[:1]]
            if not any(lies_in(each.segment, wants.segments) for each in (*worst, *joined)):
                return f"no breach lies in the notifier's segments {shorten(', '.join(wants.segments), 200)}"
        return ""


EVERYBODY: Final = Listener(lived=True)
"""Who stands for all channels together, where nobody keeps what each was told."""


def lies_in(segment: str, wanted: Collection[str]) -> bool:
    """Whether a segment is one of those wanted, by its value or by its column.

    >>> lies_in("origin=EWR", ["origin"]), lies_in("origin=EWR", ["origin=JFK"]), lies_in("ALL", ["ALL"])
    (True, False, True)
    """
    return segment in wanted or ("=" in segment and segment.partition("=")[0] in wanted)


def split(telling: str) -> tuple[str, str]:
    """The incident that something was told of, and what.

    >>> split("inc_1 opened 2013-04-12")
    ('inc_1', 'opened 2013-04-12')
    """
    incident, _, what = telling.partition(" ")
    return incident, what


def told_of(
    incident: Incident, transitions: Iterable[Transition], day: date, memory: Memory
) -> tuple[str, ...]:
    """What who was told on a day of an incident as it stands, and of how it came there, remembers of it."""
    stands = str(incident.severity) if incident.is_open else RESOLVED
    return (*(f"{incident.id} {t.name}" for t in transitions), memory.said(incident.id, stands, day))


def told(incidents: Iterable[Incident], decision: Decision) -> tuple[Incident, ...]:
    """The incidents, marked as told where a decision that was passed on names them."""
    return tuple(
        replace(incident, told_on=decision.day)
        if incident.told_on is None and incident.id in decision.incidents
        else incident
        for incident in incidents
    )


def lived_through(history: History, day: date) -> Memory:
    """What one was told who heard of every day before this one, of the incidents that are marked as told.

    What was told on a later day is known as well: it is not told again by the run of an earlier one.
    """
    tellings: list[str] = []
    for incident in history.incidents:
        if incident.told_on is None or incident.told_on == day:
            continue
        until = incident.told_on if incident.told_on > day else None
        happened = [
            t
            for t in history.transitions
            if t.incident_id == incident.id and (t.day <= until if until else t.day < day)
        ]
        begun = [n for n, t in enumerate(happened) if t.change in (Change.OPENED, Change.REOPENED)]
        since = happened[begun[-1] :] if begun else happened
        worst = max((t.severity for t in since), key=lambda each: each.rank, default=incident.severity)
        stands = RESOLVED if any(t.change is Change.RESOLVED for t in since) else worst
        tellings += [f"{incident.id} {t.name}" for t in happened]
        tellings.append(f"{incident.id} {AS} {stands} {incident.told_on} 1")
    return Memory.of(tellings)


def memories(tellings: Iterable[Telling]) -> dict[str, Memory]:
    """What each channel was told, by its key."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in tellings:
        found[each.notifier].append(f"{each.incident} {each.transition}")
    return {notifier: Memory.of(told) for notifier, told in found.items()}
