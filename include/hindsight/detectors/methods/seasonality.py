"""What the day of the week, or at an hourly grain the hour of the day, adds to a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np

from hindsight.detectors.base import Point
from hindsight.detectors.methods.changes import level_of
from hindsight.statistics.base import Array

WEEK: Final = 7
HOURS: Final = 24
CYCLES: Final = 4
"""Whole weeks, or days of hours, below which effects are not told from noise."""


@dataclass(frozen=True, slots=True)
class Seasonality:
    """Additive effects by weekday (Monday first) or hour of the day; they average 0 over a cycle.

    `note` says in a clause what they rest on, or why there are none.  `share` is how much of the differences
    seen is taken for real, 0 where nothing is learnt.
    """

    effects: tuple[float, ...]
    learnt: bool
    note: str
    share: float = 0.0

    def effect(self, when: date) -> float:
        """What to add on this day or in this hour; 0 where nothing is learnt."""
        return self.effects[phase(when)] if self.effects else 0.0


def seasonality(points: Sequence[Point], *, adjusted: bool = False) -> Seasonality:
    """The effects that these days, usually those of the reference, teach; none from fewer than four cycles.

    One of four may be lacking of a weekday.

    Means by weekday around their own mean, shrunk as random effects are by 1 - 1/F, where F is the
    variance between weekdays over the one within (Searle, Casella and McCulloch, 1992, section 3.3): where
    weekdays differ no more than days do, nothing is added.  With `adjusted` they are effects on observed
    minus expected.  A day counts by its standard error, but never more than twice the median day.

    >>> from datetime import timedelta
    >>> from hindsight.domain.values import Maturity, Status
    >>> first = date(2024, 6, 3)
    >>> days = [
    ...     Point(day, day, 0.93 - 0.05 * (day.weekday() > 4) + 0.002 * (i % 3), 0.01, 900, 0.9,
    ...           Maturity.MATURE, Status.OK)
    ...     for i in range(31) for day in [first + timedelta(days=i)]
    ... ]
    >>> found = seasonality(days)
    >>> found.note, round(found.effect(date(2024, 8, 3)) - found.effect(date(2024, 8, 6)), 2)
    ('weekday effects from 31 days of the reference', -0.05)
    """
    hourly = bool(points) and isinstance(points[0].start, datetime)
    cycle, unit, word = (HOURS, "hours", "hour") if hourly else (WEEK, "days", "weekday")
    used = [point for point in points if point.usable and (point.expected or not adjusted)]
    values, errors = level_of(used, adjusted=adjusted)
    finite = np.isfinite(values)
    values, errors = values[finite], errors[finite]
    phases = np.array([phase(point.start) for point in used], dtype=np.int64)[finite]
    seen = np.bincount(phases, minlength=cycle)
    # A weekday that never occurs, such as the Sunday of a shop, has no effect and forbids none.
    there = seen > 0
    kinds = int(there.sum())
    if kinds < 2 or len(values) < CYCLES * kinds or seen[there].min() < CYCLES - 1:
        return Seasonality((), False, f"the reference has {len(values)} {unit}, too few for {word} effects")
    weight = _weights(errors)
    total = np.bincount(phases, weight, cycle)
    means = np.bincount(phases, weight * values, cycle) / np.where(there, total, 1.0)
    around = np.where(there, means - means[there].mean(), 0.0)
    within = float((weight * (values - means[phases]) ** 2).sum() / (len(values) - kinds))
    overall = float((weight * values).sum() / weight.sum())
    between = float((total * (means - overall) ** 2).sum() / (kinds - 1))
    # Rounding is no weekday effect: differences below a billionth of the level are none.
    if between <= (1e-9 * max(abs(overall), float(np.abs(values).max()))) ** 2 or within >= between:
        return Seasonality((0.0,) * cycle, True, f"no {word} effect in {len(values)} {unit} of the reference")
    share = 1.0 - within / between
    effects = tuple(float(effect) for effect in share * around)
    return Seasonality(effects, True, f"{word} effects from {len(values)} {unit} of the reference", share)


def phase(when: date) -> int:
    """Where in its cycle a day, or an hour, stands."""
    return when.hour if isinstance(when, datetime) else when.weekday()


def _weights(errors: Array) -> Array:
    """How much each value counts: by its precision, but no more than twice the median one."""
    sure = np.isfinite(errors) & (errors > 0)
    if not sure.all():
        return np.ones(len(errors))
    precision = 1.0 / errors**2
    weight = np.minimum(precision / np.median(precision), 2.0)
    return weight / float(weight.mean())
