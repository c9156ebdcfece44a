"""What a replay leaves behind: cases, transitions, and the history that holds both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from datetime import date
from enum import StrEnum

from hindsight.domain.records import Detection, Incident, Member
from hindsight.domain.values import IncidentClass, Resolution, Severity

EXPLAINING = (IncidentClass.LABEL_HEALTH, IncidentClass.PIPELINE)
"""The classes of which an open incident explains new performance warnings."""


class Change(StrEnum):
    """What can happen to an incident on a run day, in the order in which it happens."""

    ACKNOWLEDGED = "acknowledged"
    OPENED = "opened"
    REOPENED = "reopened"
    JOINED = "joined"
    ESCALATED = "escalated"
    REMINDED = "reminded"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one incident on one run day; `members` are those that made it, `reason` says how.

    `because` is why it is graver than any of its breaches, as a clause.  Where a person made it, `by` is who,
    and `until` the last run day for which that holds, if they said so.  `resolution` is why an incident is
    over.  `hourly` is true of a day that is judged more than once, and `repeat` says how many just like it
    came before it on such a day, where people act in between.
    """

    day: date
    change: Change
    incident_id: str
    incident_class: IncidentClass
    severity: Severity
    members: tuple[Member, ...]
    reason: str
    because: str = ""
    by: str | None = None
    until: date | None = None
    resolution: Resolution | None = None
    hourly: bool = False
    repeat: int = 0

    @property
    def name(self) -> str:
        """What tells it from all others of its incident, whatever is computed for later days.

        Of a day that is judged hour by hour several of a kind may be told, and several people may take an
        incident on; there it names its content, too.

        >>> from dataclasses import replace
        >>> who = Member("recall threshold", "v1", "ALL")
        >>> day, kind = date(2013, 4, 12), IncidentClass.PERFORMANCE
        >>> opened = Transition(day, Change.OPENED, "inc_1", kind, Severity.WARNING, (who,), "why")
        >>> opened.name, replace(opened, hourly=True).name
        ('opened 2013-04-12', 'opened 2013-04-12 d6483d5a')
        """
        again = f" #{self.repeat + 1}" if self.repeat else ""
        named = f"{self.change} {self.day.isoformat()}"
        if self.change is Change.ACKNOWLEDGED:
            content: list[object] = [self.by, self.until and self.until.isoformat()]
        elif self.hourly and self.change not in (Change.RESOLVED, Change.REMINDED):
            content = [self.severity, *map(astuple, self.members)]
        else:
            return f"{named}{again}"
        digest = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
        return f"{named} {digest[:8]}{again}"


@dataclass(frozen=True, slots=True)
class Case:
    """An incident and what speaks for it: each member's latest breach, worst first.

    While it is open these are the members that still breach, afterwards all there were.  `because`
    says of one that is pending why it is no incident yet.
    """

    incident: Incident
    evidence: tuple[Detection, ...]
    because: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """All that happened to a monitor's incidents, in order, so that any past day can be asked for.

    `pending` holds, by class, the case of what breaches and is no incident yet, from a run day on; None from
    the day on which it is no more.  `rests` are the run days on which a class began with nothing in memory.
    """

    states: tuple[tuple[date, Case], ...] = ()
    transitions: tuple[Transition, ...] = ()
    pending: tuple[tuple[date, IncidentClass, Case | None], ...] = ()
    rests: tuple[tuple[date, IncidentClass], ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        return self.as_of(date.max)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(case.incident for case in self.cases)

    def as_of(self, day: date) -> tuple[Case, ...]:
        """The cases as they stood at the end of this run day, what was pending included, oldest first."""
        latest = {case.incident.id: case for when, case in self.states if when <= day}
        waiting = {kind: case for when, kind, case in self.pending if when <= day}
        found = [*latest.values(), *(case for case in waiting.values() if case is not None)]
        return tuple(sorted(found, key=lambda c: (c.incident.opened_on, c.incident.incident_class)))

    def on(self, day: date) -> tuple[Transition, ...]:
        """What happened on this run day."""
        return tuple(transition for transition in self.transitions if transition.day == day)

    def needed(self, day: date) -> dict[IncidentClass, date]:
        """From which run day on each class must be known for all from this day on to stay as it is.

        A class that rests on a day remembers nothing of what was judged before; performance also rests on the
        classes that may explain it.
        """
        found = {kind: self._rested(kind, day) for kind in IncidentClass}
        explained = found[IncidentClass.PERFORMANCE]
        return found | {kind: self._rested(kind, min(found[kind], explained)) for kind in EXPLAINING}

    def _rested(self, incident_class: IncidentClass, day: date) -> date:
        """The last run day, up to this one, on which a class began with nothing in memory; else this one."""
        days = (when for when, kind in self.rests if kind is incident_class and when <= day)
        return max(days, default=day)


def class_words(incident_class: IncidentClass) -> str:
    """The class as it is written in a sentence.

    >>> class_words(IncidentClass.LABEL_HEALTH)
    'label health'
    """
    return incident_class.value.replace("_", " ")
