"""Whether the model decides which truth is learnt, and so sees less and less of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import hypot, inf, isfinite, sqrt
from typing import Any, ClassVar, Final

from hindsight.detectors.base import FOUR_WEEKS, BaseDetector, Finding, Series, insufficient
from hindsight.detectors.methods.claims import Claim
from hindsight.detectors.methods.kept import kept
from hindsight.detectors.methods.shares import adjusted, chance
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Direction, IncidentClass, Severity, Span, Verdict
from hindsight.metrics import METRICS, find
from hindsight.wording import share as percent

GAPS: Final = ("coverage_gap", "score_coverage_gap")
NARROWING: Final = ("score_spread", "decision_entropy", "prediction_entropy", "prediction_spread")
SIGNS: Final = (*GAPS, "unlabelled_range", *NARROWING)
"""What a feedback loop shows in, each where the monitor keeps it."""


@dataclass(frozen=True, kw_only=True)
class FeedbackLoop(BaseDetector):
    """Breaches when the labels surely depend on the predictions, or the predictions surely close in.

    Four signs, each looked at where the monitor keeps its metric: the label coverage of the two decisions
    (`coverage_gap`) or of thirds by score (`score_coverage_gap`) differs by more than `gap`; more than `dark`
    of the predictions have scores for which no label comes (`unlabelled_range`); the spread of the scores or
    the entropy of the decisions (`score_spread`, `decision_entropy`; of classes `prediction_entropy`, of
    numbers `prediction_spread`) fell by more than the share `narrower` below the reference; and `outcome`, a
    metric of outcomes, is worse in the segment `exploration`, as `explore=true`, than over the rest of the
    rows by more than the share `worse`: traffic that the model did not choose says how good it really is.
    The outcome of the rest is taken to be what makes that of all its mean, each weighted by the rows it rests
    on.  All signs are one family and stand at a false-discovery rate of 1 - `evidence` (Benjamini and
    Hochberg, 1995).

    A gap says that the figures are those of the labelled rows only, not that they are wrong.  Labels that
    come later for one class show as a gap at a young age: judge at the last one.  Narrowing answers may
    be the right ones to narrower cases: see `drift` for these.

    False breaches: 0.1 % of windows with nothing wrong, of 2,000 predictions and all signs; 0.2 % of
    windows in which one sign goes exactly as far as it may.

    >>> FeedbackLoop(exploration="explore=true", outcome="recall").sentence
    'labels over 28d at 7d not hanging on the predictions, nor these closing in (99% sure)'
    """

    kind: ClassVar[str] = "feedback_loop"

    metric: str = "coverage"
    window: Span = FOUR_WEEKS
    gap: float = 0.1
    dark: float = 0.02
    narrower: float = 0.25
    worse: float = 0.1
    exploration: str | None = None
    outcome: str | None = None
    evidence: float = 0.99

    @property
    def usual_name(self) -> str:
        return f"{self.kind}:{self.window}@{self.at}"

    @property
    def needs_reference(self) -> bool:
        return True

    @property
    def incident_class(self) -> IncidentClass:
        return IncidentClass.LABEL_HEALTH

    @property
    def beside(self) -> tuple[str, ...]:
        return () if self.exploration is None else (self.exploration,)

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        """The signs that are kept, and the outcome; at least one, so that whoever keeps none is told."""
        signs = tuple(name for name in kept(spec) if name in SIGNS)
        asked = (*signs, *(() if self.outcome is None else (self.outcome,)))
        usual = (name for name in SIGNS if spec.task in METRICS[name].tasks)
        return asked or (next(usual, GAPS[0]),)

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.metric != "coverage":
            yield f"a feedback loop shows in the coverage, not in {self.metric!r}: leave `metric` out"
        for name in ("gap", "dark", "narrower"):
            if not 0 < getattr(self, name) < 1:
                yield f"`{name}` is a share that does not matter, between 0 and 1, not {getattr(self, name)}"
        if not 0 < self.worse < inf:
            yield f"`worse` is a share that does not matter, more than 0, not {self.worse}"
        if not 0 < self.evidence < 1:
            yield f"evidence {self.evidence} is not between 0 and 1"
        if (self.exploration is None) != (self.outcome is None):
            yield "`exploration` and `outcome` go together: a segment, and the metric that is compared there"
        if self.exploration is not None and not all(self.exploration.partition("=")):
            yield f"`exploration` is a segment such as explore=true, not {self.exploration!r}"
        if self.outcome is not None:
            yield from self._of_outcome(self.outcome)

    def _of_outcome(self, name: str) -> Iterator[str]:
        try:
            metric = find(name)
        except ValueError as error:
            yield f"{error}, so it is no `outcome`"
            return
        if not metric.labelled or metric.of_labels:
            yield f"{name!r} is not of outcomes, so it is no `outcome`"
        elif metric.direction is Direction.NEITHER or metric.extensive:
            yield f"{name!r} has no good direction, so it is no `outcome`"

    @property
    def sentence(self) -> str:
        return (
            f"labels over {self.window} at {self.at} not hanging on the predictions, nor these closing in "
            f"({self.evidence:.0%} sure)"
        )

    def examine(self, series: Series) -> Finding:
        family = [sign for sign in self._signs(series) if sign is not None and isfinite(sign.far)]
        if not family:
            reasons = (
                other.no_reference or other.latest.reason for _, other in sorted(series.others.items())
            )
            why = next(filter(None, reasons), None) or series.latest.reason or "no sign of it has a value"
            return insufficient(f"{why}.")
        chances = adjusted({sign.name: sign.p_value for sign in family})
        order = sorted(family, key=lambda sign: (chances[sign.name], -sign.far / sign.limit, sign.name))
        beyond = [sign for sign in order if sign.far > sign.limit]
        sure = [sign for sign in beyond if chances[sign.name] <= 1.0 - self.evidence]
        numbers: dict[str, Any] = {
            "p_value": min(chances.values()),
            "details": {
                "signs": {sign.name: sign.far for sign in family},
                "breaching": [sign.name for sign in sure],
            },
        }
        if sure:
            reason = f"{'; '.join(sign.words for sign in sure)}."
            return Finding(Verdict.BREACH, reason, severity=Severity.WARNING, **numbers)
        if beyond:
            reason = f"{'; '.join(sign.words for sign in beyond)}: but not surely."
            return Finding(Verdict.CLEAR, reason, severity=Severity.WATCH, **numbers)
        return Finding(Verdict.CLEAR, f"none of {len(family)} signs of a feedback loop.", **numbers)

    def _signs(self, series: Series) -> Iterator[Claim | None]:
        readers: Mapping[str, Callable[[str, Series], Claim | None]] = {
            **dict.fromkeys(GAPS, self._gap),
            "unlabelled_range": self._dark,
            **dict.fromkeys(NARROWING, self._narrower),
        }
        for name, read in readers.items():
            if name in series.others:
                yield read(name, series.others[name])
        if self.outcome is not None and self.outcome in series.others:
            yield self._explored(self.outcome, series)

    def _gap(self, name: str, series: Series) -> Claim | None:
        value, error = series.latest.value, series.latest.standard_error
        if value is None:
            return None
        between = "one third by score than for another"
        if name == "coverage_gap":
            more, fewer = ("yes", "no") if value > 0 else ("no", "yes")
            between = f"a predicted {more} than for a predicted {fewer}"
        points = percent(min(abs(value), 1.0)).removesuffix(" %")
        words = f"labels come {points} points more often for {between}"
        return Claim(name, abs(value), self.gap, chance(abs(value) - self.gap, error), words)

    def _dark(self, name: str, series: Series) -> Claim | None:
        value, error = series.latest.value, series.latest.standard_error
        if value is None:
            return None
        words = f"{percent(min(max(value, 0.0), 1.0))} of predictions have scores that never get a label"
        return Claim(name, value, self.dark, chance(value - self.dark, error), words)

    def _narrower(self, name: str, series: Series) -> Claim | None:
        """How much smaller a spread is than the reference's."""
        latest, reference, fixed = series.latest, series.reference, series.fixed
        base = fixed if fixed is not None else reference.value if reference is not None else None
        own = 0.0 if fixed is not None else reference.standard_error if reference is not None else None
        if latest.value is None or base is None or not isfinite(base) or base <= 0:
            return None
        left = 1.0 - self.narrower
        known = latest.standard_error is not None and own is not None
        error = hypot(latest.standard_error or 0.0, left * (own or 0.0)) if known else None
        far = 1.0 - latest.value / base
        words = f"{name} fell by {percent(min(max(far, 0.0), 1.0))} to {latest.value:.3g}"
        return Claim(name, far, self.narrower, chance(left * base - latest.value, error), words)

    def _explored(self, name: str, series: Series) -> Claim | None:
        """How much worse the outcome is on exploration traffic, as a share of that over the rest."""
        every, explored = series.others[name], series.others.get(f"{name} in {self.exploration}")
        if explored is None or not explored.latest.usable or not every.latest.usable:
            return None
        here, overall = explored.latest.value, every.latest.value
        share = explored.latest.n / max(every.latest.n, 1)
        if here is None or overall is None or not isfinite(overall) or not share < 1.0:
            return None
        there = (overall - share * here) / (1.0 - share)
        if there == 0 or not isfinite(there):
            return None
        wrong = -1.0 if every.metric.direction is Direction.HIGHER else 1.0
        errors = explored.latest.standard_error, every.latest.standard_error
        side = 1.0 + wrong * self.worse
        error = None
        if errors[0] is not None and errors[1] is not None:
            own = share * errors[0]  # a product overflows to infinity, where a square would raise
            rest = sqrt(max((errors[1] - own) * (errors[1] + own), 0.0)) / (1.0 - share)
            error = hypot(errors[0], side * rest)
            error = error if isfinite(error) else None
        loss = wrong * (here - there)
        far = loss / abs(there)
        words = f"{name} is {here:.3g} in {self.exploration}, and {there:.3g} elsewhere"
        return Claim(
            f"{name} in {self.exploration}",
            far,
            self.worse,
            chance(loss - self.worse * abs(there), error),
            words,
        )
