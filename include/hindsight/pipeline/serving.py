"""One round of delivery: each batch of messages brought to its channel, and what became of it recorded.

What is wrong with one message is that message's own trouble: one that cannot be read is given up by itself,
and where a channel refuses several as one, each is tried by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from hindsight import faults
from hindsight.domain.records import Delivery, Notification, Thread
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Severity
from hindsight.errors import ConnectionMissing, DeliveryError, HindsightError
from hindsight.message import Chart, from_json, perhaps_repeated
from hindsight.notifiers import FALLBACK, BaseNotifier, Log, Parcel, Picture
from hindsight.notifiers.connection import Connect
from hindsight.pipeline.attempt import LONGEST_PAUSE as UNTIL_DEFINED
from hindsight.pipeline.attempt import (
    MOST_ATTEMPTS,
    Outcome,
    Try,
    failed,
    find,
    looked_up,
    pause_after,
    pictures,
    quiet_for,
    send,
    strange,
)
from hindsight.pipeline.parcels import document_of, parcel_of, threads_of
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.threads import begun, has_threads
from hindsight.store.sending import Batch

NOBODY: Final = "the monitor no longer names this notifier"

REFUSALS: Final = 3
"""After so many messages that were refused by themselves, and none that was taken, it is the channel."""

LOGGER = logging.getLogger(__name__)


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
    put_off: set[str] = field(default_factory=set)
    drawn: dict[Chart, Picture | None] = field(default_factory=dict)

    def claim(self) -> Batch | None:
        with self.runtime.store.transaction() as connection:
            batch = self.runtime.store.claim(
                connection, self.spec.monitor, lease=self.lease, besides=self.put_off
            )
            faults.reach("notify.claiming")
        faults.reach("notify.claimed")
        return batch

    def serve(self, batch: Batch) -> None:
        """See one batch to its end: found, sent, put back or given up."""
        notifier = self.notifiers.get(batch.leader.notifier)
        if notifier is None:
            self.record(batch, Outcome(Delivery.DEAD, error=NOBODY))
            return
        sound = self.readable(batch)
        if sound is None or (connect := self.connected(sound, notifier)) is None:
            return
        sure = True
        if sound.ambiguous_since is not None:
            settled = self.settled(sound, notifier, connect)
            if settled is None:
                return
            joined, sure = settled
            sound = self.readable(joined)
            if sound is None:
                return
        if not self.is_quiet(sound, notifier):
            self.send(sound, notifier, connect, sure=sure)

    def readable(self, batch: Batch) -> Batch | None:
        """What can be read of a batch, None if nothing; the rest is given up, and by itself."""
        sound: list[tuple[int, Notification]] = []
        for number, row in batch.rows:
            try:
                from_json(row.document)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no message
                said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} in reading"
                self.record(Batch(((number, row),)), Outcome(Delivery.DEAD, error=said))
            else:
                sound.append((number, row))
        return Batch(tuple(sound)) if sound else None

    def connected(self, batch: Batch, notifier: BaseNotifier) -> Connect | None:
        """A way to the channel's connection, looked up once and here, not in a thread; None if there is none,
        and the batch waits for it.
        """
        try:
            return looked_up(notifier, self.runtime.connection)
        except ConnectionMissing as error:
            self.wait_for_connection(batch, notifier, error)
        except HindsightError as error:  # it cannot be looked up just now
            self.record(batch, failed(DeliveryError(str(error), retry=True), self.of(batch, notifier)))
        return None

    def wait_for_connection(self, batch: Batch, notifier: BaseNotifier, error: ConnectionMissing) -> None:
        """What is new goes to the log, and all of it waits until somebody defines the connection.

        That is no failure, for without connections the log is the place; but that nobody is paged is one.
        After so many attempts the log was the place.
        """
        new = tuple(row for row in batch.rows if row[1].attempts <= 1)
        if new:
            LOGGER.warning("%s The message goes to the log, and there once it is defined.", error)
            FALLBACK.send(Parcel(document_of(Batch(new)), ""), self.runtime.connection)
        if notifier.follows:
            self.record(batch, failed(DeliveryError(str(error), retry=True), self.of(batch, notifier)))
            return
        late = tuple(row for row in batch.rows if row[1].attempts >= MOST_ATTEMPTS)
        if late:
            self.record(Batch(late), Outcome(Delivery.LOGGED, error=str(error)))
        self.counts["logged"] += bool(new)
        rest = tuple(row for row in batch.rows if row not in late)
        if rest:
            pause = pause_after(batch.attempts, UNTIL_DEFINED)
            self.put_back(Batch(rest), Outcome(Delivery.PENDING, pause=pause, most=MOST_ATTEMPTS + 1))

    def settled(self, batch: Batch, notifier: BaseNotifier, connect: Connect) -> tuple[Batch, bool] | None:
        """Ask for a batch that may have arrived: what is to be sent now, and whether it surely did not; None
        if there is no more to do.
        """
        known = threads_of(batch, notifier, self.runtime)
        this = self.of(batch, notifier)
        try:
            document = document_of(batch)
            parcel = parcel_of(batch, notifier, document, known, self.runtime)
        except Exception:
            document, found = None, None
            LOGGER.exception("A message in doubt could not be asked for")
        else:
            faults.reach("notify.finding")
            found = find(notifier, parcel, connect, this)
            faults.reach("notify.found")
        if isinstance(found, Outcome):
            threads = begun(batch, document, known, found.provider_id or "") if document else []
            self.record(batch, found, threads)
            return None
        # None if it took longer than the lease: another sender has it now.
        joined = self.join(batch, arrived=found)
        return None if joined is None else (joined, found is False)

    def send(self, batch: Batch, notifier: BaseNotifier, connect: Connect, *, sure: bool) -> None:
        """Send a batch as one message; where it is refused as that, each message by itself."""
        outcome, threads = self.attempt(batch, notifier, connect, sure=sure)
        if outcome.apart and len(batch.rows) > 1:
            self.one_by_one(batch, notifier, connect, outcome, sure=sure)
        else:
            self.record(batch, outcome, threads)

    def one_by_one(
        self, batch: Batch, notifier: BaseNotifier, connect: Connect, together: Outcome, *, sure: bool
    ) -> None:
        """Each message of a batch by itself, for it may be one of them that cannot be sent.

        One at which the notifier fails in a way of its own is given up if another was taken: then it is the
        message.  Where all are refused, or the receiver goes away, the rest is left as it is.
        """
        strangers: list[tuple[Batch, Outcome]] = []
        taken = refused = 0
        for at, row in enumerate(batch.rows):
            rest, one = Batch(batch.rows[at:]), Batch((row,))
            if not self.part(rest):
                return  # it took longer than the lease: another sender has it now
            if refused + len(strangers) >= REFUSALS and not taken:
                self.record(rest, together)
                break
            outcome, threads = self.attempt(
                one, notifier, connect, sure=sure, perhaps=bool(together.ambiguous)
            )
            if outcome.strange:
                strangers.append((one, outcome))
            elif outcome.state is Delivery.PENDING:
                self.record(rest, outcome)
                break
            else:
                self.record(one, outcome, threads)
                taken += outcome.state is not Delivery.DEAD
                refused += outcome.state is Delivery.DEAD
        for one, outcome in strangers:
            self.record(one, replace(outcome, state=Delivery.DEAD) if taken else outcome)

    def attempt(
        self, batch: Batch, notifier: BaseNotifier, connect: Connect, *, sure: bool, perhaps: bool = False
    ) -> tuple[Outcome, list[Thread]]:
        """Send a batch once, `perhaps` just after another try: what came of it, and the threads it begins."""
        this = self.of(batch, notifier, sure=sure)
        known = threads_of(batch, notifier, self.runtime)
        try:
            document = document_of(batch)
            # Who keeps incidents takes a repeat for what it is: nothing new.
            if (batch.ambiguous_since is not None or perhaps) and not notifier.follows:
                document = perhaps_repeated(document)
                self.counts["repeated"] += 1
            parcel = parcel_of(batch, notifier, document, known, self.runtime)
            if not isinstance(notifier, Log):
                parcel = replace(parcel, pictures=pictures(document, self.drawn))
        except Exception as error:  # noqa: BLE001 - told by its class, and nothing was sent
            return strange(error, this, "preparing", ambiguous=False), []
        faults.reach("notify.sending")
        outcome = send(notifier, parcel, connect, this)
        faults.reach("notify.sent")
        if outcome.anew:
            known = {id_: each for id_, each in known.items() if each.provider_id != parcel.thread}
        return outcome, begun(batch, document, known, outcome.provider_id or "")

    def of(self, batch: Batch, notifier: BaseNotifier, *, sure: bool = True) -> Try:
        """What the pause after an attempt at a batch depends on."""
        return Try(
            batch.attempts,
            urgent=any(row.severity is Severity.CRITICAL for row in batch.notes),
            harmless=notifier.follows or (notifier.finds and sure),
            error=batch.notes[0].error,
        )

    def join(self, batch: Batch, *, arrived: bool | None) -> Batch | None:
        """What has come to wait since goes along with what has to be sent again."""
        with self.runtime.store.transaction() as connection:
            joined = self.runtime.store.join(connection, batch, arrived=arrived, lease=self.lease)
            faults.reach("notify.joining")
        faults.reach("notify.joined")
        return joined

    def part(self, batch: Batch) -> bool:
        """Have each message of a batch stand by itself; False if it is another sender's by now."""
        with self.runtime.store.transaction() as connection:
            return self.runtime.store.part(connection, batch, lease=self.lease)

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
        """Count what became of a batch, and write it down with the threads it began."""
        name = {Delivery.SENT: "sent", Delivery.LOGGED: "logged"}.get(outcome.state, "failed")
        self.counts[name] += 1
        if name == "failed":
            self.failures[batch.leader.notifier] = outcome.error or ""
            gone = outcome.state is Delivery.DEAD
            self.given_up += sum(gone or row.attempts >= outcome.most for row in batch.notes)
        self.put_back(batch, outcome, threads)

    def put_back(self, batch: Batch, outcome: Outcome, threads: list[Thread] | None = None) -> None:
        """Write down what became of a batch; what is to be tried again is not so in this round."""
        notifier = self.notifiers.get(batch.leader.notifier)
        if outcome.state is Delivery.PENDING:
            self.put_off.add(batch.leader.notifier)
        with self.runtime.store.transaction() as connection:
            self.runtime.store.record(connection, batch, **outcome.recorded)
            if outcome.state is Delivery.SENT and outcome.provider_id and notifier and has_threads(notifier):
                for thread in threads or ():
                    self.runtime.store.keep_thread(connection, thread, anew=outcome.anew)
            faults.reach("notify.recording")
        faults.reach("notify.recorded")
