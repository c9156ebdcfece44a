"""A decision: what a run tells one listener about some days, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from hindsight.domain.values import Severity
from hindsight.incidents import Case, Change, Correction, Revision, Transition
from hindsight.windows import DayRange


class Act(StrEnum):
    """What to do: send, record that it was not sent on purpose, or nothing, for there is nothing to tell."""

    SEND = "send"
    SUPPRESS = "suppress"
    NOTHING = "nothing"


class Kind(StrEnum):
    """What kind of message.

    DAILY tells what happened on a day, REVISED is a quiet note on what was told earlier, which asks nobody to
    get up.  SUMMARY is the one message of a backfill that was asked for.  DAY and WEEK are what those get
    who want a summary a day or a week.  ACT says what somebody did to an incident, SILENCED what was withheld
    because somebody wanted silence.
    """

    DAILY = "daily"
    REVISED = "revised"
    SUMMARY = "summary"
    DAY = "summary-daily"
    WEEK = "weekly"
    ACT = "act"
    SILENCED = "silenced"


SUMMARIES: Final = frozenset({Kind.SUMMARY, Kind.DAY, Kind.WEEK})
"""The kinds that speak of a stretch of days as it stands at its end, and so have no today."""

LOUD: Final = frozenset({Change.REOPENED, Change.ESCALATED})
"""Changes that must be seen outside of a thread, too."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run tells one listener about some days, and why.

    `cases` are the incidents it names, as they stood at the end of the last day, gravest first;
    `also_open` are those the listener knows already.  Revisions and corrections are quiet notes.
    `tellings` is what the listener has been told by it, each as `incident transition`: it does not show in
    the message, so decisions that differ in nothing else are one.
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
    tellings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def day(self) -> date:
        """The day under which the message is filed."""
        return self.days.end

    @property
    def incidents(self) -> tuple[str, ...]:
        return tuple(case.incident.id for case in self.cases)

    @property
    def loud(self) -> bool:
        """Whether it must be seen outside of a thread, too."""
        return any(transition.change in LOUD for transition in self.transitions)

    @property
    def severity(self) -> Severity:
        """That of the gravest open incident of which it has news.

        An end, a note, a summary and what somebody did are a warning at most: they wake nobody.
        """
        if self.kind in SUMMARIES or self.kind in (Kind.REVISED, Kind.ACT):
            return Severity.WARNING
        news = {t.incident_id for t in self.transitions if t.change is not Change.ACKNOWLEDGED}
        quiet = {t.incident_id for t in self.transitions} - news
        return max(
            (
                case.incident.severity
                for case in self.cases
                if case.incident.is_open and case.incident.id not in quiet
            ),
            key=lambda severity: severity.rank,
            default=Severity.WARNING,
        )


def gravest_first(cases: Iterable[Case]) -> tuple[Case, ...]:
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


def grown(severity: Severity) -> str:
    """What something has become that is graver than it was."""
    return "critical" if severity is Severity.CRITICAL else f"a {severity}"
