"""A document for everything that can happen to an incident, as a live run words it: by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from episodes import (
    BREACH,
    CLEAR,
    CRITICAL,
    ZONE,
    detection,
    missing_labels,
    run,
    snapshot_of,
    spec,
    story,
)
from hindsight.domain.records import Action, Detection, Snapshot
from hindsight.domain.values import ActionKind, Horizon, IncidentClass, Resolution, Span
from hindsight.explanation import Action as Advised
from hindsight.explanation import Advice, Explanation
from hindsight.explanation.company import VersionChange
from hindsight.explanation.levels import Change
from hindsight.explanation.since import Since
from hindsight.incidents import Correction, replay, revisions
from hindsight.message import (
    Chart,
    ChartPoint,
    Document,
    Link,
    compose,
    merged,
    perhaps_repeated,
    restated,
)
from hindsight.policy import Act, Decision, Kind
from hindsight.policy.decision import gravest_first
from hindsight.windows import DayRange
from hindsight.wording import counted

LINKS = (
    Link("Run", "https://airflow.example.com/dags/monitor__flight_delay"),
    Link("Page", "https://airflow.example.com/hindsight/?a=1&b=2"),
)


def act(kind: ActionKind, day: int, **more: Any) -> Action:
    """What Ann did on a day to the performance incident."""
    made: dict[str, Any] = {
        "id": f"act_{kind}_{day}",
        "monitor": "flight_delay",
        "incident": "inc_x",
        "incident_class": IncidentClass.PERFORMANCE,
        "kind": kind,
        "day": run(day),
        "author": "Ann",
        "reason": "rolled back to v1",
        "at": datetime(2013, 3, 1, 12, tzinfo=UTC) + timedelta(days=day),
    }
    return Action(**made | more)


def decision(
    detections: Sequence[Detection],
    day: int,
    *,
    actions: Sequence[Action] = (),
    kind: Kind = Kind.DAILY,
    days: int = 1,
    **more: Any,
) -> Decision:
    """That a day, or several, tell all that happened to all their incidents."""
    history = replay(detections, (), ZONE, actions=actions)
    span = DayRange(run(day - days + 1), run(day))
    happened = tuple(each for each in history.transitions if each.day in span)
    cases = gravest_first(history.as_of(run(day)))
    reason = f"{counted(len(happened), 'change')} of incidents" if happened else "it was asked for"
    return replace(
        Decision(Act.SEND, kind, span, reason, cases=cases, transitions=happened),
        **more,
    )


def told(
    detections: Sequence[Detection], day: int, snapshots: Sequence[Snapshot] = (), **more: Any
) -> Document:
    """The document of such a decision."""
    behind = [*map(snapshot_of, detections), *snapshots]
    return compose(decision(detections, day, **more), spec(), snapshots=behind, links=LINKS)


def explained() -> Explanation:
    """What stands beside a fall of recall."""
    return Explanation(
        monitor="flight_delay",
        detector="recall threshold",
        metric="recall",
        version="v1",
        segment="ALL",
        window=Span(28),
        first=date(2013, 1, 27),
        last=date(2013, 2, 23),
        horizon=Horizon(7),
        against="the reference, 2013-01-01 to 2013-01-26",
        advice=Advice(Advised.RECALIBRATE, "scores are off"),
        since=Since(date(2013, 2, 7), 0.59, 0.4, 1),
        dated_from=date(2013, 1, 1),
        others=(Change("positive_rate", 0.228, 0.123, 0.01, 0.01),),
        versions=(VersionChange("v2", appeared=True, on=date(2013, 2, 6)),),
    )


def charted(incident: str) -> Chart:
    """Four weeks of recall."""
    days = [date(2013, 2, 1) + timedelta(days=number) for number in range(28)]
    return Chart(
        incident=incident,
        title="flight_delay: recall of v1, windows of 28 days, labels 7 days old",
        metric="recall",
        alt="Chart: recall of v1; newest 0.412 on Thu 28 Feb 2013 (at least 0.531 is allowed).",
        points=tuple(
            ChartPoint(day, value, value - 0.024, value + 0.024, lower=0.531, expected=0.59, open=number > 25)
            for number, day in enumerate(days)
            for value in (0.59 if number < 20 else 0.412,)
        ),
        versions=((date(2013, 2, 6), "v2"),),
        shaded=(date(2013, 2, 22), date(2013, 2, 28)),
    )


def opened() -> Document:
    """A critical incident opened, and labels are missing as well: explained, and with a chart."""
    detections = [
        *story("B", severity=CRITICAL),
        *story("B", segment="origin=JFK", observed=0.2),
        missing_labels(0),
    ]
    made = decision(detections, 0)
    first = next(c.incident.id for c in made.cases if c.incident.incident_class is IncidentClass.PERFORMANCE)
    made = replace(made, cases=tuple(sorted(made.cases, key=lambda case: -case.incident.severity.rank)))
    return compose(
        made,
        spec(),
        snapshots=map(snapshot_of, detections),
        links=LINKS,
        explanations={first: explained()},
        charts=(charted(first),),
    )


def weekly(detections: Sequence[Detection], kind: Kind, days: int) -> Document:
    """A summary, with recall as it stood at the end of each day."""
    window = Span(7) if days == 7 else Span(1)
    found = [detection(day, CLEAR, window=window.count) for day in range(20)]
    figures = [replace(snapshot_of(each), value=0.59 - 0.002 * number) for number, each in enumerate(found)]
    return told(detections, 9, figures, kind=kind, days=days)


def documents() -> dict[str, Document]:
    """Every document by the name of its file."""
    fixed = act(ActionKind.RESOLVE, 2, resolution=Resolution.FIXED)
    taken = act(ActionKind.ACKNOWLEDGE, 2, until=run(9), reason="looking into it")
    late = [detection(7, CLEAR), detection(30, BREACH, horizon=30)]
    two = [*story("B.CC"), missing_labels(8)]
    first = told(story("B", severity=CRITICAL), 0)
    over = told(story("BCC", severity=CRITICAL), 2)
    corrected = Correction(first.thread, "the performance incident of Fri 1 Mar 2013 ended on Sun 3 Mar 2013")
    return {
        "opened": opened(),
        "joined": told([*story("BB"), *story(".B", segment="origin=JFK", observed=0.2)], 1),
        "escalated": told([*story("B"), detection(1, severity=CRITICAL)], 1),
        "reminded": told(story("BB", severity=CRITICAL), 1),
        "reopened": told(story("BCCB"), 3),
        "acknowledged": told(story("BB"), 2, actions=[taken], kind=Kind.ACT),
        "resolved": over,
        "gone": told([*story("BB"), *story("..CCCCCCC", version="v2")], 8),
        "resolved_by_hand": told(story("BB"), 2, actions=[fixed], kind=Kind.ACT),
        "revised": told(
            late, 30, kind=Kind.REVISED, revisions=revisions(late, (), ZONE), corrections=(corrected,)
        ),
        "weekly": weekly(two, Kind.WEEK, 7),
        "weekly_quiet": weekly([], Kind.WEEK, 7),
        "daily_summary": weekly(two, Kind.DAY, 1),
        "backfill": told(two, 9, kind=Kind.SUMMARY, days=10),
        "merged": merged([first, told(story("BB", severity=CRITICAL), 1), over]),
        "restated": restated(first, {each.incident: each for each in over.about}),
        "repeated": perhaps_repeated(first),
    }
