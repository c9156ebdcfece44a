"""Delivering what lies in the outbox: taken, sent, and what became of it recorded; every channel on its own.

Whoever dies in between strands one message, whose lease runs out.  Then, and after a try of which nobody
knows whether it was accepted, the channel is asked first; where it cannot tell, the message is sent again and
says that it may be a repeat.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from hindsight import faults
from hindsight.domain.records import Delivery, Thread
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Severity
from hindsight.errors import HindsightError
from hindsight.message import Chart, Document, about, from_json, merged, perhaps_repeated
from hindsight.notifiers import FALLBACK, BaseNotifier, Log, Parcel, Picture, channels
from hindsight.pipeline.attempt import MOST_ATTEMPTS, Outcome, find, pictures, quiet_for, send
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.threads import answered, begun, has_threads, refresh
from hindsight.store.sending import LEASE, Batch

NOBODY: Final = "the monitor no longer names this notifier"

LOGGER = logging.getLogger(__name__)


def deliver(spec: MonitorSpec, runtime: Runtime, *, lease: timedelta = LEASE) -> dict[str, Any]:
    """Send what is due, and have threads show how their incidents stand; no channel holds back another.

    HindsightError, at the end, names each channel to which something was not delivered.  What waits for the
    end of quiet hours, or is under way with another sender, is no failure.
    """
    this = Round(spec, runtime, lease, channels((*spec.notify, FALLBACK)))
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
        raise HindsightError(
            f"{this.given_up + again} notifications of {spec.monitor} were not delivered "
            f"({this.given_up} given up, {again} to be tried again): {said}"
        )
    return this.counts | {"waiting": sum(each.number for each in waiting)}


@dataclass
class Round:
    """One turn through a monitor's outbox, until nothing more is due."""

    spec: MonitorSpec
    runtime: Runtime
    lease: timedelta
    notifiers: Mapping[str, BaseNotifier]
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("sent", "logged", "failed", "repeated"), 0)
    )
    failures: dict[str, str] = field(default_factory=dict)
    given_up: int = 0
    drawn: dict[Chart, Picture | None] = field(default_factory=dict)

    def claim(self) -> Batch | None:
        with self.runtime.store.transaction() as connection:
            batch = self.runtime.store.claim(connection, self.spec.monitor, lease=self.lease)
            faults.reach("notify.claiming")
        faults.reach("notify.claimed")
        return batch

    def serve(self, batch: Batch) -> None:
        """See one batch to its end: found, sent, put back or given up."""
        notifier = self.notifiers.get(batch.leader.notifier)
        if notifier is None:
            self.record(batch, Outcome(Delivery.DEAD, error=NOBODY))
            return
        try:
            document = merged([from_json(row.document) for row in batch.notes])
        except ValueError as error:
            self.record(batch, Outcome(Delivery.DEAD, error=str(error)))
            return
        known = self.known(batch, notifier)
        parcel = self.parcel(batch, document, known)
        if batch.ambiguous_since is not None:
            faults.reach("notify.finding")
            found = find(notifier, parcel, self.runtime.connection, batch.attempts)
            faults.reach("notify.found")
            if isinstance(found, Outcome):
                self.record(batch, found, begun(batch, document, known, found.provider_id or ""))
                return
            joined = self.join(batch, arrived=found)
            if joined is None:
                return  # it took longer than the lease: another sender has it now
            batch = joined
            document = merged([from_json(row.document) for row in batch.notes])
            # Who keeps incidents takes a repeat for what it is: nothing new.
            if batch.ambiguous_since is not None and not notifier.follows:
                document = perhaps_repeated(document)
                self.counts["repeated"] += 1
            parcel = self.parcel(batch, document, known)
        if self.is_quiet(batch, notifier):
            return
        if not isinstance(notifier, Log):
            parcel = replace(parcel, pictures=pictures(document, self.drawn))
        faults.reach("notify.sending")
        outcome = send(notifier, parcel, self.runtime.connection, batch.attempts)
        faults.reach("notify.sent")
        self.record(batch, outcome, begun(batch, document, known, outcome.provider_id or ""))

    def known(self, batch: Batch, notifier: BaseNotifier) -> dict[str, Thread]:
        """The threads of a channel by their incident."""
        if not has_threads(notifier):
            return {}
        with self.runtime.store.transaction() as connection:
            found = self.runtime.store.threads(connection, self.spec.monitor)
        return {each.incident: each for each in found if each.notifier == batch.leader.notifier}

    def parcel(self, batch: Batch, document: Document, known: Mapping[str, Thread]) -> Parcel:
        row = batch.leader
        notifier = self.notifiers[row.notifier]
        return Parcel(
            self.as_it_stands(document) if notifier.follows else document,
            key=f"{row.monitor}/{row.day}/{row.kind}/{row.notifier}",
            thread=answered(document, known),
            loud=any(each.loud for each in batch.notes),
            since=batch.ambiguous_since,
        )

    def as_it_stands(self, document: Document) -> Document:
        """The message for who keeps incidents: what is over is over, although the message came before."""
        with self.runtime.store.transaction() as connection:
            stored = {each.id: each for each in self.runtime.store.incidents(connection, self.spec.monitor)}
        named = (
            about(stored[each.incident], each.changes)
            if each.incident in stored and stored[each.incident].resolved_on is not None
            else each
            for each in document.about
        )
        return replace(document, about=tuple(named))

    def join(self, batch: Batch, *, arrived: bool | None) -> Batch | None:
        """What has come to wait since goes along with what has to be sent again."""
        with self.runtime.store.transaction() as connection:
            joined = self.runtime.store.join(connection, batch, arrived=arrived, lease=self.lease)
            faults.reach("notify.joining")
        faults.reach("notify.joined")
        return joined

    def is_quiet(self, batch: Batch, notifier: BaseNotifier) -> bool:
        """Whether a batch has to wait for the end of quiet hours; then it is put back."""
        if any(row.severity is Severity.CRITICAL for row in batch.notes):
            return False
        pause = quiet_for(notifier.quiet, self.runtime.clock(), zone(self.spec))
        if pause is None:
            return False
        with self.runtime.store.transaction() as connection:
            self.runtime.store.postpone(connection, batch, pause)
        return True

    def record(self, batch: Batch, outcome: Outcome, threads: list[Thread] | None = None) -> None:
        """Write down what became of a batch, and the threads it began."""
        name = {Delivery.SENT: "sent", Delivery.LOGGED: "logged"}.get(outcome.state, "failed")
        self.counts[name] += 1
        if name == "failed":
            self.failures[batch.leader.notifier] = outcome.error or ""
            gone = outcome.state is Delivery.DEAD
            self.given_up += sum(gone or row.attempts >= MOST_ATTEMPTS for row in batch.notes)
        notifier = self.notifiers.get(batch.leader.notifier)
        with self.runtime.store.transaction() as connection:
            self.runtime.store.record(connection, batch, **asdict(outcome), most=MOST_ATTEMPTS)
            if outcome.state is Delivery.SENT and outcome.provider_id and notifier and has_threads(notifier):
                for thread in threads or ():
                    self.runtime.store.keep_thread(connection, thread)
            faults.reach("notify.recording")
        faults.reach("notify.recorded")
