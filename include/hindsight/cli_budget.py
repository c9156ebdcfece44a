"""What `hindsight validate` prints of a monitor's rules: how often they cry wolf, at most.

"At most" is meant: a rule with a bound is reckoned with the truth on that bound, where it is wrong most
often.  A model as good as its reference is far from it and opens far less.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from rich.table import Column, Table
from rich.text import Text

from hindsight.detectors.base import BaseDetector
from hindsight.detectors.budget import expected, within
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Budget
from hindsight.wording import counted

MONTH: Final = 30
"""Days for which false alarms are given."""


def rates(spec: MonitorSpec) -> Table:
    """Each rule with the false alarms that it raises in 30 days and version, and its solved bounds."""
    table = Table(Column("rule", overflow="fold"), Column(f"false alarms in {MONTH} days", justify="right"))
    if spec.budget is not None:
        table.add_column(f"bounds for {spec.budget}", overflow="fold")
    for written, solved in zip(spec.detectors, within(spec.detectors, spec.budget), strict=True):
        cells = [solved.name, per_month(solved.false_breaches())]
        cells += [solved_bounds(written, solved)] if spec.budget is not None else []
        table.add_row(*map(Text, cells))
    return table


def verdict(spec: MonitorSpec) -> str:
    """The sum over a monitor's rules, and what it leaves out, in a sentence or two."""
    if not spec.detectors:
        return f"{spec.monitor} has no rules: it keeps figures and raises nothing."
    a_day, unknown = expected(within(spec.detectors, spec.budget))
    known = len(spec.detectors) - len(unknown)
    said = f"{spec.monitor}: no rule says how often it is wrong"
    if known:
        said = f"{spec.monitor}: {per_month(a_day)} false alarms in {MONTH} days and version"
    if spec.budget is not None:
        said += of_budget(spec.budget, a_day, known, len(unknown))
    if unknown and known:
        said += (
            f"; nothing is known of {counted(len(unknown), 'rule')} ({', '.join(d.name for d in unknown)})"
        )
    return f"{said}."


def of_budget(budget: Budget, a_day: float, known: int, unknown: int) -> str:
    """How the rules keep to a budget, as the end of a sentence: it binds only those that can say."""
    if not known:
        return f", so the budget of {budget} is without effect"
    place = "more than" if a_day > budget.a_day * (1 + 1e-9) else "within"
    if not unknown:
        return f", {place} its budget of {budget}"
    return f" by the {counted(known, 'rule')} that can say, {place} the budget of {budget} as far as these go"


def per_month(a_day: float | None) -> str:
    """A rate as people read it.

    >>> per_month(0.001), per_month(1e-9), per_month(None)
    ('<= 0.03', '< 0.001', 'not known')
    """
    if a_day is None:
        return "not known"
    return "< 0.001" if 0 < a_day * MONTH < 0.001 else f"<= {a_day * MONTH:.2g}"


def solved_bounds(written: BaseDetector, solved: BaseDetector) -> str:
    """The options that the budget has set, as `evidence 0.95 -> 0.9987`."""
    changes = [
        f"{field.name} {before:.4g} -> {after:.6g}"
        for field in fields(solved)
        if isinstance(before := getattr(written, field.name), float)
        and (after := getattr(solved, field.name)) != before
    ]
    return ", ".join(changes) or "as written"
