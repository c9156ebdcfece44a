"""Last task: fold the detections into incidents, decide what to tell, and deliver it.

Decide purely, act once, record last: incidents and outbox rows are written in one transaction, and only
what lies in the outbox is sent.  Killed between the two, the next run sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.records import Delivery, Detection, Incident, Notification
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Horizon, Notify
from hindsight.errors import ConnectionMissing, DeliveryError, HindsightError
from hindsight.incidents import Transition, as_told, corrections, last_told, notes, replay, revisions
from hindsight.message import Link, compose, from_json, to_json
from hindsight.notifiers import FALLBACK, BaseNotifier, Parcel, channel_key, channels
from hindsight.pipeline.explain import explanations
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Act, Decision, Kind, decide, heard, lowest_audible, route, told
from hindsight.windows import DayRange, local_days, start_of

MOST_ATTEMPTS: Final = 8
FIRST_PAUSE: Final = timedelta(minutes=1)

LOGGER = logging.getLogger(__name__)


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


def deliver(spec: MonitorSpec, runtime: Runtime) -> dict[str, Any]:
    """Send what is pending, every notifier on its own; a failure of one holds back no other.

    Rows are taken one by one, so that whatever ends this process strands one at most.  HindsightError, at
    the end, if anything was not delivered or still waits for another try.
    """
    notifiers = channels((*spec.notify, FALLBACK))
    counts = {"sent": 0, "logged": 0, "failed": 0}
    failures: list[str] = []
    while True:
        with runtime.store.transaction() as connection:
            claimed = runtime.store.claim(connection, spec.monitor, limit=1)
            faults.reach("notify.claiming")
        faults.reach("notify.claimed")
        if not claimed:
            break
        number, row = claimed[0]
        faults.reach("notify.sending")
        outcome, error = attempt(row, notifiers, runtime)
        faults.reach("notify.sent")
        counts[{Delivery.SENT: "sent", Delivery.LOGGED: "logged"}.get(outcome["state"], "failed")] += 1
        if outcome["state"] in (Delivery.PENDING, Delivery.DEAD):
            failures.append(f"{row.notifier.partition(':')[0]}: {error}")
        with runtime.store.transaction() as connection:
            runtime.store.record(connection, number, error=error, **outcome)
            faults.reach("notify.recording")
        faults.reach("notify.recorded")
    with runtime.store.transaction() as connection:
        rows = runtime.store.notifications(connection, spec.monitor)
    waiting = [row for row in rows if row.state in (Delivery.PENDING, Delivery.SENDING)]
    if failures or waiting:
        said = "; ".join(failures) or "an earlier sender did not say what became of them"
        raise HindsightError(
            f"{counts['failed']} notifications of {spec.monitor} were not delivered, {len(waiting)} wait for "
            f"another try: {said}"
        )
    return counts


def attempt(
    row: Notification, notifiers: Mapping[str, Any], runtime: Runtime
) -> tuple[dict[str, Any], str | None]:
    """Send one row: the new state of it, and what went wrong if anything did."""
    document = from_json(row.document)
    key = f"{row.monitor}/{row.day}/{row.kind}/{row.notifier}"
    notifier = notifiers.get(row.notifier)
    if notifier is None:
        return {"state": Delivery.DEAD}, "the monitor no longer names this notifier"
    try:
        sent = notifier.send(Parcel(document, key), runtime.connection)
    except ConnectionMissing as error:
        LOGGER.warning("%s The message goes to the log instead.", error)
        FALLBACK.send(Parcel(document, key), runtime.connection)
        return {"state": Delivery.LOGGED}, str(error)
    except DeliveryError as error:
        return after(error, row.attempts, runtime.clock()), str(error)
    except HindsightError as error:  # a connection that cannot be looked up just now: nothing was sent
        passing = DeliveryError(str(error), retry=True)
        return after(passing, row.attempts, runtime.clock()), str(error)
    except Exception as error:
        LOGGER.exception("Notifier %s failed in a way of its own", row.notifier)
        unknown = DeliveryError(type(error).__name__, retry=True, ambiguous=True)
        return after(unknown, row.attempts, runtime.clock()), f"{type(error).__name__} while sending"
    state = Delivery.LOGGED if notifier is FALLBACK or row.notifier.startswith("log:") else Delivery.SENT
    return {"state": state, "provider_id": sent.provider_id}, None


def after(error: DeliveryError, attempts: int, now: datetime) -> dict[str, Any]:
    """What becomes of a row that was not delivered: tried again, ever later, or given up."""
    if not error.retry or attempts >= MOST_ATTEMPTS:
        return {"state": Delivery.DEAD}
    pause = now + FIRST_PAUSE * 2 ** max(attempts - 1, 0)
    return {"state": Delivery.PENDING, "next_attempt_at": max(error.not_before or pause, pause)}
