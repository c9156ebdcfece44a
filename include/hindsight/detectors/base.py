"""What detectors see and say: a series of numbers in, a verdict with its reason out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, tzinfo
from math import isfinite
from typing import Any, ClassVar, Final, Literal, Self

from hindsight.domain.spec import MonitorSpec, named
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
    """What a detector judges: the latest window, the single days up to its end, and what came before.

    All points are of equal age.  `days` are the stored ones of the detector's reach, oldest first, given
    where it looks at days at all.  `latest` is never part of `reference`: the type says so, and the pipeline
    gives no reference to a window that overlaps it (`no_reference` then says why), nor a day of the reference
    among `days` to a detector that looks back further than its window and compares with it.  `reference` is
    the whole reference pooled, `reference_days` are its single days.  `fixed` is a reference that is a number
    in the file.  `others` are the series of the other metrics that the detector asks for, by name, of the
    same version, segment and window; one that is not stored is not there.  Those of a segment beside the
    judged one are named `recall in explore=true`.  Where all versions are judged together, `versions` holds
    the series of each.  `zone` is the one in which the monitor's days begin; hours are given in UTC.
    """

    metric: Metric
    latest: Point
    days: tuple[Point, ...]
    reference: Point | None = None
    reference_days: tuple[Point, ...] = ()
    fixed: float | None = None
    no_reference: str | None = None
    others: Mapping[str, Series] = field(default_factory=dict)
    versions: Mapping[str, Series] = field(default_factory=dict)
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and what it rests on; a breach lies outside [lower, upper].

    `severity` is how bad the detector finds a breach, WARNING if it does not say; WATCH without a breach says
    that the value is out of bounds, though perhaps by chance.  `metric` is what the verdict is about where a
    rule is over several, `incident_class` another one than the detector's usual.  `details` are what else
    there is to know, by name: finite numbers, texts, dates as texts, and lists and mappings of these.
    """

    verdict: Verdict
    reason: str
    observed: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    severity: Severity | None = None
    metric: str | None = None
    incident_class: IncidentClass | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def insufficient(reason: str, observed: float | None = None) -> Finding:
    """The third answer: not enough is known to say."""
    finite = observed is not None and isfinite(observed)
    return Finding(Verdict.INSUFFICIENT, reason, observed if finite else None)


@dataclass(frozen=True, kw_only=True)
class BaseDetector(ABC):
    """What every detector carries; its fields are keys of the monitor's file.

    Seen from the pipeline a detector is a function of a `Series`; it never asks a database or a clock.
    To add one, write a file with a subclass and one line in `hindsight.detectors`.  `severity` is that of a
    breach; left out, the detector grades it by effect and evidence.  `segments` names columns of the
    monitor's segments whose values are judged too, each by itself.
    """

    metric: str
    window: Span = ONE_DAY
    at: Horizon = A_WEEK_OLD
    severity: Severity | None = None
    segments: tuple[str, ...] = ()
    name: str = ""

    kind: ClassVar[str]
    judges_days: ClassVar[bool] = False
    """Whether it looks at the single days of its reach too."""
    sees_absence: ClassVar[bool] = False
    """Whether it judges a version that has predictions within its reach, but none in the window."""
    judges_whole: ClassVar[bool] = False
    """Whether it judges all versions together: counts are added, shares are taken of all their rows."""
    judges_logs: ClassVar[bool] = False
    """Whether what is counted of the logs as a whole is judged by itself, once for all versions."""

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
    def carrier(self) -> str:
        """The metric whose snapshots say which versions and windows there are: a whole name, always kept."""
        return self.metric

    @property
    def reach(self) -> Span:
        """How much it looks at, up to the end of the window: the window, or more days before it."""
        return self.window

    def judges(self, end: date) -> bool:
        """Whether it judges windows that end on this day, or hour: an experiment has a first and a last."""
        return True

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        """The other metrics that it asks for, by their whole names; their labels are as old as its own."""
        return ()

    @property
    def beside(self) -> tuple[str, ...]:
        """Segments that it sees beside the one that it judges, as `column=value`."""
        return ()

    @property
    def needs_reference(self) -> bool:
        """Whether it compares with the reference."""
        return False

    @property
    def reads_reference_days(self) -> bool:
        """Whether it looks at the single days of the reference."""
        return False

    @property
    def adjusts(self) -> bool:
        """Whether it compares with what the reference makes us expect of the window's score mix."""
        return getattr(self, "adjust", "none") == "score_mix"

    @property
    def incident_class(self) -> IncidentClass:
        """What kind of trouble its breaches are."""
        metric = find(self.carrier)
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

    def severity_of(self, finding: Finding) -> Severity:
        """How bad a finding is: what the file says of a breach comes before what the detector says."""
        if finding.verdict is Verdict.BREACH:
            return self.severity or finding.severity or Severity.WARNING
        return Severity.WATCH if finding.severity is Severity.WATCH else Severity.OK

    def false_breaches(self) -> float | None:
        """How many breaches it is expected to open a day, at most, on a version with which nothing is wrong.

        None where nothing is known of it: a rule that takes points as they are breaches as chance has it.
        """
        return None

    def allowing(self, a_day: float) -> Self:
        """The same detector with its bounds set so that `false_breaches` is at most this many a day.

        One that cannot say how many it makes stays as it is.
        """
        return self

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
        if not isfinite(latest.value):
            return insufficient(f"{self.metric} has no finite value.")
        gated = series.metric.labelled and self.metric != "coverage"
        if gated and latest.maturity is not Maturity.MATURE:
            known = "no prediction has a label"
            if latest.coverage is not None:
                known = f"only {latest.coverage:.0%} of the predictions have a label"
            return insufficient(f"{latest.reason or known}.", latest.value)
        return None


def day_by_day(detector: BaseDetector, past: Span, least: int) -> Iterable[str]:
    """What is wrong with the lengths of a detector that goes through single days, as sentences."""
    unit = detector.window.unit
    if detector.window.count != 1 or detector.window.calendar:
        days = f"{detector.kind} goes through single days"
        yield f"{days}: `window` is 1{unit}, and `past` how far it looks back"
    if past.calendar or past.count < least:
        yield f"`past` is {least}{unit} or more, not {past}"
