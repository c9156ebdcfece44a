"""What detectors see and say: a series of numbers in, a verdict with its reason out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import ClassVar, Final, Literal

from hindsight.domain.spec import named
from hindsight.domain.values import (
    Horizon,
    IncidentClass,
    Maturity,
    Severity,
    Span,
    Status,
    Verdict,
)
from hindsight.metrics import METRICS, Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.expectation import Expected

Adjust = Literal["none", "score_mix"]

ONE_DAY: Final = Span(1)
FOUR_WEEKS: Final = Span(28)
A_WEEK_OLD: Final = Horizon(7)


@dataclass(frozen=True, slots=True)
class Point:
    """A metric over one window, as a detector sees it; `start` and `end` are its first and last local day."""

    start: date
    end: date
    value: float | None
    standard_error: float | None
    n: int
    coverage: float | None
    maturity: Maturity
    status: Status
    reason: str | None = None
    expected: Expected | None = None

    @property
    def usable(self) -> bool:
        """Whether it can be judged."""
        return self.value is not None and self.maturity is Maturity.MATURE


@dataclass(frozen=True, slots=True)
class Series:
    """What a detector judges: the latest window, its single days, and what came before.

    All points are of equal age.  `latest` is never part of `reference`: the type says so, and the
    pipeline gives no reference to a window that overlaps it (`no_reference` then says why).  `fixed` is a
    reference that is a number in the file.
    """

    metric: Metric
    latest: Point
    days: tuple[Point, ...]
    reference: Point | None = None
    fixed: float | None = None
    no_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and what it rests on; a breach lies outside [lower, upper]."""

    verdict: Verdict
    reason: str
    observed: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None


def insufficient(reason: str, observed: float | None = None) -> Finding:
    """The third answer: not enough is known to say."""
    return Finding(Verdict.INSUFFICIENT, reason, observed)


@dataclass(frozen=True, kw_only=True)
class BaseDetector(ABC):
    """What every detector carries; its fields are keys of the monitor's file.

    Seen from the pipeline a detector is a function of a `Series`; it never asks a database or a clock.
    To add one, write a file with a subclass and one line in `hindsight.detectors`.
    """

    metric: str
    window: Span = ONE_DAY
    at: Horizon = A_WEEK_OLD
    severity: Severity = Severity.WARNING
    name: str = ""

    kind: ClassVar[str]
    judges_days: ClassVar[bool] = False
    """Whether it looks at the single days of the window too."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.usual_name)

    @property
    def usual_name(self) -> str:
        """What the detector is called if its file gives it no name."""
        return f"{self.kind}:{self.metric}:{self.window}@{self.at}"

    @property
    def digest(self) -> str:
        """What names all its options: an edited detector has another one, even under its old name.

        >>> from hindsight.detectors import Threshold
        >>> Threshold(metric="recall", min=0.7).digest == Threshold(metric="recall", min=0.8).digest
        False
        """
        options = [f"{each.name}={getattr(self, each.name)}" for each in fields(self)]
        return named(self.kind, *options)

    @property
    def needs_reference(self) -> bool:
        """Whether it compares with the reference."""
        return False

    @property
    def adjusts(self) -> bool:
        """Whether it compares with what the reference makes us expect of the window's score mix."""
        return getattr(self, "adjust", "none") == "score_mix"

    @property
    def incident_class(self) -> IncidentClass:
        """What kind of trouble its breaches are."""
        metric = find(self.metric)
        if metric.of_labels:
            return IncidentClass.LABEL_HEALTH
        if metric.part is Part.QUALITY:
            return IncidentClass.DATA_QUALITY
        return IncidentClass.PERFORMANCE if metric.labelled else IncidentClass.INPUTS

    def problems(self) -> Iterable[str]:
        """What is wrong with this configuration, as sentences; the metric is known to exist."""
        if self.adjusts and not find(self.metric).adjustable:
            able = ", ".join(sorted(name for name, metric in METRICS.items() if metric.adjustable))
            yield f"{self.metric!r} cannot be adjusted for the score mix; these can: {able}"

    @property
    @abstractmethod
    def sentence(self) -> str:
        """The rule in words, for documentation and messages."""

    @abstractmethod
    def examine(self, series: Series) -> Finding:
        """Judge the latest window."""

    def not_judged(self, series: Series) -> Finding | None:
        """Why the latest window cannot be judged at all, if so."""
        latest = series.latest
        if latest.value is None:
            return insufficient(f"{self.metric} has no value: {latest.reason}.")
        gated = series.metric.labelled and self.metric != "coverage"
        if gated and latest.maturity is not Maturity.MATURE:
            known = "no prediction has a label"
            if latest.coverage is not None:
                known = f"only {latest.coverage:.0%} of the predictions have a label"
            return insufficient(f"{latest.reason or known}.", latest.value)
        return None
