"""Delivering what lies in the outbox: taken, sent, and what became of it recorded.

Whoever dies in between strands one message, whose lease runs out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from hindsight import faults
from hindsight.domain.records import Delivery, Notification
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import ConnectionMissing, DeliveryError, HindsightError
from hindsight.message import from_json
from hindsight.notifiers import FALLBACK, Parcel, channels
from hindsight.pipeline.runtime import Runtime

MOST_ATTEMPTS: Final = 8
FIRST_PAUSE: Final = timedelta(minutes=1)

LOGGER = logging.getLogger(__name__)


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
