"""What people do to incidents: take one on, say that it is over, want silence, end it.

Each act is one transaction under the monitor's lock: it is written down, the incidents are folded anew, and
what follows of it lies in the outbox, to be sent by whoever delivers next.  Nothing is sent here.  An act
counts after all that was judged and shown to people, so that nothing told is rewritten, and what it does not
know of is heard.  Doing the same twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Action, Incident
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ActionKind, Resolution
from hindsight.errors import ActionRefused
from hindsight.incidents import Change, Transition
from hindsight.message import Link
from hindsight.pipeline.deeds import followed, is_of, made, resolved_alike, upto
from hindsight.pipeline.deeds import next_day as next_day
from hindsight.pipeline.known import Known
from hindsight.pipeline.notify import listeners, listening, post
from hindsight.pipeline.refusals import author_of, open_incident, reason_of, until_of, words
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.silenced import end_silence as end_silence
from hindsight.pipeline.silenced import silence as silence
from hindsight.policy import Act, Decision, Kind, Memory, told_of
from hindsight.windows import DayRange
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
        said_of = followed(known, found)
        action = made(found, ActionKind.ACKNOWLEDGE, said_of, who, why, runtime, until=lasting)
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
        said_of = followed(known, found)
        action = made(
            found, ActionKind.RESOLVE, said_of, who, why, runtime, until=lasting, resolution=resolution
        )
        said = f"{name(who)} resolved it as {words(resolution)}"
        return do(action, said, Change.RESOLVED, None, known, runtime, connection, links)


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
    history = after.replayed(upto(action, known.detections))
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
                tellings=remembered(case.incident, happened[-1], listener.memory),
            ),
        )
        for key, listener in listeners(known.spec, known.memories).items()
        if (channels is None or key in channels) and listener.memory.believes_open(action.incident)
    ]
    told = post(known.spec, decided, after, links, runtime, connection, lambda _: f"{Kind.ACT}:{action.id}")
    runtime.store.replace_incidents(connection, known.spec.monitor, told)
    return next(each for each in told if each.id == action.incident)


def remembered(incident: Incident, happened: Transition, memory: Memory) -> tuple[str, ...]:
    """What is remembered of an act that was told: of the day that was judged, which it leaves to be told."""
    if incident.is_open:
        return (f"{incident.id} {happened.name}",)
    return told_of(incident, (happened,), happened.day - _DAY, memory)
