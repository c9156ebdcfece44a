"""A bound on one window, absolute or relative to the reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import erfc, isfinite, sqrt
from typing import ClassVar, Final

from hindsight.detectors.base import Adjust, BaseDetector, Finding, Point, Series, insufficient
from hindsight.domain.values import Direction, Verdict
from hindsight.metrics import find

FEW: Final = 30
"""Rows that may agree by accident: an error of 0 from fewer is no certainty."""


@dataclass(frozen=True, kw_only=True)
class Threshold(BaseDetector):
    """Breaches when the window's value lies beyond a bound, and evidence says that it really does.

    Give `min` and/or `max`, or `relative`: the share by which the metric may move from its baseline
    (-0.10 allows a drop of a tenth, 0.10 a rise).  The baseline is the reference's value or, with
    `adjust: score_mix`, what the reference makes us expect of the scores in this window.  `evidence` is the
    one-sided confidence that the true value is beyond the bound (normal approximation, the baseline's
    own error included); 0 takes the point as it is, as plain rules do.

    One bad day can breach a `1d` window; pool days (`window: 28d`) to find decay that lasts.  Looked at
    every day, a rule at 0.95 crosses a bound that the true value sits exactly on in more than 5 % of months;
    the margin in `relative` is what keeps a healthy model quiet.

    >>> from hindsight.domain.values import Horizon, Span
    >>> Threshold(metric="recall", relative=-0.1, window=Span(28), at=Horizon(7)).sentence
    'recall over 28d at 7d not more than 10% below the reference (95% sure)'
    """

    kind: ClassVar[str] = "threshold"

    min: float | None = None
    max: float | None = None
    relative: float | None = None
    adjust: Adjust = "none"
    evidence: float = 0.95

    @property
    def needs_reference(self) -> bool:
        return self.relative is not None

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        absolute = self.min is not None or self.max is not None
        if absolute == (self.relative is not None):
            yield "a threshold takes either `min` and/or `max`, or `relative`"
        if self.min is not None and self.max is not None and self.min >= self.max:
            yield f"min {self.min} is not below max {self.max}"
        if self.relative == 0 or (self.relative is not None and not isfinite(self.relative)):
            yield "`relative` is a share other than 0, such as -0.10"
        if self.relative is not None and find(self.metric).extensive:
            yield f"{self.metric!r} grows with the window, so it takes `min` and/or `max`, not `relative`"
        if self.adjusts and self.relative is None:
            yield "`adjust` goes with `relative`"
        if not 0 <= self.evidence < 1:
            yield f"evidence {self.evidence} is not in [0, 1)"
        direction = find(self.metric).direction
        toward_good = {Direction.HIGHER: 1, Direction.LOWER: -1, Direction.NEITHER: 0}[direction]
        if self.relative is not None and self.relative * toward_good > 0:
            yield (
                f"`relative` {self.relative} allows {self.metric} to improve only so far: "
                f"{direction} is better"
            )

    @property
    def sentence(self) -> str:
        sure = f" ({self.evidence:.0%} sure)" if self.evidence else ""
        if self.relative is not None:
            way = "below" if self.relative < 0 else "above"
            baseline = "what the reference makes us expect of its scores" if self.adjusts else "the reference"
            bound = f"not more than {abs(self.relative):.0%} {way} {baseline}"
        else:
            bound = " and ".join(
                f"{word} {value:g}"
                for word, value in (("at least", self.min), ("at most", self.max))
                if value is not None
            )
        return f"{self.metric} over {self.window} at {self.at} {bound}{sure}"

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return refused
        latest = series.latest
        assert latest.value is not None
        error = latest.standard_error
        if self.relative is None:
            return self._verdict(latest, None, self.min, self.max, error, "")
        expected, reference = latest.expected, series.reference
        own: float | None = 0.0
        if self.adjusts and expected is not None:
            baseline, what = expected.value, "expected of these scores"
        elif self.adjusts:
            why = series.no_reference or "what to expect of these scores is not defined"
            return insufficient(f"{why}.", latest.value)
        elif series.fixed is not None:
            baseline, what = series.fixed, "fixed as reference"
        elif reference is not None and reference.value is not None:
            baseline, what, own = reference.value, "in the reference", reference.standard_error
        else:
            return insufficient(f"{series.no_reference or 'the reference has no value'}.", latest.value)
        bound = baseline + self.relative * abs(baseline)
        share = bound / baseline if baseline else 1.0
        if self.adjusts and expected is not None:
            error = expected.gap_error(share)
        else:
            error = None if error is None or own is None else (error**2 + (share * own) ** 2) ** 0.5
        lower, upper = (bound, None) if self.relative < 0 else (None, bound)
        against = f"{baseline:.4g} {what}"
        return self._verdict(latest, baseline, lower, upper, error, against)

    def _verdict(
        self,
        latest: Point,
        baseline: float | None,
        lower: float | None,
        upper: float | None,
        error: float | None,
        against: str,
    ) -> Finding:
        """Compare with the bounds; the p-value is of "the true value is not beyond the bound"."""
        assert latest.value is not None
        value = latest.value
        gaps = [(lower - value, lower, "below") if lower is not None else None]
        gaps += [(value - upper, upper, "above") if upper is not None else None]
        gap, bound, way = max(found for found in gaps if found is not None)
        p_value = None if not error else 0.5 * erfc(gap / error / sqrt(2.0))
        drop = f", {(value - baseline) / abs(baseline):+.1%} against {against}" if baseline else ""
        place = f"{self.metric} {value:.4g} is {way if gap > 0 else 'not ' + way} its bound {bound:.4g}{drop}"
        numbers = {
            "observed": value,
            "expected": baseline,
            "lower": lower,
            "upper": upper,
            "p_value": p_value,
        }
        if gap <= 0:
            return Finding(Verdict.CLEAR, f"{place}.", **numbers)
        if not self.evidence:
            return Finding(Verdict.BREACH, f"{place}.", **numbers)
        if error is None or (error == 0 and latest.n < FEW):
            return Finding(Verdict.INSUFFICIENT, f"{place}, but its error is not known.", **numbers)
        sure = 1.0 if p_value is None else 1.0 - p_value
        if sure >= self.evidence:
            return Finding(Verdict.BREACH, f"{place} ({sure:.1%} sure).", **numbers)
        return Finding(Verdict.CLEAR, f"{place}, but that is only {sure:.0%} sure.", **numbers)
