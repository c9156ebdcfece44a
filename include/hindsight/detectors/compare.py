"""Two arms of an experiment, compared day by day: ship, revert, continue or block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import log
from typing import Any, ClassVar, Final, Self

from hindsight.detectors.arms import MISMATCH, Arms, Plan
from hindsight.detectors.base import ONE_DAY, BaseDetector, Finding, Series, insufficient
from hindsight.detectors.recommend import recommend
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Direction, Span, Verdict
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Argument, Part

LONGEST: Final = 120
"""Days that an experiment may last: each day all of them are read."""

AFTER: Final = 3
"""Days after the last on which it is said to be over, so that an incident of it is seen to recover."""

SUREST: Final = 1e-4
"""The least significance that a budget asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(Series):
    """What a comparison judges; `latest` is the day, with the treatment's value from the first day on.

    `earlier` are the looks of the days before, oldest first: all of them decide together.  `over` says that
    the day is one after the last of the experiment, whose looks these are.
    """

    arms: Arms
    earlier: tuple[Arms, ...] = ()
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Compare(BaseDetector):
    """Compares two arms of an experiment from its first day on, and says what to do: an A/B test, a canary,
    or a shadow deployment.

    The arms are versions (`control: v1`, `treatment: v2`) or values of a segment `column`, of one `version`
    or of all.  `within` (`"served=true"`) leaves out other rows.  Every day from `start` to `end` is judged
    with all the days before it; days on which only one arm has rows are left out.  The decision is the
    `metric`'s alone, and by a confidence sequence at `significance`, so that looking every day is safe.
    A difference also has to be beyond what days differ by.  `also` names metrics that are told beside it;
    what they say against it is said.  `guardrails` say by how much another metric may be worse, in its unit.
    With less than `minimum` rows a side nothing is decided, nor where labels of one arm come later
    or the split changes with time.  `split` is the share of the rows that is meant for the treatment (null:
    not checked).  In a shadow deployment both arms answer the same requests:
    `paired: true`.  `effect` is the relative change worth finding, for which the power is told.

    Breaches mean revert or block; ship and continue are clear.  Use a `threshold` to watch a version that has
    no rival.  Not for hours, and not for more than 120 days.  Not where one user is many rows on several
    days: with 200 users a side who come every day, 56 % of experiments would be decided for nothing.

    False breaches: 0.1 % of windows with nothing wrong, which are the last day of two weeks with 500 rows a
    day and side and a rate of 0.10.  Of experiments of 30 such days, looked at every day, 1 to 2 % ship or
    revert for nothing, also where days differ 3.9 times as much as their rows explain; by a t-test 26 %
    would.  Where days differ 2.6 times as much and follow each other, with a correlation of .5, 16 % do.
    The sample ratio blocks 1 % for nothing.

    >>> days = {"start": date(2013, 7, 15), "end": date(2013, 7, 31)}
    >>> Compare(metric="f1", control="v1", treatment="v2", split=0.2, minimum=500, **days).sentence
    'f1 of v2 against v1 from 2013-07-15 to 2013-07-31 at 7d, from 500 rows a side (95% sure at every look)'
    """

    kind: ClassVar[str] = "compare"

    control: str
    treatment: str
    start: date
    end: date
    column: str | None = None
    version: str | None = None
    within: str | None = None
    split: float | None = 0.5
    paired: bool = False
    minimum: int = 1000
    significance: float = 0.05
    effect: float = 0.05
    guardrails: Mapping[str, float] = field(default_factory=dict, hash=False)
    also: tuple[str, ...] = ()

    @property
    def usual_name(self) -> str:
        return f"{self.kind}:{self.metric}:{self.treatment}/{self.control}:{self.start}@{self.at}"

    @property
    def length(self) -> int:
        """The days that the experiment is meant to last."""
        return (self.end - self.start).days + 1

    @property
    def reach(self) -> Span:
        return Span(max(1, min(self.length, LONGEST)) + AFTER)

    @property
    def arms(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The version and segment of the control and of the treatment; all versions are `ALL`."""
        if self.column is None:
            segment = self.within or ALL
            return (self.control, segment), (self.treatment, segment)
        version = self.version or ALL
        return (version, f"{self.column}={self.control}"), (version, f"{self.column}={self.treatment}")

    def judges(self, end: date) -> bool:
        return not isinstance(end, datetime) and self.start <= end <= self.end + timedelta(AFTER)

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.also, *self.guardrails)))

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.control == self.treatment:
            yield f"control and treatment are both {self.control!r}: name two arms"
        for key in ("control", "treatment", "version"):
            if getattr(self, key) == ALL:
                yield f"{key} {ALL!r} is no arm but all rows: name one"
        if self.end < self.start:
            yield f"the experiment ends on {self.end}, before it starts on {self.start}"
        elif self.length > LONGEST:
            yield f"the experiment lasts {self.length} days, and {LONGEST} at most are compared"
        other_window = self.window not in (ONE_DAY, ONE_DAY.in_hours())
        if other_window or self.segments:
            extra = "window" if other_window else "segments"
            yield f"a comparison pools all days from `start` on of its two arms, and takes no `{extra}`"
        if self.column is not None and self.within is not None:
            yield "`within` does not go with `column`: rows are counted by one column at a time"
        if self.version is not None and self.column is None:
            yield "`version` goes with `column`; without it, control and treatment are the versions"
        if self.within is not None and not all(self.within.partition("=")[::2]):
            yield f"within {self.within!r} is no column and value such as 'served=true'"
        if self.split is not None and not 0 < self.split < 1:
            yield f"split {self.split} is not between 0 and 1: it is the treatment's share of the rows"
        if self.minimum < 2:
            yield f"minimum {self.minimum} is less than the 2 rows a side that an error takes"
        if not 0 < self.significance <= 0.5:
            yield f"significance {self.significance} is not above 0 and at most 0.5"
        if not self.effect > 0:
            yield f"`effect` is the relative change worth finding, above 0, not {self.effect}"
        yield from self._wrong_metrics()

    def _wrong_metrics(self) -> Iterator[str]:
        """What is wrong with the metrics that are compared, of those that exist."""
        for name in dict.fromkeys((self.metric, *self.also, *self.guardrails)):
            metric = known(name)
            if metric is None:
                continue
            if metric.extensive or metric.part is Part.QUALITY or metric.of_labels:
                yield f"{name!r} says nothing of how an arm does, so arms are not compared by it"
            elif metric.argument is Argument.FEATURE:
                yield f"{name!r} is of a feature, which is not of an arm's making"
            elif metric.direction is Direction.NEITHER and name not in self.also:
                yield f"{name!r} has no good direction, so neither arm is better by it"
            if name == self.metric and (name in self.also or name in self.guardrails):
                yield f"{name!r} is the metric that decides, and is named among the others again"
        for name, margin in self.guardrails.items():
            if isinstance(margin, float) and margin < 0:
                yield f"the guardrail {name!r} is by how much it may be worse, 0 or more, not {margin}"

    @property
    def sentence(self) -> str:
        within = f" in {self.within}" if self.within else ""
        column = f" of {self.column}" if self.column else ""
        guarded = "".join(f", {name} not worse by {margin:g}" for name, margin in self.guardrails.items())
        return (
            f"{self.metric} of {self.treatment} against {self.control}{column}{within} from {self.start} to "
            f"{self.end} at {self.at}, from {self.minimum:,} rows a side{guarded} "
            f"({1 - self.significance:.0%} sure at every look)"
        )

    @property
    def _by_rows(self) -> float:
        """How often the sample ratio blocks an experiment for nothing."""
        return 0.0 if self.split is None or self.paired else looked(self.length) * MISMATCH

    def false_breaches(self) -> float | None:
        sides = self.significance / 2 * (1 + len(self.guardrails))
        return (sides + self._by_rows) / max(self.length, 1)

    def allowing(self, a_day: float) -> Self:
        """An experiment keeps the significance it was planned with, unless the budget asks for less."""
        asked = 2 * (a_day * self.length - self._by_rows) / (1 + len(self.guardrails))
        return replace(self, significance=max(asked, SUREST)) if asked < self.significance else self

    @property
    def plan(self) -> Plan:
        """What is decided before the experiment begins."""
        return Plan(
            metric=self.metric,
            arms=(self.control, self.treatment),
            end=self.end,
            length=self.length,
            split=None if self.paired else self.split,
            paired=self.paired,
            minimum=self.minimum,
            alpha=self.significance,
            effect=self.effect,
            guardrails=self.guardrails,
            also=self.also,
        )

    def examine(self, series: Series) -> Finding:
        if not isinstance(series, Experiment):
            return insufficient("there are no arms to compare.", series.latest.value)
        found = recommend(self.plan, series.arms, series.earlier)
        if series.over:
            reason = f"the experiment is over since {self.end}; on its last day: {found.reason}"
            return replace(found, verdict=Verdict.CLEAR, reason=reason, lower=None, upper=None, severity=None)
        if found.verdict is Verdict.BREACH and self.severity is not None:
            return replace(found, severity=self.severity)
        return found


def looked(days: int) -> float:
    """How many times likelier a mismatch is by chance if rows are counted on each of so many days.

    From above: simulated, it is 6.8 after 14 days, 9.3 after 30 and 15.6 after 120.
    """
    return 1.0 + 3.2 * log(max(days, 1))


def known(name: Any) -> Metric | None:
    """The metric of a whole name, if there is one."""
    try:
        return find(name)
    except (TypeError, ValueError):
        return None
