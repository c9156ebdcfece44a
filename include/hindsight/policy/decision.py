"""A decision: what a run tells about some days, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hindsight.domain.values import Severity
from hindsight.incidents import Case, Correction, Revision, Transition
from hindsight.windows import DayRange


class Act(StrEnum):
    """What to do: send, record that it was not sent on purpose, or nothing, for there is nothing to tell."""

    SEND = "send"
    SUPPRESS = "suppress"
    NOTHING = "nothing"


class Kind(StrEnum):
    """What kind of message: one of the day, a quiet note on an earlier one, or one of many days."""

    DAILY = "daily"
    REVISED = "revised"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run tells about some days, and why.

    `cases` are the incidents it names, as they stood at the end of the last day, gravest first;
    `also_open` are those people know already.  Revisions and corrections are quiet notes.
    """

    act: Act
    kind: Kind
    days: DayRange
    reason: str
    cases: tuple[Case, ...] = ()
    transitions: tuple[Transition, ...] = ()
    also_open: tuple[Case, ...] = ()
    revisions: tuple[Revision, ...] = ()
    corrections: tuple[Correction, ...] = ()

    @property
    def day(self) -> date:
        """The day under which the message is filed."""
        return self.days.end

    @property
    def incidents(self) -> tuple[str, ...]:
        return tuple(case.incident.id for case in self.cases)

    @property
    def severity(self) -> Severity:
        """That of the gravest incident it names; a message that names none is a warning at most."""
        return max(
            (case.incident.severity for case in self.cases),
            key=lambda severity: severity.rank,
            default=Severity.WARNING,
        )
