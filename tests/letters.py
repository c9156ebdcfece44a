"""Messages as they are made of incidents, for whoever sends, shows or receives them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from episodes import CLEAR, CRITICAL, ZONE, detection, run, snapshot_of, spec, story
from hindsight.domain.records import Action, Detection
from hindsight.domain.values import ActionKind, Notify, Severity, When
from hindsight.incidents import as_told, fold, notes, replay
from hindsight.incidents.revised import window_of
from hindsight.message import Chart, ChartPoint, Document, Link, compose
from hindsight.notifiers import Picture
from hindsight.policy import Act, Decision, Kind, Listener, decide
from hindsight.policy.listener import Everything
from hindsight.windows import DayRange, run_day

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)
"""The smallest picture."""

PICTURE = Picture("lift(0.1).png", PNG, "recall of the last 60 days: 0.412 on 22 Feb, bound 0.531")


def opened(severity: Severity = CRITICAL, **fields: object) -> Document:
    """The message of the day on which an incident opens."""
    return told(story("B", severity=severity, **fields))


def told(detections: list[Detection], day: int = 0) -> Document:
    """What a run of this day tells of these detections."""
    (decision, *_) = decide(Notify.LIVE, DayRange(run(day), run(day)), replay(detections, (), ZONE))
    return compose(decision, spec())


def course() -> dict[str, Document]:
    """A message for each thing that can happen to an incident, and those that tell of many days."""
    grows = [
        *story("BBBB"),
        *story(".B", segment="origin=JFK"),
        *story("..BB", segment="origin=JFK", detector="skill", metric="roc_auc", severity=CRITICAL),
    ]
    ends = story("BBCCB" + "C" * 6, severity=CRITICAL)
    acted = acknowledgement(grows)
    later = [*story("BBB", severity=CRITICAL), detection(23, CLEAR, horizon=30, severity=CRITICAL)]
    return {
        "opened": charted(_worded(_decided(grows, 0), grows)),
        "joined": charted(_worded(_decided(grows, 1), grows)),
        "escalated": charted(_worded(_decided(grows, 2), grows)),
        "reminded": _worded(_decided(story("B" * 9), 7), story("B" * 9)),
        "reopened": charted(_worded(_decided(ends, 4), ends)),
        "acknowledged": _worded(acted, grows),
        "resolved": _worded(_decided(ends, 3), ends),
        "revised": _worded(_revised(later), later),
        "summary": _worded(_decided(ends, 0, 9, mode=Notify.SUMMARY), ends),
        "weekly": _worded(_decided(ends, 2, 9, wants=Everything(when=When.WEEKLY)), ends),
    }


def acknowledgement(detections: list[Detection]) -> Decision:
    """What is told when somebody takes on the incident that is open on the fourth day."""
    (known, *_) = replay(detections, (), ZONE).incidents
    acted = Action(
        id="act_1",
        monitor=known.monitor,
        incident=known.id,
        incident_class=known.incident_class,
        kind=ActionKind.ACKNOWLEDGE,
        day=run(4),
        author="kim",
        reason="the upstream team is on it",
        at=datetime(2013, 3, 5, 9, tzinfo=UTC),
        until=run(10),
    )
    history = replay(detections, (), ZONE, actions=(acted,))
    return Decision(
        act=Act.SEND,
        kind=Kind.ACT,
        days=DayRange(acted.day, acted.day),
        reason=f"kim acknowledged it until Mon 11 Mar 2013: {acted.reason}",
        cases=history.cases[:1],
        transitions=tuple(t for t in history.transitions if t.by == acted.author),
    )


def _decided(
    detections: list[Detection],
    first: int,
    last: int | None = None,
    *,
    mode: Notify = Notify.LIVE,
    wants: Everything | None = None,
) -> Decision:
    days = DayRange(run(first), run(first if last is None else last))
    detections = [each for each in detections if run_day(each.as_of, ZONE) <= days.end]
    history = replay(detections, (), ZONE)
    stored = [replace(incident, told_on=incident.opened_on) for incident in history.incidents]
    history = replay(detections, stored, ZONE)
    heard = {} if wants is None else {"listener": Listener(wants=wants)}
    return decide(mode, days, history, **heard)[0]


def _revised(detections: list[Detection]) -> Decision:
    stored = tuple(replace(each, told_on=run(0)) for each in fold(detections, (), ZONE))
    ((window, said),) = [(window_of(d), json.loads(as_told([(stored[0].id, d)]))[0]) for d in detections[:1]]
    waiting = tuple(notes({window: said}, detections, ZONE))
    decision = _decided(detections, 23)
    return replace(decision, kind=Kind.REVISED, revisions=waiting, transitions=())


def _worded(decision: Decision, detections: list[Detection]) -> Document:
    """The message, with standard errors and a link at hand."""
    links = (Link("The incident", "https://airflow.example.com/hindsight?monitor=flight_delay&page=1"),)
    return compose(decision, spec(), snapshots=map(snapshot_of, detections), links=links)


def charted(document: Document) -> Document:
    """The document with a chart of its first incident."""
    points = tuple(ChartPoint(run(day), 0.6 - day / 100, 0.5, 0.7, lower=0.531) for day in range(5))
    chart = Chart(document.thread, "recall", "recall", PICTURE.alt, points, ((run(2), "v2"),))
    return replace(document, charts=(chart,))
