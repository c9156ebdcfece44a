"""The commands about incidents: `incidents`, `acknowledge`, `resolve`, `silence`, `silences`, `unsilence`.

An id may be given by as much of its beginning as no other has.  Days are run days, both ends included: the
days that the monitor's runs are about, and not those of the clock.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from hindsight.cli_base import JsonFlag, MonitorArg, dump, inert, line, out, refuse, sentences
from hindsight.orchestration.places import spec_of

if TYPE_CHECKING:
    from hindsight.domain.records import Incident, Silence
    from hindsight.domain.spec import MonitorSpec
    from hindsight.pipeline.runtime import Runtime

app = typer.Typer()

WIDE: Final = 140
"""Columns of a terminal from which on a table reads better than lines."""

STYLES: Final = {"critical": "bold red", "warning": "yellow", "resolved": "green", "pending": "dim"}

EveryMonitor = Annotated[str | None, typer.Argument(metavar="[MONITOR]", help="Default: all monitors.")]
OverFlag = Annotated[bool, typer.Option("--all", help="Also those that are over.")]
IncidentArg = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, or the beginning of it: see `hindsight incidents`.")
]
UntilOption = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The last run day of it.")
]
ForOption = Annotated[
    str | None, typer.Option("--for", metavar="7d", help="For so many run days, instead of --until.")
]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who; default: the login name.")]


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
        name, store = None if monitor is None else spec_of(monitor).monitor, command_line_runtime().store
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
        done = acts.acknowledge(spec, runtime, found.id, author=who(by), reason=reason, until=last)
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
    until: UntilOption = None,
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
            spec, runtime, found.id, author=who(by), reason=reason, resolution=why, until=last
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
        str | None, typer.Option("--class", metavar="CLASS", help="Only incidents of this class.")
    ] = None,
    detector: Annotated[str | None, typer.Option(help="Only breaches of this detector.")] = None,
    version: Annotated[str | None, typer.Option(help="Only breaches of this version.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only breaches in this segment: origin=EWR.")] = None,
    by: ByOption = None,
) -> None:
    """Tell nobody of what matches, for so long; incidents take their course all the same."""
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
    from hindsight.orchestration.account import lasting, plain, present_day, short
    from hindsight.orchestration.runtime import command_line_runtime

    with sentences():
        name, runtime = None if monitor is None else spec_of(monitor).monitor, command_line_runtime()
        with runtime.store.reading() as connection:
            found: Sequence[Silence] = runtime.store.silences(connection, name)
    if not every:
        found = lasting(found, present_day(runtime.clock()))
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
        table.add_row(*map(inert, cells), style="" if each.ended_on is None else "dim")
    out.print(table)


@app.command()
def unsilence(
    monitor: MonitorArg,
    identity: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id, or the beginning of it.")],
    by: ByOption = None,
) -> None:
    """End a silence now; what is still open of what it held back is told once, by the next run."""
    from hindsight.orchestration.account import identified
    from hindsight.pipeline import acts

    with sentences():
        spec, runtime = the(monitor)
        with runtime.store.reading() as connection:
            found = identified(runtime.store.silences(connection, spec.monitor), identity, "silence")
        ended = acts.end_silence(spec, runtime, found.id, author=who(by))
    line(f"{ended.id} is over from {ended.ended_on} on.")


def the(monitor: str) -> tuple[MonitorSpec, Runtime]:
    """A monitor and what to act on it with."""
    from hindsight.orchestration.runtime import command_line_runtime

    return spec_of(monitor), command_line_runtime()


def one(spec: MonitorSpec, runtime: Runtime, identity: str) -> Incident:
    """The incident of the monitor that this id names."""
    from hindsight.orchestration.account import identified

    with runtime.store.reading() as connection:
        return identified(runtime.store.incidents(connection, spec.monitor), identity, "incident")


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
    """The author of an act: as given, or whoever is logged in here."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        refuse("Nobody knows who you are here: say so with --by NAME.")


def follow(spec: MonitorSpec, runtime: Runtime) -> None:
    """Deliver what follows of an act, if this machine can; the act stands all the same."""
    from hindsight.cli_notify import try_to_deliver

    said = try_to_deliver(spec, runtime)
    if said:
        line(f"{said} The sweeper sends what waits.")


def show(found: Sequence[Incident], *, several: bool) -> None:
    """Incidents as a table, or line by line where the terminal is narrow."""
    from hindsight.orchestration.account import short

    if out.width < WIDE:
        for each in found:
            what = f"{each.severity}, {each.incident_class.replace('_', ' ')}, {standing(each)}"
            head = inert(" ".join([short(each.id), *([each.monitor] if several else []), what]))
            head.stylize(style(each))
            out.print(head)
            told = f"told {each.told_on}" if each.told_on else "told nobody"
            out.print(Text(f"  since {each.since}, opened {each.opened_on}, {told}"))
            out.print(inert(f"  {each.headline}"))
        return
    table = Table(title="Incidents")
    days = ("since", "opened", "told")
    for heading in ("id", *(["monitor"] if several else []), "class", "severity", "state", *days):
        table.add_column(heading, no_wrap=heading in days, overflow="fold")
    table.add_column("headline", overflow="fold", ratio=1)
    for each in found:
        cells = [short(each.id), *([each.monitor] if several else []), each.incident_class.replace("_", " ")]
        cells += [each.severity, standing(each), str(each.since), str(each.opened_on)]
        cells += [str(each.told_on or "-"), each.headline]
        table.add_row(*map(inert, cells), style=style(each))
    out.print(table)


def standing(incident: Incident) -> str:
    """Where an incident stands, in a few words."""
    if incident.resolved_on is not None:
        why = "resolved" if incident.resolution is None else incident.resolution.replace("_", " ")
        return f"{why} on {incident.resolved_on}"
    if incident.acknowledged_by is not None:
        return f"acknowledged by {incident.acknowledged_by} until {incident.acknowledged_until}"
    return incident.state.value


def style(incident: Incident) -> str:
    """The colour of an incident."""
    if incident.resolved_on is not None:
        return STYLES["resolved"]
    return STYLES.get(incident.state.value) or STYLES.get(incident.severity.value, "")


def scope(silence: Silence) -> str:
    """What a silence matches, in words."""
    parts = [] if silence.incident_class is None else [silence.incident_class.replace("_", " ")]
    named = (("detector", silence.detector), ("version", silence.version), ("segment", silence.segment))
    parts += [f"{label} {value}" for label, value in named if value is not None]
    return ", ".join(parts) or "everything"
