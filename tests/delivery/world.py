"""A store, and servers behind which every cell has a receiver of its own that behaves as it is told.

All cells share one HTTP server, where each has a path of its own, and one mail server, where each has an
address.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller

from delivery.cells import FIRST, Cell, Sending, Servers, incident
from delivery.receiving import Mailboxes, PagerDutyLike
from hindsight.domain.records import Notification
from hindsight.domain.values import IncidentState, Resolution
from hindsight.store import Store
from hindsight.store.sending import LEASE
from receivers import Answer, Receiver, free_port, served


@dataclass
class World:
    """The store, the servers, and every cell's receiver."""

    store: Store
    servers: Servers
    receivers: dict[str, Receiver]
    mailboxes: Mailboxes

    def receiver(self, cell: Cell) -> Receiver:
        """The one of a cell, made when it is first asked for."""
        made = PagerDutyLike if cell.kind == "pagerduty" else Receiver
        receiver = self.receivers.setdefault(cell.monitor, made(now=time.time))
        receiver.address = f"{self.servers.http}/{cell.monitor}"
        if cell.kind == "slack without history":
            receiver.scopes = {"chat:write", "files:write"}
        return receiver

    def script(self, cell: Cell, *answers: Answer | str) -> None:
        """What the cell's receiver does with the next messages: for mail in words, else as HTTP answers."""
        if cell.kind == "email":
            words = (answer for answer in answers if isinstance(answer, str))
            self.mailboxes.scripts[cell.mailbox] = deque(words)
        else:
            self.receiver(cell).script.extend(a for a in answers if isinstance(a, Answer))

    def came(self, cell: Cell) -> int:
        """How many times somebody set out to hand the receiver a message."""
        if cell.kind == "email":
            return self.mailboxes.asked.get(cell.mailbox, 0)
        asking = ("conversations", "files", "upload", "chat.update")
        return sum(not any(each in path for each in asking) for path, _, _ in self.receiver(cell).requests)

    def accepted(self, cell: Cell) -> list[str]:
        """The text of every message that the receiver took."""
        if cell.kind == "email":
            return self.mailboxes.mails.get(cell.mailbox, [])
        return [json.dumps(body) for body in self.receiver(cell).accepted]

    def enqueue(self, *rows: Notification) -> None:
        with self.store.transaction() as connection:
            assert self.store.enqueue(connection, rows) == len(rows)

    def stands(self, cell: Cell, **changes: Any) -> None:
        """Have the store know how the cell's incident stands."""
        with self.store.transaction(cell.monitor) as connection:
            self.store.replace_incidents(connection, cell.monitor, [incident(cell, **changes)])

    def ends(self, cell: Cell, number: int) -> None:
        """Have the store know that the cell's incident was over on the n-th day."""
        day = FIRST + timedelta(days=number)
        ended = {"state": IncidentState.RESOLVED, "resolution": Resolution.RECOVERED}
        self.stands(cell, resolved_on=day, **ended)

    def due(self, *cells: Cell) -> tuple[Cell, ...]:
        """Those of the cells that have something to send now, or to bring up to date."""
        with self.store.transaction() as connection:
            due = {*self.store.due(connection), *self.store.restless(connection)}
        return tuple(cell for cell in cells if cell.monitor in due)

    def rows(self, cell: Cell) -> list[Notification]:
        with self.store.transaction() as connection:
            return [row for _, row in reversed(self.store.newest_messages(connection, cell.monitor))]

    def deliver(self, *cells: Cell, lease: timedelta = LEASE) -> str:
        """One round of each in this process; what was not delivered is said in the errors' words."""
        sending = Sending(self.servers, cells, lease)
        return "; ".join(filter(None, (sending.deliver(self.store, cell) for cell in cells)))

    def time_passes(self) -> None:
        """As if every pause were over."""
        with self.store.transaction() as connection:
            connection.execute(
                sa.text(
                    "update hindsight.notification set next_attempt_at = clock_timestamp() "
                    "where state = 'pending' and next_attempt_at is not null"
                )
            )


@contextmanager
def world_on(url: str) -> Iterator[World]:
    """Servers on free ports, and an empty store at this URL."""
    receivers: dict[str, Receiver] = {}

    def find(path: str) -> tuple[Receiver, str]:
        _, name, rest = path.split("/", 2)
        return receivers[name], f"/{rest}"

    mailboxes = Mailboxes()
    controller = Controller(mailboxes, hostname="127.0.0.1", port=free_port())
    controller.start()
    store = Store(url)
    store.upgrade()
    try:
        with served(find) as http:
            yield World(store, Servers(url, http, controller.port), receivers, mailboxes)
    finally:
        controller.stop()
        store.dispose()
