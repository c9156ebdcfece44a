"""A slope over the days of a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isclose
from typing import Any, ClassVar, Final, Literal, Self

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
from hindsight.detectors.methods.bounds import known, percent, surely
from hindsight.detectors.methods.crossings import looks, openings, surest
from hindsight.detectors.methods.ranks import mann_kendall, sen_slope
from hindsight.detectors.methods.regression import (
    HOURS,
    WEEK,
    days_since,
    levels,
    line,
    overlap,
    phases,
    plain_line,
)
from hindsight.domain.values import Direction, Horizon, Severity, Span, Verdict
from hindsight.metrics import find

MIN_DAYS: Final = 14
MIN_HOURS: Final = 48
THREE_DAYS: Final = 72
SIMPLE_DAYS: Final = 7
SURE: Final = 0.99
CONFIRMED_CYCLES: Final = 4
"""Weeks in a window from which on ranks are asked too."""

CONFIRMED: Final = 0.05
"""The p-value up to which Mann and Kendall's test confirms a line."""

SLOPES: Final = {"regression": 0.001, "simple": 0.01}
"""The movement a day that does not matter, where the file says nothing."""

UNKNOWN: Final[Mapping[str, Any]] = {"state": "insufficient"}

NOISE: Final = 16 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Ranks:
    """The median slope the wrong way, which is that of `wrong`, and the p-value of "there is none"."""

    wrong: float
    median: float
    p_value: float

    @property
    def slope(self) -> float:
        return self.wrong * self.median

    @property
    def details(self) -> dict[str, Any]:
        return {"sen_slope": self.slope, "mann_kendall_p_value": self.p_value}


@dataclass(frozen=True, kw_only=True)
class Trend(BaseDetector):
    """Breaches when the metric gets worse by more than `slope` a day, with evidence.

    A weighted least-squares line through the days of the window, each weighted by its standard error, with
    weekday effects once there are two weeks, and the slope's error widened by the days' scatter around the
    line (overdispersion, never below 1).  Fewer than 14 usable days are INSUFFICIENT.  In windows of four
    weeks or more the line needs confirmation by ranks, which a few wild days do not move: the median slope
    between days of the same weekday (Theil and Sen) beyond `slope` too, and a seasonal Mann-Kendall test;
    a line without it, or beyond `slope` by its point alone, is something to watch.  A breach is critical if
    even twice `slope` is surely passed, else a warning.  `slope` is 0.001 if it is left out.

    `method: simple` is the plain rule: the least-squares slope of the last 7 days (its window, also if that
    is left out), each counting the same, against a `slope` of 0.01; one that reaches the bound, but for the
    noise of floating point, is a breach, and a day without a value makes the week INSUFFICIENT.  The details
    give both methods' state (declining, improving, stable, insufficient: declining is worse, whichever way
    that is), first and latest value, slope, latest value plus slope, and the line's own projection of the
    day after the window with its 95 % interval.

    Days are taken to be independent of each other, given their weekday: where a bad day makes the next one
    bad too, a line breaches more often than `evidence` says.

    With `adjust: score_mix` the line goes through observed minus expected, so that a changing mix of cases
    is no trend.  For a lasting drop use `threshold`: once the fall is over the slope is flat again.  At
    `grain: hour` the points are hours with effects of the hour of the day; that takes three days of them.

    False breaches: 0.0 % of windows with nothing wrong, of 28 days with 1,000 rows at an accuracy of 0.90;
    with a slope exactly on the bound 0.4 %, and where days differ twice as much as their errors say 1.0 %.
    The plain rule breaches in 4 % of weeks with nothing wrong and 100 rows a day.

    >>> Trend(metric="roc_auc").sentence
    'roc_auc over 28d at 7d falling by not more than 0.001 a day (99% sure)'
    """

    kind: ClassVar[str] = "trend"
    judges_days: ClassVar[bool] = True

    window: Span = FOUR_WEEKS
    at: Horizon = A_WEEK_OLD
    method: Literal["regression", "simple"] = "regression"
    slope: float | None = None
    adjust: Adjust = "none"
    evidence: float = SURE

    def __post_init__(self) -> None:
        if self.method == "simple" and self.window == FOUR_WEEKS:
            object.__setattr__(self, "window", Span(SIMPLE_DAYS))
        super().__post_init__()

    @property
    def allowed(self) -> float:
        """The movement the wrong way that does not matter: a day, for `method: simple` a point."""
        return SLOPES[self.method] if self.slope is None else self.slope

    @property
    def least(self) -> int:
        """How many points it needs."""
        if self.method == "simple":
            return SIMPLE_DAYS
        return MIN_HOURS if self.window.unit == "h" else MIN_DAYS

    @property
    def units(self) -> str:
        """What the points of its series are."""
        return "hours" if self.window.unit == "h" else "days"

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        week, least = f"{SIMPLE_DAYS}{self.window.unit}", THREE_DAYS if self.units == "hours" else MIN_DAYS
        if self.method == "simple" and (self.window.calendar or self.window.count != SIMPLE_DAYS):
            last = f"the last {SIMPLE_DAYS} {self.units}"
            yield f"a simple trend is one of {last}: write {week}, not {self.window}"
        if self.method != "simple" and self.window.count < least:
            yield f"a trend needs a window of at least {least}{self.window.unit}, not {self.window}"
        if not self.allowed >= 0:
            meant = f": write {-self.allowed:g}" if self.allowed < 0 else ""
            yield f"`slope` is the movement a day that does not matter, 0 or more, not {self.slope}{meant}"
        if not 0 < self.evidence < 1:
            meant = f": write {self.evidence / 100:g}" if 1 < self.evidence < 100 else ""
            yield f"evidence {self.evidence} is not between 0 and 1{meant}"
        for key, given in (("adjust", self.adjusts), ("evidence", self.evidence != SURE)):
            if given and self.method == "simple":
                yield f"`method: simple` takes values as they are: leave `{key}` out"
        if find(self.metric).direction is Direction.NEITHER:
            yield f"{self.metric!r} has no good direction, so no trend of it is bad"

    @property
    def needs_reference(self) -> bool:
        return self.adjusts

    @property
    def sentence(self) -> str:
        falling = "falling" if find(self.metric).direction is Direction.HIGHER else "rising"
        beyond = " relative to what its scores make us expect" if self.adjusts else ""
        if self.method == "simple":
            unit = self.units.removesuffix("s")
            rule = f"by less than {self.allowed:g} {'an' if unit == 'hour' else 'a'} {unit}"
            return f"{self.metric} over the last 7 {self.units} at {self.at} {falling} {rule}"
        return (
            f"{self.metric} over {self.window} at {self.at} {falling} by not more than {self.allowed:g} a day"
            f"{beyond} ({percent(self.evidence)} sure)"
        )

    def false_breaches(self) -> float | None:
        """At most, wherever the true slope lies up to the bound, if days are independent of each other."""
        return None if self.method == "simple" else self._opening(self.evidence)

    def _opening(self, evidence: float) -> float:
        a_day, _ = looks(self.window)
        cycle = HOURS if self.window.unit == "h" else WEEK
        shared = 0.0 if self.window.calendar else overlap(self.window.count, cycle)
        return a_day * openings(evidence, shared, segments=bool(self.segments))

    def allowing(self, a_day: float) -> Self:
        """With as much more `evidence` as that takes, and never less."""
        if self.method == "simple":
            return self
        return replace(self, evidence=surest(self._opening, self.evidence, a_day))

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return replace(refused, details=UNKNOWN)
        found = self._simple(series) if self.method == "simple" else self._regression(series)
        return replace(found, details=UNKNOWN) if found.verdict is Verdict.INSUFFICIENT else found

    def _simple(self, series: Series) -> Finding:
        """The plain rule."""
        observed = series.latest.value
        days = series.days[-SIMPLE_DAYS:]
        values = [v for p in days if self._usable(p) and (v := known(p.value)) is not None]
        if len(values) < SIMPLE_DAYS or not in_a_row((*days, series.latest)):
            few = f"{len(values)} of the last {len(days)} {self.units} can be judged"
            return insufficient(f"{few}; a simple trend needs {SIMPLE_DAYS} in a row.", observed)
        fitted = plain_line(values)
        if not fitted.known:
            return insufficient(f"{self.metric} is too large for a line through it.", observed)
        steep, bound = wrong_way(series) * fitted.slope, self.allowed
        noise = NOISE * max(map(abs, values))
        state = "stable"
        for word, size in (("declining", steep), ("improving", -steep)):
            if size > noise and (size > bound or isclose(size, bound, rel_tol=1e-9, abs_tol=noise)):
                state = word
        pace = self._moves(fitted.slope, flat=abs(fitted.slope) <= noise, unit=self.units.removesuffix("s"))
        place = f"{pace} over the last {SIMPLE_DAYS} {self.units}, from {values[0]:.4g} to {values[-1]:.4g}"
        details = {"state": state} | fitted.numbers(values)
        if state != "declining":
            return Finding(Verdict.CLEAR, f"{place}; the bound is {bound:g}.", observed, details=details)
        grade = Severity.CRITICAL if 0 < 2 * bound <= steep + noise else Severity.WARNING
        reason = f"{place}, which is worse and reaches the bound of {bound:g}."
        return Finding(Verdict.BREACH, reason, observed, severity=grade, details=details)

    def _regression(self, series: Series) -> Finding:
        """The weighted line, and the ranks behind it."""
        observed = series.latest.value
        usable = [p for p in series.days if self._usable(p) and known(p.value) is not None]
        usable = [point for point in usable if known(point.standard_error)]
        if self.adjusts:
            if series.no_reference is not None:
                return insufficient(f"{series.no_reference}.", observed)
            usable = [p for p in usable if p.expected is not None and known(p.expected.value) is not None]
        if len(usable) < self.least:
            few = f"{len(usable)} of {len(series.days)} {self.units} can be judged"
            return insufficient(f"{few}; a trend needs {self.least}.", observed)
        fitted = line(usable, adjusted=self.adjusts, ahead_of=series.latest.end)
        if not fitted.known:
            return insufficient(f"{self.metric} is too large for a line through it.", observed)
        steep, bound = wrong_way(series) * fitted.slope, self.allowed
        p_value = fitted.chance(steep - bound)
        sure = p_value <= 1.0 - self.evidence
        state = "improving" if fitted.chance(-steep - bound) <= 1.0 - self.evidence else "stable"
        values = [float(each) for each in levels(usable, adjusted=self.adjusts)]
        details = {"state": "declining" if sure else state} | fitted.numbers(values)
        noise = NOISE * max(map(abs, values))
        watch = Severity.WATCH if steep > bound + noise else None
        flat = watch is None and abs(fitted.slope) <= max(1.96 * fitted.error, noise)
        place = f"{self._moves(fitted.slope, flat=flat)} (± {1.96 * fitted.error:.2g})"
        place += f" over {len(usable)} {self.units}"
        if usable[-1].end < series.latest.end:
            place += f" until {usable[-1].end.isoformat()}"
        # The bound is on the slope, so the finding's figures are the level alone: the reason holds the slope.
        if not sure:
            worse = f"worse, but not {'surely ' if watch else ''}by more than {bound:g}"
            reason = f"{place}." if flat else f"{place}, which is {worse if steep > 0 else 'better'}."
            return Finding(Verdict.CLEAR, reason, observed, p_value=p_value, severity=watch, details=details)
        beyond = f"{place}, which is worse by more than {bound:g} ({surely(p_value)})"
        if (ranks := self._ranks(usable, series)) is not None:
            details |= ranks.details
            if ranks.median <= bound or ranks.p_value > CONFIRMED:
                doubt = f"ranks do not confirm it (median slope {ranks.slope:.2g}, p = {ranks.p_value:.2g})"
                return Finding(
                    Verdict.CLEAR,
                    f"{beyond}, but {doubt}.",
                    observed,
                    p_value=max(p_value, ranks.p_value),
                    severity=Severity.WATCH,
                    details=details | {"state": "stable", "confirmed": False},
                )
            details["confirmed"] = True
        critical = bound > 0 and fitted.chance(steep - 2 * bound) <= 1.0 - self.evidence
        grade = Severity.CRITICAL if critical else Severity.WARNING
        reason = f"{beyond}."
        return Finding(Verdict.BREACH, reason, observed, p_value=p_value, severity=grade, details=details)

    def _ranks(self, points: Sequence[Point], series: Series) -> Ranks | None:
        """What the ranks of days of one weekday say, where the window is long enough to ask them."""
        season, cycle = phases(points)
        if self.window.count < CONFIRMED_CYCLES * cycle:
            return None
        when, wrong = days_since(points), wrong_way(series)
        values = wrong * levels(points, adjusted=self.adjusts)
        steps = when * HOURS if cycle == HOURS else when
        test = mann_kendall(values, season, np.floor(steps / cycle))
        return Ranks(wrong, sen_slope(when, values, season) or 0.0, test.rising)

    def _moves(self, slope: float, *, flat: bool, unit: str = "day") -> str:
        """How the metric moves, as a clause; whether that is bad is another matter."""
        if flat:
            return f"{self.metric} is flat: {slope:+.2g} {'an' if unit == 'hour' else 'a'} {unit}"
        article = "an" if unit == "hour" else "a"
        return f"{self.metric} {'falls' if slope < 0 else 'rises'} by {abs(slope):.4g} {article} {unit}"

    def _usable(self, point: Point) -> bool:
        """Whether a day counts: how many labels are in is known, however few there are."""
        return point.value is not None if self.metric == "coverage" else point.usable


def wrong_way(series: Series) -> float:
    """The sign of a slope that is bad."""
    return -1.0 if series.metric.direction is Direction.HIGHER else 1.0


def in_a_row(points: Sequence[Point]) -> bool:
    """Whether days, or hours, follow on each other up to the latest one, which stands at the end again."""
    *days, latest = points
    step = 1.0 / HOURS if isinstance(latest.end, datetime) else 1.0
    return latest.end == days[-1].end and bool(np.allclose(np.diff(days_since(days)), step))
