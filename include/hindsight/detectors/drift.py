"""How far features, and what the model says of them, are from the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import hypot, inf, isfinite
from typing import Any, ClassVar, Final

from hindsight.detectors.base import FOUR_WEEKS, BaseDetector, Finding, Series, insufficient
from hindsight.detectors.methods.claims import Claim
from hindsight.detectors.methods.kept import kept, whole_names
from hindsight.detectors.methods.shares import adjusted, chance
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, IncidentClass, Severity, Span, Verdict

LIMITS: Final[Mapping[str, float]] = {
    "psi": 0.25,
    "jensen_shannon": 0.05,
    "chi_square": 0.06,
    "kolmogorov_smirnov": 0.2,
    "wasserstein": 0.2,
    "mean_shift": 0.2,
}
"""How far a feature may be off, by metric: what a shift by half a standard deviation gives of a normal one.

That is 0.25 in the population stability index, the usual "act" (Lewis, 1994); a mean may shift by a fifth.
"""

OF_ANSWERS: Final = (
    "mean_score",
    "predicted_positive_rate",
    "score_spread",
    "class_share",
    "mean_prediction",
    "prediction_spread",
)
"""What of a model's answers is compared with the reference, where the monitor keeps it."""

ERRORS: Final = 5.0
"""A mean that is nearer to 0 is no measure of how much it moves."""

SHOWN: Final = 3
"""Features that a sentence names at most."""


@dataclass(frozen=True, kw_only=True)
class Drift(BaseDetector):
    """Breaches when features, or the model's answers, surely are farther from the reference than `limit`.

    `metric` is a distance of features' distributions, `psi` for every feature or `psi(temp)` for one; it
    already is less what chance alone gives and has an error that knows how days differ (see the metric). By
    default `limit` is what a shift of half a standard deviation makes of it.  With `predictions` the mean
    score, the predicted rates and their like are looked at too, where the monitor keeps them: each may move
    by `change`, a share of its value in the reference; `mean_prediction`, which may lie anywhere around 0, by
    that share of the reference's `prediction_spread` where this is kept, and otherwise not at all judged
    within five errors of 0.  To look at answers alone name one: `metric: mean_score`.  A version that is not
    in the reference is judged by its features; the verdict says that its answers are not.  All are one
    family: what breaches stands at a false-discovery rate of 1 - `evidence` (Benjamini and Hochberg, 1995),
    and one verdict names it in order.

    Drift says why a model may fail and not that it does: never more than a warning.  Days of one week share
    their weather and customers, so pool weeks; by the day nearly everything is far from a month.

    False breaches: 0.0 % of windows with nothing wrong, of ten features and two answers; 0.4 % of windows in
    which one feature is exactly as far off as it may be.

    >>> Drift().sentence
    'psi of every feature over 28d at 0d not above 0.25, answers within 20% of the reference (95% sure)'
    """

    kind: ClassVar[str] = "drift"

    metric: str = "psi"
    window: Span = FOUR_WEEKS
    at: Horizon = NO_LABELS
    limit: float | None = None
    predictions: bool = True
    change: float = 0.2
    evidence: float = 0.95

    @property
    def carrier(self) -> str:
        return "volume"

    @property
    def needs_reference(self) -> bool:
        return self.predictions or self.of_answer

    @property
    def of_answer(self) -> bool:
        """Whether it is about answers alone."""
        return self.bare in OF_ANSWERS

    @property
    def incident_class(self) -> IncidentClass:
        return IncidentClass.INPUTS

    @property
    def bare(self) -> str:
        """The metric without its feature."""
        return self.metric.partition("(")[0]

    @property
    def allowed(self) -> float:
        """How far a feature may be off."""
        if self.of_answer:
            return self.change
        return LIMITS.get(self.bare, inf) if self.limit is None else self.limit

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        """The distance of each feature that it is asked for, and what of the answers is kept."""
        answers = (name for name in kept(spec) if name.partition("(")[0] in OF_ANSWERS)
        asked = (*whole_names(spec, self.metric), *(answers if self.predictions else ()))
        return tuple(dict.fromkeys(asked))

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.bare not in LIMITS and not self.of_answer:
            yield f"drift is measured by {', '.join(LIMITS)}, not by {self.metric!r}"
        if self.of_answer and self.limit is not None:
            yield f"`limit` is of features: for {self.metric!r} say `change`"
        if self.limit is not None and not 0 < self.limit < inf:
            yield f"`limit` is how far a feature may be off, more than 0, not {self.limit}"
        if not 0 < self.change < inf:
            yield f"`change` is the share by which an answer may move, more than 0, not {self.change}"
        if not 0 < self.evidence < 1:
            yield f"evidence {self.evidence} is not between 0 and 1"
        if self.segments:
            yield "features are counted for all segments together, so `segments` does not go with drift"

    @property
    def sentence(self) -> str:
        if self.of_answer:
            within = f"within {self.change:.0%} of the reference ({self.evidence:.0%} sure)"
            return f"{self.metric} over {self.window} at {self.at} {within}"
        of = self.metric if "(" in self.metric else f"{self.metric} of every feature"
        answers = f", answers within {self.change:.0%} of the reference" if self.predictions else ""
        return (
            f"{of} over {self.window} at {self.at} not above {self.allowed:g}{answers} "
            f"({self.evidence:.0%} sure)"
        )

    def examine(self, series: Series) -> Finding:
        family = [
            moved
            for name, other in series.others.items()
            if (moved := self._of_feature(name, other) or self._of_answer(name, other, series.others))
            is not None
        ]
        left_out = ", ".join(name for name, other in sorted(series.others.items()) if unheld(name, other))
        if not family:
            reasons = (other.latest.reason for _, other in sorted(series.others.items()))
            why = (
                next(filter(None, reasons), None)
                or series.no_reference
                or series.latest.reason
                or "no feature has a value"
            )
            return insufficient(f"{why}.")
        chances = adjusted({each.name: each.p_value for each in family})
        order = sorted(family, key=lambda each: (-each.far / each.limit, each.name))
        beyond = [each for each in order if each.far > each.limit]
        sure = [each for each in beyond if chances[each.name] <= 1.0 - self.evidence]
        numbers: dict[str, Any] = {
            "p_value": min(chances.values()),
            "details": {
                "distances": {each.name: each.far for each in order},
                "drifted": [each.name for each in sure],
            },
        }
        if "(" in self.metric and len(family) == 1:
            numbers |= {"observed": family[0].far, "upper": family[0].limit}
        if sure:
            rest = len(family) - len(sure)
            worst = sure[0]
            numbers["metric"] = worst.name
            if worst.name.partition("(")[0] == self.bare:
                numbers |= {"observed": worst.far, "upper": worst.limit}
            others = f"; {rest} of {len(family)} did not" if rest else ""
            reason = f"{said(sure)}{others}{without(left_out)}."
            return Finding(Verdict.BREACH, reason, severity=Severity.WARNING, **numbers)
        if beyond:
            reason = f"{said(beyond)}, but not surely{without(left_out)}."
            return Finding(Verdict.CLEAR, reason, severity=Severity.WATCH, **numbers)
        farthest = f"{order[0].words} is farthest, and may be {order[0].limit:g}"
        reason = f"none of {len(family)} moved far: {farthest}{without(left_out)}."
        return Finding(Verdict.CLEAR, reason, **numbers)

    def _of_feature(self, name: str, series: Series) -> Claim | None:
        """How far a feature is off; None if that has no value, or is none of a feature."""
        value, error = series.latest.value, series.latest.standard_error
        if name.partition("(")[0] != self.bare or value is None or not isfinite(value):
            return None
        feature = name.partition("(")[2].removesuffix(")")
        words = f"{feature} ({self.bare} {value:.3g})"
        return Claim(name, max(value, 0.0), self.allowed, chance(value - self.allowed, error), words)

    def _of_answer(self, name: str, series: Series, others: Mapping[str, Series]) -> Claim | None:
        """How far an answer has moved, as a share of the reference's; None without a reference.

        A mean of numbers is measured by their spread: it may be 0 and mean nothing by that.
        """
        latest, reference, fixed = series.latest, series.reference, series.fixed
        if name.partition("(")[0] not in OF_ANSWERS or latest.value is None or not isfinite(latest.value):
            return None
        base, own = (fixed, 0.0) if fixed is not None else (None, None)
        if base is None and reference is not None:
            base, own = reference.value, reference.standard_error
        if base is None or not isfinite(base):
            return None
        of_spread = spread_of(others) if name == "mean_prediction" else None
        size = of_spread or abs(base)
        if not size or (name == "mean_prediction" and not of_spread and size < ERRORS * (own or 0.0)):
            return None
        far = abs(latest.value - base)
        side = 1.0 + self.change if abs(latest.value) > abs(base) else 1.0 - self.change
        side = 1.0 if of_spread else side
        known = latest.standard_error is not None and own is not None
        error = hypot(latest.standard_error or 0.0, side * (own or 0.0)) if known else None
        share = far / size
        if not isfinite(share):
            return None
        way = "up" if latest.value > base else "down"
        by = f"{share:.0%} of the spread" if of_spread else f"{share:.0%}"
        words = f"{name} ({way} by {by} to {latest.value:.3g})"
        return Claim(name, share, self.change, chance(far - self.change * size, error), words)


def spread_of(others: Mapping[str, Series]) -> float | None:
    """How much the reference's predictions differ, where that is known and more than nothing."""
    spread = others.get("prediction_spread")
    if spread is None:
        return None
    value = spread.fixed if spread.reference is None else spread.reference.value
    return value if value is not None and isfinite(value) and value > 0 else None


def unheld(name: str, series: Series) -> bool:
    """Whether it is an answer with a value, and without a reference to hold it against."""
    answer = name.partition("(")[0] in OF_ANSWERS and series.latest.value is not None
    return answer and series.no_reference is not None and series.fixed is None


def without(names: str) -> str:
    """That some answers were not compared, as a clause."""
    return f"; {names} not compared, for want of a reference" if names else ""


def said(moved: list[Claim]) -> str:
    """What moved, the farthest first."""
    told = ", ".join(each.words for each in moved[:SHOWN])
    more = len(moved) - SHOWN
    return f"{told}{f' and {more} more' if more > 0 else ''} moved far from the reference"
