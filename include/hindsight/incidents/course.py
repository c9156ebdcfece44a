"""The course of one incident, from the breach that opens it to the day when nothing breaches any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Incident, Member
from hindsight.domain.values import IncidentClass, Severity, Verdict
from hindsight.incidents.history import Case, Change, Transition
from hindsight.incidents.judgements import Days, family_of, independent, member_of, worst_first
from hindsight.wording import calendar, counted, headline, last_day, side

RECOVERY = 2
"""Clear judgements in a row, of one member, after which it no longer breaches."""


def courses(incident_class: IncidentClass, days: Days, zone: ZoneInfo) -> Iterator[Course]:
    """The incidents of one class, oldest first, each replayed to its end."""
    course: Course | None = None
    for day, judged in sorted(days.items()):
        if course is None:
            breaches = [d for d in judged.values() if d.verdict is Verdict.BREACH]
            if not breaches:
                continue
            since = min(last_day(detection, zone) for detection in breaches)
            course = Course(incident_class, zone, opened_on=day, since=since)
        course.judge(day, judged)
        if course.resolved_on is not None:
            yield course
            course = None
    if course is not None:
        yield course


@dataclass
class Course:
    """One incident while it is replayed: the only thing here that changes.

    `latest` holds every member with its latest breach; `clear_in_a_row` holds those that still
    breach, with the number of clear judgements since; `gravest` holds how bad each of these was at its worst.
    The incident is as severe as the gravest member that still breaches, critical where independent kinds of
    metric still do, and once it is resolved as it ever was: who was woken by it hears of its end.  It
    escalates when it becomes graver than it ever was, so what comes and goes wakes nobody twice.
    """

    incident_class: IncidentClass
    zone: ZoneInfo
    opened_on: date
    since: date
    id: str = ""
    told_on: date | None = None
    resolved_on: date | None = None
    last_breach_on: date = date.min
    peak: Severity = Severity.OK
    latest: dict[Member, Detection] = field(default_factory=dict)
    clear_in_a_row: dict[Member, int] = field(default_factory=dict)
    gravest: dict[Member, Severity] = field(default_factory=dict)
    states: list[tuple[date, Case]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """How bad it is now."""
        if self.resolved_on is not None:
            return self.peak
        raised = [Severity.CRITICAL] if len(self._kinds()) > 1 else []
        return _worst([*self.gravest.values(), *raised])

    def judge(self, day: date, judged: Mapping[Member, Detection]) -> None:
        """Take the judgements of one run day."""
        breaches = {who: d for who, d in judged.items() if d.verdict is Verdict.BREACH}
        clear = [who for who in self.clear_in_a_row if who in judged and _is_well(judged[who])]
        for who in clear:
            self.clear_in_a_row[who] += 1
            if self.clear_in_a_row[who] == RECOVERY:
                del self.clear_in_a_row[who], self.gravest[who]
        if breaches:
            self._breach(day, breaches)
        if not self.clear_in_a_row:
            self._resolve(day)
        if breaches or clear:
            self.states.append((day, self._case()))

    def named(self) -> tuple[list[tuple[date, Case]], list[Transition]]:
        """All states and transitions under the incident's id."""
        return (
            [
                (day, replace(case, incident=replace(case.incident, id=self.id, told_on=self.told_on)))
                for day, case in self.states
            ],
            [replace(transition, incident_id=self.id) for transition in self.transitions],
        )

    def _breach(self, day: date, breaches: Mapping[Member, Detection]) -> None:
        opening, before = not self.latest, self.peak
        joined = {who: d for who, d in breaches.items() if self._is_new(who, d)}
        self.latest |= breaches
        self.clear_in_a_row |= dict.fromkeys(breaches, 0)
        self.last_breach_on = day
        for who, detection in breaches.items():
            self.gravest[who] = _worst([detection.severity, self.gravest.get(who, Severity.OK)])
        why, because = headline(worst_first(breaches.values())[0], self.zone), ""
        kinds = self._kinds()
        by_kinds = len(kinds) > 1 and _worst(self.gravest.values()) is not Severity.CRITICAL
        if by_kinds:
            because = in_kinds(kinds)
        self.peak = _worst([self.severity, before])
        if opening:
            self._record(day, Change.OPENED, breaches, why, because)
            return
        if joined:
            others = f", and {counted(len(joined) - 1, 'more member')}" if len(joined) > 1 else ""
            self._record(
                day, Change.JOINED, joined, headline(worst_first(joined.values())[0], self.zone) + others
            )
        if self.peak.rank > before.rank:
            raised = [who for who in breaches if self.gravest[who] is self.severity]
            raised = [member_of(kind) for kind in kinds] if by_kinds else raised
            reason = f"{before} became {self.severity}: {why}"
            self._record(day, Change.ESCALATED, raised, reason, because)

    def _kinds(self) -> tuple[Detection, ...]:
        """The independent kinds of metric among those that still breach, one breach of each."""
        if self.incident_class is not IncidentClass.PERFORMANCE:
            return ()
        return independent(self.latest[who] for who in self.clear_in_a_row)

    def _is_new(self, who: Member, breach: Detection) -> bool:
        """Whether it never breached in this incident, or recovered and breaches on the other side now."""
        before = self.latest.get(who)
        if before is None:
            return True
        sides = [passed[0] if (passed := side(each)) else None for each in (before, breach)]
        return who not in self.clear_in_a_row and None not in sides and sides[0] != sides[1]

    def _resolve(self, day: date) -> None:
        self.resolved_on = day
        times = f"{RECOVERY} times in a row"
        reason = f"every member was clear {times}; the last breach was on {calendar(self.last_breach_on)}"
        self._record(day, Change.RESOLVED, self.latest, reason)

    def _record(
        self, day: date, change: Change, members: Iterable[Member], reason: str, because: str = ""
    ) -> None:
        reason = f"{reason}; {because}" if because else reason
        made = tuple(sorted(members))
        self.transitions.append(
            Transition(day, change, "", self.incident_class, self.severity, made, reason, because)
        )

    def _case(self) -> Case:
        """Where the incident stands; still without a name."""
        evidence = worst_first(self.latest[who] for who in self.clear_in_a_row or self.latest)
        incident = Incident(
            id="",
            monitor=evidence[0].monitor,
            incident_class=self.incident_class,
            severity=self.severity,
            since=self.since,
            opened_on=self.opened_on,
            last_breach_on=self.last_breach_on,
            resolved_on=self.resolved_on,
            members=tuple(sorted(self.latest)),
            breaching=tuple(sorted(self.clear_in_a_row)),
            headline=headline(evidence[0], self.zone),
        )
        return Case(incident, evidence)


def in_kinds(breaches: Sequence[Detection]) -> str:
    """Why breaches of several kinds of metric are worse than as many of one, as a clause."""
    named = ", ".join(f"{d.metric} ({family_of(d)})" for d in breaches)
    return f"independent kinds of metric breach together for {breaches[0].version}: {named}"


def _worst(severities: Iterable[Severity]) -> Severity:
    """The gravest of these; OK if there is none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.OK)


def _is_well(detection: Detection) -> bool:
    """Whether it counts towards recovery: a value that is still out of bounds, if not surely so, does not."""
    return detection.verdict is Verdict.CLEAR and detection.severity is not Severity.WATCH
