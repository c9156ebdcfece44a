"""Last task: fold the detections into incidents, decide what to tell, and deliver it.

Decide purely, act once, record last: incidents and outbox rows are written in one transaction, and only
what lies in the outbox is sent.  Killed between the two, the next run sends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.records import Detection, Incident, Notification
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Horizon, Notify
from hindsight.incidents import Transition, as_told, corrections, last_told, notes, replay, revisions
from hindsight.message import Link, compose, to_json
from hindsight.notifiers import FALLBACK, BaseNotifier, channel_key
from hindsight.pipeline.deliver import deliver
from hindsight.pipeline.explain import explanations
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Act, Decision, Kind, decide, heard, lowest_audible, route, told
from hindsight.windows import DayRange, local_days, start_of


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
    store, at = runtime.store, {detector.name: detector.at for detector in spec.detectors}
    # A detector that the monitor no longer names can neither breach nor recover.
    detections = store.detections(connection, spec.monitor, detector=list(at))
    stored = store.incidents(connection, spec.monitor)
    history = replay(detections, stored, zone(spec), at=at)
    decisions = decide(
        mode,
        local_days((days.start, days.end), zone(spec)),
        history,
        revisions=revisions(detections, history.incidents, zone(spec), at=at),
        corrections=corrections(stored, history.incidents),
        notes=notes(last_told(store.judgements(connection, spec.monitor)), detections, zone(spec)),
        heard=heard_before(spec, days, detections, stored, at),
        audible=lowest_audible(spec.notify),
    )
    incidents = history.incidents
    faults.reach("notify.decided")
    for decision in decisions:
        routes = route(decision, spec.notify, FALLBACK)
        if not routes:
            continue
        document = to_json(
            compose(
                decision,
                spec,
                snapshots=evidence(spec, decision, runtime, connection),
                links=links,
                explanations=explanations(spec, decision, runtime, connection) if heard(routes) else {},
            )
        )
        rows = [
            Notification(
                monitor=spec.monitor,
                day=decision.day,
                kind=kind_of(spec, decision, days),
                notifier=channel_key(cast("BaseNotifier", each.notifier)),
                incidents=decision.incidents,
                severity=decision.severity,
                document=document,
                state=each.state,
                reason=each.reason,
                judgements=as_told(named_in(decision)),
            )
            for each in routes
        ]
        # What lies there already was told as it was, and tells nothing that happened since.
        if store.enqueue(connection, rows) and heard(routes):
            incidents = told(incidents, decision)
        faults.reach("notify.enqueued")
    store.replace_incidents(connection, spec.monitor, incidents)
    faults.reach("notify.incidents_replaced")
    return [decision.reason for decision in decisions if decision.act is not Act.NOTHING]


def heard_before(
    spec: MonitorSpec,
    days: DayRange,
    detections: Sequence[Detection],
    stored: Sequence[Incident],
    at: Mapping[str, Horizon],
) -> tuple[Transition, ...]:
    """What an earlier hour's run has told of the same local day; of whole days there is only one run."""
    if spec.grain is Grain.DAY:
        return ()
    before = [d for d in detections if d.as_of <= start_of(days.start, zone(spec))]
    return replay(before, stored, zone(spec), at=at).transitions


def kind_of(spec: MonitorSpec, decision: Decision, days: DayRange) -> str:
    """What tells a message from others of its monitor and day: its kind, and the hour where it is of one."""
    if spec.grain is Grain.DAY:
        return decision.kind
    return f"{decision.kind}@{days.end:%H:%M}Z"


def named_in(decision: Decision) -> list[tuple[str, Detection]]:
    """The judgements that a message names, each with its incident: of what is open, and what is revised."""
    told = [(r.incident, r.later) for r in decision.revisions if r.incident is not None]
    if decision.kind is Kind.REVISED:
        return told
    cases = [case for case in decision.cases if case.incident.is_open]
    return [(case.incident.id, each) for case in cases for each in case.evidence] + told


def evidence(spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection) -> list[Any]:
    """The snapshots behind a decision's detections, for their intervals."""
    found = []
    wanted = {
        (d.metric, d.horizon, d.window, d.version, d.segment, d.window_start)
        for case in decision.cases
        for d in case.evidence
    }
    for metric, horizon, window, version, segment, start in sorted(wanted, key=str):
        found += runtime.store.snapshots(
            connection,
            spec.monitor,
            metric=metric,
            horizon=horizon,
            window=window,
            version=version,
            segment=segment,
            start=start,
            end=start + timedelta(microseconds=1),
        )
    return found
