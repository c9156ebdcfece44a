"""The commands about incidents: `incidents`, `acknowledge`, `resolve`, `silence`, `silences`, `unsilence`.

An id may be given by as much of its beginning as no other has, but at least four digits of it to act on what
it names.  Days are run days, both ends included: the
days that the monitor's runs are about, and not those of the clock.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from hindsight.cli_base import JsonFlag, MonitorArg, dump, inert, line, out, refuse, sentences, to_read
from hindsight.cli_shown import scope, show
from hindsight.orchestration.places import spec_of

if TYPE_CHECKING:
    from hindsight.domain.records import Incident, Silence
    from hindsight.domain.spec import MonitorSpec
    from hindsight.message import Link
    from hindsight.pipeline.runtime import Runtime

app = typer.Typer()

CLASSES: Final = "performance, label_health, inputs, data_quality or pipeline"

EveryMonitor = Annotated[str | None, typer.Argument(metavar="[MONITOR]", help="Default: all monitors.")]
OverFlag = Annotated[bool, typer.Option("--all", help="Also those that are over.")]
IncidentArg = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, or the beginning of it: see `hindsight incidents`.")
]
UntilOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The last run day of it, such as 2013-04-12."),
]
SettledOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DAY",
        help="The last run day on which what breaches now may go on unheard, such as 2013-04-12.",
    ),
]
ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="7d", help="Instead of --until: so many run days from the next run's on."),
]
ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it; a must where everybody has one login, as root."),
]

EVERYBODYS: Final = frozenset({"root", "airflow", "nobody", "default", "app"})
"""Logins of containers and services: by such a name nobody knows who did something."""


@app.command()
def incidents(
    monitor: EveryMonitor = None,
    every: OverFlag = False,
    pending: Annotated[
        bool,
        typer.Option("--pending", help="Also breaches that are not confirmed yet, and nobody is told of."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Stretches of time in which a monitor breached: since when, how bad, and who has seen to it."""
    from hindsight.orchestration.account import newest_first, record, wanted
    from hindsight.orchestration.runtime import command_line_runtime

    with sentences():
        store = command_line_runtime().store
        name = None if monitor is None else to_read(monitor, store)[0]
        with store.reading() as connection:
            found = store.incidents(connection, name)
    chosen = wanted(newest_first(found), over=every, pending=pending)
    if as_json:
        dump([record(each) for each in chosen])
    elif not found:
        line("Incidents: none. Run `hindsight run MONITOR --start DAY` or the DAG first.")
    elif not chosen:
        line("No incident is open; --all shows those that are over.")
    else:
        show(chosen, several=monitor is None)


@app.command()
def acknowledge(
    monitor: MonitorArg,
    incident: IncidentArg,
    until: UntilOption = None,
    spell: ForOption = None,
    by: ByOption = None,
    reason: Annotated[str, typer.Option(help="A note for the others.")] = "",
) -> None:
    """Take an incident on: reminders stop until then, and nothing else does."""
    from hindsight.pipeline import acts

    with sentences():
        spec, runtime = the(monitor)
        found = one(spec, runtime, incident)
        last = last_day(spec, runtime, until, spell)
        done = acts.acknowledge(
            spec, runtime, found.id, author=who(by), reason=reason, until=last, links=links(found)
        )
        line(f"{done.id} is acknowledged by {done.acknowledged_by} until {done.acknowledged_until}.")
        follow(spec, runtime)


@app.command()
def resolve(
    monitor: MonitorArg,
    incident: IncidentArg,
    resolution: Annotated[
        str, typer.Option("--as", metavar="WHY", help="fixed, expected, no_action or false_positive.")
    ],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; what is fixed needs none.")] = "",
    until: SettledOption = None,
    spell: ForOption = None,
    by: ByOption = None,
) -> None:
    """Say that an incident is over: what breaches now may go on for 28 days, or until then, unheard."""
    from hindsight.domain.values import Resolution
    from hindsight.pipeline import acts

    by_hand = [each for each in Resolution if each not in (Resolution.RECOVERED, Resolution.GONE)]
    if resolution not in by_hand:
        refuse(f"--as {resolution!r} is none of {', '.join(by_hand)}.")
    with sentences():
        spec, runtime = the(monitor)
        found = one(spec, runtime, incident)
        last, why = last_day(spec, runtime, until, spell), Resolution(resolution)
        done = acts.resolve(
            spec,
            runtime,
            found.id,
            author=who(by),
            reason=reason,
            resolution=why,
            until=last,
            links=links(found),
        )
        line(f"{done.id} is resolved as {resolution.replace('_', ' ')}.")
        follow(spec, runtime)


@app.command()
def silence(
    monitor: MonitorArg,
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    until: UntilOption = None,
    spell: ForOption = None,
    incident_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help=f"Only incidents of this class: {CLASSES}.")
    ] = None,
    detector: Annotated[str | None, typer.Option(help="Only breaches of this detector.")] = None,
    version: Annotated[str | None, typer.Option(help="Only breaches of this version.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only breaches in this segment: origin=EWR.")] = None,
    by: ByOption = None,
) -> None:
    """Tell nobody of what matches; incidents take their course all the same.

    It must have an end: --for 7d, or --until 2013-04-12.
    """
    from hindsight.domain.values import IncidentClass
    from hindsight.pipeline import acts

    if incident_class is not None and incident_class not in list(IncidentClass):
        refuse(f"--class {incident_class!r} is none of {', '.join(IncidentClass)}.")
    with sentences():
        spec, runtime = the(monitor)
        last = last_day(spec, runtime, until, spell)
        if last is None:
            refuse("How long? A silence needs an end: --for 7d, or --until DAY.")
        made = acts.silence(
            spec,
            runtime,
            until=last,
            author=who(by),
            reason=reason,
            incident_class=None if incident_class is None else IncidentClass(incident_class),
            detector=detector,
            version=version,
            segment=segment,
        )
    line(f"{made.id}: {scope(made)} of {made.monitor} is silent from {made.start} to {made.until}.")


@app.command()
def silences(monitor: EveryMonitor = None, every: OverFlag = False, as_json: JsonFlag = False) -> None:
    """What is silenced: by whom, why, and for how long."""
    from hindsight.orchestration.account import lasting, plain, short
    from hindsight.orchestration.runtime import command_line_runtime

    with sentences():
        runtime = command_line_runtime()
        name, spec = (None, None) if monitor is None else to_read(monitor, runtime.store)
        with runtime.store.reading() as connection:
            found: Sequence[Silence] = runtime.store.silences(connection, name)
        next_day = next_days({each.monitor for each in found}, {name: spec}, runtime)
    hold = {each.id for each in found if lasting(each, next_day[each.monitor])}
    if not every:
        found = [each for each in found if each.id in hold]
    if as_json:
        dump([plain(each) for each in found])
        return
    if not found:
        line("Nothing is silenced.")
        return
    table = Table(title="Silences")
    for heading in ("id", "monitor", "silent", "run days", "by", "why"):
        table.add_column(heading, overflow="fold")
    for each in found:
        days = f"{each.start} to {each.until}"
        if each.ended_on is not None:
            days += f", ended {each.ended_on} by {each.ended_by}"
        cells = (short(each.id), each.monitor, scope(each), days, each.author, each.reason)
        table.add_row(*map(inert, cells), style="" if each.id in hold else "dim")
    out.print(table)


@app.command()
def unsilence(
    monitor: MonitorArg,
    identity: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id, or the beginning of it.")],
    by: ByOption = None,
) -> None:
    """End a silence now; what is still open of what it held back is told once, by the next run."""
    from hindsight.orchestration.account import LEAST_DIGITS, identified
    from hindsight.pipeline import acts

    with sentences():
        spec, runtime = the(monitor)
        with runtime.store.reading() as connection:
            silences = runtime.store.silences(connection, spec.monitor)
        found = identified(silences, identity, "silence", digits=LEAST_DIGITS)
        ended = acts.end_silence(spec, runtime, found.id, author=who(by))
    line(f"{ended.id} is over from {ended.ended_on} on.")


def the(monitor: str) -> tuple[MonitorSpec, Runtime]:
    """A monitor and what to act on it with."""
    from hindsight.orchestration.runtime import command_line_runtime

    return spec_of(monitor), command_line_runtime()


def one(spec: MonitorSpec, runtime: Runtime, identity: str) -> Incident:
    """The incident of the monitor that this id names."""
    from hindsight.orchestration.account import LEAST_DIGITS, identified

    with runtime.store.reading() as connection:
        every = runtime.store.incidents(connection, spec.monitor)
    return identified(every, identity, "incident", digits=LEAST_DIGITS)


def next_days(
    names: Collection[str], specs: Mapping[str | None, MonitorSpec | None], runtime: Runtime
) -> dict[str, date]:
    """The next run day of each of these monitors; their files are read where `specs` has not all of them."""
    from hindsight.errors import ConfigError
    from hindsight.orchestration import files
    from hindsight.orchestration.account import next_run_day
    from hindsight.orchestration.places import monitors_folder

    found = dict(specs)
    if set(names) - set(found):
        with suppress(ConfigError):  # no folder of monitors: what is known of them can be read all the same
            found |= {each.name: each.spec for each in files.every(monitors_folder())}
    store, now = runtime.store, runtime.clock()
    with store.reading() as connection:
        return {name: next_run_day(store, connection, name, found.get(name), now) for name in names}


def last_day(spec: MonitorSpec, runtime: Runtime, until: datetime | None, spell: str | None) -> date | None:
    """The last run day that is meant, None if nothing was said of it."""
    from hindsight.orchestration.account import last_day_of
    from hindsight.pipeline.acts import next_day
    from hindsight.pipeline.known import Known

    if until is not None and spell is not None:
        refuse("--until and --for say the same in two ways: give one.")
    if spell is not None:
        with runtime.store.reading() as connection:
            return last_day_of(spell, next_day(Known.read(spec, runtime, connection), runtime))
    return None if until is None else until.date()


def who(by: str | None) -> str:
    """The author of an act: as given, or whoever is logged in here, if that is a person's own login."""
    if by is not None:
        return by
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        refuse("Nobody knows who you are here: say so with --by NAME.")
    if login in EVERYBODYS:
        refuse(f"Everybody is {login!r} here: say who you are with --by NAME.")
    return login


def links(incident: Incident) -> tuple[Link, ...]:
    """Where a message about an act leads: the page of the incident, where `AIRFLOW__API__BASE_URL` is set."""
    from hindsight.message import Link
    from hindsight.orchestration.places import PAGES

    address = os.environ.get("AIRFLOW__API__BASE_URL", "").rstrip("/")
    return (Link("The incident", f"{address}{PAGES}/{incident.monitor}/{incident.id}"),) if address else ()


def follow(spec: MonitorSpec, runtime: Runtime) -> None:
    """Deliver what follows of an act, if this machine can; the act stands all the same."""
    from hindsight.cli_notify import try_to_deliver

    said = try_to_deliver(spec, runtime)
    if said:
        line(f"{said} The sweeper sends what waits.")
