"""What to do about an experiment: ship, revert, continue or block, with the reason in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isfinite
from typing import Any, Final

from hindsight.detectors.arms import MISMATCH, Arms, Plan, courses
from hindsight.detectors.base import Finding, Point
from hindsight.detectors.contrast import Gap, finite
from hindsight.detectors.methods.power import POWER, power_of, smallest_effect, times_needed
from hindsight.domain.values import Severity, Verdict
from hindsight.wording import counted

GRAVE: Final = 0.10
"""A metric that is surely worse by this share of the control's value is critical."""

CLEARLY: Final = 0.5
"""Errors from 0 at which a metric that points the other way is worth a word."""

TOLD: Final = 1000.0
"""An effect in percent beyond which it is no use to say that it would be found."""

PAST: Final = "by this look alone it is open"
"""Said of what holds because it held."""

LATER: Final = 3650
"""Days ahead up to which an experiment's need is told."""


def recommend(plan: Plan, arms: Arms, earlier: Sequence[Arms] = ()) -> Finding:
    """What to do at the end of a day, from all days so far.

    First comes what makes the comparison void (the sample ratio) and what forbids to go on (a guardrail),
    then whether there is enough to judge, then the metric that decides.  All looks decide together, as long
    as one difference goes with all of them; what only the earlier ones are sure of is no breach.  Nor is
    anything that was found of a treatment without a row on the day: it harms nobody any more.
    """
    found = Trial(plan, arms, earlier).finding()
    if found.verdict is not Verdict.BREACH or arms.today[1]:
        return found
    gone = f"{plan.arms[1]} had no row on {arms.end}, so nobody met it on that day"
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
        *_, self.course = courses(plan, (*earlier, arms))
        self.progress = plan.progress(arms)
        self.gaps, self.lacking, self.guards = self.course.gaps, self.course.lacking, self.course.guards
        self.main = self.gaps.get(plan.metric)

    def finding(self) -> Finding:
        """The first of these that applies."""
        plan, arms, ratio = self.plan, self.arms, self.course.ratio
        if arms.refused is not None:
            return self._told("continue", Verdict.INSUFFICIENT, arms.refused)
        if ratio is not None and ratio < MISMATCH:
            return self._mismatch(ratio)
        if self.course.void is not None:
            return self._told("continue", Verdict.INSUFFICIENT, self.course.void)
        broken = [guard for guard in self.guards if guard.state == "broken"]
        if broken:
            past = all(guard.past for guard in broken)
            grave = any(guard.gap and guard.gap.harm[0] > 2 * guard.margin for guard in broken)
            reason = f"the guardrail {'; '.join(guard.worded() for guard in broken)}"
            found = self._told("block", Verdict.BREACH, reason + (f" ({PAST})" if past else ""))
            return _of_the_past(found) if past else _graded(found, grave=grave)
        if self.main is None:
            lacks = self.lacking[plan.metric]
            return self._told("continue", Verdict.INSUFFICIENT, f"{plan.metric} is not judged: {lacks}")
        doubts = [guard for guard in self.guards if guard.state != "holds"]
        watch = Severity.WATCH if any(guard.state == "in doubt" for guard in doubts) else None
        if self.main.surely < 0:
            found = self._told("revert", Verdict.BREACH, self._lead("worse"))
            grave = self.main.harm[0] > GRAVE * abs(self.main.control)
            return _graded(found, grave=grave) if self.main.alone.surely else _of_the_past(found)
        if self.main.surely == 0:
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
            p_value=None if main is None or what == "block" else finite(main.anytime),
            severity=severity,
            details=self._details(what, reason),
        )

    def _mismatch(self, ratio: float) -> Finding:
        plan, arms = self.plan, self.arms
        total = sum(self.course.rows)
        share = self.course.rows[1] / total
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
        if not (isfinite(main.lower) and isfinite(main.upper)):
            return f"{sides}{lift}; {counted(self.arms.shared, 'shared day')} cannot say how days differ"
        low, high = main.lower, main.upper
        surely = "a difference of"
        if word:
            surely, (low, high) = f"{word}, by", sorted((abs(low), abs(high)))
        past = main.surely and not main.alone.surely
        sure = f"{1 - self.plan.alpha:.0%} sure at every look{f'; {PAST}' if past else ''}"
        said = f"{sides}{lift}: {surely} {low:.3g} to {high:.3g} ({sure})"
        if main.changed is not None:
            return f"{said}; the effect changes with time, so earlier looks do not count since {main.changed}"
        return said

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
        plan, arms, counted_rows = self.plan, self.arms, self.course.rows
        since = None if self.main is None else self.main.since
        contrast = arms.contrasts.get(plan.metric)
        sides = (None, None) if contrast is None else (contrast.control, contrast.treatment)
        return {
            "recommendation": what,
            "reason": reason,
            "metric": plan.metric,
            "start": arms.start.isoformat(),
            "end": arms.end.isoformat(),
            "decided_on": since.isoformat() if since is not None and self.course.sound else None,
            "days": arms.shared,
            "days_left_out": arms.alone,
            "control": _side(plan.arms[0], arms.rows[0], sides[0]),
            "treatment": _side(plan.arms[1], arms.rows[1], sides[1]),
            **({} if self.main is None else self.main.told() | {"power": self._power(self.main)}),
            "sample_ratio": {
                "seen": counted_rows[1] / sum(counted_rows) if any(counted_rows) else None,
                "expected": plan.split,
                "p_value": self.course.ratio,
            },
            "guardrails": [guard.told() for guard in self.guards],
            "also": [_also(name, self.gaps.get(name), self.lacking.get(name)) for name in plan.also],
        }


def _graded(found: Finding, *, grave: bool) -> Finding:
    return replace(found, severity=Severity.CRITICAL if grave else Severity.WARNING)


def _of_the_past(found: Finding) -> Finding:
    """A harm that the figures of today are not sure of opens nothing, and is no recovery."""
    return replace(found, verdict=Verdict.CLEAR, severity=Severity.WATCH, lower=None, upper=None)


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
