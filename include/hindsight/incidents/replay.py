"""The fold itself: detections in, named incidents and their history out."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Detection, Incident
from hindsight.domain.spec import IncidentRule
from hindsight.domain.values import Horizon, IncidentClass
from hindsight.incidents.course import Course
from hindsight.incidents.history import EXPLAINING, Case, History, Transition
from hindsight.incidents.judgements import run_days
from hindsight.incidents.line import Line, explaining
from hindsight.incidents.members import Members
from hindsight.windows import run_day, start_of

RULE = IncidentRule()
ORDER = (*EXPLAINING, *(kind for kind in IncidentClass if kind not in EXPLAINING))
"""The classes as they are folded."""

Pending = tuple[date, IncidentClass, Case | None]
Dated = TypeVar("Dated")


def fold(
    detections: Iterable[Detection],
    stored: Collection[Incident],
    zone: ZoneInfo,
    *,
    at: Mapping[str, Horizon] | None = None,
    rule: IncidentRule = RULE,
    actions: Collection[Action] = (),
) -> tuple[Incident, ...]:
    """Every incident of one monitor as its detections make it, oldest first; see `replay`."""
    return replay(detections, stored, zone, at=at, rule=rule, actions=actions).incidents


def replay(
    detections: Iterable[Detection],
    stored: Collection[Incident],
    zone: ZoneInfo,
    *,
    at: Mapping[str, Horizon] | None = None,
    rule: IncidentRule = RULE,
    actions: Collection[Action] = (),
) -> History:
    """The history of one monitor's incidents.

    `rule` says when breaches become an incident and when it is over, `actions` are what people did meanwhile.
    `stored` serves one purpose: an incident that people were told of, or acted on, keeps its id and `told_on`
    when recomputed days move its bounds.  `at` names each detector's own horizon; for one it does not
    name, the smallest horizon at which that detector judged anything stands in.
    """
    judged = tuple(detections)
    monitors = sorted({detection.monitor for detection in judged})
    if not monitors:
        return History()
    if len(monitors) > 1:
        raise ValueError(f"incidents are folded monitor by monitor, but these detections are of {monitors}")
    lines = _lines(judged, zone, at or {}, rule, [a for a in actions if a.monitor == monitors[0]])
    found = [course for line in lines for course in line.courses]
    _identify(monitors[0], found, stored, {action.incident for action in actions})
    named = [course.named() for course in found]
    return History(
        states=_in_order(state for states, _ in named for state in states),
        transitions=_in_order(transition for _, transitions in named for transition in transitions),
        pending=_in_order(_named(monitors[0], each) for line in lines for each in line.pending),
        rests=_in_order((day, line.incident_class) for line in lines for day in line.rests),
    )


def _lines(
    detections: Collection[Detection],
    zone: ZoneInfo,
    at: Mapping[str, Horizon],
    rule: IncidentRule,
    actions: Iterable[Action],
) -> list[Line]:
    """Every class, replayed day by day: what was judged, and what people did in between.

    The classes that explain others come first, so that what they say of a day is known.
    """
    lines = {kind: Line(kind, zone, rule, Members(rule, zone)) for kind in ORDER}
    done = sorted(((_after(each, zone), each) for each in actions), key=lambda d: (d[0], d[1].at, d[1].id))
    waiting = deque(done)
    for run in run_days(detections, zone, at, [after for after, _ in done]):
        while waiting and waiting[0][0] < run.until:
            action = waiting.popleft()[1]
            lines[action.incident_class].act(action)
        for kind, line in lines.items():
            by = [lines[k] for k in EXPLAINING] if kind is IncidentClass.PERFORMANCE else []
            line.judge(run, explained=explaining(run, by, kind))
    for _, action in waiting:
        lines[action.incident_class].act(action)
    return list(lines.values())


def _after(action: Action, zone: ZoneInfo) -> datetime:
    """The instant up to which all that was judged counts before what a person did."""
    if action.follows is not None and run_day(action.follows, zone) == action.day:
        return action.follows
    return start_of(action.day, zone)


def _identify(
    monitor: str, found: Iterable[Course], stored: Collection[Incident], acted_on: Collection[str]
) -> None:
    """Give every incident its id: the one people know where they do, else one of its content.

    The youngest choose first: when recomputed days split what is known as one incident, the part
    that lasts keeps the name.
    """
    known = sorted(
        (i for i in stored if (i.told_on or i.id in acted_on) and i.monitor == monitor),
        key=lambda incident: (incident.opened_on, incident.id),
        reverse=True,
    )
    taken: set[str] = set()
    untold = []
    for course in sorted(found, key=lambda course: course.opened_on, reverse=True):
        same = next((i for i in known if i.id not in taken and _is_same(course, i)), None)
        if same is None:
            untold.append(course)
        else:
            course.id, course.told_on = same.id, same.told_on
            taken.add(same.id)
    for course in untold:
        course.id = _id(monitor, course)
        attempt = 1
        while course.id in taken:  # its own name went to the younger part of a split
            attempt += 1
            course.id = _id(monitor, course, attempt)
        taken.add(course.id)


def _id(monitor: str, course: Course | Incident, *more: int | str) -> str:
    key = [monitor, course.incident_class.value, course.opened_on.isoformat(), *more]
    canonical = json.dumps(key, separators=(",", ":"))
    return "inc_" + hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _named(monitor: str, pending: Pending) -> Pending:
    """What is pending, under an id that no incident has."""
    day, kind, case = pending
    if case is None:
        return pending
    named = replace(case.incident, id=_id(monitor, case.incident, "pending"))
    return day, kind, replace(case, incident=named)


def _in_order(made: Iterable[Dated]) -> tuple[Dated, ...]:
    """What happened, by day and class; of one class as it came."""
    return tuple(sorted(made, key=_when))


def _when(made: object) -> tuple[date, str]:
    match made:
        case Transition():
            return made.day, made.incident_class
        case (date() as day, Case() as case):
            return day, case.incident.incident_class
        case (date() as day, IncidentClass() as kind, *_):
            return day, kind
    raise TypeError(f"{made!r} is nothing that happens on a day")


def _is_same(course: Course, incident: Incident) -> bool:
    """Whether both are of one class and share a day; the day it ends is no longer a day of an incident."""
    return (
        course.incident_class is incident.incident_class
        and course.opened_on < (incident.resolved_on or date.max)
        and incident.opened_on < (course.resolved_on or date.max)
    )
