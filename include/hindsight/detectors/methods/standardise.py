"""Days against a frozen reference, in standard deviations of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, sqrt
from typing import Final

import numpy as np

from hindsight.detectors.base import Point
from hindsight.detectors.methods.changes import LARGEST, level_of
from hindsight.detectors.methods.seasonality import Seasonality, seasonality
from hindsight.statistics.base import Array

MIN_DAYS: Final = 14
"""Days of the reference below which its scatter says nothing."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What a day of the reference is like: its level, the effects of weekdays, and how much days differ.

    A day's variance has two parts: `row_variance` over its rows, as counting them makes it, and
    `between`, what days differ besides, which no number of rows takes away.  The first is that of the
    reference's days, not the day's own: a day whose few rows agree has an error of 0 and is no surer.
    """

    level: float
    row_variance: float | None
    between: float
    season: Seasonality
    days: int
    typical: float
    """The standard deviation of a usual day."""

    def expected(self, point: Point) -> float:
        """The level of such a day; of observed minus expected where the yardstick is adjusted."""
        return self.level + self.season.effect(point.start)

    def deviation(self, point: Point) -> float:
        """The standard deviation of such a day, with what the weekday's own effect leaves uncertain."""
        if self.row_variance is not None and point.n > 0:
            rows = self.row_variance / point.n
        else:
            rows = min(point.standard_error or 0.0, LARGEST) ** 2
        cycle = len(self.season.effects)
        learning = 1.0 + self.season.share * max(cycle - 1, 0) / self.days
        return sqrt((rows + self.between**2) * learning)


@lru_cache(maxsize=256)
def yardstick(reference: Sequence[Point], *, adjusted: bool = False) -> Yardstick | str:
    """What these days of a reference, a tuple, are like; or why that cannot be said, as a clause.

    The variance between days is the one at which the weighted squares around the level come to their
    degrees of freedom (Paule and Mandel, 1982), 0 where the days' own errors explain all of their scatter.
    """
    used = [point for point in reference if _counts(point, adjusted)]
    if len(used) < MIN_DAYS:
        judgeable = f"{len(used)} of the reference's {len(reference)} days can be judged"
        return f"{judgeable}, and {MIN_DAYS} are needed"
    season = seasonality(used, adjusted=adjusted)
    values, errors = level_of(used, adjusted=adjusted)
    values = values - np.array([season.effect(point.start) for point in used])
    rows = np.array([point.n for point in used], dtype=np.float64)
    known = np.isfinite(errors) & (rows > 0)
    row_variance = float(np.mean(errors[known] ** 2 * rows[known])) if known.any() else None
    own = np.zeros(len(values)) if row_variance is None else row_variance / np.maximum(rows, 1.0)
    cycle = len(season.effects)
    freedom = len(values) - 1.0 - season.share * max(cycle - 1, 0)
    between = _between(values, own, max(freedom, 1.0))
    variance = own + between
    typical = sqrt(float(np.median(variance)))
    size = float(np.abs(values).max())
    if not isfinite(typical) or typical <= 1e-9 * size or typical == 0.0:
        return "the days of the reference are all alike, so nothing says how much a day may differ"
    level = float((values / variance).sum() / (1.0 / variance).sum())
    return Yardstick(level, row_variance, sqrt(between), season, len(used), typical)


def _between(values: Array, own: Array, freedom: float) -> float:
    """The variance between days beyond their own ones."""

    def excess(between: float) -> float:
        weight = 1.0 / (own + between)
        centre = (weight * values).sum() / weight.sum()
        return float((weight * (values - centre) ** 2).sum()) - freedom

    high = float(((values - values.mean()) ** 2).sum()) / freedom
    if high == 0.0:
        return 0.0
    if (own > 0).all() and excess(0.0) <= 0:
        return 0.0
    low = 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if excess(middle) > 0:
            low = middle
        else:
            high = middle
    return high


def standardised(points: Sequence[Point], yard: Yardstick, *, adjusted: bool = False) -> Array:
    """How many standard deviations each day lies above what is expected of it."""
    values, _ = level_of(points, adjusted=adjusted)
    centre = np.array([yard.expected(point) for point in points])
    spread = np.array([yard.deviation(point) for point in points])
    found: Array = (values - centre) / np.where(spread > 0, spread, yard.typical)
    return found


def unsure(points: Sequence[Point], yard: Yardstick) -> Array:
    """How far off what is expected of each day's scores may be, for the reference saw so few like them.

    In standard deviations of the day: the error that all days with such scores share, so no number of days
    takes it away.
    """
    variance = np.array(
        [0.0 if point.expected is None else point.expected.reference_variance for point in points]
    )
    spread = np.array([yard.deviation(point) for point in points])
    known = np.where(np.isfinite(variance), np.clip(variance, 0.0, LARGEST), LARGEST)
    found: Array = np.sqrt(known) / np.where(spread > 0, spread, yard.typical)
    return found


def _counts(point: Point, adjusted: bool) -> bool:
    """Whether a day has all that standardising asks for."""
    if not point.usable or point.value is None or not abs(point.value) < LARGEST:
        return False
    return not adjusted or (point.expected is not None and abs(point.expected.value) < LARGEST)


def judged(points: Sequence[Point], *, adjusted: bool = False) -> list[Point]:
    """The days that can be standardised."""
    return [point for point in points if _counts(point, adjusted)]
