"""The rules of a monitor whose file names none: made from its own metrics, quiet while nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final

from hindsight.detectors.base import A_WEEK_OLD, FOUR_WEEKS, Adjust, BaseDetector
from hindsight.detectors.cusum import Cusum
from hindsight.detectors.drift import LIMITS, Drift
from hindsight.detectors.missing import Missing
from hindsight.detectors.quality import Quality
from hindsight.detectors.threshold import Threshold
from hindsight.detectors.volume import Volume
from hindsight.domain.spec import MonitorSpec, Retention
from hindsight.domain.values import (
    NO_LABELS,
    Convention,
    Direction,
    Grain,
    Horizon,
    Length,
    Severity,
    Span,
    Task,
)
from hindsight.metrics import ALWAYS, Metric, find
from hindsight.metrics.base import Part

MARGIN: Final = 0.05
"""The share of its baseline by which the primary metric may get worse."""

CALIBRATED: Final = (0.8, 1.25)
"""How many may be promised for each that comes true: a fifth fewer, or a quarter more."""

A_DAY: Final = 24
"""In hours."""

A_WEEK_OF_HOURS: Final = Span(168, "h")
"""What an hourly monitor pools, where a daily one pools four weeks: it should answer within days."""


def default_rules(spec: MonitorSpec) -> tuple[BaseDetector, ...]:
    """What a monitor is judged by if its file has no `detectors`; each rule only where the monitor bears it.

    The first metric in the file that has a good direction is the primary one: a threshold watches its level
    over four weeks and a chart its steps.  Chances are held to what they promise where the metrics for that
    are kept.  The rest watches what models rest on: that predictions and labels come at all, and as many as
    usual, that they are whole, and that the features are those of the reference.  A metric that is kept for
    each class or feature stands in `spec.metrics` by its full names.  Where results are removed, rules look
    back no farther than what is kept allows; one that needs more is left out.
    """
    rules = [*_of_primary(spec), *_of_chances(spec), *_of_logs(spec)]
    return tuple(kept for rule in rules if (kept := _within(spec, _in_grain(spec, rule))) is not None)


def primary(spec: MonitorSpec) -> str | None:
    """The first metric of the file that says whether outcomes are good, and so decides."""
    return next((name for name in spec.metrics if _decides(find(name))), None)


def _decides(metric: Metric) -> bool:
    of_outcomes = metric.labelled and metric.part is Part.OUTCOMES and not metric.of_labels
    return of_outcomes and metric.direction is not Direction.NEITHER and not metric.extensive


def _of_primary(spec: MonitorSpec) -> Iterator[BaseDetector]:
    name, values, at = primary(spec), spec.reference.values, _mature(spec)
    if name is None or (values and name not in values):
        return
    metric = find(name)
    scored = spec.task is Task.BINARY and spec.predictions.columns.score is not None
    adjust: Adjust = "score_mix" if metric.adjustable and scored and not values else "none"
    margin = -MARGIN if metric.direction is Direction.HIGHER else MARGIN
    yield Threshold(metric=name, relative=margin, adjust=adjust, window=_pooled(spec), at=at)
    if not values:
        # A chart is early and finds what is small: how bad it is say the four weeks.
        yield Cusum(metric=name, adjust=adjust, window=spec.unit_span, at=at, severity=Severity.WARNING)


def _of_chances(spec: MonitorSpec) -> Iterator[BaseDetector]:
    window, at = _pooled(spec), _mature(spec)
    if "brier_skill" in spec.metrics:
        yield Threshold(metric="brier_skill", min=0.0, window=window, at=at, severity=Severity.CRITICAL)
    if "calibration_ratio" in spec.metrics:
        low, high = CALIBRATED
        yield Threshold(
            metric="calibration_ratio",
            min=low,
            max=high,
            window=window,
            at=at,
            severity=Severity.WARNING,
        )


def _of_logs(spec: MonitorSpec) -> Iterator[BaseDetector]:
    unit = spec.unit_span
    yield Missing(window=unit)
    if "labels_learnt" in spec.metrics:
        yield Missing(metric="labels_learnt", window=unit)
    else:
        yield Missing(metric="coverage", window=unit, at=_mature(spec))
    yield Volume(window=unit)
    if spec.reference.values:
        return
    for metric, at in (("volume", NO_LABELS), ("coverage", _mature(spec))):
        yield from _kept(spec, Quality(metric=metric, window=unit, at=at))
    measure = next((bare for bare in LIMITS if any(name.startswith(f"{bare}(") for name in spec.metrics)), "")
    names = [name for name in spec.metrics if name.startswith(f"{measure}(")]
    every = measure and len(names) == len(spec.predictions.features)
    for name in [measure] if every else names if measure else []:
        yield from _kept(spec, Drift(metric=name, window=_pooled(spec)))


def _kept(spec: MonitorSpec, rule: BaseDetector) -> Iterator[BaseDetector]:
    """The rule, if all that it looks at is kept."""
    if set(rule.others(spec)) <= {*ALWAYS, *spec.metrics}:
        yield rule


def _mature(spec: MonitorSpec) -> Horizon:
    """The youngest labels that are a week old, if the monitor has such; else its oldest."""
    if spec.ground_truth.convention is Convention.DEFAULT_NEGATIVE:
        return spec.last_horizon  # before that, silence says nothing
    return next((h for h in spec.horizons if h >= A_WEEK_OLD and h > NO_LABELS), spec.last_horizon)


def _pooled(spec: MonitorSpec) -> Span:
    """Four weeks; where results are removed and no such windows are kept, the longest one that is."""
    if spec.grain is Grain.HOUR:
        return A_WEEK_OF_HOURS
    kept = [span for span in spec.windows if span <= FOUR_WEEKS and not span.calendar]
    return FOUR_WEEKS if spec.retention == Retention() else max(kept, default=spec.unit_span)


def _within(spec: MonitorSpec, rule: BaseDetector) -> BaseDetector | None:
    """The rule with its look-back shortened to what is kept when runs come back; None if it needs more.

    Labels that land late bring runs back to windows of twice the last horizon ago (see `config.keeping`).
    """
    kept = [each for f in fields(spec.retention) if (each := getattr(spec.retention, f.name)) is not None]
    if not kept:
        return rule
    hour, hourly = timedelta(hours=1), spec.grain is Grain.HOUR
    back = 2 * max(spec.last_horizon.hours, A_DAY if hourly else 7 * A_DAY)
    hours = min(kept) // hour - back
    if rule.reach.calendar or rule.reach.hours <= hours:
        return rule
    if "past" not in {field.name for field in fields(rule)} or hours < A_DAY:
        return None
    shorter = replace(rule, past=Span(hours, "h") if hourly else Span(hours // A_DAY))  # type: ignore[call-arg]
    return None if list(shorter.problems()) else shorter


def _in_grain(spec: MonitorSpec, rule: BaseDetector) -> BaseDetector:
    """The rule with its lengths in hours, where the monitor counts in them."""
    if spec.grain is not Grain.HOUR:
        return rule
    lengths: dict[str, Any] = {
        field.name: value.in_hours()
        for field in fields(rule)
        if isinstance(value := getattr(rule, field.name), Length)
    }
    return replace(rule, **lengths, name="" if rule.name == rule.usual_name else rule.name)
