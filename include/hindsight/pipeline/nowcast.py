"""On read: what young windows will be once their labels are in, from the stored statistics; nothing is
written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np
import sqlalchemy as sa

from hindsight.config.findings import did_you_mean
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, Convention, Grain, Horizon, Span, Task
from hindsight.errors import HindsightError
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.nowcast import MOST_UNHEARD, Nowcasts, Tracked, Window, bounds, nowcast, tracked
from hindsight.metrics.rest import Known, rest_of
from hindsight.pipeline.maturity import within
from hindsight.pipeline.plan import begins, counted, zone
from hindsight.pipeline.present import own_pairs
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import history
from hindsight.statistics import layout_of
from hindsight.windows import (
    DayRange,
    Pair,
    as_of,
    days_of,
    distance,
    end_of,
    ends_of,
    exists,
    shift,
    start_of,
)

ASSUMPTION: Final = (
    "An estimate, not a measurement: it assumes that labels come as late, and scores come true as often, "
    "as in the windows that were mature when it was made."
)
ASSUMPTION_OF_NUMBERS: Final = (
    "An estimate, not a measurement: it assumes that labels come as late, and predictions miss by as much, "
    "as in the windows that were mature when it was made."
)

LOOK_BACK: Final[Mapping[Grain, int]] = {Grain.DAY: 42, Grain.HOUR: 14 * 24}
"""Mature units that an estimate learns from: enough for rates, and soon past a change (see
docs/estimates.md).
"""

TRACK: Final[Mapping[Grain, int]] = {Grain.DAY: 90, Grain.HOUR: 28 * 24}
"""Units whose windows make the record of past errors; older ones are forgotten."""

LEAST: Final[Mapping[Grain, int]] = {Grain.DAY: 7, Grain.HOUR: 7 * 24}
"""Mature units that an estimate needs."""

EXPLICIT: Final = Convention.EXPLICIT
"""Under any other convention the labels so far are mostly positives, and a metric of them says nothing."""

TASKS: Final = (Task.BINARY, Task.REGRESSION)
"""Whose statistics tell enough of the predictions that have no label yet."""

MOST_NAMED: Final = 10
"""How many segments an error names."""

TRUST: Final = 0.8
"""Where fewer past intervals than that held the final value, the assumption is said not to have held."""


@dataclass(frozen=True, slots=True)
class Nowcast:
    """The estimate of a window's final metric, made when its last unit had the age `horizon`.

    `estimate`, `lower` and `upper` (95 %) are in the metric's unit, as are `so_far`, the metric of the labels
    known by `as_of`, and `final`, once that is known.  `coverage` is labelled / predictions by then.  Of
    `past` earlier windows whose truth was due by then, `past_error` is the mean of estimate less final value,
    `past_miss` the mean of its size, and `inside` the share whose final value lay in the interval given then.
    `remark` says what to make of it, or why there is no estimate.
    """

    monitor: str
    version: str
    segment: str
    metric: str
    window: Span
    window_start: datetime
    window_end: datetime
    horizon: Horizon
    as_of: datetime
    estimate: float | None
    lower: float | None
    upper: float | None
    coverage: float | None
    so_far: float | None
    past_error: float | None
    past_miss: float | None
    past: int
    inside: float | None
    final: float | None
    remark: str
    assumption: str


def nowcasts(
    spec: MonitorSpec,
    runtime: Runtime,
    *,
    metric: str | None = None,
    window: Span | None = None,
    at: Horizon | None = None,
    version: str | None = None,
    segment: str = ALL,
    start: date | None = None,
    end: date | None = None,
) -> list[Nowcast]:
    """Estimates of a metric, by default of the newest window at each horizon before the last.

    With `start` or `end`: of all windows whose last unit lies there, ends included.  Each is made from
    statistics that its own as_of allows; what was estimated of past windows is what it would have been then.
    The same windows have the same estimates whatever else is asked for.
    """
    asked = served(spec, metric)
    span, ages = kept_span(spec, window), young(spec, at)
    with runtime.store.transaction() as connection:
        pairs = own_pairs(connection, runtime.store, spec)
        ends = {age: _chosen(spec, pairs, span, age, start, end) for age in ages}
        wanted = sorted(last for found in ends.values() for last in found)
        if not wanted:
            raise HindsightError(
                f"No window of {span} of {spec.monitor!r} has been computed there: run it first."
            )
        days = _needed(spec, span, wanted, pairs)
        known = [
            history(spec, days, horizon, connection, runtime, segments=[segment]).groups
            for horizon in spec.horizons
        ]
        versions = sorted({key[0] for groups in known for key in groups})
        if not versions and segment != ALL:
            _refuse_segment(spec, segment, days, connection, runtime)
    if version is not None:
        if version not in versions:
            raise HindsightError(
                f"{spec.monitor!r} has no predictions of version {version!r} there; it has "
                f"{', '.join(versions) or 'none'}."
            )
        versions = [version]
    # A day that the zone skipped has nothing in it, at any age.
    skipped = [not exists(day, zone(spec)) for day in days]
    computed = np.array(
        [
            [Pair(horizon, day) in pairs or gone for day, gone in zip(days, skipped, strict=True)]
            for horizon in spec.horizons
        ]
    )
    found: list[Nowcast] = []
    for name in versions:
        statistics = tuple(
            groups[name, segment] if (name, segment) in groups else layout_of(spec).zeros(len(days))
            for groups in known
        )
        group = Known(
            tuple(horizon.count for horizon in spec.horizons),
            statistics,
            computed,
            LOOK_BACK[spec.grain],
            LEAST[spec.grain],
        )
        for age in ages:
            found += _of_group(spec, asked, span, age, (name, segment), group, days, ends[age])
    if not found:
        raise HindsightError(
            f"No window of {span} of {spec.monitor!r} there has all its days computed and predictions in it: "
            f"run the days before it, or ask for a shorter one; it keeps {', '.join(map(str, spec.spans))}."
        )
    return sorted(found, key=lambda row: (row.horizon, row.window_start, row.version))


def served(spec: MonitorSpec, name: str | None) -> Metric:
    """The metric that is asked for, by default the first of the monitor's that an estimate can be made of."""
    if spec.task not in TASKS:
        raise HindsightError(
            f"There is no nowcast of {spec.monitor!r}: it is made for {' and '.join(TASKS)}, not for "
            f"{spec.task}, whose statistics do not say enough of the predictions without a label."
        )
    if name is None:
        for each in spec.metrics:
            if _fault(spec, find(each)) is None:
                return find(each)
        raise HindsightError(
            f"{spec.monitor!r} keeps no metric that needs labels: there is nothing to estimate."
        )
    try:
        metric = find(name)
    except ValueError as error:
        raise HindsightError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    fault = _fault(spec, metric)
    if fault is not None:
        raise HindsightError(f"The metric {name!r} {fault}.")
    return metric


def _fault(spec: MonitorSpec, metric: Metric) -> str | None:
    columns = spec.predictions.columns
    if spec.task not in metric.tasks:
        return f"is not one of {spec.task}"
    if not metric.labelled:
        return "needs no labels: its value at horizon 0 is final"
    if metric.part is not Part.OUTCOMES:
        return "says how the logs are, which is not estimated"
    if metric.needs_score and columns.score is None:
        return f"needs scores, and {spec.monitor!r} has none"
    if metric.needs_interval and (columns.lower is None or columns.upper is None):
        return f"needs prediction intervals, and {spec.monitor!r} has none"
    return None


def kept_span(spec: MonitorSpec, window: Span | None) -> Span:
    """The window length that is asked for, by default the longest that is kept."""
    if window is None:
        return spec.spans[-1]
    if counted(spec, window) not in spec.spans:
        kept = ", ".join(map(str, spec.spans))
        raise HindsightError(f"Windows of {window} are not kept of {spec.monitor!r}: it keeps {kept}.")
    return counted(spec, window)


def young(spec: MonitorSpec, at: Horizon | None) -> list[Horizon]:
    """The label ages that are asked about, by default all at which the truth is not due yet."""
    ages = [horizon for horizon in spec.horizons if horizon < spec.last_horizon]
    if not ages:
        raise HindsightError(
            f"There is no nowcast of {spec.monitor!r}: {spec.last_horizon} is its only horizon, so no window "
            "is ever young."
        )
    if at is None:
        return ages
    if counted(spec, at) not in ages:
        raise HindsightError(
            f"There is no nowcast of {spec.monitor!r} at {at}: its windows are young at "
            f"{', '.join(map(str, ages))}, and final at {spec.last_horizon}."
        )
    return [counted(spec, at)]


def _refuse_segment(
    spec: MonitorSpec, segment: str, days: DayRange, connection: sa.Connection, runtime: Runtime
) -> None:
    """Raise unless these days hold this segment at some age; says which there are."""
    start, end = start_of(days.start, zone(spec)), end_of(days.end, zone(spec))
    rows = runtime.store.statistics(connection, spec.monitor, start, end, horizons=[NO_LABELS])
    there = sorted({row.segment for row in rows} - {ALL})
    if segment not in there:
        more = f" and {len(there) - MOST_NAMED} more" if len(there) > MOST_NAMED else ""
        raise HindsightError(
            f"{spec.monitor!r} has no segment {segment!r} there{did_you_mean(segment, there)}: it has "
            f"{', '.join([ALL, *there[:MOST_NAMED]])}{more}."
        )


def _chosen(
    spec: MonitorSpec,
    pairs: Collection[Pair],
    span: Span,
    age: Horizon,
    start: date | None,
    end: date | None,
) -> list[date]:
    """The last units of the windows that are asked for at an age."""
    ends = sorted(
        pair.day
        for pair in pairs
        if pair.horizon == age
        and pair.day in ends_of(pair.day, span)
        and begins(spec, pair.day, span)
        and within(pair.day, start, end)
    )
    return ends[-1:] if start is None and end is None else ends


def _needed(spec: MonitorSpec, span: Span, ends: Sequence[date], pairs: Collection[Pair]) -> DayRange:
    """The units whose statistics these windows rest on.

    An estimate learns from mature units, its interval from the errors of earlier windows, and the share
    inside from *their* intervals; and forward on the final values of the windows.
    """
    due, track = spec.last_horizon.count, TRACK[spec.grain]
    reach = due + LOOK_BACK[spec.grain] + 2 * (due + track) + 2 * span.count
    stored = [pair.day for pair in pairs]
    first = max(shift(ends[0], -reach), min(stored))
    return DayRange(first, min(shift(ends[-1], spec.last_horizon.count), max(stored)))


def _of_group(
    spec: MonitorSpec,
    metric: Metric,
    span: Span,
    age: Horizon,
    key: tuple[str, str],
    known: Known,
    days: DayRange,
    ends: Sequence[date],
) -> list[Nowcast]:
    """One group's estimates at one age."""
    rest = rest_of(known)
    assert rest is not None
    wanted = set(ends)
    lasts = [
        day
        for day in days
        if day in ends_of(day, span)
        and shift(day, age.count) in days
        and exists(day, zone(spec))
        and begins(spec, day, span)
    ]
    windows = [
        Window(distance(days.start, days_of(day, span).start), distance(days.start, day)) for day in lasts
    ]
    windows = [window for window in windows if window.first >= 0]
    if not windows:
        return []
    found = nowcast(metric, known, rest, windows, age.count)
    asked = [shift(days.start, window.last) in wanted for window in found.windows]
    course = tracked(found, age.count, spec.last_horizon.count, TRACK[spec.grain], asked)
    lower, upper = bounds(metric, found.estimate, course.half)
    made = []
    for i, window in enumerate(found.windows):
        last = shift(days.start, window.last)
        if not asked[i] or not known.statistics[0].predictions[window.first : window.last + 1].any():
            continue
        made.append(
            Nowcast(
                monitor=spec.monitor,
                version=key[0],
                segment=key[1],
                metric=metric.name,
                window=span,
                window_start=start_of(shift(days.start, window.first), zone(spec)),
                window_end=end_of(last, zone(spec)),
                horizon=age,
                as_of=as_of(last, age, zone(spec)),
                estimate=_finite(found.estimate[i]),
                lower=_finite(lower[i]),
                upper=_finite(upper[i]),
                coverage=_finite(found.coverage[i]),
                so_far=_finite(found.so_far[i]) if spec.ground_truth.convention is EXPLICIT else None,
                past_error=_finite(course.error[i]),
                past_miss=_finite(course.absolute[i]),
                past=int(course.past[i]),
                inside=_finite(course.inside[i]),
                final=_finite(found.final[i]),
                remark=_remark(metric, found, course, i, known.least),
                assumption=ASSUMPTION if spec.task is Task.BINARY else ASSUMPTION_OF_NUMBERS,
            )
        )
    return made


def _remark(metric: Metric, found: Nowcasts, course: Tracked, i: int, least: int) -> str:
    """What a reader must know of an estimate; empty where all is as it should be."""
    if not np.isfinite(found.estimate[i]):
        return _without(metric, found, i, least)
    said = []
    if course.inside[i] < TRUST:
        share, ratio = course.inside[i], course.ratio[i]
        said.append(
            f"the assumption has not held: {share:.0%} of past final values lay inside, and past errors are "
            f"{ratio:.1f} times what sampling explains"
        )
    if not np.isfinite(course.half[i]):
        said.append("no interval: sampling explains no error of it, so there is none to scale")
    elif not course.past[i]:
        said.append("no past window to learn from: the interval rests on sampling alone")
    elif not course.apart[i]:
        said.append(
            f"sampling explained no error of the {course.past[i]} past windows, so theirs say nothing of "
            "this one: the interval rests on sampling alone"
        )
    return "; ".join(said)


def _without(metric: Metric, found: Nowcasts, i: int, least: int) -> str:
    """Why there is no estimate."""
    if found.told[i] < least:
        told = f"{found.told[i]:.0f} mature units with labels before it"
        return f"{told} were computed when as young, {least} are needed"
    if found.unheard[i] > MOST_UNHEARD:
        return (
            f"{found.unheard[i]:.0%} of its predictions wait for a label at an age at which those of all "
            "mature units had theirs: nothing is known of labels as late"
        )
    return f"nothing to estimate: {metric.undefined}" if np.isfinite(found.coverage[i]) else "not computed"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
