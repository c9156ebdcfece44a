"""What people do to incidents: take one on, say that it is over, want silence, end it.

Each act is one transaction under the monitor's lock: it is written down, the incidents are folded anew, and
what follows of it lies in the outbox, to be sent by whoever delivers next.  Nothing is sent here.  An act
counts from the run day after the newest that was judged, so that no told day is rewritten.  Doing the same
twice is doing it once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Action, Incident, Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ActionKind, IncidentClass, Resolution
from hindsight.errors import ActionRefused
from hindsight.incidents import Change, Transition
from hindsight.message import Link
from hindsight.pipeline.known import Known
from hindsight.pipeline.notify import listeners, listening, post
from hindsight.pipeline.plan import zone
from hindsight.pipeline.refusals import (
    author_of,
    end_of_silence,
    known_name,
    names_of,
    open_incident,
    reason_of,
    silence_of,
    until_of,
    words,
)
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Act, Decision, Kind, told_of
from hindsight.policy.silence import lasts
from hindsight.windows import DayRange, run_day
from hindsight.wording import calendar, name, shorten

SETTLED: Final = timedelta(days=28)
"""How long what is resolved by hand may go on breaching, where nobody says otherwise."""

BY_HAND: Final = (Resolution.FIXED, Resolution.EXPECTED, Resolution.NO_ACTION, Resolution.FALSE_POSITIVE)
_DAY = timedelta(days=1)
_SAID = 300


def incidents(spec: MonitorSpec, runtime: Runtime) -> list[Incident]:
    """The incidents of a monitor as its last run, or act, left them: open ones first, then the newest."""
    with runtime.store.reading() as connection:
        found = runtime.store.incidents(connection, spec.monitor)
    newest_first = sorted(found, key=lambda each: (each.opened_on, each.id), reverse=True)
    return sorted(newest_first, key=lambda each: each.resolved_on is not None)


def acknowledge(
    spec: MonitorSpec,
    runtime: Runtime,
    incident_id: str,
    *,
    author: str,
    reason: str = "",
    until: date | None = None,
    links: Sequence[Link] = (),
) -> Incident:
    """Take an incident on: until the run day `until`, or as long as the monitor's rule says, nobody is
    reminded of it.  Nothing else changes.

    Whoever has it already may only extend it; somebody else takes it over.
    """
    who, why = author_of(author), reason_of(reason)
    with runtime.store.transaction(spec.monitor) as connection:
        known = Known.read(spec, runtime, connection)
        found, day = open_incident(incident_id, known.history.incidents), next_day(known, runtime)
        lasting = until or day + max(spec.incidents.acknowledge - _DAY, timedelta(0))
        until_of(lasting, day, "An acknowledgement")
        had = found.acknowledged_until if found.acknowledged_by == who else None
        if had is not None and (had == until or (until is None and had >= day)):
            return found
        action = made(found, ActionKind.ACKNOWLEDGE, day, who, why, runtime, until=lasting)
        following = {key for key, notifier in listening(spec).items() if notifier.follows}
        said = f"{name(who)} acknowledged it until {calendar(lasting)}"
        return do(action, said, Change.ACKNOWLEDGED, following, known, runtime, connection, links)


def resolve(
    spec: MonitorSpec,
    runtime: Runtime,
    incident_id: str,
    *,
    author: str,
    reason: str,
    resolution: Resolution,
    until: date | None = None,
    links: Sequence[Link] = (),
) -> Incident:
    """Say that an incident is over and why.  What breached then may go on until the run day `until`, or for
    four weeks, before anybody hears of it again, unless it becomes graver or was clear in between.

    Everybody who was told of the incident is told of its end.
    """
    if resolution not in BY_HAND:
        raise ActionRefused(
            f"{words(resolution)!r} is for the data to say: people resolve an incident as "
            f"{', '.join(map(words, BY_HAND))}."
        )
    needs = "" if resolution is Resolution.FIXED else f"Resolving an incident as {words(resolution)}"
    who, why = author_of(author), reason_of(reason, wanted=needs)
    with runtime.store.transaction(spec.monitor) as connection:
        known = Known.read(spec, runtime, connection)
        if (same := resolved_alike(known, incident_id, who, resolution)) is not None:
            return same
        found, day = open_incident(incident_id, known.history.incidents), next_day(known, runtime)
        lasting = until_of(until or day + SETTLED - _DAY, day, "Letting it go on")
        action = made(found, ActionKind.RESOLVE, day, who, why, runtime, until=lasting, resolution=resolution)
        said = f"{name(who)} resolved it as {words(resolution)}"
        return do(action, said, Change.RESOLVED, None, known, runtime, connection, links)


def silence(
    spec: MonitorSpec,
    runtime: Runtime,
    *,
    until: date,
    author: str,
    reason: str,
    start: date | None = None,
    incident_class: IncidentClass | None = None,
    detector: str | None = None,
    version: str | None = None,
    segment: str | None = None,
) -> Silence:
    """Have nobody told, from the run day `start` to `until`, of incidents of which all that breaches matches.

    What is not named matches everything.  Incidents take their course; one that is open at the end is told.
    """
    who, why = author_of(author), reason_of(reason, wanted="A silence")
    with runtime.store.transaction(spec.monitor) as connection:
        known = Known.read(spec, runtime, connection)
        day, names = next_day(known, runtime), names_of(known)
        wanted = Silence(
            id="",
            monitor=spec.monitor,
            start=start or day,
            until=until,
            author=who,
            reason=why,
            at=runtime.clock(),
            incident_class=incident_class,
            detector=known_name("detector", detector, names["detector"], spec),
            version=known_name("version", version, names["version"], spec),
            segment=known_name("segment", segment, names["segment"], spec),
        )
        end_of_silence(wanted, day)
        alike = [each for each in known.silences if content(each) == content(wanted)]
        for each in alike:
            if each.ended_on is None:
                return each
        kept = replace(wanted, id=digest("sil", *content(wanted), len(alike)))
        runtime.store.keep_silence(connection, kept)
        return kept


def end_silence(spec: MonitorSpec, runtime: Runtime, silence_id: str, *, author: str) -> Silence:
    """End a silence early: the next run tells again, also what was withheld and is still so."""
    who = author_of(author)
    with runtime.store.transaction(spec.monitor) as connection:
        known = Known.read(spec, runtime, connection)
        day = next_day(known, runtime)
        found = silence_of(silence_id, known.silences, day)
        if found.ended_on is not None:
            if found.ended_by == who:
                return found
            raise ActionRefused(
                f"{name(found.ended_by or '')} ended the silence {found.id} already, from "
                f"{calendar(found.ended_on)} on."
            )
        if not lasts(found, max(day, found.start)):
            raise ActionRefused(f"The silence {found.id} ended by itself on {calendar(found.until)}.")
        runtime.store.end_silence(connection, spec.monitor, found.id, day, who)
        return replace(found, ended_on=day, ended_by=who)


def do(
    action: Action,
    said: str,
    change: Change,
    channels: Collection[str] | None,
    known: Known,
    runtime: Runtime,
    connection: sa.Connection,
    links: Sequence[Link],
) -> Incident:
    """Write an action, fold anew, and enqueue what follows for these of the channels that know the incident;
    None: for all that do.
    """
    runtime.store.keep_action(connection, action)
    after = replace(known, actions=(*known.actions, action))
    history = after.history
    case = next((c for c in history.cases if c.incident.id == action.incident), None)
    happened = [t for t in history.transitions if is_of(t, action, change)]
    if case is None or not happened:
        raise ActionRefused(
            f"The incident {action.incident} is no longer open on {calendar(action.day)}: nothing was done."
        )
    also_open = tuple(c for c in history.cases if c.incident.is_open and c is not case)
    decided = [
        (
            key,
            Decision(
                act=Act.SEND,
                kind=Kind.ACT,
                days=DayRange(action.day, action.day),
                reason=f"{said}: {shorten(action.reason, _SAID)}" if action.reason else said,
                cases=(case,),
                transitions=(happened[-1],),
                also_open=tuple(c for c in also_open if listener.memory.believes_open(c.incident.id)),
                tellings=told_of(case.incident, happened[-1:]),
            ),
        )
        for key, listener in listeners(known.spec, known.memories).items()
        if (channels is None or key in channels) and listener.memory.believes_open(action.incident)
    ]
    told = post(known.spec, decided, after, links, runtime, connection, lambda _: f"{Kind.ACT}:{action.id}")
    runtime.store.replace_incidents(connection, known.spec.monitor, told)
    return next(each for each in told if each.id == action.incident)


def is_of(transition: Transition, action: Action, change: Change) -> bool:
    """Whether a transition is what an action did."""
    made_by = transition.incident_id == action.incident and transition.by == action.author
    return made_by and transition.change is change and transition.day == action.day


def made(
    incident: Incident,
    kind: ActionKind,
    day: date,
    author: str,
    reason: str,
    runtime: Runtime,
    *,
    until: date,
    resolution: Resolution | None = None,
) -> Action:
    """The action, whose id is the same if the same person does the same again."""
    key = [incident.monitor, incident.id, kind, day.isoformat(), author, until.isoformat(), resolution]
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
    )


def next_day(known: Known, runtime: Runtime) -> date:
    """The run day after the newest that was judged; where nothing was, the present day."""
    here = zone(known.spec)
    judged = max((run_day(d.as_of, here) for d in known.detections), default=None)
    return run_day(runtime.clock(), here) if judged is None else judged + _DAY


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


def content(wanted: Silence) -> tuple[str | None, ...]:
    """What makes two silences the same: all but their names, and when they were asked for or ended."""
    return (
        wanted.monitor,
        wanted.start.isoformat(),
        wanted.until.isoformat(),
        wanted.author,
        wanted.reason,
        wanted.incident_class,
        wanted.detector,
        wanted.version,
        wanted.segment,
    )


def digest(prefix: str, *parts: object) -> str:
    """A short name for these parts, the same each time."""
    text = json.dumps([part if part is None else str(part) for part in parts], separators=(",", ":"))
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
