"""From what was measured to the tables that are printed: ratios of this run, and what they should reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table
from rotation import Figures

OVERHEAD = ("open", "verify", "statement")
"""The stages of `cases/statement.py` that the bare join is held against: all that happens in the engine."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the result: a figure of ours, another to hold it against, and what it should reach."""

    what: str
    ours: str
    other: str
    ratio: float | None = None
    reach: float | None = None
    less: bool = True
    """Whether the ratio should be at most `reach`, or at least."""
    unit: str = "x"

    def cells(self) -> list[str]:
        """The line as text."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}{self.unit}"
        if self.reach is None:
            return [self.what, self.ours, self.other, ratio, "", ""]
        reach = f"{'≤' if self.less else '≥'} {self.reach:g}{self.unit}"
        if self.ratio is None:
            return [self.what, self.ours, self.other, "", reach, "[yellow]not measured[/]"]
        good = self.ratio <= self.reach if self.less else self.ratio >= self.reach
        return [self.what, self.ours, self.other, ratio, reach, "[green]ok[/]" if good else "[red]missed[/]"]


def table_of_results(found: dict[str, Figures], title: str) -> Table:
    """The table of the promises, kept or not."""
    table = Table(title=title, caption="CPU seconds unless said otherwise")
    for column in ("what", "hindsight", "other", "ratio", "reach", ""):
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in rows(found):
        table.add_row(*row.cells())
    return table


def rows(found: dict[str, Figures]) -> Iterator[Row]:
    """The promises, in the order of the design."""
    unique, day = "hindsight, unique, 100 days", "hindsight, unique, 1 day"
    yield overhead(
        found, "100 days, ids verified unique / bare join", unique, "bare join, unique, 100 days", 1.7
    )
    inputs = "hindsight, with inputs, 100 days"
    stages, bare = (*OVERHEAD, "inputs"), "bare join, unique, 100 days"
    yield overhead(found, "the same with latency, 3 features", inputs, bare, 1.7, stages)
    resolved = "hindsight, resolved, 100 days"
    yield overhead(found, "100 days, duplicates and revisions", resolved, "bare join, resolved, 100 days", 4)
    yield overhead(found, "1 day, unique / bare join", day, "bare join, unique, 1 day", 1.5)
    resolved = "hindsight, resolved, 1 day"
    yield overhead(found, "1 day, duplicates and revisions", resolved, "bare join, resolved, 1 day", 2.5)
    plans = [name for name in found if name.startswith("bare join, PostgreSQL") and found[name].rounds]
    best = min(plans, key=lambda name: found[name].cpu(), default="bare join, PostgreSQL")
    yield overhead(found, "PostgreSQL, 100 days / its best bare join", "hindsight, PostgreSQL", best, 2)
    yield part(found, "reading the lines in Python, 100 days", unique, "read")
    yield part(found, "metrics of all groups, one age", unique, "metrics")
    yield part(found, "what is odd about the labels", "label quality, 100 days")
    yield gain(found, "SQL join, scikit-learn per group", unique, "scikit-learn, 100 days", 6)
    yield memory(found, "peak memory of the same, MiB", unique, "scikit-learn, 100 days", 2)
    yield gain(found, "NannyML, joined, no segments", unique, "NannyML, 100 days", 2)
    yield gain(found, "Evidently per day / our 100 days", unique, "Evidently, 1 day", 12, share=100)
    yield gain(found, "Evidently per day / our single day", day, "Evidently, 1 day", None)
    yield limit(found, "snapshots of 1 500 groups, 1d 7d 28d", "snapshots", ("read", "metrics"), 2.0)
    yield part(found, "writing them", "snapshots", "write")
    yield part(found, "statistics of 100 days and 4 ages", "statistics kept, 100 days", "compute")
    yield part(found, "writing them", "statistics kept, 100 days", "write")


def figures(found: dict[str, Figures], name: str) -> Figures | None:
    """The figures of a case that was run and worked."""
    return found[name] if name in found and found[name].rounds else None


def overhead(
    found: dict[str, Figures],
    what: str,
    ours: str,
    bare: str,
    reach: float,
    stages: tuple[str, ...] = OVERHEAD,
) -> Row:
    """What the statement costs above the bare join."""
    mine, other = figures(found, ours), figures(found, bare)
    ratio = None if mine is None or other is None else mine.cpu(*stages) / other.cpu()
    return Row(what, shown(mine, stages), shown(other), ratio, reach)


def gain(
    found: dict[str, Figures], what: str, ours: str, rival: str, reach: float | None, share: int = 1
) -> Row:
    """How much cheaper the way from rows to metrics is than a rival's; `share` takes a part of ours."""
    mine, other = figures(found, ours), figures(found, rival)
    ratio = None if mine is None or other is None else other.cpu() / (mine.cpu() / share)
    return Row(
        what, "" if mine is None else f"{mine.cpu() / share:.2f}", shown(other), ratio, reach, less=False
    )


def memory(found: dict[str, Figures], what: str, ours: str, rival: str, reach: float) -> Row:
    """How much less memory is held at the peak."""
    mine, other = figures(found, ours), figures(found, rival)
    held, theirs = ("" if each is None else f"{each.peak:,.0f}" for each in (mine, other))
    ratio = None if mine is None or other is None else other.peak / mine.peak
    return Row(what, held, theirs, ratio, reach, less=False)


def part(found: dict[str, Figures], what: str, name: str, *stages: str) -> Row:
    """Some stages of a case, for information."""
    mine = figures(found, name)
    return Row(what, shown(mine, stages), "")


def limit(found: dict[str, Figures], what: str, name: str, stages: tuple[str, ...], reach: float) -> Row:
    """Some stages of a case, held against a number of seconds."""
    mine = figures(found, name)
    seconds = None if mine is None else mine.cpu(*stages)
    return Row(what, shown(mine, stages), "", seconds, reach, unit=" s")


def shown(each: Figures | None, stages: tuple[str, ...] = ()) -> str:
    """CPU seconds as text."""
    return "" if each is None else f"{each.cpu(*stages):.2f}"


def table_of_cases(found: dict[str, Figures]) -> Table:
    """Every process that was run: what it used, by stage, and what it remarked."""
    table = Table(title="Every case, in a process of its own, after imports")
    for column in ("case", "CPU s", "least – most", "wall s", "peak MiB", "stages and remarks"):
        table.add_column(column, justify="right" if column[0] in "CLWPlwp" else "left")
    for name, each in found.items():
        if each.failure is not None:
            table.add_row(name, "", "", "", "", f"[red]failed:[/] {each.failure}")
            continue
        least, most = each.spread
        stages = [f"{stage} {each.cpu(stage):.2f}" for stage in each.rounds[0]["stages"]]
        notes = [f"{key} {value:,}" for key, value in each.notes.items()]
        table.add_row(
            name,
            f"{each.cpu():.2f}",
            f"{least:.2f} – {most:.2f}",
            f"{each.wall:.2f}",
            f"{each.peak:,.0f}",
            ", ".join([*stages, *notes]),
        )
    return table
