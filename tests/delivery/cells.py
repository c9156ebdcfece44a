"""Cells, each a monitor with one channel: what they are to be told, and the processes that tell it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa

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
from receivers import CHANNEL
from worlds import monitor

FIRST = date(2013, 4, 10)
TIMEOUT = 1
"""Seconds that a client waits for an answer; the least that a connection can ask for."""


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
    """What a delivering process is to do: rounds for each of these cells; a lease is over at once."""

    servers: Servers
    cells: tuple[Cell, ...]
    lease: timedelta = timedelta(0)
    rounds: int = 1
    USUAL: ClassVar[timedelta] = LEASE

    def do(self) -> None:
        store = Store(self.servers.url)
        try:
            for cell in self.cells * self.rounds:
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
        news=not number,
    )
    if over:
        resolved = {"state": IncidentState.RESOLVED, "resolution": Resolution.RECOVERED}
        about = replace(about, **resolved, resolved_on=day, changes=("resolved",), news=False)
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


def incident(cell: Cell, **changes: Any) -> Incident:
    """The cell's incident as a store has it: as the first message tells it, but for the changes."""
    told = document(cell, 0).about[0]
    made = Incident(
        id=told.incident,
        monitor=cell.monitor,
        incident_class=told.incident_class,
        severity=told.severity,
        since=told.since,
        opened_on=told.opened_on,
        last_breach_on=told.opened_on,
        resolved_on=None,
        members=(),
        breaching=(),
        headline=told.headline,
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
