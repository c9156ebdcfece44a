"""What people did, as records: made, named by what they say, and known again when it is done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from hindsight.domain.records import Action, Detection, Incident
from hindsight.domain.values import ActionKind, Resolution
from hindsight.incidents import Change, Transition
from hindsight.pipeline.known import Known
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import day_at, run_day


def next_day(known: Known, runtime: Runtime) -> date:
    """The run day after the newest that was judged; where nothing was, the present day."""
    here = zone(known.spec)
    judged = max((run_day(d.as_of, here) for d in known.detections), default=None)
    return run_day(runtime.clock(), here) if judged is None else judged + timedelta(days=1)


def followed(known: Known, incident: Incident) -> tuple[datetime | None, date]:
    """What an act on an open incident follows: the newest judgement of which people can know, and the run day
    on which it therefore counts.

    That is the newest of all, unless the incident has become graver, or come back, since incidents were last
    shown as they stand: then the newest before that.  Whoever took on a warning hears that it is critical.
    """
    here = zone(known.spec)
    shown = next((each for each in known.stored if each.id == incident.id), incident)
    moments = sorted({each.as_of for each in known.detections}, reverse=True)
    for moment in moments:
        if not is_worse(incident, shown):
            return moment, day_at(moment, here)
        history = known.replayed([each for each in known.detections if each.as_of < moment])
        before = next((each for each in history.incidents if each.id == incident.id), None)
        if before is None or not before.is_open:
            break
        incident = before
    return moments[0], day_at(moments[0], here)


def is_worse(incident: Incident, shown: Incident) -> bool:
    """Whether an incident is graver than it was shown, or came back since."""
    return incident.severity.rank > shown.severity.rank or incident.reopened > shown.reopened


def upto(action: Action, detections: Sequence[Detection]) -> list[Detection]:
    """What an act knows of."""
    return [each for each in detections if action.follows is None or each.as_of <= action.follows]


def is_of(transition: Transition, action: Action, change: Change) -> bool:
    """Whether a transition is what an action did."""
    made_by = transition.incident_id == action.incident and transition.by == action.author
    return made_by and transition.change is change and transition.day == action.day


def made(
    incident: Incident,
    kind: ActionKind,
    after: tuple[datetime | None, date],
    author: str,
    reason: str,
    runtime: Runtime,
    *,
    until: date,
    resolution: Resolution | None = None,
) -> Action:
    """The action, whose id is the same if the same person does the same again; `after` is what it follows."""
    follows, day = after
    key = [incident.monitor, incident.id, kind, day, follows, author, until, resolution]
    return Action(
        id=digest("act", *key),
        monitor=incident.monitor,
        incident=incident.id,
        incident_class=incident.incident_class,
        kind=kind,
        day=day,
        author=author,
        reason=reason,
        at=runtime.clock(),
        until=until,
        resolution=resolution,
        follows=follows,
    )


def resolved_alike(known: Known, incident_id: str, author: str, resolution: Resolution) -> Incident | None:
    """The incident, if this person has resolved it so already and it still is."""
    found = next((each for each in known.history.incidents if each.id == incident_id), None)
    if found is None or found.resolved_on is None or found.resolution is not resolution:
        return None
    alike = (
        each.incident == incident_id
        and each.kind is ActionKind.RESOLVE
        and each.author == author
        and each.day == found.resolved_on
        for each in known.actions
    )
    return found if any(alike) else None


def digest(prefix: str, *parts: object) -> str:
    """A short name for these parts, the same each time."""
    text = json.dumps([part if part is None else str(part) for part in parts], separators=(",", ":"))
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
