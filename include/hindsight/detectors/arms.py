"""An experiment as its judge sees it: the plan, both arms day by day, and the guardrails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Any

from hindsight.detectors.contrast import Contrast, Gap, gap_of


@dataclass(frozen=True, slots=True)
class Arms:
    """What is known of both arms, control and treatment, from the first day of an experiment to another.

    `rows` are all predictions, `today` those of the last day.  `shared` counts the days on which both arms
    have some, which the contrasts rest on, `alone` those on which only one has.  `each` is how many rows a
    side would say as much if both sides had as many, `first` the same of the first shared day.  `refused`
    says why there is nothing to compare.
    """

    start: date
    end: date
    rows: tuple[int, int] = (0, 0)
    today: tuple[int, int] = (0, 0)
    shared: int = 0
    alone: int = 0
    each: float = 0.0
    first: float = 0.0
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided before the experiment began; `split` is None where rows are not counted."""

    metric: str
    arms: tuple[str, str]
    end: date
    length: int
    split: float | None
    paired: bool
    minimum: int
    alpha: float
    effect: float
    guardrails: Mapping[str, float]
    also: tuple[str, ...]

    def progress(self, arms: Arms) -> float:
        """The information so far as a share of what the first day made us expect of the whole."""
        return arms.each / max(arms.first * self.length, self.minimum)


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether another metric is worse by more than it may be: a test of non-inferiority."""

    name: str
    margin: float
    gap: Gap | None
    why: str | None

    @property
    def state(self) -> str:
        """`broken` beyond doubt, `in doubt` if the figures are beyond the margin, `holds` beyond doubt, or
        `open`.
        """
        if self.gap is None:
            return "open"
        least, by_figures, most = self.gap.harm
        if least > self.margin:
            return "broken"
        if by_figures > self.margin:
            return "in doubt"
        return "holds" if most <= self.margin else "open"

    def told(self) -> dict[str, Any]:
        """The guardrail by its figures."""
        own = {"metric": self.name, "margin": self.margin, "state": self.state, "why": self.why}
        return own if self.gap is None else own | self.gap.told()

    def worded(self) -> str:
        if self.gap is None:
            return f"{self.name} is not known yet: {self.why}"
        least, by_figures, most = self.gap.harm
        sides = f"{self.gap.treatment:.4g} against {self.gap.control:.4g}"
        between = f", surely {least:.3g} to {most:.3g}" if isfinite(most) else ""
        worse = f"worse by {by_figures:.3g}{between}" if by_figures > 0 else f"not worse{between}"
        return f"{self.name} is {sides}, {worse}, where {self.margin:g} is allowed"


def decision(plan: Plan, looks: Sequence[Arms]) -> tuple[date, int] | None:
    """The first day on which it was sure which arm is better, and which: 1 the treatment, -1 the control."""
    for arms in looks:
        contrast = arms.contrasts.get(plan.metric)
        if contrast is None or arms.refused or contrast.lacking(plan.arms, plan.minimum) is not None:
            continue
        side = gap_of(contrast, plan.progress(arms), plan.alpha, paired=plan.paired).surely
        if side:
            return arms.end, side
    return None
