"""The command `hindsight explain`: what stands beside a breach, as lines and tables, and as JSON."""

from __future__ import annotations

import json
import sys
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hindsight.explanation import as_json, lines
from hindsight.explanation.parts import Part, Split
from hindsight.orchestration.places import spec_of
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.pipeline.explain import breach_of, explain
from hindsight.wording import figure, name, share

MOST = 10
"""Segments that a table shows."""


def tell(monitor: str, day: date | None, detector: str | None, out: Console, *, in_json: bool) -> None:
    """Explain the latest breach, or the gravest one of a day, and print it."""
    spec, runtime = spec_of(monitor), command_line_runtime()
    with runtime.store.transaction() as connection:
        found = explain(spec, breach_of(spec, connection, runtime, day, detector), connection, runtime)
    if in_json:
        sys.stdout.write(json.dumps(as_json(found), ensure_ascii=False, allow_nan=False) + "\n")
        return
    for line in lines(found):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    for split in found.splits:
        out.print(table(found.metric, split))
    if found.splits:
        out.print("What goes together need not be the cause: see docs/explanations.md.", highlight=False)


def table(metric: str, split: Split) -> Table:
    """One column's segments, the largest part of the change first; those that stand out are marked."""
    sums = "parts add up to the change" if split.adds_up else "left out one by one: parts do not add up"
    title = f"{name(metric)} by {name(split.column)}: {figure(split.change)} in all, {sums}"
    made = Table(title=Text(title))
    for heading in ("segment", "part", "within", "mix", "share", "value", "stands out"):
        made.add_column(heading, overflow="fold")
    for part in split.parts[:MOST]:
        made.add_row(*map(Text, row(part)))
    if split.rest is not None:
        made.add_row(*map(Text, row(split.rest)))
    return made


def row(part: Part) -> tuple[str, ...]:
    """A segment's cells; errors are standard errors."""
    return (
        name(part.segment) or "(the rest)",
        estimate(part.total, part.error),
        estimate(part.within, part.within_error),
        estimate(part.mix, part.mix_error),
        f"{share(part.share_before)} to {share(part.share_after)}",
        " to ".join("-" if value is None else figure(value) for value in (part.before, part.after)),
        "yes" if part.stands_out else "",
    )


def estimate(value: float | None, error: float | None) -> str:
    """A figure with its standard error, as far as they are known."""
    if value is None:
        return "-"
    return figure(value, error) + (f" ± {figure(error, error)}" if error else "")
