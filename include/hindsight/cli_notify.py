"""The commands about messages: `hindsight notify list`, `send`, `resend` and `test`.

They end with 1 where a message was not delivered, and with 2 where they were refused.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from hindsight.cli_base import (
    UNDELIVERED,
    JsonFlag,
    MonitorArg,
    dump,
    err,
    inert,
    line,
    out,
    refuse,
    sentences,
    to_read,
)
from hindsight.orchestration.places import spec_of

if TYPE_CHECKING:
    from hindsight.domain.records import Notification
    from hindsight.domain.spec import MonitorSpec
    from hindsight.message.document import About
    from hindsight.notifiers import BaseNotifier
    from hindsight.pipeline.runtime import Runtime

app = typer.Typer(
    help="The outbox: what was told to whom, and what waits; send it, send it again, try the channels.",
    no_args_is_help=True,
)


@app.command("list")
def list_messages(
    monitor: MonitorArg,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what is not sent yet.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many, the newest first.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """What lies in the outbox of a monitor, the newest message first."""
    from hindsight.domain.records import Delivery
    from hindsight.orchestration.account import WORDS, channel_name, channel_names, message_record
    from hindsight.orchestration.runtime import command_line_runtime

    with sentences():
        store = command_line_runtime().store
        name, spec = to_read(monitor, store)
        states = (Delivery.PENDING, Delivery.SENDING) if waiting else ()
        with store.reading() as connection:
            found = store.newest_messages(connection, name, limit, states)
    names = {} if spec is None else channel_names(spec)
    if as_json:
        dump([message_record(number, row, names) for number, row in found])
        return
    if not found:
        line("Nothing waits." if waiting else "Nobody was told anything yet.")
        return
    table = Table(title=f"Messages of {name}")
    for heading in ("no.", "day", "kind", "channel", "outcome"):
        table.add_column(heading, overflow="fold")
    table.add_column("why", overflow="fold", ratio=1)
    for number, row in found:
        outcome = WORDS[row.state] + (f", {row.attempts} tries" if row.attempts > 1 else "")
        why = f"{row.reason} {row.error}" if row.error else row.reason
        channel = names.get(row.notifier, channel_name(row.notifier))
        table.add_row(*map(inert, (str(number), str(row.day), row.kind, channel, outcome, why)))
    out.print(table)


@app.command()
def send(monitor: MonitorArg) -> None:
    """Deliver what waits and is due; exit 1 if something was not delivered."""
    from hindsight.errors import HindsightError
    from hindsight.orchestration.runtime import command_line_runtime
    from hindsight.pipeline.deliver import deliver

    with sentences():
        spec, runtime = spec_of(monitor), command_line_runtime()
        lacking = undefined(spec, runtime)
        if lacking:
            refuse(lacking)
        try:
            counts = deliver(spec, runtime)
        except HindsightError as error:
            err.print(inert(str(error)), style="red", soft_wrap=True)
            raise typer.Exit(UNDELIVERED) from None
    line(", ".join(f"{name} {count}" for name, count in counts.items()))


@app.command()
def resend(
    monitor: MonitorArg,
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", min=1, max=2**63 - 1, help="See `notify list`.")
    ] = None,
    incident: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Instead: the latest message about this incident, on each channel."),
    ] = None,
) -> None:
    """Send a message once more, whatever became of it; its receivers get it twice if they had it."""
    from hindsight.orchestration.account import WORDS
    from hindsight.orchestration.runtime import command_line_runtime

    if (number is None) == (incident is None):
        refuse("Name a message by its number, or an incident with --incident: one of the two.")
    with sentences():
        spec, runtime = spec_of(monitor), command_line_runtime()
        numbers = [number] if number is not None else latest_about(spec, runtime, incident or "")
        again: list[int] = []
        with runtime.store.transaction(spec.monitor) as connection:
            for each in numbers:
                rows = runtime.store.message(connection, each)
                if any(row.monitor != spec.monitor for _, row in rows):
                    refuse(
                        f"Message number {each} is not one of {spec.monitor}, but of {rows[0][1].monitor}."
                    )
                again += [found for found, _ in runtime.store.resend(connection, each)]
        line(f"To be sent again: {', '.join(map(str, again))}.")
        said = try_to_deliver(spec, runtime)
        with runtime.store.reading() as connection:
            now = [row for each in again for row in runtime.store.message(connection, each) if row[0] == each]
        for each, row in now:
            line(f"Message number {each}: {WORDS[row.state]}.")
        if said:
            err.print(inert(f"{said} The sweeper sends what waits."), style="red", soft_wrap=True)
            raise typer.Exit(UNDELIVERED)


@app.command("test")
def try_channels(
    monitor: MonitorArg,
    channel: Annotated[
        str | None,
        typer.Option(metavar="KIND|KEY", help="Only channels of this kind, or the one of this key."),
    ] = None,
) -> None:
    """Send each channel a harmless message, now and past the outbox; exit 1 if one did not take it."""
    from hindsight.notifiers import FALLBACK, channels
    from hindsight.orchestration.account import channel_name
    from hindsight.orchestration.runtime import command_line_runtime

    failed = 0
    with sentences():
        spec, runtime = spec_of(monitor), command_line_runtime()
        every = channels(spec.notify or (FALLBACK,))
        chosen = {key: each for key, each in every.items() if channel in (None, key, key.partition(":")[0])}
        if not chosen:
            refuse(f"{spec.monitor} has no channel {channel!r}: it has {', '.join(every)}.")
        for key, each in chosen.items():
            taken, said = tried(spec, runtime, key, each)
            failed += not taken
            line(" ".join([f"{channel_name(key, each)} ({key}):", *(["took it."] if taken else []), *said]))
    if failed:
        raise typer.Exit(UNDELIVERED)


def tried(
    spec: MonitorSpec, runtime: Runtime, key: str, channel: BaseNotifier
) -> tuple[bool, tuple[str, ...]]:
    """Whether a channel took a test message, and what there is to say of it.

    To who keeps incidents it says that one is over which never was: such an event is taken and does nothing.
    """
    from hindsight.domain.values import Severity
    from hindsight.errors import HindsightError
    from hindsight.message import Document, Tone
    from hindsight.notifiers import Parcel

    now = runtime.clock()
    said = f"Test of Hindsight: {spec.monitor} can reach this channel. Nothing is wrong, and nobody need act."
    document = Document(
        kind="test",
        monitor=spec.monitor,
        day=now.date(),
        severity=Severity.OK,
        tone=Tone.QUIET,
        title=f"Test of Hindsight for {spec.monitor}",
        subject=f"Test of Hindsight for {spec.monitor}",
        first_line=said,
        context=("Sent by `hindsight notify test`.",),
        about=(never_was(now.date(), said),) if key.startswith("pagerduty:") else (),
    )
    parcel = Parcel(document, f"{spec.monitor}/{now:%Y%m%dT%H%M%S.%f}/test/{key}")
    try:
        return True, channel.send(parcel, runtime.connection).remarks
    except HindsightError as error:
        return False, (str(error),)
    except Exception as error:  # noqa: BLE001  a channel that breaks in its own way has not taken it
        return False, (f"it broke with {type(error).__name__}.",)


def never_was(today: date, said: str) -> About:
    """An incident that is over and never was."""
    from hindsight.domain.values import IncidentClass, IncidentState, Severity
    from hindsight.message.document import About

    return About(
        incident="inc_test",
        incident_class=IncidentClass.PIPELINE,
        severity=Severity.OK,
        state=IncidentState.RESOLVED,
        headline=said,
        since=today,
        opened_on=today,
        resolved_on=today,
        changes=("resolved",),
    )


def latest_about(spec: MonitorSpec, runtime: Runtime, identity: str) -> list[int]:
    """The numbers of the latest messages that told of an incident, one for each channel that was told."""
    from hindsight.domain.records import Delivery
    from hindsight.orchestration.account import MOST_MESSAGES, identified

    store, told = runtime.store, (Delivery.SENT, Delivery.LOGGED, Delivery.MERGED, Delivery.DEAD)
    with store.reading() as connection:
        found = identified(store.incidents(connection, spec.monitor), identity, "incident")
        rows = store.messages_about(connection, spec.monitor, found.id, MOST_MESSAGES, states=told)
    latest: dict[str, int] = {}
    for number, row in rows:
        latest.setdefault(row.notifier, row.batch or number)
    if not latest:
        refuse(f"No message about {found.id} went out yet: `hindsight notify list` shows what waits.")
    return sorted(latest.values())


def try_to_deliver(spec: MonitorSpec, runtime: Runtime) -> str:
    """Deliver what waits, if this machine has the connections for it; returns why it did not, or nothing.

    Without them a message would go to the log of this machine for good, where nobody looks.
    """
    from hindsight.errors import HindsightError
    from hindsight.pipeline.deliver import deliver

    lacking = undefined(spec, runtime)
    if lacking:
        return lacking
    try:
        deliver(spec, runtime)
    except HindsightError as error:
        return str(error)
    return ""


def undefined(spec: MonitorSpec, runtime: Runtime) -> str:
    """Which connections this machine lacks for what waits, as a sentence; nothing if it lacks none."""
    from hindsight.domain.records import Delivery
    from hindsight.errors import ConnectionMissing
    from hindsight.notifiers import channels

    every = channels(spec.notify)
    with runtime.store.reading() as connection:
        states = (Delivery.PENDING, Delivery.SENDING)
        waiting: list[tuple[int, Notification]] = runtime.store.newest_messages(
            connection, spec.monitor, 1000, states
        )
    needed = {getattr(every.get(row.notifier), "connection", None) for _, row in waiting}
    for each in sorted(filter(None, needed)):
        try:
            runtime.connection(each)
        except ConnectionMissing as error:
            return f"Nothing is sent from here: {error}"
    return ""
