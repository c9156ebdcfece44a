"""The incidents of one class, one after the other, while the days are replayed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Detection, Incident, Member
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import ActionKind, IncidentClass, IncidentState, Severity
from hindsight.incidents.course import Course
from hindsight.incidents.history import Case
from hindsight.incidents.judgements import RunDay, worst, worst_first
from hindsight.incidents.members import Members, last_of
from hindsight.incidents.reasons import explained as held_back
from hindsight.incidents.reasons import unconfirmed
from hindsight.incidents.states import Acknowledgement
from hindsight.wording import headline


@dataclass
class Line:
    """One class of a monitor: at most one incident is open at a time, and what is not one yet is pending.

    `pending` holds the case of what waits, by the run day from which it looks so; None when it is no more.
    `rests` are the run days at whose beginning nothing that was judged before matters any more.
    """

    incident_class: IncidentClass
    zone: ZoneInfo
    rule: IncidentRule
    members: Members
    courses: list[Course] = field(default_factory=list)
    pending: list[tuple[date, IncidentClass, Case | None]] = field(default_factory=list)
    rests: list[date] = field(default_factory=list)

    @property
    def open(self) -> Course | None:
        """The incident that is open, if one is."""
        return self.courses[-1] if self.courses and self.courses[-1].is_open else None

    def act(self, action: Action) -> None:
        """Do what a person did, to the incident that is open when the day begins; if none is, nothing."""
        course = self.open
        if course is None:
            return
        if action.kind is ActionKind.RESOLVE:
            self.members.settle(action, course.clear_in_a_row, course.gravest)
            course.end_by_hand(action)
            return
        until = action.until or last_of(action.day, self.rule.acknowledge)
        if until >= action.day:
            taken = Acknowledgement(action.author, until, course.severity)
            course.acknowledge(action.day, taken, action.reason)

    def judge(self, run: RunDay, *, explained: Course | None = None) -> None:
        """Take a run day, or a part of one.  `explained` is what explains all that is not critical."""
        if run.is_first and self._is_at_rest(run.day):
            self.rests.append(run.day)
        judged = run.judged.get(self.incident_class, {})
        self.members.note(run, run.present.get(self.incident_class, ()), judged)
        course = self.open
        counting = self._counting(judged, course, inhibited=explained is not None)
        if course is not None or counting:
            since = min((self.members.waiting[who].since for who in counting), default=run.day)
            began = min((self.members.waiting[who].first for who in counting), default=run.day)
            if course is None:
                course = self._opened(run.day, since, began)
            course.judge(run, judged, counting, self.members)
        for who in counting:
            del self.members.waiting[who]
        self._note_pending(run.day, explained)

    def _counting(
        self, judged: Mapping[Member, Detection], course: Course | None, *, inhibited: bool
    ) -> dict[Member, Detection]:
        """The breaches of the day that are an incident's: confirmed, and not explained by something else.

        An incident that is open goes on with whoever breaches in it, and once something critical opens one
        all that breaches with it is part of it.
        """
        waiting = self.members.waiting
        standing = course.clear_in_a_row if course else {}
        found = {
            who: waiting[who].latest
            for who, detection in judged.items()
            if who in waiting
            and waiting[who].latest is detection
            and (who in standing or self.members.is_confirmed(who))
        }
        critical = any(each.severity is Severity.CRITICAL for each in found.values())
        return found if course or critical or not inhibited else {}

    def _opened(self, day: date, since: date, began: date) -> Course:
        """The incident of these breaches: the last one again if it ended only days ago, or a new one."""
        last = self.courses[-1] if self.courses else None
        if last is not None and last.resolved_on is not None and began <= last.resolved_on + self.rule.reopen:
            last.come_back()
            return last
        self.courses.append(Course(self.incident_class, self.zone, self.rule, opened_on=day, since=since))
        return self.courses[-1]

    def _is_at_rest(self, day: date) -> bool:
        """Whether the last incident is so long over that it cannot come back, and no member matters."""
        if not self.courses:
            return self.members.at_rest
        ended = self.courses[-1].resolved_on
        return ended is not None and day > ended + self.rule.reopen and self.members.at_rest

    def _note_pending(self, day: date, by: Course | None) -> None:
        """Write down what waits, if that has changed; while an incident is open nothing does that is told."""
        waiting = {} if self.open else self.members.waiting
        before = self.pending[-1][2] if self.pending else None
        if not waiting:
            if before is not None:
                self.pending.append((day, self.incident_class, None))
            return
        evidence = worst_first(each.latest for each in waiting.values())
        members = tuple(sorted(waiting))
        because = self._why_pending(by)
        incident = Incident(
            id="",
            monitor=evidence[0].monitor,
            incident_class=self.incident_class,
            severity=worst(each.severity for each in evidence),
            since=min(each.since for each in waiting.values()),
            opened_on=min(each.first for each in waiting.values()),
            last_breach_on=max(each.last for each in waiting.values()),
            resolved_on=None,
            members=members,
            breaching=members,
            headline=f"{headline(evidence[0], self.zone)}; {because}",
            state=IncidentState.PENDING,
        )
        if before is None or (before.evidence, before.because) != (evidence, because):
            self.pending.append((day, self.incident_class, Case(incident, evidence, because)))

    def _why_pending(self, by: Course | None) -> str:
        """Why what waits is no incident: something else explains it, or it does not breach often enough."""
        if by is not None and any(map(self.members.is_confirmed, self.members.waiting)):
            return held_back(by.incident_class, by.opened_on)
        often = max(sum(self.members.recent[who]) for who in self.members.waiting)
        return unconfirmed(often, self.rule.confirm)


def explaining(run: RunDay, by: Collection[Line], incident_class: IncidentClass) -> Course | None:
    """What else is open and explains what a class shows on this day.

    Of a day that is judged hour by hour, what breached first was told first, and needs no explanation.
    """
    mine = run.first.get(incident_class)
    for line in by:
        course, theirs = line.open, run.first.get(line.incident_class)
        if course is None:
            continue
        fresh = run.day in course.came_on
        if not (fresh and mine is not None and theirs is not None and theirs > mine):
            return course
    return None
