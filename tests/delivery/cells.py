"""Receivers that behave as they are told, one for each cell of a matrix, and processes that send to them.

A cell is a monitor with one channel.  All cells share one HTTP server, where each has a path of its own, and
one mail server, where each has an address.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar, cast

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from hindsight.domain.records import Delivery, Incident, Notification
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import IncidentClass, IncidentState, Resolution, Severity
from hindsight.errors import HindsightError
from hindsight.message import About, Document, Section, Tone, to_json
from hindsight.notifiers import (
    BaseNotifier,
    ConnectionInfo,
    Email,
    PagerDuty,
    Slack,
    SlackWebhook,
    Teams,
    Webhook,
    channel_key,
)
from hindsight.pipeline.deliver import deliver
from hindsight.pipeline.runtime import Runtime
from hindsight.store import Store
from hindsight.store.sending import LEASE
from receivers import CHANNEL, Answer, Receiver, free_port, served
from worlds import monitor

FIRST = date(2013, 4, 10)
TIMEOUT = 1
"""Seconds that a client waits for an answer; the least that a connection can ask for."""

SLOWLY = 1.5
"""Seconds after which a slow receiver takes a message."""


@dataclass(frozen=True)
class Cell:
    """One channel of one monitor."""

    monitor: str
    kind: str

    @property
    def notifier(self) -> BaseNotifier:
        match self.kind:
            case "slack" | "slack without history":
                return Slack(self.monitor, CHANNEL)
            case "slack_webhook":
                return SlackWebhook(self.monitor)
            case "pagerduty":
                return PagerDuty(self.monitor)
            case "teams":
                return Teams(self.monitor)
            case "webhook":
                return Webhook(self.monitor)
        return Email(self.monitor, (self.mailbox,)).channels()[0]

    @property
    def channel(self) -> str:
        return channel_key(self.notifier)

    @property
    def mailbox(self) -> str:
        return f"{self.monitor}@example.com"

    @property
    def spec(self) -> MonitorSpec:
        return monitor(monitor=self.monitor, notify=(self.notifier,))

    def connection(self, servers: Servers) -> ConnectionInfo:
        """What leads to this cell's receiver."""
        address, extra = f"{servers.http}/{self.monitor}", {"timeout": TIMEOUT}
        match self.kind:
            case "slack" | "slack without history":
                base = {"base_url": f"{address}/api/"}
                return ConnectionInfo("slack", password="xoxb-1", extra={**base, **extra})
            case "slack_webhook" | "teams":
                return ConnectionInfo(self.kind, password=f"{address}/hook", extra=extra)
            case "pagerduty":
                return ConnectionInfo("pagerduty", password="routing", extra={"base_url": address, **extra})
            case "webhook":
                return ConnectionInfo("http", host=f"{address}/hook", password="s3cret", extra=extra)
        plain = {"disable_ssl": True, "disable_tls": True, "from_email": "hindsight@example.com"}
        return ConnectionInfo("smtp", "127.0.0.1", servers.smtp, extra={**plain, **extra})


@dataclass(frozen=True)
class Servers:
    """Where the receivers and the store are: all that a process needs to deliver."""

    url: str
    http: str
    smtp: int

    def runtime(self, store: Store, cell: Cell) -> Runtime:
        return Runtime(store, sa.make_url, lambda _: cell.connection(self), Path())


@dataclass(frozen=True)
class Sending:
    """What a delivering process is to do: one round for each of these cells; a lease is over at once."""

    servers: Servers
    cells: tuple[Cell, ...]
    lease: timedelta = timedelta(0)
    USUAL: ClassVar[timedelta] = LEASE

    def do(self) -> None:
        store = Store(self.servers.url)
        try:
            for cell in self.cells:
                self.deliver(store, cell)
        finally:
            store.dispose()

    def deliver(self, store: Store, cell: Cell) -> str:
        """One round; what was not delivered is said in the error's words."""
        try:
            deliver(cell.spec, self.servers.runtime(store, cell), lease=self.lease)
        except HindsightError as error:
            return str(error)
        return ""


@dataclass
class PagerDutyLike(Receiver):
    """PagerDuty: what counts is not how many events come, but what they do to the incidents of a key."""

    opened: dict[str, int] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)

    def take(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        key, action = body["dedup_key"], body["event_action"]
        is_open = self.state.get(key) in ("triggered", "acknowledged")
        if action == "trigger" and not is_open:
            self.opened[key] = self.opened.get(key, 0) + 1
            self.state[key] = "triggered"
        elif action == "acknowledge" and is_open:
            self.state[key] = "acknowledged"
        elif action == "resolve" and is_open:
            self.state[key] = "resolved"
        return {"ok": True}


@dataclass
class Mailboxes:
    """A mail server that does with each address what is scripted for it, and takes all else.

    A script holds answers: at `RCPT` or `DATA`, with a code; `drops` takes the mail and hangs up, `slowly`
    takes it when the client has long gone.
    """

    scripts: dict[str, deque[str]] = field(default_factory=dict)
    mails: dict[str, list[str]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        script = self.scripts.get(address)
        if script and script[0].startswith("RCPT "):
            self.asked[address] = self.asked.get(address, 0) + 1
            return f"{script.popleft().removeprefix('RCPT ')} not now"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        (address,) = envelope.rcpt_tos
        self.asked[address] = self.asked.get(address, 0) + 1
        script = self.scripts.get(address)
        answer = script.popleft() if script else "ok"
        if answer.startswith("DATA "):
            return f"{answer.removeprefix('DATA ')} not now"
        mail = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
        body = cast("EmailMessage", mail).get_body(("plain",))
        assert body is not None
        mails = self.mails.setdefault(address, [])
        if answer == "slowly":
            # Whether or not the client is still there by then.
            asyncio.get_running_loop().call_later(SLOWLY, mails.append, body.get_content())
            await asyncio.sleep(SLOWLY)
            return "250 taken"
        mails.append(body.get_content())
        if answer == "drops":
            assert server.transport is not None
            server.transport.close()
        return "250 taken"


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

    def ends(self, cell: Cell, number: int) -> None:
        """Have the store know that the cell's incident was over on the n-th day."""
        about = document(cell, number, over=True).about[0]
        incident = Incident(
            id=about.incident,
            monitor=cell.monitor,
            incident_class=about.incident_class,
            severity=about.severity,
            since=about.since,
            opened_on=about.opened_on,
            last_breach_on=about.opened_on,
            resolved_on=about.resolved_on,
            members=(),
            breaching=(),
            headline=about.headline,
            state=about.state,
            resolution=about.resolution,
        )
        with self.store.transaction(cell.monitor) as connection:
            self.store.replace_incidents(connection, cell.monitor, [incident])

    def due(self, *cells: Cell) -> tuple[Cell, ...]:
        """Those of the cells that have something to send now."""
        with self.store.transaction() as connection:
            due = set(self.store.due(connection))
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


def token(number: int) -> str:
    """What is found in every message that tells what happened on a day."""
    return f"tells-{number:03}-of-it"


def document(cell: Cell, number: int, *, over: bool = False, **changes: Any) -> Document:
    """The message of the n-th day: its one incident opens on the first day, goes on, and may be over."""
    day = FIRST + timedelta(days=number)
    about = About(
        incident="inc_1",
        incident_class=IncidentClass.PERFORMANCE,
        severity=Severity.WARNING,
        state=IncidentState.OPEN,
        headline="recall is low",
        since=FIRST,
        opened_on=FIRST,
        changes=("joined",) if number else ("opened",),
    )
    if over:
        resolved = {"state": IncidentState.RESOLVED, "resolution": Resolution.RECOVERED}
        about = replace(about, **resolved, resolved_on=day, changes=("resolved",))
    made = Document(
        "daily",
        cell.monitor,
        day,
        Severity.WARNING,
        Tone.WARNING,
        "recall is low",
        "recall is low",
        f"{cell.monitor}: {token(number)}",
        sections=(Section("Performance", lead=token(number), incident="inc_1"),),
        thread="inc_1",
        about=(about,),
    )
    return replace(made, **changes)


def row(cell: Cell, number: int, *, over: bool = False, **changes: Any) -> Notification:
    """The outbox row of the n-th day."""
    made = document(cell, number, over=over)
    of = Notification(
        monitor=cell.monitor,
        day=made.day,
        kind="daily",
        notifier=cell.channel,
        incidents=("inc_1",),
        severity=made.severity,
        document=to_json(made),
        state=Delivery.PENDING,
        reason="a test",
    )
    return replace(of, **changes)
