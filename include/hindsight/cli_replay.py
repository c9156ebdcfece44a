"""The command `hindsight replay`: rules tried on stored days, as tables for people and as JSON for a CI."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hindsight import config
from hindsight.domain.records import Incident
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Severity
from hindsight.errors import HindsightError
from hindsight.orchestration.places import monitors_folder
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.pipeline.asked import units_asked
from hindsight.pipeline.plan import zone
from hindsight.pipeline.trial import Message, Outcome, Trial, trial
from hindsight.windows import local_days
from hindsight.wording import counted

FORM: Final = 1
"""Which form of JSON this is; a field may be added to it without a new number."""

TOO_MANY: Final = 3
"""The exit code where there are more messages than were allowed."""

STYLES: Final = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow"}


def replay(
    monitor: str,
    start: str,
    end: str | None,
    edited: Path | None,
    most: int | None,
    out: Console,
    *,
    as_json: bool,
) -> int:
    """Try the rules and show what they make of the days; returns the exit code of the command."""
    spec = config.load(config.find(monitor, monitors_folder()))
    other = None if edited is None else of_edit(monitor, spec, edited)
    runtime = command_line_runtime()
    asked = units_asked(spec, start, end, runtime.clock())
    days = local_days((asked.start, asked.end), zone(spec))
    found = trial(spec, days, runtime, other)
    if as_json:
        sys.stdout.write(json.dumps(record(found), ensure_ascii=False, allow_nan=False) + "\n")
    else:
        show(found, out)
    counted_side = found.edited or found.present
    return TOO_MANY if most is not None and len(counted_side.messages) > most else 0


def of_edit(monitor: str, spec: MonitorSpec, edited: Path) -> MonitorSpec:
    """The edited file of a monitor; it inherits as the monitor's own does, unless defaults lie beside it."""
    if not edited.is_file():
        raise HindsightError(f"There is no file {edited}: name the edited copy of the monitor's file.")
    inherited = config.find(monitor, monitors_folder()).with_name(config.DEFAULTS)
    own = edited.with_name(config.DEFAULTS).is_file() or not inherited.is_file()
    other = config.load(edited, defaults=None if own else inherited)
    if other.monitor != spec.monitor:
        raise HindsightError(
            f"{edited} is the monitor {other.monitor!r}, and not an edit of {spec.monitor!r}: each monitor "
            "has statistics of its own."
        )
    return other


def record(found: Trial) -> dict[str, Any]:
    """A trial as JSON; `docs/detectors.md` says what each field means."""
    return {
        "form": FORM,
        "monitor": found.monitor,
        "start": str(found.days.start),
        "end": str(found.days.end),
        "present": of_outcome(found.present),
        "edited": None if found.edited is None else of_outcome(found.edited),
    }


def of_outcome(outcome: Outcome) -> dict[str, Any]:
    """What one set of rules made of the days."""
    return {
        "totals": {
            "messages": len(outcome.messages),
            "critical_messages": sum(m.severity is Severity.CRITICAL for m in outcome.messages),
            "incidents_opened": outcome.opened,
            "days_in_incident": outcome.days_in_incident,
        },
        "messages": [
            {"day": str(m.day), "kind": m.kind, "severity": str(m.severity), "text": m.text}
            for m in outcome.messages
        ],
        "incidents": [of_incident(incident) for incident in outcome.incidents],
        "detectors": {name: asdict(tally) for name, tally in outcome.detectors.items()},
    }


def of_incident(incident: Incident) -> dict[str, Any]:
    """An incident as it stands at the end of the days."""
    ended = incident.resolved_on
    return {
        "class": str(incident.incident_class),
        "severity": str(incident.severity),
        "since": str(incident.since),
        "opened_on": str(incident.opened_on),
        "resolved_on": None if ended is None else str(ended),
        "headline": incident.headline,
    }


def show(found: Trial, out: Console) -> None:
    """Day by day, then the totals, then the detectors; the present rules beside the edited ones."""
    sides = {"present rules": found.present} | ({"edited rules": found.edited} if found.edited else {})
    title = f"{found.monitor}, runs of {found.days.start} to {found.days.end}: what would be sent"
    daily = Table(title=title, show_lines=True)
    daily.add_column("day", no_wrap=True)
    for name in sides:
        daily.add_column(name, overflow="fold", ratio=1)
    for day in sorted({m.day for side in sides.values() for m in side.messages}):
        daily.add_row(str(day), *(texts(side, day) for side in sides.values()))
    if daily.row_count:
        out.print(daily)
    else:
        out.print(f"{title}: nothing.", markup=False, highlight=False)
    out.print(totals(sides))
    out.print(detectors(sides))
    out.print(f"Nothing was written; {counted(len(found.days), 'day')} replayed.", highlight=False)


def texts(side: Outcome, day: date) -> Text:
    """The messages of a day, one under the other."""
    told: list[Message] = [m for m in side.messages if m.day == day]
    return (
        Text("\n").join(Text(m.text, style=STYLES.get(m.severity, "")) for m in told) if told else Text("-")
    )


def totals(sides: dict[str, Outcome]) -> Table:
    """How loud each set of rules is."""
    table = Table("total", *sides)
    rows = {
        "messages": [len(side.messages) for side in sides.values()],
        "of these critical": [
            sum(m.severity is Severity.CRITICAL for m in side.messages) for side in sides.values()
        ],
        "incidents opened": [side.opened for side in sides.values()],
        "days in incident": [side.days_in_incident for side in sides.values()],
    }
    for name, counts in rows.items():
        table.add_row(name, *map(str, counts))
    return table


def detectors(sides: dict[str, Outcome]) -> Table:
    """What each detector said: breaches, watched and insufficient of all it judged."""
    table = Table("detector", *(f"{name}: breaches, watched, insufficient of judged" for name in sides))
    for name in dict.fromkeys(name for side in sides.values() for name in side.detectors):
        cells = []
        for side in sides.values():
            tally = side.detectors.get(name)
            of_all = tally and f"{tally.breaches}, {tally.watched}, {tally.insufficient} of {tally.judged}"
            cells.append(of_all or "-")
        table.add_row(Text(name), *cells)
    return table
