"""The dates at which a metric changed from one level to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from math import erfc, sqrt
from typing import Any, ClassVar, Final

import numpy as np

from hindsight.detectors.base import (
    A_WEEK_OLD,
    ONE_DAY,
    BaseDetector,
    Finding,
    Point,
    Series,
    day_by_day,
    insufficient,
)
from hindsight.detectors.charted import spoken
from hindsight.detectors.methods.changes import LEAST, changes, level_of
from hindsight.detectors.methods.seasonality import WEEK, Seasonality, seasonality
from hindsight.detectors.methods.standardise import judged
from hindsight.domain.values import Direction, Horizon, Severity, Span, Verdict
from hindsight.metrics import find

MIN_DAYS: Final = 14
THREE_MONTHS: Final = Span(90)


@dataclass(frozen=True, slots=True)
class Level:
    """A stretch of days on which a metric was level: its first day, mean, and the mean's standard error."""

    start: date
    days: int
    value: float
    standard_error: float


def levels(points: Sequence[Point], *, least: int = LEAST) -> tuple[Level, ...]:
    """The levels of these days, oldest first, weekday effects taken out where four weeks teach them.

    An error counts by the rows alone, for days on which a share is low (or near 1) would else seem surer than
    others; it is widened where the days of a level scatter more than that says.
    """
    used = judged(points)
    values, own = level_of(used)
    rows = np.array([point.n for point in used], dtype=np.float64)
    known = np.isfinite(own) & (own > 0)
    counted = known & (rows > 0)
    if counted.any():
        a_row = float(np.median(own[counted] * np.sqrt(rows[counted])))
        usual = float(np.median(rows[counted]))
        errors = a_row / np.sqrt(np.where(rows > 0, rows, usual))
    else:
        errors = np.full(len(used), np.median(own[known]) if known.any() else 1.0)
    values = values - _by_weekday(used, values, errors)
    begins = [0, *changes(values, errors, least=least), len(used)] if used else []
    weight = 1.0 / errors**2
    parts = [slice(first, end) for first, end in pairwise(begins)]
    means = [float((weight[part] * values[part]).sum() / weight[part].sum()) for part in parts]
    squares = sum(
        float((weight[part] * (values[part] - mean) ** 2).sum())
        for part, mean in zip(parts, means, strict=True)
    )
    scatter = squares / max(len(used) - len(parts), 1)
    widened = max(1.0, scatter) if known.any() else scatter
    return tuple(
        Level(used[part.start].start, part.stop - part.start, mean, sqrt(widened / float(weight[part].sum())))
        for part, mean in zip(parts, means, strict=True)
    )


def _by_weekday(points: Sequence[Point], values: Any, errors: Any) -> Any:
    """The weekday effects of days, taken from what is left when whole weeks' levels are taken away."""
    edges = [0, *changes(values, errors, least=WEEK), len(points)]
    rest = values.copy()
    for first, end in pairwise(edges):
        rest[first:end] -= values[first:end].mean() if end > first else 0.0
    found: Seasonality = seasonality(
        [
            replace(point, value=float(value), standard_error=float(error))
            for point, value, error in zip(points, rest, errors, strict=True)
        ]
    )
    return np.array([found.effect(point.start) for point in points])


@dataclass(frozen=True, kw_only=True)
class Changepoint(BaseDetector):
    """Dates a change; breaches, as something to watch, where the last level is surely a worse one.

    The days of `past` are divided into levels (`hindsight.detectors.methods.changes`), each at least
    `least` days long.  A breach means that the metric moved the wrong way by more than `shift`, as a share
    of the level before, with `evidence`.  Use it beside other rules to say since when, not to be woken by:
    its breaches are `watch` unless `severity` says otherwise, for a change that was searched for looks surer
    than it is, what declines slowly becomes a staircase, and so does noise in which bad days follow bad ones:
    with a correlation of 0.3 and days that differ 6 times as much as rows explain up to one window in five
    breaches.  Fewer than 14 days are INSUFFICIENT.

    False breaches: 0.01 % of windows with nothing wrong, at an accuracy of 0.90 of 1,000 rows a day; hardly
    more where days differ 6 times as much and are independent.

    >>> Changepoint(metric="recall").sentence
    'recall over 90d at 7d without a change of level for the worse by more than 5% (95% sure)'
    """

    kind: ClassVar[str] = "changepoint"
    judges_days: ClassVar[bool] = True

    window: Span = ONE_DAY
    at: Horizon = A_WEEK_OLD
    past: Span = THREE_MONTHS
    least: int = LEAST
    shift: float = 0.05
    evidence: float = 0.95

    @property
    def reach(self) -> Span:
        return self.past

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        yield from day_by_day(self, self.past, MIN_DAYS)
        if not 2 <= self.least <= self.past.count // 2:
            yield f"`least` is from 2 to half of `past`, not {self.least}"
        if not 0 <= self.shift < 1:
            yield f"`shift` is a share of the level before such as 0.05, not {self.shift}"
        if not 0 < self.evidence < 1:
            yield f"evidence {self.evidence} is not between 0 and 1"

    @property
    def sentence(self) -> str:
        worse = "" if find(self.metric).direction is Direction.NEITHER else " for the worse"
        return (
            f"{self.metric} over {self.past} at {self.at} without a change of level{worse} by more than "
            f"{100 * self.shift:.3g}% ({self.evidence:.0%} sure)"
        )

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return refused
        latest = series.latest
        assert latest.value is not None
        if not judged([latest]):
            return insufficient(f"{self.metric} has no finite value.")
        days = judged(series.days)
        units = "hours" if self.window.unit == "h" else "days"
        if len(days) < MIN_DAYS:
            known = f"{len(days)} of {len(series.days)} {units} can be judged"
            return insufficient(f"{known}; a change of level needs {MIN_DAYS}.", latest.value)
        found = levels(days, least=self.least)
        if len(found) == 1:
            place = f"{self.metric} has had one level, {found[0].value:.4g}, since {spoken(found[0].start)}"
            return Finding(Verdict.CLEAR, f"{place}.", latest.value, found[0].value, details={"changes": []})
        return self._judged(series, found)

    def _judged(self, series: Series, found: tuple[Level, ...]) -> Finding:
        """The verdict on the last change."""
        before, after = found[-2:]
        gap = after.value - before.value
        wrong = {Direction.HIGHER: -gap, Direction.LOWER: gap, Direction.NEITHER: abs(gap)}
        allowed = self.shift * abs(before.value)
        beyond = wrong[series.metric.direction] - allowed
        error = sqrt(before.standard_error**2 + after.standard_error**2)
        p_value = 0.5 * erfc(beyond / error / sqrt(2.0)) if error > 0 else float(beyond <= 0)
        numbers: dict[str, Any] = {
            "observed": series.latest.value,
            "expected": before.value,
            "p_value": p_value,
            "details": {
                "since": after.start.isoformat(),
                "before": before.value,
                "after": after.value,
                "changes": [
                    {"since": new.start.isoformat(), "before": old.value, "after": new.value}
                    for old, new in pairwise(found)
                ],
            },
        }
        place = f"{self.metric} changed on {spoken(after.start)} from {before.value:.4g} to {after.value:.4g}"
        if beyond > 0 and 1.0 - p_value >= self.evidence:
            reason = f"{place}, surely by more than {100 * self.shift:.3g}%."
            return Finding(Verdict.BREACH, reason, severity=Severity.WATCH, **numbers)
        return Finding(
            Verdict.CLEAR, f"{place}, not surely for the worse by {100 * self.shift:.3g}%.", **numbers
        )
