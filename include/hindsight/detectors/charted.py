"""What CUSUM and EWMA have in common: a fold over standardised days, and a bound solved from false alarms."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from math import ceil, exp, floor, isfinite, sqrt
from typing import Any, ClassVar, Final, Self

import numpy as np

from hindsight.detectors.base import (
    ONE_DAY,
    Adjust,
    BaseDetector,
    Finding,
    Point,
    Series,
    day_by_day,
    insufficient,
)
from hindsight.detectors.methods.changes import level_of
from hindsight.detectors.methods.charts import NEVER, Chart, CusumChart, false_rate, solved, standing
from hindsight.detectors.methods.standardise import (
    MIN_DAYS,
    Yardstick,
    judged,
    standardised,
    unsure,
    yardstick,
)
from hindsight.domain.values import Budget, Direction, Severity, Span, Verdict
from hindsight.metrics import find
from hindsight.statistics.base import Array
from hindsight.wording import counted

EIGHT_WEEKS: Final = Span(56)
ONCE_IN_YEARS: Final = Budget(1, 2000)
HOURS: Final = 24
HIGHEST: Final = 4.0
"""Of the bound: so high that no number of segments asks for more."""

STEPS: Final = 50
"""Bounds between one and twice the bound, of which it is known how often they are passed."""

HALFWAY: Final = 0.5
"""Of the bound: above it there is something to watch, and below it an incident may close."""

OF_REFERENCE: Final = 2.5
"""How many errors of the reference's mean a day must be off at least before it counts."""

MOST_DAYS: Final = 400
"""Of a reference: beyond that its own error no longer matters, and bounds are not solved anew."""


@dataclass(frozen=True, slots=True)
class Course:
    """A chart's statistic over the days of a look-back, in one direction, and what it is held against.

    `z` is the worse the larger.  `days` are those of the reference; `chance` is the bound that chance
    asks for, and `sides` are the directions that are looked at.
    """

    chart: Chart
    z: Array
    bound: float
    chance: float
    sides: int
    days: int
    statistic: Array

    @property
    def last(self) -> float:
        return float(self.statistic[-1])

    @property
    def reached(self) -> float:
        """How far it has come, as a share of the bound."""
        return self.last / self.bound

    @property
    def p_value(self) -> float:
        """How often it stands so far or farther, nothing being wrong: not how often it gets there."""
        if self.last <= 0:
            return 1.0
        level, chance = standing(self.chart, self.chance, self.days)
        found = exp(float(np.interp(self.last, level, np.log(np.maximum(chance, NEVER)))))
        return min(1.0, self.sides * found)

    @property
    def p_among_many(self) -> float:
        """Of a breach beside others: how often a chart gets to a bound as high as this one would pass."""
        high = float(self.chart.fold(self.z, HIGHEST * self.bound)[-1]) / self.chance
        steps = floor(STEPS * min(max(high, 1.0), HIGHEST)) / STEPS
        return min(1.0, self.sides * crossed(self.chart, round(steps * self.chance, 6), self.days))


@dataclass(frozen=True, kw_only=True)
class Charted(BaseDetector):
    """A detector that adds up evidence day by day and judges single days by what came before them."""

    judges_days: ClassVar[bool] = True
    reads_reference_days: ClassVar[bool] = True

    window: Span = ONE_DAY
    past: Span = EIGHT_WEEKS
    shift: float = 0.02
    false_alarms: Budget = ONCE_IN_YEARS
    adjust: Adjust = "none"

    @property
    def reach(self) -> Span:
        return self.past

    @property
    def needs_reference(self) -> bool:
        return True

    @property
    def by_chance(self) -> float:
        """How often it may breach for nothing, a step: once, and for all segments together once more."""
        return min(self.false_alarms.a_day / (HOURS if self.window.unit == "h" else 1), 0.5)

    @property
    def _families(self) -> int:
        return 2 if self.segments else 1

    def false_breaches(self) -> float | None:
        return self._families * self.false_alarms.a_day

    def allowing(self, a_day: float) -> Self:
        return replace(self, false_alarms=Budget(1, max(ceil(self._families / a_day - 1e-9), 1)))

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        yield from day_by_day(self, self.past, MIN_DAYS)
        if not 0 <= self.shift < 1:
            yield f"`shift` is a share of the reference such as 0.02, not {self.shift}"

    @property
    def sentence(self) -> str:
        direction = find(self.metric).direction
        way = {Direction.HIGHER: "fall", Direction.LOWER: "rise", Direction.NEITHER: "shift"}[direction]
        beyond = " relative to what its scores make us expect" if self.adjusts else ""
        size = f" of {100 * self.shift:.3g}% or more" if self.shift else ""
        return (
            f"{self.metric} over {self.past} at {self.at} without a lasting {way}{size}{beyond} "
            f"({self._method}; at most {self.false_alarms} by chance)"
        )

    @property
    @abstractmethod
    def _method(self) -> str:
        """What the chart is called."""

    @abstractmethod
    def _chart(self, half: float, days: int) -> Chart:
        """The chart for half the shift that matters, in standard deviations, and days of the reference."""

    def _bound(self, solved_bound: float, half: float) -> float:
        """The bound for the statistic, from the one that chance asks for."""
        return solved_bound

    @abstractmethod
    def _begin(self, course: Course) -> int:
        """The index of the day with which the present excursion began."""

    @abstractmethod
    def _doubly(self, course: Course) -> bool:
        """Whether even twice the movement that is allowed is surely passed."""

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return refused
        latest = series.latest
        assert latest.value is not None
        if series.no_reference is not None:
            return insufficient(f"{series.no_reference}.", latest.value)
        if not series.reference_days and series.fixed is not None:
            why = "a reference that is a number has no days to say how much a day may differ"
            return insufficient(f"{why}.", latest.value)
        yard = yardstick(tuple(series.reference_days), adjusted=self.adjusts)
        if isinstance(yard, str):
            return insufficient(f"{yard}.", latest.value)
        if not judged([latest], adjusted=self.adjusts):
            what = "what to expect of these scores is not defined"
            what = what if self.adjusts else f"{self.metric} is too large to reckon with"
            return insufficient(f"{what}.", latest.value if isfinite(latest.value) else None)
        days = judged(series.days, adjusted=self.adjusts)
        if not days or days[-1].end != latest.end:
            days.append(latest)
        return self._judged(series, days, yard)

    def _judged(self, series: Series, days: list[Point], yard: Yardstick) -> Finding:
        """The verdict on the last of these days."""
        size = abs(yard.level)
        if series.reference is not None and series.reference.value is not None:
            size = abs(series.reference.value)
        half = self.shift * size / yard.typical / 2.0 if isfinite(size) else 0.0
        known = min(yard.days, MOST_DAYS)
        chart = self._chart(half, known)
        wrong = {Direction.HIGHER: (-1.0,), Direction.LOWER: (1.0,), Direction.NEITHER: (-1.0, 1.0)}
        signs = wrong[series.metric.direction]
        steps = HOURS if self.window.unit == "h" else 1
        rate = min(self.false_alarms.a_day / steps / len(signs), 0.5)
        chance = solved(chart, known, rate)
        bound = self._bound(chance, half)
        z = standardised(days, yard, adjusted=self.adjusts)
        if self.adjusts:
            covered = chart.k if isinstance(chart, CusumChart) else OF_REFERENCE / sqrt(known)
            doubt = np.maximum(OF_REFERENCE * unsure(days, yard) - covered, 0.0)
        else:
            doubt = np.zeros(len(z))
        courses = [
            Course(chart, worse, bound, chance, len(signs), known, chart.fold(worse, bound))
            for sign in signs
            for worse in [sign * z - doubt]
        ]
        return self._told(days, yard, max(courses, key=lambda course: course.reached), series.latest)

    def _told(self, days: list[Point], yard: Yardstick, course: Course, latest: Point) -> Finding:
        """The verdict in words and figures."""
        assert latest.value is not None
        foreseen = latest.expected.value if self.adjusts and latest.expected is not None else 0.0
        run = days[self._begin(course) :]
        gap = float(np.mean(self._gaps(run, yard)))
        since, unit = run[0].start, "hour" if self.window.unit == "h" else "day"
        baseline = "what its scores make us expect" if self.adjusts else f"the reference's {yard.level:.4g}"
        reading = f"{self._method} {course.last:.3g}, bound {course.bound:.3g}"
        place = (
            f"{self.metric} lies {abs(gap):.2g} {'below' if gap < 0 else 'above'} {baseline} on average over "
            f"{counted(len(run), unit)} since {spoken(since)} ({reading})"
        )
        numbers: dict[str, Any] = {
            "observed": latest.value,
            "expected": foreseen + yard.expected(latest),
            "p_value": course.p_among_many if self.segments and course.reached > 1.0 else course.p_value,
            "details": {
                "statistic": course.last,
                "bound": course.bound,
                "since": since.isoformat(),
                "gap": gap,
                "reference_days": yard.days,
                "seasonality": yard.season.note,
            },
        }
        if course.reached > 1.0:
            severity = Severity.CRITICAL if self._doubly(course) else Severity.WARNING
            reason = f"{place}: chance does that {self.false_alarms} at most; {yard.season.note}."
            return Finding(Verdict.BREACH, reason, severity=severity, **numbers)
        if course.reached > HALFWAY:
            return Finding(Verdict.CLEAR, f"{place}: not surely.", severity=Severity.WATCH, **numbers)
        return Finding(Verdict.CLEAR, f"{self.metric} keeps to {baseline} ({reading}).", **numbers)

    def _gaps(self, run: list[Point], yard: Yardstick) -> Array:
        """How far each of these days lies from what is expected of it, in the metric's unit."""
        values, _ = level_of(run, adjusted=self.adjusts)
        expected = np.array([yard.expected(point) for point in run])
        found: Array = values - expected
        return found


@lru_cache(maxsize=4096)
def crossed(chart: Chart, bound: float, days: int) -> float:
    """`false_rate`, remembered."""
    return false_rate(chart, bound, days)


def spoken(when: date) -> str:
    """A day, or an hour, in words.

    >>> spoken(date(2013, 4, 7))
    '7 April 2013'
    """
    hour = f", {when:%H:%M} UTC" if isinstance(when, datetime) else ""
    return f"{when.day} {when:%B %Y}{hour}"
