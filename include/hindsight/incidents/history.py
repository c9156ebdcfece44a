"""What a replay leaves behind: cases, transitions, and the history that holds both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hindsight.domain.records import Detection, Incident, Member
from hindsight.domain.values import IncidentClass, Severity


class Change(StrEnum):
    """What can happen to an incident on a run day."""

    OPENED = "opened"
    JOINED = "joined"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one incident on one run day; `members` are those that made it, `reason` says how.

    `because` is why it is graver than any of its breaches, as a clause.
    """

    day: date
    change: Change
    incident_id: str
    incident_class: IncidentClass
    severity: Severity
    members: tuple[Member, ...]
    reason: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An incident and what speaks for it: each member's latest breach, worst first.

    While it is open these are the members that still breach, afterwards all there were.
    """

    incident: Incident
    evidence: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class History:
    """All that happened to a monitor's incidents, in order, so that any past day can be asked for."""

    states: tuple[tuple[date, Case], ...] = ()
    transitions: tuple[Transition, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        return self.as_of(date.max)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(case.incident for case in self.cases)

    def as_of(self, day: date) -> tuple[Case, ...]:
        """The cases as they stood at the end of this run day, oldest first."""
        latest = {case.incident.id: case for when, case in self.states if when <= day}
        return tuple(sorted(latest.values(), key=lambda c: (c.incident.opened_on, c.incident.incident_class)))

    def on(self, day: date) -> tuple[Transition, ...]:
        """What happened on this run day."""
        return tuple(transition for transition in self.transitions if transition.day == day)


def class_words(incident_class: IncidentClass) -> str:
    """The class as it is written in a sentence.

    >>> class_words(IncidentClass.LABEL_HEALTH)
    'label health'
    """
    return incident_class.value.replace("_", " ")
