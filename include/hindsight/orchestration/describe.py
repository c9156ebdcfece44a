"""A monitor in words, as Markdown for the page of its DAG.

Whatever comes from a file is shown as text: names in code spans, prose with its marks escaped, so that
nothing in a YAML file becomes a link, an image or HTML in somebody's browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta

from hindsight.domain.spec import Location, MonitorSpec
from hindsight.domain.values import Grain
from hindsight.notifiers import NOTIFIERS, BaseNotifier

MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:/@=^$\"'])")
WORD_JOINER = "\N{WORD JOINER}"


def code(value: object) -> str:
    """A code span that holds any text: the fence is longer than every run of backticks in it.

    >>> code("recall"), code("a`b")
    ('`recall`', '`` a`b ``')
    """
    text = " ".join(str(value).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if not text or "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(text: str) -> str:
    r"""Free text on one line with every mark of Markdown escaped, and addresses kept from becoming links.

    >>> print(prose("[a](b)"))
    \[a\]\(b\)
    """
    line = " ".join(text.split())
    # Escapes are not enough: viewers look for addresses in the finished text.
    line = re.sub(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", WORD_JOINER, line, flags=re.IGNORECASE)
    return MARKS.sub(r"\\\1", line)


def block(text: str) -> str:
    """A fenced block that holds any text, line by line."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def monitor_page(spec: MonitorSpec, path: str) -> str:
    """What is watched, against what, when, by which rules, and whom it tells."""
    rules = (
        f"{prose(rule.sentence)}: {code(rule.severity or 'by effect and evidence')}"
        for rule in spec.detectors
    )
    parts = [
        f"## {prose(spec.monitor)}",
        prose(spec.description),
        _table(_facts(spec, path)),
        "### Rules",
        _bullets(rules) or "None: snapshots only.",
        "### Whom it tells",
        _bullets(map(_notifier, spec.notify)) or "Nobody: messages go to the log of the task `notify`.",
        "### Runs",
        RUNS,
    ]
    return "\n\n".join(part for part in parts if part)


RUNS = """\
* The **logical date** of a run is the day it is about.
* **Backfill** of the days from A to B: give A and B as the range; each day gets one run, and nobody is told.
* **Window run**, for long history: trigger one run with `start` and `end`; all days are computed in one pass.
* `notify` is `none`, `summary` (one message for all the days) or `live` (as if each day had just ended)."""


def error_page(report: str, path: str) -> str:
    """What is wrong with a monitor's file."""
    return (
        f"## This monitor does not run\n\nIts file {code(path)} has errors:\n\n{block(report)}\n\n"
        "Mend the file and this DAG becomes the monitor again; check it before with `hindsight validate`."
    )


def _facts(spec: MonitorSpec, path: str) -> dict[str, str]:
    ages = f"{_names(spec.maturity.horizons)} after {_a_unit(spec)}'s end, and without labels at once"
    return {
        "Task": code(spec.task),
        "Owner": code(spec.owner),
        "Predictions": _place(spec.predictions),
        "Ground truth": _place(spec.ground_truth),
        "Versions": code(spec.predictions.columns.version or "not logged"),
        "Segments": _names(spec.segments) or "none",
        "Metrics": _names(spec.metrics),
        "Reference": _reference(spec),
        "Time zone": f"{code(spec.timezone)}, where days begin at midnight",
        "Schedule": f"{_schedule(spec)}, and then up to "
        f"{code(duration(spec.maturity.wait))} for labels to land; a backfill never waits",
        "Judged": f"{ages}; mature from {spec.maturity.min_coverage:.0%} label coverage",
        "Runbook": code(spec.runbook) if spec.runbook else "none",
        "Defined in": code(path),
    }


def _a_unit(spec: MonitorSpec) -> str:
    return "an hour" if spec.grain is Grain.HOUR else "a day"


def _schedule(spec: MonitorSpec) -> str:
    if spec.grain is Grain.HOUR:
        return f"{code(spec.schedule.minute)} minutes after each hour"
    return f"{code(f'{spec.schedule:%H:%M}')} on the day after"


def _table(rows: dict[str, str]) -> str:
    # A bar ends a cell even inside a code span, unless it is escaped.
    cells = (f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in rows.items())
    return "\n".join(("| | |", "|:--|:--|", *cells))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _names(values: Iterable[object]) -> str:
    return ", ".join(map(code, values))


def _place(location: Location) -> str:
    where = code(location)
    if location.connection is not None:
        where += f" on connection {code(location.connection)}"
    if location.where:
        where += f" where {' and '.join(code(f'{key} = {value}') for key, value in location.where.items())}"
    return where


def _reference(spec: MonitorSpec) -> str:
    if spec.reference.values:
        return _names(f"{metric} {value:g}" for metric, value in spec.reference.values.items())
    return f"{code(spec.reference.start)} to {code(spec.reference.end)}, frozen"


def _notifier(entry: BaseNotifier) -> str:
    """A notifier by its kind and options; connections are ids, so nothing here is a secret.

    First where it leads, then which messages go there, as far as that is not the default.
    """
    kind = next(kind for kind, cls in NOTIFIERS.items() if isinstance(entry, cls))
    chosen = {
        each.name: getattr(entry, each.name)
        for each in fields(BaseNotifier)
        if each.name != "min_severity" and getattr(entry, each.name) != each.default
    }
    said = (
        f"{name} {_names(value) if isinstance(value, tuple) else code(value)}"
        for name, value in {**entry.address, **chosen}.items()
        if value not in (None, (), "")
    )
    return f"{', '.join((code(kind), *said))}; from severity {code(entry.min_severity)}"


def duration(length: timedelta) -> str:
    """A length of time as a monitor's file writes it.

    >>> duration(timedelta(hours=6)), duration(timedelta(minutes=90)), duration(timedelta(0))
    ('6h', '90m', '0m')
    """
    minutes = int(length / timedelta(minutes=1))
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
