"""The course of one incident, from the breach that opens it to the day when nothing breaches any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Detection, Incident, Member
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import IncidentClass, Resolution, Severity
from hindsight.incidents.history import Case, Change, Transition
from hindsight.incidents.judgements import (
    RunDay,
    independent,
    is_well,
    member_of,
    worst,
    worst_first,
)
from hindsight.incidents.members import Members, because_gone
from hindsight.incidents.reasons import (
    ending,
    in_kinds,
    joining,
    reminding,
    resolving,
    rising,
    taking_on,
)
from hindsight.incidents.states import Acknowledgement, Pace, clear_to_end, state_of
from hindsight.wording import headline, side

RECOVERY = IncidentRule().recovery
"""Clear judgements in a row, of one member, after which it no longer breaches, if the file does not say."""

_NEWS = frozenset({Change.OPENED, Change.REOPENED, Change.JOINED, Change.ESCALATED})
_GRAVE = _NEWS - {Change.JOINED}


@dataclass
class Course:
    """One incident while it is replayed: the only thing here, beside its line, that changes.

    `latest` holds every member with its latest breach; `clear_in_a_row` holds those that still
    breach, with the number of clear judgements since; `gravest` holds how bad each of these was at its worst.
    The incident is as severe as the gravest member that still breaches, critical where independent kinds of
    metric still do, and once it is resolved as it ever was (`peak`): who was woken by it hears of its end.
    It escalates when it becomes graver than it was, and stays so until those members have recovered, so what
    comes and goes wakes nobody each time; and whenever it is so bad again (`risen_again`) or comes back,
    recovery takes longer.  `came_on` are the days on which it opened or came back, `left` those that vanished
    since then while they breached, and `lapsed` is whose acknowledgement has ended, and when.
    """

    incident_class: IncidentClass
    zone: ZoneInfo
    rule: IncidentRule
    opened_on: date
    since: date
    id: str = ""
    told_on: date | None = None
    resolved_on: date | None = None
    resolution: Resolution | None = None
    came_on: list[date] = field(default_factory=list)
    last_breach_on: date = date.min
    peak: Severity = Severity.OK
    risen_again: int = 0
    acknowledged: Acknowledgement | None = None
    lapsed: tuple[str, date] | None = None
    hourly: bool = False
    pace: Pace = field(default_factory=lambda: Pace(date.min))
    latest: dict[Member, Detection] = field(default_factory=dict)
    clear_in_a_row: dict[Member, int] = field(default_factory=dict)
    gravest: dict[Member, Severity] = field(default_factory=dict)
    left: dict[Member, str] = field(default_factory=dict)
    states: list[tuple[date, Case]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.resolved_on is None

    @property
    def reopened(self) -> int:
        """How often it came back."""
        return max(len(self.came_on) - 1, 0)

    @property
    def severity(self) -> Severity:
        """How bad it is now."""
        if self.resolved_on is not None:
            return self.peak
        raised = [Severity.CRITICAL] if len(self._kinds()) > 1 else []
        return worst([*self.gravest.values(), *raised])

    def judge(
        self,
        run: RunDay,
        judged: Mapping[Member, Detection],
        breaches: Mapping[Member, Detection],
        members: Members,
    ) -> None:
        """Take one run day: the judgements of the class, and those breaches among them that count."""
        day, self.hourly, before, was = run.day, run.hourly, len(self.transitions), self.severity
        expired = self.acknowledged is not None and day > self.acknowledged.until
        if self.acknowledged is not None and expired:
            self._lapse(self.acknowledged.until)
        enough = clear_to_end(self.rule, self.reopened + self.risen_again)
        clear = [who for who in self.clear_in_a_row if who in judged and is_well(judged[who])]
        for who in clear:
            self.clear_in_a_row[who] += 1
            if self.clear_in_a_row[who] >= enough:
                self._release(who)
        gone = [who for who in self.clear_in_a_row if who not in breaches and members.is_gone(who)]
        for who in gone:
            self._release(who)
            self.left[who] = members.why_gone(who)
        if breaches:
            self._breach(day, breaches, was)
        if not self.clear_in_a_row and self.is_open:
            self._end_by_data(day, because_gone(self.left[who] for who in gone), enough)
        if self.is_open and len(self.transitions) == before and (run.whole or breaches or not run.hourly):
            self._remind(day)
        if breaches or clear or gone or expired:
            self._stand(day)

    @property
    def _has_ended(self) -> bool:
        """Whether the last thing that happened to it was its end."""
        return bool(self.transitions) and self.transitions[-1].change is Change.RESOLVED

    def come_back(self) -> None:
        """Open it again; the breaches that do so are judged next."""
        self.resolved_on = self.resolution = self.acknowledged = self.lapsed = None
        self.left.clear()

    def acknowledge(self, day: date, taken: Acknowledgement, reason: str) -> None:
        """Somebody takes it on: nobody is reminded of it meanwhile, and nothing else changes."""
        had = self.acknowledged
        if had is not None and (had.by, had.until) == (taken.by, taken.until):
            return
        self.lapsed = None
        self.acknowledged = taken
        made = self._made(day, Change.ACKNOWLEDGED, self.clear_in_a_row, taking_on(taken, reason))
        self._append(replace(made, by=taken.by, until=taken.until))
        self._stand(day)

    def _lapse(self, day: date) -> None:
        """Nobody has it any more from here on."""
        if self.acknowledged is not None:
            self.lapsed = self.acknowledged.by, day
            self.acknowledged = None

    def end_by_hand(self, action: Action) -> None:
        """Somebody says that it is over, whatever the data say."""
        self.resolved_on, self.resolution = action.day, action.resolution or Resolution.NO_ACTION
        made = self._made(action.day, Change.RESOLVED, self.latest, resolving(action, self.resolution))
        self._append(replace(made, by=action.author, until=action.until))
        self.clear_in_a_row.clear()
        self.gravest.clear()
        self._stand(action.day)

    def named(self) -> tuple[list[tuple[date, Case]], list[Transition]]:
        """All states and transitions under the incident's id."""
        return (
            [
                (day, replace(case, incident=replace(case.incident, id=self.id, told_on=self.told_on)))
                for day, case in self.states
            ],
            [replace(transition, incident_id=self.id) for transition in self.transitions],
        )

    def _release(self, who: Member) -> None:
        del self.clear_in_a_row[who], self.gravest[who]

    def _breach(self, day: date, breaches: Mapping[Member, Detection], was: Severity) -> None:
        """Take the breaches of a day, at the beginning of which the incident was as severe as `was`."""
        is_new, is_back = not self.transitions, self._has_ended
        joined = {who: d for who, d in breaches.items() if self._is_new(who, d)}
        self.latest |= breaches
        self.clear_in_a_row |= dict.fromkeys(breaches, 0)
        self.last_breach_on = day
        for who, detection in breaches.items():
            self.gravest[who] = worst([detection.severity, self.gravest.get(who, Severity.OK)])
            self.left.pop(who, None)
        why, because = headline(worst_first(breaches.values())[0], self.zone), ""
        kinds = self._kinds()
        by_kinds = len(kinds) > 1 and worst(self.gravest.values()) is not Severity.CRITICAL
        if by_kinds:
            because = in_kinds(kinds)
        ever, self.peak = self.peak, worst([self.severity, self.peak])
        if is_new or is_back:
            self.came_on.append(day)
            self._record(day, Change.OPENED if is_new else Change.REOPENED, breaches, why, because)
            return
        if joined:
            self._record(day, Change.JOINED, joined, joining(joined, self.zone))
        if self.severity.rank > was.rank:
            raised = [who for who in breaches if self.gravest[who] is self.severity]
            raised = [member_of(kind) for kind in kinds] if by_kinds else raised
            self.risen_again += self.severity.rank <= ever.rank
            if self.acknowledged is not None and self.severity.rank > self.acknowledged.severity.rank:
                self._lapse(day)
            self._record(day, Change.ESCALATED, raised, rising(was, self.severity, why), because)

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

    def _end_by_data(self, day: date, gone: str, enough: int) -> None:
        self.resolved_on, self.resolution = day, Resolution.GONE if gone else Resolution.RECOVERED
        left = because_gone(self.left.values())
        self._record(day, Change.RESOLVED, self.latest, ending(enough, gone, left, self.last_breach_on))

    def _remind(self, day: date) -> None:
        """Bring it up again, if nothing was heard of it for long enough, nobody has taken it on, and not
        all of it is clear.
        """
        if self.acknowledged or all(self.clear_in_a_row.values()):
            return
        if not self.pace.is_due(day, self.severity, self.rule):
            return
        worst_now = worst_first(self.latest[who] for who in self.clear_in_a_row)[0]
        reason = reminding(self.came_on[-1], day, self.lapsed, worst_now, self.zone)
        self._record(day, Change.REMINDED, self.clear_in_a_row, reason)

    def _record(
        self, day: date, change: Change, members: Iterable[Member], reason: str, because: str = ""
    ) -> None:
        if change in _NEWS:
            self.pace.news(day, anew=change in _GRAVE)
        self._append(self._made(day, change, members, reason, because))

    def _append(self, made: Transition) -> None:
        names = {each.name for each in self.transitions if each.day == made.day}
        while made.name in names:
            made = replace(made, repeat=made.repeat + 1)
        self.transitions.append(made)

    def _made(
        self, day: date, change: Change, members: Iterable[Member], reason: str, because: str = ""
    ) -> Transition:
        return Transition(
            day=day,
            change=change,
            incident_id="",
            incident_class=self.incident_class,
            severity=self.severity,
            members=tuple(sorted(members)),
            reason=f"{reason}; {because}" if because else reason,
            because=because,
            resolution=self.resolution,
            hourly=self.hourly,
        )

    def _stand(self, day: date) -> None:
        """Write down where the incident stands, if that has changed; still without a name."""
        case = self._case()
        if not self.states or self.states[-1][1] != case:
            self.states.append((day, case))

    def _case(self) -> Case:
        evidence = worst_first(self.latest[who] for who in self.clear_in_a_row or self.latest)
        counts = self.clear_in_a_row.values()
        taken = self.acknowledged
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
            state=state_of(
                resolved=not self.is_open,
                acknowledged=taken is not None,
                recovering=all(counts),
                reopened=self.reopened > 0,
            ),
            resolution=self.resolution,
            reopened=self.reopened,
            acknowledged_by=taken.by if taken else None,
            acknowledged_until=taken.until if taken else None,
        )
        return Case(incident, evidence)
