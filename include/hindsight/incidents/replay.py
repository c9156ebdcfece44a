"""The fold itself: detections in, named incidents and their history out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Incident
from hindsight.domain.values import Horizon
from hindsight.incidents.course import Course, courses
from hindsight.incidents.history import Change, History
from hindsight.incidents.judgements import by_class


def fold(
    detections: Iterable[Detection],
    stored: Collection[Incident],
    zone: ZoneInfo,
    *,
    at: Mapping[str, Horizon] | None = None,
) -> tuple[Incident, ...]:
    """Every incident of one monitor as its detections make it, oldest first; see `replay`."""
    return replay(detections, stored, zone, at=at).incidents


def replay(
    detections: Iterable[Detection],
    stored: Collection[Incident],
    zone: ZoneInfo,
    *,
    at: Mapping[str, Horizon] | None = None,
) -> History:
    """The history of one monitor's incidents.

    `stored` serves one purpose: an incident that people were told of keeps its id and `told_on` when
    recomputed days move its bounds.  `at` names each detector's own horizon; for one it does not
    name, the smallest horizon at which that detector judged anything stands in.
    """
    judged = tuple(detections)
    monitors = sorted({detection.monitor for detection in judged})
    if not monitors:
        return History()
    if len(monitors) > 1:
        raise ValueError(f"incidents are folded monitor by monitor, but these detections are of {monitors}")
    found = [
        course
        for incident_class, days in by_class(judged, zone, at).items()
        for course in courses(incident_class, days, zone)
    ]
    _identify(monitors[0], found, stored)
    named = [course.named() for course in found]
    order = list(Change)
    return History(
        states=tuple(
            sorted(
                (state for states, _ in named for state in states),
                key=lambda state: (state[0], state[1].incident.incident_class),
            )
        ),
        transitions=tuple(
            sorted(
                (transition for _, transitions in named for transition in transitions),
                key=lambda t: (t.day, t.incident_class, order.index(t.change)),
            )
        ),
    )


def _identify(monitor: str, found: Iterable[Course], stored: Collection[Incident]) -> None:
    """Give every incident its id: the one people were told where they were, else one of its content.

    The youngest choose first: when recomputed days split what was told as one incident, the part
    that lasts keeps the name.
    """
    told = sorted(
        (i for i in stored if i.told_on is not None and i.monitor == monitor),
        key=lambda incident: (incident.opened_on, incident.id),
        reverse=True,
    )
    taken: set[str] = set()
    untold = []
    for course in sorted(found, key=lambda course: course.opened_on, reverse=True):
        same = next((i for i in told if i.id not in taken and _is_same(course, i)), None)
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


def _id(monitor: str, course: Course, *attempt: int) -> str:
    key = [monitor, course.incident_class.value, course.opened_on.isoformat(), *attempt]
    canonical = json.dumps(key, separators=(",", ":"))
    return "inc_" + hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _is_same(course: Course, incident: Incident) -> bool:
    """Whether both are of one class and share a day; the day it ends is no longer a day of an incident."""
    return (
        course.incident_class is incident.incident_class
        and course.opened_on < (incident.resolved_on or date.max)
        and incident.opened_on < (course.resolved_on or date.max)
    )
