"""What is odd about the logs and the features in them: one verdict on all the shares that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, ClassVar, Final

from hindsight.detectors.base import BaseDetector, Finding, Series, insufficient
from hindsight.detectors.methods.kept import kept
from hindsight.detectors.methods.shares import Level, adjusted, chance_above, level_of
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Direction, Horizon, IncidentClass, Severity, Verdict
from hindsight.metrics import find
from hindsight.metrics.base import Metric, Part, Share
from hindsight.wording import share as percent

OF_FEATURES: Final = ("null_share", "feature_invalid_share", "unseen_share")
WORDS: Final = {
    "null_share": "{} is null",
    "feature_invalid_share": "{} is no value of its kind",
    "unseen_share": "{} has values that the reference never had",
    "duplicate_share": "rows repeat an id",
    "invalid_share": "answers cannot be used",
    "invalid_label_share": "labels cannot be used",
    "null_id_share": "rows have no id",
    "orphan_share": "labels belong to no prediction",
    "set_aside_share": "rows are set aside",
    "contradiction_share": "labels contradict the one before them",
    "early_label_share": "labels are older than their prediction",
    "late_logged_share": "predictions are logged late",
    "flip_rate": "labels were changed",
}
"""What each share is of, in words; a text in parentheses takes the place of the braces."""

SET_ASIDE_FOR: Final = ("duplicate_share", "invalid_share", "null_id_share", "invalid_label_share")
"""Shares of rows that are set aside."""

SHOWN: Final = 3
"""Shares that a sentence names at most."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A share with what it is held against."""

    name: str
    share: float
    rows: int
    level: Level
    bound: float
    p_value: float

    @property
    def words(self) -> str:
        """What is odd, as a clause."""
        bare, _, argument = self.name.partition("(")
        said = WORDS.get(bare, bare).format(argument.removesuffix(")"))
        if argument and "{}" not in WORDS.get(bare, ""):
            said += f" ({argument}"
        return f"{said} in {percent(self.share)} (usually {percent(self.level.share)})"


@dataclass(frozen=True, kw_only=True)
class Quality(BaseDetector):
    """Breaches when nulls, invalid values, duplicates or other oddities surely are many more than usual.

    It looks at every share that the monitor keeps of what is odd: of the logs (`duplicate_share`,
    `invalid_share`, `set_aside_share`, `orphan_share`, ...) and of the features (`null_share`,
    `feature_invalid_share`, `unseen_share`).  What is of the logs is judged once, what is of features by
    version.  Each may lie `margin` above its level in the reference: of features that of the version, or of
    all where the version is not in it.  A window within the reference has no level, so it is not judged; a
    monitor without a reference has 0 for all.  A share is beyond that if chance would do as much in fewer
    than 1 - `evidence` of windows, what the reference's own days differ by included, and among all shares at
    that false-discovery rate (Benjamini and Hochberg, 1995).  One verdict names the worst.  What is out of
    bounds but may be chance is something to watch.

    What rests on labels is kept at later ages: `metric: coverage` with a later `at` judges the shares of
    contradicting, early and changed labels there.  For a bound on one share use `threshold`.

    False breaches: 0.0 % of windows with nothing wrong, of 200 rows and six shares, one of which is 5 % and
    differs by 3 points from day to day.

    >>> Quality().sentence
    'every odd share over 1d at 0d at most 5 points above the reference (99% sure)'
    """

    kind: ClassVar[str] = "quality"
    judges_logs: ClassVar[bool] = True
    reads_reference_days: ClassVar[bool] = True

    metric: str = "volume"
    at: Horizon = NO_LABELS
    margin: float = 0.05
    evidence: float = 0.99

    @property
    def needs_reference(self) -> bool:
        return True

    @property
    def incident_class(self) -> IncidentClass:
        return IncidentClass.DATA_QUALITY

    @property
    def usual_name(self) -> str:
        return f"{self.kind}:{self.window}@{self.at}"

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        """The odd shares that are kept; at least one, so that a monitor that keeps none is told."""
        labelled = self.metric == "coverage"
        asked = tuple(name for name in kept(spec) if odd(find(name), labelled=labelled))
        return asked or (("contradiction_share",) if labelled else ("set_aside_share",))

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.metric not in ("volume", "coverage"):
            yield (
                f"a detector of quality judges all odd shares, not {self.metric!r}: leave `metric` out, or "
                "say `metric: coverage` for those that rest on labels"
            )
        if not 0 < self.margin < 1:
            yield f"`margin` is how far a share may rise, between 0 and 1, not {self.margin}"
        if not 0 < self.evidence < 1:
            yield f"evidence {self.evidence} is not between 0 and 1"
        if self.segments:
            yield "what is odd is counted for all segments together, so `segments` does not go with quality"

    @property
    def sentence(self) -> str:
        which = "odd share of labels" if self.metric == "coverage" else "odd share"
        return (
            f"every {which} over {self.window} at {self.at} at most {100 * self.margin:g} points above the "
            f"reference ({self.evidence:.0%} sure)"
        )

    def examine(self, series: Series) -> Finding:
        shares = [odd for name, other in series.others.items() if (odd := self._odd(name, other)) is not None]
        if not shares:
            excuses = (other.no_reference for _, other in sorted(series.others.items()))
            why = next(filter(None, excuses), None) or series.latest.reason
            return insufficient(f"{why or 'none of the odd shares that are kept has a value'}.")
        shares = self._explained(shares)
        chances = adjusted({each.name: each.p_value for each in shares})
        beyond = sorted(
            (each for each in shares if each.share > each.bound),
            key=lambda each: (chances[each.name], -(each.share - each.level.share), each.name),
        )
        sure = [each for each in beyond if chances[each.name] <= 1.0 - self.evidence]
        p_value = min(chances.values())
        details: dict[str, Any] = {
            "shares": {each.name: each.share for each in shares},
            "usual": {each.name: each.level.share for each in shares if each.level.share > 0},
            "breaching": [each.name for each in sure],
        }
        numbers: dict[str, Any] = {"p_value": p_value, "details": details}
        if sure:
            worst = max(sure, key=lambda each: (each.share - each.level.share, each.name))
            numbers |= {"metric": worst.name, "observed": worst.share, "upper": worst.bound}
            numbers["expected"] = worst.level.share
            grave = self._chance(worst, worst.level.share + 2.0 * self.margin) <= 1.0 - self.evidence
            severity = Severity.CRITICAL if grave else Severity.WARNING
            return Finding(Verdict.BREACH, f"{said(sure, worst)}.", severity=severity, **numbers)
        if beyond:
            watched = said(beyond, beyond[0])
            reason = f"{watched}: more than {100 * self.margin:g} points above, but not surely."
            return Finding(Verdict.CLEAR, reason, severity=Severity.WATCH, **numbers)
        reason = (
            f"none of {len(shares)} odd shares is more than {100 * self.margin:g} points above the usual."
        )
        return Finding(Verdict.CLEAR, reason, **numbers)

    def _explained(self, shares: list[Odd]) -> list[Odd]:
        """These shares without what is set aside, if that is no more than what it is set aside for."""
        parts = sum(each.share for each in shares if each.name in SET_ASIDE_FOR and each.share > each.bound)
        return [
            each
            for each in shares
            if each.name != "set_aside_share" or not parts or each.share > each.bound + parts
        ]

    def _odd(self, name: str, series: Series) -> Odd | None:
        """A share as it is held against its level; None if it has no value, or no level where others have."""
        latest = series.latest
        if latest.value is None or not isfinite(latest.value) or latest.n <= 0:
            return None
        if series.no_reference is not None and series.fixed is None:
            return None
        level = level_of(series.reference, series.reference_days)
        if series.fixed is not None:
            level = Level(min(max(series.fixed, 0.0), 1.0))
        bound = min(level.share + self.margin, 1.0)
        held = Odd(name, min(max(latest.value, 0.0), 1.0), latest.n, level, bound, 1.0)
        return replace(held, p_value=self._chance(held, bound))

    def _chance(self, odd: Odd, bound: float) -> float:
        """How likely chance gives such a share, were the bound the true one."""
        variance = odd.level.between**2 + odd.level.error**2
        return chance_above(odd.share * odd.rows, odd.rows, bound, variance)


def odd(metric: Metric, *, labelled: bool) -> bool:
    """Whether a metric is a share of something odd that is kept with labels or without."""
    if metric.labelled != labelled:
        return False
    of_log = metric.part is Part.QUALITY and isinstance(metric, Share) and metric.direction is Direction.LOWER
    return of_log or metric.name.partition("(")[0] in OF_FEATURES


def said(shares: list[Odd], worst: Odd) -> str:
    """The worst shares in words, the very worst first."""
    rest = [each for each in shares if each is not worst]
    told = ", ".join(each.words for each in (worst, *rest[: SHOWN - 1]))
    more = len(shares) - SHOWN
    return told + (f" and {more} more" if more > 0 else "")
