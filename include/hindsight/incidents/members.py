"""The members of one class that no incident holds: who waits to be confirmed, who was settled by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Detection, Member
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import Resolution, Severity, Verdict
from hindsight.incidents.judgements import RunDay, is_well
from hindsight.windows import run_day
from hindsight.wording import last_day, name

LOOK_BACK = 3
"""Judgements among which a warning must breach `confirm` times."""

GONE_AFTER = 7
"""Run days without a judgement after which a member is no longer there."""

A_DAY = timedelta(days=1)
SETTLED_FOR = timedelta(days=28)
"""How long what was resolved by hand may go on breaching, if nobody said: silence expires."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What breaches and opens nothing yet: its first and last run day, since when, and the latest breach."""

    first: date
    last: date
    since: date
    latest: Detection


@dataclass(slots=True)
class Settled:
    """What a person resolved while it breached: it may go on so until one of these no longer holds."""

    by: Action
    gravest: Severity
    until: date
    clear: int

    def holds(self, day: date, breach: Detection, zone: ZoneInfo) -> bool:
        """Whether a breach is nothing but the one that was resolved, going on."""
        begins = breach.window_start
        if self.by.follows is not None and run_day(self.by.follows, zone) == self.by.day:
            is_later = begins >= self.by.follows
        else:
            is_later = begins.astimezone(zone).date() >= self.by.day
        is_news = self.by.resolution is Resolution.FIXED and is_later
        return day <= self.until and breach.severity.rank <= self.gravest.rank and not is_news


@dataclass
class Members:
    """Who of a class breaches, or did, and counts for something: told apart member by member.

    `recent` says of the last judgements of each whether they were breaches, `last` at which run day (by its
    number) it was judged last and how long it may go unjudged.
    """

    rule: IncidentRule
    zone: ZoneInfo
    number: int = 0
    recent: dict[Member, deque[bool]] = field(default_factory=dict)
    last: dict[Member, int] = field(default_factory=dict)
    patience: dict[Member, int] = field(default_factory=dict)
    waiting: dict[Member, Waiting] = field(default_factory=dict)
    settled: dict[Member, Settled] = field(default_factory=dict)

    @property
    def at_rest(self) -> bool:
        """Whether nothing of what was judged so far matters to what is judged next."""
        is_unsure = self.rule.confirm > 1 and any(map(any, self.recent.values()))
        return not (self.waiting or self.settled or is_unsure)

    def settle(
        self, action: Action, clear_in_a_row: Mapping[Member, int], gravest: Mapping[Member, Severity]
    ) -> None:
        """Let those that breach go on as they do, each as bad as it was, for a person has resolved it."""
        until = action.until or last_of(action.day, SETTLED_FOR)
        for who, clear in clear_in_a_row.items():
            self.settled[who] = Settled(action, gravest[who], until, clear)
            self.waiting.pop(who, None)
            self.recent.pop(who, None)

    def note(self, run: RunDay, present: Iterable[Member], judged: Mapping[Member, Detection]) -> None:
        """Take the judgements of a run day; those that are breaches and not settled wait until they count."""
        self.number += run.whole
        self.last |= dict.fromkeys(present, self.number)
        for who, detection in judged.items():
            if detection.window.calendar:  # judged only when a week or a month is over
                self.patience[who] = GONE_AFTER + detection.window.count
            if detection.verdict is Verdict.INSUFFICIENT:
                continue
            breaches = detection.verdict is Verdict.BREACH
            if who in self.settled and not self._is_over(run.day, who, detection):
                continue
            if (breaches or who in self.recent) and not (who in run.before and who in self.recent):
                self.recent.setdefault(who, deque(maxlen=LOOK_BACK)).append(breaches)
            if not breaches:
                self.waiting.pop(who, None)
                continue
            before = self.waiting.get(who)
            since = before.since if before else last_day(detection, self.zone)
            self.waiting[who] = Waiting(before.first if before else run.day, run.day, since, detection)
        for who in [who for who in self.waiting if self.is_gone(who)]:
            del self.waiting[who], self.recent[who]
        for who in [w for w, each in self.settled.items() if run.day > each.until or self.is_gone(w)]:
            del self.settled[who]

    def is_confirmed(self, who: Member) -> bool:
        """Whether it breaches often enough to count, or so badly that it counts at once."""
        critical = self.waiting[who].latest.severity is Severity.CRITICAL
        return critical or sum(self.recent[who]) >= self.rule.confirm

    def is_gone(self, who: Member) -> bool:
        """Whether nothing has judged it for so many run days that nothing will."""
        return self.number - self.last.get(who, 0) >= self.patience.get(who, GONE_AFTER)

    def why_gone(self, who: Member) -> str:
        """What of a member is no longer there: its version, its segment, or only its rule's word on it."""
        there = [each for each in self.last if not self.is_gone(each)]
        if all(each.version != who.version for each in there):
            return f"{name(who.version)} is no longer in the log"
        if all((each.version, each.segment) != (who.version, who.segment) for each in there):
            return f"{name(who.segment)} of {name(who.version)} is no longer in the log"
        return f"{name(who.detector)} no longer judges {name(who.segment)} of {name(who.version)}"

    def _is_over(self, day: date, who: Member, detection: Detection) -> bool:
        """Whether a settled member counts again from this judgement on: it has recovered, or is news."""
        settled = self.settled[who]
        if detection.verdict is Verdict.BREACH:
            if settled.holds(day, detection, self.zone):
                settled.clear = 0
                return False
        elif is_well(detection):
            settled.clear += 1
            if settled.clear < self.rule.recovery:
                return False
        else:
            return False
        del self.settled[who]
        return True


def last_of(first: date, length: timedelta) -> date:
    """The last of so many run days.

    >>> str(last_of(date(2013, 4, 1), timedelta(days=7)))
    '2013-04-07'
    """
    return first + max(-(-length // A_DAY), 1) * A_DAY - A_DAY


def because_gone(why: Iterable[str]) -> str:
    """Why members that breached are no longer there, as a clause; empty if none has gone."""
    reasons = sorted(set(why))
    if not reasons:
        return ""
    more = f", and {len(reasons) - 1} more of its members are not" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}"
