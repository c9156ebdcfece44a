"""Delivering what lies in the outbox: taken, sent, and what became of it recorded; every channel on its own.

Whoever dies in between strands one message, whose lease runs out.  Then, and after a try of which nobody
knows whether it was accepted, the channel is asked first; where it cannot tell, the message is sent again and
says that it may be a repeat.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hindsight.domain.spec import MonitorSpec
from hindsight.errors import NotDelivered
from hindsight.notifiers import FALLBACK, channels
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.serving import Round
from hindsight.pipeline.threads import refresh
from hindsight.store.sending import LEASE


def deliver(spec: MonitorSpec, runtime: Runtime, *, lease: timedelta = LEASE) -> dict[str, Any]:
    """Send what is due, and have threads show how their incidents stand; no channel holds back another.

    NotDelivered, at the end, names each channel to which something was not delivered.  What waits for the
    end of quiet hours, or for a connection, or is under way with another sender, is no failure.
    """
    this = Round(spec, runtime, lease, channels((FALLBACK, *spec.notify)))
    while (batch := this.claim()) is not None:
        this.serve(batch)
    refresh(spec, runtime, this.notifiers)
    with runtime.store.transaction() as connection:
        waiting = runtime.store.waiting(connection, spec.monitor)
    for each in waiting:
        if each.error and not each.under_way:
            this.failures.setdefault(each.notifier, each.error)
    if this.failures:
        again = sum(each.number for each in waiting if each.error and not each.under_way)
        said = "; ".join(
            f"{notifier.partition(':')[0]}: {error}" for notifier, error in this.failures.items()
        )
        raise NotDelivered(
            f"{this.given_up + again} notifications of {spec.monitor} were not delivered "
            f"({this.given_up} given up, {again} to be tried again): {said}",
            this.given_up,
        )
    return this.counts | {"waiting": sum(each.number for each in waiting)}
