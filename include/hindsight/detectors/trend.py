"""A slope over the days of a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

import numpy as np

from hindsight.detectors.base import (
    A_WEEK_OLD,
    FOUR_WEEKS,
    Adjust,
    BaseDetector,
    Finding,
    Point,
    Series,
    insufficient,
)
from hindsight.domain.values import Direction, Horizon, Span, Verdict
from hindsight.metrics import find

MIN_DAYS: Final = 14
WEEK: Final = 7
HOURS: Final = 24
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Trend(BaseDetector):
    """Breaches when the metric moves the wrong way by more than `slope` a day, with evidence.

    A weighted least-squares line through the days of the window, each weighted by its standard error, with
    weekday effects once there are three weeks, and the slope's error widened by the days' scatter
    around the line (overdispersion, never below 1).  Fewer than 14 usable days are INSUFFICIENT.  With
    `adjust: score_mix` the line goes through observed minus expected, so that a changing mix of cases
    is no trend.  For a lasting drop use `threshold`: once the fall is over the slope is flat again.  At
    `grain: hour` the points are hours, and three days of them have effects of the hour of the day.

    Measured on 5,000 windows of noise at 0.99: a slope exactly on the bound breached in 0.3 % of them, and
    in 0.7 % where days differed twice as much as their errors said; a flat line in none.

    >>> Trend(metric="roc_auc").sentence
    'roc_auc over 28d at 7d falling by not more than 0.001 a day (99% sure)'
    """

    kind: ClassVar[str] = "trend"
    judges_days: ClassVar[bool] = True

    window: Span = FOUR_WEEKS
    at: Horizon = A_WEEK_OLD
    slope: float = 0.001
    adjust: Adjust = "none"
    evidence: float = 0.99

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.window.count < MIN_DAYS:
            yield f"a trend needs a window of at least {MIN_DAYS}{self.window.unit}, not {self.window}"
        if not self.slope >= 0:
            yield f"`slope` is the movement a day that does not matter, 0 or more, not {self.slope}"
        if not 0 < self.evidence < 1:
            yield f"evidence {self.evidence} is not between 0 and 1"
        if find(self.metric).direction is Direction.NEITHER:
            yield f"{self.metric!r} has no good direction, so no trend of it is bad"

    @property
    def needs_reference(self) -> bool:
        return self.adjusts

    @property
    def sentence(self) -> str:
        falling = "falling" if find(self.metric).direction is Direction.HIGHER else "rising"
        beyond = " relative to what its scores make us expect" if self.adjusts else ""
        return (
            f"{self.metric} over {self.window} at {self.at} {falling} by not more than {self.slope:g} a day"
            f"{beyond} ({self.evidence:.0%} sure)"
        )

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return refused
        usable = [point for point in series.days if point.usable and point.standard_error]
        if self.adjusts:
            if series.no_reference is not None:
                return insufficient(f"{series.no_reference}.", series.latest.value)
            usable = [point for point in usable if point.expected is not None]
        units = "hours" if self.window.unit == "h" else "days"
        if len(usable) < MIN_DAYS:
            return insufficient(
                f"{len(usable)} of {len(series.days)} {units} can be judged; a trend needs {MIN_DAYS}.",
                series.latest.value,
            )
        from scipy.special import stdtr  # a third of a second that the parsing of DAG files does not pay

        slope, error, freedom = line(usable, adjusted=self.adjusts)
        wrong = -1.0 if series.metric.direction is Direction.HIGHER else 1.0
        beyond = wrong * slope - self.slope
        p_value = float(stdtr(freedom, -beyond / error)) if error > 0 else float(beyond <= 0)
        word = "declining" if wrong * slope > 0 else "improving"
        pace = f"{abs(slope):.4g} a day (± {1.96 * error:.2g})"
        place = f"{self.metric} is {word} by {pace} over {len(usable)} {units}"
        # The bound is on the slope, so the finding's figures are the level alone: the reason holds the slope.
        numbers = {"observed": series.latest.value, "p_value": p_value}
        if p_value <= 1.0 - self.evidence:
            return Finding(
                Verdict.BREACH, f"{place}, more than {self.slope:g} ({1 - p_value:.1%} sure).", **numbers
            )
        return Finding(Verdict.CLEAR, f"{place}: not surely more than {self.slope:g}.", **numbers)


def line(points: list[Point], *, adjusted: bool) -> tuple[float, float, int]:
    """The slope per day of a weighted line with weekday or hour effects, its error, degrees of freedom.

    Textbook weighted least squares; the error is multiplied by the square root of chi-square / degrees
    of freedom where that is above 1 (McCullagh and Nelder, 1989, section 4.5).
    """
    day = np.array([(point.end - points[0].end) / ONE_DAY for point in points], dtype=np.float64)
    level = np.array(
        [
            (point.value or 0.0) - (point.expected.value if adjusted and point.expected else 0.0)
            for point in points
        ]
    )
    weight = 1.0 / np.array([point.standard_error or np.inf for point in points])
    columns = [day - day.mean(), np.ones(len(day))]
    hourly = isinstance(points[0].end, datetime)
    cycle = HOURS if hourly else WEEK
    if len(day) >= 3 * cycle:
        turn = day * HOURS if hourly else [point.end.weekday() for point in points]
        phase = np.rint(turn) % cycle
        columns += [(phase == d).astype(np.float64) for d in range(1, cycle) if np.any(phase == d)]
    design = np.column_stack(columns) * weight[:, None]
    rank = int(np.linalg.matrix_rank(design))
    inverse = np.linalg.pinv(design.T @ design)
    fitted = inverse @ design.T @ (level * weight)
    residual = level * weight - design @ fitted
    freedom = max(len(day) - rank, 1)
    dispersion = max(1.0, float(residual @ residual) / freedom)
    return float(fitted[0]), float(np.sqrt(inverse[0, 0] * dispersion)), freedom
