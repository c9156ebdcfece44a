"""A bound on one window: absolute, relative to the reference, or by what a movement costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import isfinite, sqrt
from typing import ClassVar, Final, Literal, Self

from hindsight.detectors.base import Adjust, BaseDetector, Finding, Point, Series, insufficient
from hindsight.detectors.methods.bounds import (
    Baseline,
    Bound,
    error_at,
    familiar,
    known,
    percent,
    surely,
)
from hindsight.detectors.methods.crossings import looks, openings, surest
from hindsight.detectors.methods.standardise import Yardstick, yardstick
from hindsight.domain.values import Direction, Severity, Verdict
from hindsight.metrics import find
from hindsight.metrics.base import Mean, Share
from hindsight.metrics.binary.cost import Cost

USUAL: Final = 0.05
"""The share by which a metric may get worse where the file says nothing."""

WEEK: Final = {"d": 7, "h": 168}
"""How many days or hours hold each weekday."""

BAD: Final = {Direction.HIGHER: -1, Direction.LOWER: 1, Direction.NEITHER: 0}
"""Which way a metric gets worse."""


@dataclass(frozen=True, kw_only=True)
class Threshold(BaseDetector):
    """Breaches when the window's value lies beyond a bound, and evidence says that it really does.

    Give `min` and/or `max`; or `relative`: the share by which the metric may move from its baseline (-0.10
    allows a drop of a tenth, 0.10 a rise; with `both: true` a tenth to either side); or `cost`: how much more
    than the baseline's the window's rows may cost all together, in the units of a metric such as
    `cost(fp=1 fn=5)`, whose mean it is.  With none of them the metric may get 5 % worse, or move by 5 % if it
    has no good direction.  The baseline is the reference's value or, with `adjust: score_mix`, what the
    reference makes us expect of the scores in this window; a share of a baseline below 0 is one of its size,
    and of a baseline of 0 it is nothing.  A value on the bound is not beyond it.

    `evidence` is the one-sided confidence that the true value is beyond the bound (normal approximation, the
    baseline's own error included; a window's rows are taken to differ at least as much as the baseline's).
    Where only the point is, that is something to watch.  `evidence: none` (or 0) takes the point as it is, as
    plain rules do: on a `1d` window that is the familiar "5 % below baseline", with its current value,
    threshold, baseline and drop in percent among the details.  A breach is critical if even twice the allowed
    movement is surely passed, else a warning; beyond `min` or `max`, which allow no movement that could be
    doubled, it is a warning unless `severity` says otherwise.

    A window of less than a week is compared with what such days of the reference are like, if that has 14 or
    more that can be judged: the baseline is that of its weekday (or hour, where four weeks of days tell them
    apart), and its error is widened by what days differ beyond their rows.  `min`, `max`, a reference that is
    a number and a short reference know neither: a day that differs from others by more than its rows explain
    then breaches more often than the evidence says.

    One bad day can breach a `1d` window; pool days (`window: 28d`) to find decay that lasts, and use `cusum`
    for a small step.  Looked at every day, a rule at 0.95 opens a breach every 91 days (28d) or 21 days (1d)
    if the true value sits exactly on the bound; the margin is what keeps a healthy model quiet, and a budget
    sets the evidence.

    False breaches: 0.04 % of windows with nothing wrong, of one day with 100 rows at the reference's accuracy
    of 0.90; taking the point as it is, the plain rule breaches in 7.7 % of them.

    >>> from hindsight.domain.values import Horizon, Span
    >>> Threshold(metric="recall", relative=-0.1, window=Span(28), at=Horizon(7)).sentence
    'recall over 28d at 7d not more than 10% below the reference (95% sure)'
    >>> Threshold(metric="brier").sentence
    'brier over 1d at 7d not more than 5% above the reference (95% sure)'
    """

    kind: ClassVar[str] = "threshold"

    min: float | None = None
    max: float | None = None
    relative: float | None = None
    both: bool = False
    cost: float | None = None
    adjust: Adjust = "none"
    evidence: float | Literal["none"] = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "evidence", self.sure)

    @property
    def sure(self) -> float:
        """The evidence as a number."""
        return 0.0 if self.evidence == "none" else self.evidence

    @property
    def needs_reference(self) -> bool:
        return self.min is None and self.max is None

    @property
    def reads_reference_days(self) -> bool:
        """Where its window does not hold all weekdays; a plain rule takes points as they are."""
        short = not self.window.calendar and self.window.count < WEEK[self.window.unit]
        return bool(short and self.sure and self.needs_reference)

    @property
    def share(self) -> float:
        """The share by which the metric may move, with its sign."""
        if self.relative is not None:
            return self.relative
        return USUAL * (BAD[find(self.metric).direction] or 1)

    @property
    def ways(self) -> tuple[int, ...]:
        """The sides on which there is a bound: -1 below, 1 above."""
        if not self.needs_reference:
            return tuple(way for way, bound in ((-1, self.min), (1, self.max)) if bound is not None)
        if self.relative is not None:
            return (-1, 1) if self.both else (-1 if self.relative < 0 else 1,)
        bad = BAD[find(self.metric).direction]
        return (-1, 1) if self.both or not bad else (bad,)

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        metric = find(self.metric)
        absolute = self.min is not None or self.max is not None
        if absolute + (self.relative is not None) + (self.cost is not None) > 1:
            yield "a threshold takes either `min` and/or `max`, or `relative`, or `cost`"
        if self.min is not None and self.max is not None and self.min >= self.max:
            yield f"min {self.min} is not below max {self.max}"
        if self.relative == 0 or (self.relative is not None and not isfinite(self.relative)):
            yield "`relative` is a share other than 0, such as -0.10"
        elif self.relative is not None and abs(self.relative) >= 1 and -1 in self.ways:
            hundredth = self.relative / 100
            meant = f"for {abs(self.relative):g} % write {hundredth:g}"
            yield f"`relative` {self.relative} lets all of it go: {meant}"
        if isinstance(metric, Share):
            for key, bound in (("min", self.min), ("max", self.max)):
                if bound is not None and not 0 <= bound <= 1:
                    yield f"{key} {bound} is no share: {self.metric} lies between 0 and 1"
        if self.cost is not None and not (self.cost > 0 and isfinite(self.cost)):
            yield f"`cost` is what a window may cost too much, above 0, not {self.cost}"
        if self.cost is not None and not isinstance(metric, Cost | Mean | Share):
            yield f"`cost` is for a mean over rows, such as cost(fp=1 fn=5), not for {self.metric!r}"
        elif self.cost is not None and metric.direction is Direction.NEITHER:
            yield f"{self.metric!r} has no good direction, so no movement of it costs anything"
        if metric.extensive and not absolute:
            yield f"{self.metric!r} grows with the window, so it takes `min` and/or `max`, not `relative`"
        if self.adjusts and absolute:
            yield "`adjust` goes with `relative` or `cost`"
        if self.both and (absolute or self.cost is not None):
            yield "`both` goes with `relative`"
        if not 0 <= self.sure < 1:
            meant = f": write {self.sure / 100:g}" if 1 < self.sure < 100 else ""
            yield f"evidence {self.evidence} is not in [0, 1){meant}"
        if self.relative is not None and not self.both and self.relative * BAD[metric.direction] < 0:
            yield (
                f"`relative` {self.relative} allows {self.metric} to improve only so far: "
                f"{metric.direction} is better"
            )

    @property
    def sentence(self) -> str:
        sure = f" ({percent(self.sure)} sure)" if self.sure else ""
        baseline = "what the reference makes us expect of its scores" if self.adjusts else "the reference"
        if not self.needs_reference:
            bound = " and ".join(
                f"{word} {value:g}"
                for word, value in (("at least", self.min), ("at most", self.max))
                if value is not None
            )
        elif self.cost is not None:
            word = "less" if self.ways == (-1,) else "more"
            bound = f"adding up to not more than {self.cost:g} {word} than {baseline}"
        else:
            way = " or ".join({-1: "below", 1: "above"}[way] for way in self.ways)
            bound = f"not more than {100 * abs(self.share):.4g}% {way} {baseline}"
        return f"{self.metric} over {self.window} at {self.at} {bound}{sure}"

    def false_breaches(self) -> float | None:
        """At most, wherever the truth lies up to the bound: see `hindsight.detectors.methods.crossings`."""
        return self._opening(self.sure) if self.sure else None

    def _opening(self, evidence: float) -> float:
        a_day, shared = looks(self.window)
        return a_day * openings(evidence, shared, sides=len(self.ways), segments=bool(self.segments))

    def allowing(self, a_day: float) -> Self:
        """With as much more `evidence` as that takes, and never less."""
        return replace(self, evidence=surest(self._opening, self.sure, a_day)) if self.sure else self

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return refused
        latest = series.latest
        own = known(latest.standard_error)
        if not self.needs_reference:
            sides = ((way, self.min if way < 0 else self.max) for way in self.ways)
            given = [(way, at) for way, at in sides if at is not None]
            errors = [error_at(series.metric, at, latest.value or 0.0, own) for _, at in given]
            bounds = [Bound(way, at, error) for (way, at), error in zip(given, errors, strict=True)]
            return self._verdict(latest, None, bounds)
        baseline = self._baseline(series)
        if isinstance(baseline, str):
            return insufficient(f"{baseline}.", latest.value)
        days = self._days_of(series)
        if isinstance(days, Yardstick):
            baseline = of_such_days(baseline, days, series)
        if self.cost is not None and latest.n < 1:
            return insufficient(f"{self.metric} rests on no row that could cost anything.", latest.value)
        bounds = [self._bound(latest, baseline, way) for way in self.ways]
        if not all(isfinite(bound.value) for bound in bounds):
            return insufficient(f"the bound on {self.metric} is beyond all numbers.", latest.value)
        found = self._verdict(latest, baseline, bounds)
        said = days if days is None or isinstance(days, str) else days.season.note
        return replace(found, details={**found.details, "days": said}) if said else found

    def _days_of(self, series: Series) -> Yardstick | str | None:
        """What single days of the reference are like, or why that is not known, where it is asked for."""
        if not self.reads_reference_days or not series.reference_days:
            return None
        return yardstick(tuple(series.reference_days), adjusted=self.adjusts)

    def _baseline(self, series: Series) -> Baseline | str:
        """What the window is compared with, or why with nothing, as a clause."""
        reference = series.reference
        if self.adjusts:
            of_scores = series.latest.expected
            if of_scores is None or not isfinite(of_scores.value):
                return series.no_reference or "what to expect of these scores is not defined"
            return Baseline(of_scores.value, "expected of these scores", None, of_scores)
        if series.fixed is not None and isfinite(series.fixed):
            return Baseline(series.fixed, "fixed as reference", 0.0)
        if reference is None or reference.value is None or known(reference.value) is None:
            return series.no_reference or "the reference has no value"
        error = known(reference.standard_error)
        spread = (error or 0.0) * sqrt(reference.n)
        return Baseline(reference.value, "in the reference", error, spread=spread)

    def _bound(self, latest: Point, baseline: Baseline, way: int, times: int = 1) -> Bound:
        """Where so many times the allowed movement would end."""
        if self.cost is not None:
            room, share = times * self.cost / latest.n, 1.0
        else:
            allowed = times * abs(self.share)
            room = allowed * abs(baseline.value)
            share = 1.0 + way * (allowed if baseline.value > 0 else -allowed if baseline.value < 0 else 0.0)
        error = baseline.gap_error(known(latest.standard_error), latest.n, share)
        return Bound(way, baseline.value + way * room, error)

    def _verdict(self, latest: Point, baseline: Baseline | None, bounds: list[Bound]) -> Finding:
        """Compare with the bounds: the one that is passed, or else the nearest, decides."""
        assert latest.value is not None
        value, at = latest.value, None if baseline is None else baseline.value
        gap, bound = max(((b.gap(value, at or 0.0), b) for b in bounds), key=lambda found: found[0])
        p_value = bound.p_value(gap, latest.n)
        place = self._place(latest, baseline, bound, gap)
        sides = {b.way: b.value for b in bounds}
        found = partial(
            Finding,
            observed=value,
            expected=at,
            lower=sides.get(-1),
            upper=sides.get(1),
            details=familiar(value, bound.value, at),
        )
        if gap <= 0:
            return found(Verdict.CLEAR, f"{place}.", p_value=p_value)
        grade = Severity.WARNING
        if baseline is not None and bound.value != baseline.value:
            twice = self._bound(latest, baseline, bound.way, times=2)
            if self._passed(twice, latest):
                grade = Severity.CRITICAL
        if not self.sure:
            return found(Verdict.BREACH, f"{place}.", p_value=p_value, severity=grade)
        if p_value is None:
            return found(Verdict.INSUFFICIENT, f"{place}, but its error is not known.")
        if p_value <= 1.0 - self.sure:
            return found(Verdict.BREACH, f"{place} ({surely(p_value)}).", p_value=p_value, severity=grade)
        unsure = f"{place}, but that is only {percent(1 - p_value, below=self.sure)} sure."
        return found(Verdict.CLEAR, unsure, p_value=p_value, severity=Severity.WATCH)

    def _passed(self, bound: Bound, latest: Point) -> bool:
        """Whether the value is beyond a bound, as surely as asked for."""
        assert latest.value is not None
        gap = bound.gap(latest.value, bound.value)
        p_value = bound.p_value(gap, latest.n) if self.sure else 0.0
        return gap > 0 and p_value is not None and p_value <= 1.0 - self.sure

    def _place(self, latest: Point, baseline: Baseline | None, bound: Bound, gap: float) -> str:
        """Where the value lies, as a clause."""
        assert latest.value is not None
        value, side = latest.value, "below" if bound.way < 0 else "above"
        place = (
            f"{self.metric} {value:.4g} is {side if gap > 0 else 'not ' + side} its bound {bound.value:.4g}"
        )
        if baseline is None:
            return place
        against = f"against {baseline.value:.4g} {baseline.what}"
        if self.cost is not None:
            total = latest.n * abs(value - baseline.value)
            word = "more" if value > baseline.value else "less"
            added = f"add up to {total:,.4g} {word}" if isfinite(total) else "are judged"
            return f"{place}: {latest.n:,} rows {added} {against}"
        moved = (value - baseline.value) / abs(baseline.value) if baseline.value else None
        return place if moved is None or not isfinite(moved) else f"{place}, {moved:+.1%} {against}"


def of_such_days(baseline: Baseline, days: Yardstick, series: Series) -> Baseline:
    """The baseline of a window of a few days, or hours: the effects of its weekdays, and how days differ.

    The reference as a whole holds its own share of each weekday's effect, by rows, which is taken off.
    """
    latest, effect = series.latest, days.season.effect
    step = timedelta(hours=1) if isinstance(latest.start, datetime) else timedelta(days=1)
    count = (latest.end - latest.start) // step + 1
    own = sum(effect(latest.start + i * step) for i in range(count)) / count
    rows = sum(point.n for point in series.reference_days)
    mean = sum(point.n * effect(point.start) for point in series.reference_days) / rows if rows else 0.0
    # What is learnt of one weekday's effect is as uncertain as its share of the reference's days.
    learning = days.season.share * max(len(days.season.effects) - 1, 0) / days.days
    between = sqrt(days.between**2 / count + learning * days.typical**2)
    return replace(
        baseline,
        value=baseline.value + own - mean,
        what=f"{baseline.what} on such days" if own != mean else baseline.what,
        spread=baseline.spread if days.row_variance is None else sqrt(days.row_variance),
        between=between,
    )
