"""Last task: fold the detections into incidents, decide what each channel is told, and deliver it.

Decide purely, act once, record last: incidents, what channels are told and outbox rows are written in one
transaction, and only what lies in the outbox is sent.  Killed between the two, the next run sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.records import Delivery, Incident, Notification, Telling
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Notify
from hindsight.incidents import as_told, corrections, last_told, notes, revisions
from hindsight.message import Link
from hindsight.notifiers import FALLBACK, BaseNotifier, channels
from hindsight.pipeline.composed import Writer, named_in
from hindsight.pipeline.deliver import deliver
from hindsight.pipeline.known import Known
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Act, Decision, Listener, Memory, decide, told
from hindsight.policy.listener import split
from hindsight.windows import DayRange, end_of, local_days

REMEMBERED: Final = timedelta(days=92)
"""How long after the truth was due a verdict that turns is still worth a note."""


def notify(
    spec: MonitorSpec, days: DayRange, runtime: Runtime, mode: Notify, links: Sequence[Link] = ()
) -> dict[str, Any]:
    """Bring the monitor's incidents up to date, enqueue what these days tell, and deliver what is pending.

    Raises HindsightError after every notifier was tried if a message could not be delivered.
    """
    faults.reach("notify.begin")
    with runtime.store.transaction(spec.monitor) as connection:
        faults.reach("notify.locked")
        reasons = enqueue(spec, days, runtime, mode, links, connection)
    faults.reach("notify.committed")
    return {"mode": str(mode), "decisions": reasons, **deliver(spec, runtime)}


def enqueue(
    spec: MonitorSpec,
    days: DayRange,
    runtime: Runtime,
    mode: Notify,
    links: Sequence[Link],
    connection: sa.Connection,
) -> list[str]:
    """Write incidents and outbox rows; returns the reason of each decision, also of those to stay silent."""
    known = Known.read(spec, runtime, connection)
    run = local_days((days.start, days.end), zone(spec))
    since = run.start - REMEMBERED - timedelta(hours=spec.last_horizon.hours)
    said = runtime.store.judgements(connection, spec.monitor, since=since) if known.memories else ()
    named = last_told(said)
    decided_for = partial(
        decide,
        mode,
        run,
        known.history,
        revisions=revisions(known.detections, known.history.incidents, zone(spec), at=known.at),
        corrections=corrections(known.stored, known.history.incidents, rules=known.at),
        notes=notes(named, known.detections, zone(spec)),
        heard=known.heard_before(days),
        silences=known.silences,
        is_over=end_of(days.end, zone(spec)) == end_of(run.end, zone(spec)),
    )
    decided = [
        (key, decision)
        for key, listener in listeners(spec, known.memories).items()
        for decision in decided_for(listener)
        if decision.act is not Act.NOTHING
    ]
    faults.reach("notify.decided")
    incidents = post(spec, decided, known, links, runtime, connection, lambda d: kind_of(spec, d, days))
    if incidents != tuple(known.stored):
        runtime.store.replace_incidents(connection, spec.monitor, incidents)
    faults.reach("notify.incidents_replaced")
    return list(dict.fromkeys(decision.reason for _, decision in decided))


def listeners(spec: MonitorSpec, told_before: Mapping[str, Memory]) -> dict[str, Listener]:
    """Everyone who hears of a monitor, by the channel's key."""
    return {
        key: Listener(notifier, told_before.get(key, Memory()), spec.owner)
        for key, notifier in listening(spec).items()
    }


def listening(spec: MonitorSpec) -> dict[str, BaseNotifier]:
    """The channels of a monitor by their key; one that names nobody has the log."""
    return channels(spec.notify or (FALLBACK,))


def post(
    spec: MonitorSpec,
    decided: Iterable[tuple[str, Decision]],
    known: Known,
    links: Sequence[Link],
    runtime: Runtime,
    connection: sa.Connection,
    kind: Callable[[Decision], str],
) -> tuple[Incident, ...]:
    """Lay each channel's decisions into the outbox; returns the incidents, those marked that were told.

    What lies there already was told as it was: it tells nothing that happened since, and so nothing is noted
    as told.
    """
    incidents, decided = known.history.incidents, list(decided)
    writer = Writer(spec, links, runtime, connection, [decision for _, decision in decided])
    rows = [
        Notification(
            monitor=spec.monitor,
            day=decision.day,
            kind=kind(decision),
            notifier=key,
            incidents=decision.incidents,
            severity=decision.severity,
            document=writer.document(decision),
            state=Delivery.PENDING if decision.act is Act.SEND else Delivery.SUPPRESSED,
            reason=decision.reason,
            judgements=as_told(named_in(decision)),
            tellings=decision.tellings,
            loud=decision.loud,
        )
        for key, decision in decided
    ]
    is_new = runtime.store.lay(connection, rows)
    new = [each for each, fresh in zip(decided, is_new, strict=True) if fresh]
    faults.reach("notify.enqueued")
    runtime.store.tell(
        connection, (Telling(spec.monitor, key, *split(each)) for key, d in new for each in d.tellings)
    )
    for _, decision in new:
        incidents = told(incidents, decision) if decision.act is Act.SEND else incidents
    return incidents


def kind_of(spec: MonitorSpec, decision: Decision, days: DayRange) -> str:
    """What tells a message from others of its monitor and day: its kind, and the hour where it is of one."""
    if spec.grain is Grain.DAY:
        return decision.kind
    return f"{decision.kind}@{days.end:%H:%M}Z"
