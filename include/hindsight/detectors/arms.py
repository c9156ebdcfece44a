"""An experiment as its judge sees it: the plan, both arms day by day, and the guardrails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Any, Final

from hindsight.detectors.contrast import UNLIKELY, Contrast, Gap, gap_of
from hindsight.detectors.methods.trials import ratio_p, same_share_p

MISMATCH: Final = UNLIKELY
"""A sample ratio this unlikely blocks the verdict."""

MOVED: Final = 0.02
"""The share of an arm's rows that would have to be of other days for both arms to have them of the same."""

UNPAIRED: Final = 0.005
"""By how much the arms' rows may differ where both arms answer the same requests."""


@dataclass(frozen=True, slots=True)
class Arms:
    """What is known of both arms, control and treatment, from the first day of an experiment to another.

    `rows` are all predictions, `today` those of the last day.  `shared` counts the days on which both arms
    have some, which the contrasts rest on, `daily` are the rows of each, `alone` counts the days on which
    only one has.  `each` is how many rows a
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
    daily: tuple[tuple[int, int], ...] = ()

    @property
    def met(self) -> tuple[int, int]:
        """The rows of the days on which both arms have some."""
        return sum(each[0] for each in self.daily), sum(each[1] for each in self.daily)


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

    @property
    def names(self) -> Iterable[str]:
        """All metrics, the one that decides first."""
        return dict.fromkeys((self.metric, *self.also, *self.guardrails))

    def void(self, arms: Arms) -> str | None:
        """Why what is known of the arms decides nothing, whatever their metrics are, as a clause."""
        control, treatment = arms.met
        if not (control and treatment):
            return None
        if self.paired:
            if abs(control - treatment) <= UNPAIRED * max(control, treatment):
                return None
            rows = f"{control:,} rows of {self.arms[0]} and {treatment:,} of {self.arms[1]}"
            return f"{rows} are not the same requests, and `paired` says that they are"
        moved = 0.5 * sum(abs(one / control - other / treatment) for one, other in arms.daily)
        wholes = [one + other for one, other in arms.daily]
        p_value = same_share_p([other for _, other in arms.daily], wholes) if moved > MOVED else None
        if p_value is None or p_value >= UNLIKELY:
            return None
        shares = [other / whole for (_, other), whole in zip(arms.daily, wholes, strict=True)]
        between = f"{min(shares):.1%} to {max(shares):.1%} of a day's rows went to {self.arms[1]}"
        return f"the split changes with time ({between}), so the arms are of other days: begin anew"


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

    @property
    def past(self) -> bool:
        """Whether it is broken by earlier looks only."""
        return self.gap is None or not self.gap.alone.harm[0] > self.margin

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


@dataclass(frozen=True, slots=True)
class Course:
    """Where an experiment stands after all looks so far.

    `lacking` says why a metric has no gap, `ratio` how likely chance shares rows out like that, `void` why
    the last look decides nothing; where it is not `sound`, for that or another reason, the gaps are its own.
    """

    gaps: Mapping[str, Gap]
    lacking: Mapping[str, str]
    guards: Sequence[Guard]
    rows: tuple[int, int]
    ratio: float | None
    void: str | None
    sound: bool

    def decides(self, metric: str) -> bool:
        """Whether there is something to act on, after which the arms are not what they were."""
        if not self.sound:
            return False
        main = self.gaps.get(metric)
        return bool(main and main.surely) or any(guard.state == "broken" for guard in self.guards)


def courses(plan: Plan, looks: Iterable[Arms]) -> Iterator[Course]:
    """What the looks so far say together, after each, oldest first.

    Looks at which the comparison was void say nothing.  Days on which only one arm has rows count in the
    sample ratio until something is decided: from then on all rows may be meant for one arm.
    """
    running: dict[str, Gap] = {}
    decided: Arms | None = None
    for arms in looks:
        rows = arms.rows
        if decided is not None:
            (control, treatment), before, now = decided.rows, decided.met, arms.met
            rows = control + now[0] - before[0], treatment + now[1] - before[1]
        ratio = ratio_p(*rows, plan.split) if plan.split is not None and sum(rows) > 0 else None
        void = plan.void(arms)
        sound = arms.refused is None and void is None and (ratio is None or ratio >= MISMATCH)
        gaps, lacking = _figures(plan, arms, running if sound else {})
        guards = [
            Guard(name, float(margin), gaps.get(name), lacking.get(name))
            for name, margin in plan.guardrails.items()
        ]
        found = Course(gaps, lacking, guards, rows, ratio, void, sound)
        if sound:
            running |= gaps
        if decided is None and found.decides(plan.metric):
            decided = arms
        yield found


def _figures(plan: Plan, arms: Arms, running: Mapping[str, Gap]) -> tuple[dict[str, Gap], dict[str, str]]:
    """The metrics of a look with what earlier ones left of them, and why others have none."""
    gaps, lacking = {}, {}
    for name in plan.names:
        contrast = arms.contrasts.get(name)
        if contrast is None:
            lacking[name] = "it was not computed"
            continue
        lacks = contrast.lacking(plan.arms, plan.minimum, arms.met)
        if lacks is not None:
            lacking[name] = lacks
            continue
        gap = gap_of(contrast, plan.progress(arms), plan.alpha, paired=plan.paired)
        gaps[name] = gap.after(running.get(name), arms.end)
    return gaps, lacking
