"""How the command line shows incidents and silences: tables where the terminal is wide, else line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from hindsight.cli_base import inert, out

if TYPE_CHECKING:
    from hindsight.domain.records import Incident, Silence

WIDE: Final = 140
"""Columns of a terminal from which on a table reads better than lines."""

STYLES: Final = {"critical": "bold red", "warning": "yellow", "resolved": "green", "pending": "dim"}


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
