"""Where an incident stands, how long its recovery takes, and how often people are reminded of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import IncidentState, Severity

A_DAY = timedelta(days=1)
LONGEST_PAUSE = 7
"""Days after which an open incident that nobody has acknowledged is brought up again, at the latest."""

CALMEST = 4
"""How many times as long as the first time recovery may have to last."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who has taken an incident on, how bad it was then, and the last run day for which that holds."""

    by: str
    until: date
    severity: Severity = Severity.CRITICAL


@dataclass(slots=True)
class Pace:
    """How often an incident is brought up: after a pause since the last news of it that doubles each time.

    >>> pace = Pace(date(2013, 4, 1))
    >>> days = [date(2013, 4, day) for day in range(2, 30)]
    >>> [day.day for day in days if pace.is_due(day, Severity.CRITICAL, IncidentRule())]
    [2, 4, 8, 15, 22, 29]
    """

    last: date
    reminders: int = 0

    def is_due(self, day: date, severity: Severity, rule: IncidentRule) -> bool:
        """Whether the pause is over; then the next one begins."""
        first = pause(severity, rule)
        longest = max(first, LONGEST_PAUSE)
        if (day - self.last).days < min(first << min(self.reminders, 8), longest):
            return False
        self.last, self.reminders = day, self.reminders + 1
        return True

    def news(self, day: date, *, anew: bool) -> None:
        """Something happened on this day: the pause begins again, `anew` with the first if it is grave."""
        self.last, self.reminders = day, 0 if anew else self.reminders


def pause(severity: Severity, rule: IncidentRule) -> int:
    """Days after which an incident of this severity is brought up for the first time."""
    wanted = rule.remind_critical if severity is Severity.CRITICAL else rule.remind
    return max(-(-wanted // A_DAY), 1)


def clear_to_end(rule: IncidentRule, again: int) -> int:
    """Clear judgements in a row after which a member has recovered: more, the more often it was bad again.

    >>> [clear_to_end(IncidentRule(), again) for again in range(6)]
    [2, 4, 6, 8, 8, 8]
    """
    return rule.recovery * min(1 + again, CALMEST)


def state_of(*, resolved: bool, acknowledged: bool, recovering: bool, reopened: bool) -> IncidentState:
    """Where an incident stands that was opened: what a person said of an open one comes first."""
    if resolved:
        return IncidentState.RESOLVED
    if acknowledged:
        return IncidentState.ACKNOWLEDGED
    if recovering:
        return IncidentState.RECOVERING
    return IncidentState.REOPENED if reopened else IncidentState.OPEN
