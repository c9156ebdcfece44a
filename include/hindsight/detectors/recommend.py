"""What to do about an experiment: ship, revert, continue or block, with the reason in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isfinite
from typing import Any, Final

from hindsight.detectors.arms import Arms, Guard, Plan, decision
from hindsight.detectors.base import Finding, Point
from hindsight.detectors.contrast import Gap, finite, gap_of
from hindsight.detectors.methods.power import POWER, power_of, smallest_effect, times_needed
from hindsight.detectors.methods.trials import ratio_p
from hindsight.domain.values import Severity, Verdict
from hindsight.wording import counted

MISMATCH: Final = 0.001
"""A sample ratio this unlikely blocks the verdict."""

GRAVE: Final = 0.10
"""A metric that is surely worse by this share of the control's value is critical."""

CLEARLY: Final = 0.5
"""Errors from 0 at which a metric that points the other way is worth a word."""

TOLD: Final = 1000.0
"""An effect in percent beyond which it is no use to say that it would be found."""

LATER: Final = 3650
"""Days ahead up to which an experiment's need is told."""


def recommend(plan: Plan, arms: Arms, earlier: Sequence[Arms] = ()) -> Finding:
    """What to do at the end of a day, from all days so far.

    First comes what makes the comparison void (the sample ratio) and what forbids to go on (a guardrail),
    then whether there is enough to judge, then the metric that decides.  What an earlier look was sure of
    stays decided, for the sequence holds at all looks at once, unless the figures point the other way by now.
    A treatment that has no row on the day harms nobody any more, so whatever was found of it is no breach.
    """
    found = Trial(plan, arms, earlier).finding()
    if found.verdict is not Verdict.BREACH or arms.today[1]:
        return found
    gone = f"{plan.arms[1]} had no row on {arms.end}, so nobody meets it now"
    reason = f"{found.reason.removesuffix('.')}; {gone}."
    return Finding(
        Verdict.CLEAR,
        reason,
        observed=found.observed,
        expected=found.expected,
        p_value=found.p_value,
        details={**found.details, "reason": reason},
    )


class Trial:
    """An experiment with its figures read, about to be decided."""

    def __init__(self, plan: Plan, arms: Arms, earlier: Sequence[Arms]) -> None:
        self.plan, self.arms = plan, arms
        self.decided = decision(plan, (*earlier, arms))
        self.progress = plan.progress(arms)
        self.gaps: dict[str, Gap] = {}
        self.lacking: dict[str, str] = {}
        for name in dict.fromkeys((plan.metric, *plan.also, *plan.guardrails)):
            contrast = arms.contrasts.get(name)
            lacks = "it was not computed" if contrast is None else contrast.lacking(plan.arms, plan.minimum)
            if contrast is None or lacks is not None:
                self.lacking[name] = lacks or ""
            else:
                self.gaps[name] = gap_of(contrast, self.progress, plan.alpha, paired=plan.paired)
        self.main = self.gaps.get(plan.metric)
        self.guards = [
            Guard(name, float(margin), self.gaps.get(name), self.lacking.get(name))
            for name, margin in plan.guardrails.items()
        ]
        checked = plan.split is not None and sum(arms.rows) > 0
        self.ratio = ratio_p(*arms.rows, plan.split or 0.5) if checked else None

    def finding(self) -> Finding:
        """The first of these that applies."""
        plan, arms = self.plan, self.arms
        if arms.refused is not None:
            return self._told("continue", Verdict.INSUFFICIENT, arms.refused)
        if self.ratio is not None and self.ratio < MISMATCH:
            return self._mismatch(self.ratio)
        broken = [guard for guard in self.guards if guard.state == "broken"]
        if broken:
            grave = any(guard.gap and guard.gap.harm[0] > 2 * guard.margin for guard in broken)
            reason = f"the guardrail {'; '.join(guard.worded() for guard in broken)}"
            severity = Severity.CRITICAL if grave else Severity.WARNING
            return self._told("block", Verdict.BREACH, reason, severity=severity)
        if self.main is None:
            lacks = self.lacking[plan.metric]
            return self._told("continue", Verdict.INSUFFICIENT, f"{plan.metric} is not judged: {lacks}")
        doubts = [guard for guard in self.guards if guard.state != "holds"]
        watch = Severity.WATCH if any(guard.state == "in doubt" for guard in doubts) else None
        side = self.main.towards if self.decided and self.decided[1] == self.main.towards else 0
        if side < 0:
            severity = self._gravity(self.main)
            return self._told("revert", Verdict.BREACH, self._lead("worse"), severity=severity)
        if side == 0:
            return self._told("continue", Verdict.CLEAR, f"{self._lead('')}. {self._open()}", severity=watch)
        if doubts:
            open_yet = "; ".join(guard.worded() for guard in doubts)
            reason = f"{self._lead('better')}, but a guardrail is open: {open_yet}"
            return self._told("continue", Verdict.CLEAR, reason, severity=watch)
        held = ", and every guardrail holds" if self.guards else ""
        return self._told("ship", Verdict.CLEAR, self._lead("better") + held)

    def _told(self, what: str, verdict: Verdict, reason: str, *, severity: Severity | None = None) -> Finding:
        main, others = self.main, self._others() if self.main is not None else ""
        reason = f"{reason}{others}."
        # A message leads with these figures, so they stand where they are the reason.
        lower = upper = None
        if what == "revert" and main is not None:
            lower, upper = (main.control, None) if main.better > 0 else (None, main.control)
        return Finding(
            verdict,
            f"{what.capitalize()}: {reason}" if what != "continue" else reason,
            observed=None if main is None else main.treatment,
            expected=None if main is None else main.control,
            lower=lower,
            upper=upper,
            p_value=None if main is None else finite(main.anytime),
            severity=severity,
            details=self._details(what, reason),
        )

    def _mismatch(self, ratio: float) -> Finding:
        plan, arms = self.plan, self.arms
        share, total = arms.rows[1] / sum(arms.rows), sum(arms.rows)
        went = f"{share:.1%} of {total:,} rows went to {plan.arms[1]}"
        seen = f"{went} where {plan.split or 0.0:.1%} were meant to"
        cure = "chance does not do that (p < 0.001): mend the assignment before any result is read"
        only = f"; on {counted(arms.alone, 'day')} only one arm has rows" if arms.alone else ""
        found = self._told("block", Verdict.BREACH, f"{seen}, and {cure}{only}", severity=Severity.WARNING)
        return replace(found, p_value=ratio)

    def _lead(self, word: str) -> str:
        """The deciding metric in both arms, and between which bounds the difference lies."""
        main, (control, treatment) = self.main, self.plan.arms
        assert main is not None
        lift = "" if main.lift is None or abs(main.lift) >= 1e4 else f", {main.lift:+.1f}%"
        value = f"{self.plan.metric} is {main.treatment:.4g} in {treatment}"
        sides = f"{value} against {main.control:.4g} in {control}"
        if not isfinite(main.half):
            return f"{sides}{lift}; {counted(self.arms.shared, 'shared day')} cannot say how days differ"
        low, high = main.difference - main.half, main.difference + main.half
        surely = f"{word}, by" if word and main.surely else "a difference of"
        sure = f"{1 - self.plan.alpha:.0%} sure at every look"
        said = f"{sides}{lift}: {surely} {low:.3g} to {high:.3g} ({sure})"
        if self.decided is None or main.surely == self.decided[1]:
            return said
        on, before = self.decided
        was = "better" if before > 0 else "worse"
        now = "" if word else ", and points the other way by now: the effect changes with time"
        return f"{said}; it was surely {was} on {on}{now}"

    def _open(self) -> str:
        """What an undecided experiment can still find, and when."""
        assert self.main is not None
        power, told = self._power(self.main), []
        smallest, days = power["smallest_effect_percent"], power["days_needed"]
        if smallest is not None and smallest < TOLD:
            told.append(f"an effect of {smallest:.3g}% is found by now in {POWER:.0%} of such experiments")
        if days is not None and days > self.arms.shared:
            told.append(f"one of {100 * self.plan.effect:.3g}% after {days:,} days")
        said = "That decides nothing, and does not say that the arms are equal"
        said += f": {', '.join(told)}" if told else ""
        return said + (", and the experiment ends here" if self.arms.end >= self.plan.end else "")

    def _others(self) -> str:
        """What the other metrics say that the deciding one does not."""
        assert self.main is not None
        against, surely = [], []
        for name in self.plan.also:
            gap = self.gaps.get(name)
            if gap is None or not gap.towards or abs(gap.difference) < CLEARLY * gap.error:
                continue
            sure = f"{1 - self.plan.alpha:.0%} sure" if gap.surely else f"p = {gap.p_value:.2g} at one look"
            worded = f"{name} {gap.treatment:.4g} against {gap.control:.4g} ({sure})"
            if gap.towards == -self.main.towards:
                against.append(worded)
            elif gap.surely and not self.main.surely:
                surely.append(worded)
        said = f". The metrics disagree: the other way point {', '.join(against)}" if against else ""
        return said + (f". The same way, and surely: {', '.join(surely)}" if surely else "")

    def _gravity(self, gap: Gap) -> Severity:
        """How bad a treatment is that is surely worse: by the least that it is."""
        return Severity.CRITICAL if gap.harm[0] > GRAVE * abs(gap.control) else Severity.WARNING

    def _power(self, main: Gap) -> dict[str, Any]:
        """What the experiment can find at its present size, in percent of the control's value."""
        size, effect = abs(main.control), self.plan.effect * abs(main.control)
        if not size or not isfinite(main.half):
            return dict.fromkeys(("power", "smallest_effect_percent", "days_needed")) | self._asked()
        smallest = smallest_effect(main.error, main.reach)
        times = times_needed(effect, main.error, self.progress, self.plan.alpha)
        days = None if times is None else max(1, ceil(times * self.arms.shared))
        return self._asked() | {
            "power": power_of(effect, main.error, main.reach),
            "smallest_effect_percent": None if smallest is None else finite(100.0 * smallest / size),
            "days_needed": days if days is not None and days <= LATER else None,
        }

    def _asked(self) -> dict[str, Any]:
        return {"effect_percent": 100.0 * self.plan.effect, "days": self.arms.shared}

    def _details(self, what: str, reason: str) -> dict[str, Any]:
        plan, arms, total = self.plan, self.arms, sum(self.arms.rows)
        contrast = arms.contrasts.get(plan.metric)
        sides = (None, None) if contrast is None else (contrast.control, contrast.treatment)
        return {
            "recommendation": what,
            "reason": reason,
            "metric": plan.metric,
            "start": arms.start.isoformat(),
            "end": arms.end.isoformat(),
            "decided_on": None if self.decided is None else self.decided[0].isoformat(),
            "days": arms.shared,
            "days_left_out": arms.alone,
            "control": _side(plan.arms[0], arms.rows[0], sides[0]),
            "treatment": _side(plan.arms[1], arms.rows[1], sides[1]),
            **({} if self.main is None else self.main.told() | {"power": self._power(self.main)}),
            "sample_ratio": {
                "seen": arms.rows[1] / total if total else None,
                "expected": plan.split,
                "p_value": self.ratio,
            },
            "guardrails": [guard.told() for guard in self.guards],
            "also": [_also(name, self.gaps.get(name), self.lacking.get(name)) for name in plan.also],
        }


def _side(name: str, rows: int, point: Point | None) -> dict[str, Any]:
    """An arm by its figures."""
    told: dict[str, Any] = {"name": name, "rows": rows, "n": 0, "value": None, "coverage": None}
    if point is None:
        return told
    return told | {"n": point.n, "value": finite(point.value), "coverage": finite(point.coverage)}


def _also(name: str, gap: Gap | None, why: str | None) -> dict[str, Any]:
    """A metric that is told beside the deciding one."""
    if gap is None:
        return {"metric": name, "why": why}
    return {"metric": name} | gap.told()
