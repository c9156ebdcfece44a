"""Since when a metric is at the level that breached: the change of level that its days date.

A window of 28 days breaches weeks after the thing happened.  Its days say more, though with care: a slow
decline has no day, and one that stays within the noise is not found at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np

from hindsight.detectors.methods.changes import changes
from hindsight.statistics.base import Array

FAR: Final = 3.0
"""Errors by which the last level must differ from what was usual."""


@dataclass(frozen=True, slots=True)
class Days:
    """A metric's days or hours, oldest first; NaN where there is none.

    `values` are those of the metric, less what was expected where a rule adjusts, `errors` their standard
    errors, and `rows` what each counts for.  `usual` is the level to compare with, such as the reference's;
    if none is known it is the first one of these days.
    """

    units: Sequence[date]
    values: Array
    errors: Array
    rows: Array
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """When the present level began, the mean before and from then on, and in how many steps it came.

    With 0 steps it began before `day`, the first that was looked at; then `before` is what was usual.
    `until` is its last day where the days after it are no longer so, as those at the end of a window can be.
    """

    day: date
    before: float
    after: float
    steps: int
    until: date | None = None


def since(days: Days, side: int = 0) -> Since | None:
    """The first day of the latest levels that are all nearer to the last one than to the usual one.

    None if none began.  `side` is where the breach lies, 1 above and -1 below what is usual, 0 if nobody
    knows: the last level is the last one on that side.  An error counts by the rows alone, for days on which
    the metric is low would else seem surer than others.

    >>> from datetime import timedelta
    >>> units = [date(2013, 3, 1) + timedelta(days=i) for i in range(60)]
    >>> values = np.repeat([0.46, 0.2], [37, 23]) + 0.02 * (-1) ** np.arange(60)
    >>> found = since(Days(units, values, np.full(60, 0.03), np.full(60, 200.0)))
    >>> str(found.day), round(found.before, 2), round(found.after, 2)
    ('2013-04-07', 0.46, 0.2)
    """
    values = np.where(days.rows > 0, days.values, np.nan)
    rows = np.where(np.isfinite(values), np.maximum(days.rows, 0.0), 0.0)
    sure = (rows > 0) & np.isfinite(days.errors) & (days.errors > 0)
    if not sure.any():
        return None
    a_row = float(np.median(days.errors[sure] * np.sqrt(rows[sure])))
    errors = np.divide(a_row, np.sqrt(rows), out=np.full(len(rows), np.nan), where=rows > 0)

    def mean(first: int, after: int) -> float:
        weight = rows[first:after]
        return float((weight * np.nan_to_num(values[first:after])).sum() / max(float(weight.sum()), 1e-300))

    bounds = [0, *changes(values, errors), len(values)]
    levels = [mean(first, after) for first, after in pairwise(bounds)]
    usual = levels[0] if days.usual is None else days.usual
    ends = len(values)
    while levels and side and (levels[-1] - usual) * side <= 0.0:
        levels.pop()
        bounds.pop()
        ends = bounds[-1]
    if not levels or (days.usual is None and len(levels) == 1):
        return None
    last, stretch = levels[-1], slice(bounds[-2], ends)
    if not _differs(values[stretch], last, usual, a_row / np.sqrt(float(rows[stretch].sum()))):
        return None
    first = len(levels)
    while first > 0 and abs(levels[first - 1] - last) < abs(levels[first - 1] - usual):
        first -= 1
    begins = bounds[first]
    before = mean(0, begins) if begins else usual
    until = days.units[ends - 1] if ends < len(values) else None
    steps = len(levels) - first if begins else 0
    return Since(days.units[begins], before, mean(begins, ends), steps, until)


def _differs(values: Array, level: float, usual: float, error: float) -> bool:
    """Whether the last level surely is another one than was usual: it may have left that and come back."""
    there = values[np.isfinite(values)]
    scatter = float(there.std(ddof=1)) / np.sqrt(len(there)) if len(there) > 1 else 0.0
    return abs(level - usual) > FAR * max(error, scatter)
