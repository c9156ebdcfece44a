"""Fifth task: let every detector judge every touched window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from hindsight import faults
from hindsight.detectors.base import BaseDetector, Point, Series
from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.spec import MonitorSpec, named
from hindsight.domain.values import ALL, UNVERSIONED, Horizon, Maturity, Span, Status
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.estimate import measured
from hindsight.metrics.expectation import Baseline, Expected, expected
from hindsight.metrics.inputs.feature import Binned
from hindsight.pipeline.kept import kept_of
from hindsight.pipeline.plan import begins, due_in, reference_days, touched, zone
from hindsight.pipeline.present import own_pairs, unit_at, unit_before
from hindsight.pipeline.quality import quality_of
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import History, finite, history
from hindsight.statistics import BinaryStatistics, Statistics
from hindsight.statistics.inputs import InputStatistics
from hindsight.windows import DayRange, Pair, as_of, days_of, distance, end_of, ends_of, start_of, written


def detect_degradation(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> dict[str, Any]:
    """Replace the detections of every window that holds a pair due in these days, and make those that lack.

    A detector judges at the horizon it names and again at every later one, each time against the
    reference at that same age.
    """
    verdicts: dict[str, int] = {}
    faults.reach("detect_degradation.begin")
    with runtime.store.transaction(spec.monitor) as connection:
        faults.reach("detect_degradation.locked")
        present = own_pairs(connection, runtime.store, spec)
        kept = kept_of(connection, runtime.store, spec)
        for detector in spec.detectors:
            judged = {
                Pair(found.horizon, unit_before(spec, found.window_end))
                for found in runtime.store.detection_places(connection, spec.monitor, detector.name)
            }
            behind = {
                pair
                for pair in present
                if pair.horizon in horizons_of(spec, detector)
                and pair.day in ends_of(pair.day, detector.window)
                and begins(spec, pair.day, detector.window)
                and kept.judges(days_of(pair.day, detector.window))
            } - judged
            due_ends = touched(spec, due_in(spec, days), present, detector.window, kept.judges)
            ends = {
                horizon: sorted(
                    {*due_ends.get(horizon, ()), *(pair.day for pair in behind if pair.horizon == horizon)}
                )
                for horizon in horizons_of(spec, detector)
            }
            for row in make_detections(spec, detector, ends, connection, runtime):
                verdicts[row.verdict] = verdicts.get(row.verdict, 0) + 1
        faults.reach("detect_degradation.written")
    faults.reach("detect_degradation.committed")
    return {
        "detections": sum(verdicts.values()),
        **{str(verdict): count for verdict, count in sorted(verdicts.items())},
    }


def make_detections(
    spec: MonitorSpec,
    detector: BaseDetector,
    ends: Mapping[Horizon, Sequence[date]],
    connection: sa.Connection,
    runtime: Runtime,
) -> list[Detection]:
    """Replace a detector's detections of the windows that end on these days."""
    rows = [
        row
        for horizon, found in ends.items()
        if found
        for row in judge(spec, detector, horizon, found, connection, runtime)
    ]
    faults.reach("detect_degradation.judged")
    partitions = [
        (detector.name, start_of(days_of(end, detector.window).start, zone(spec)), horizon)
        for horizon, found in ends.items()
        for end in found
    ]
    runtime.store.replace_detections(connection, spec.monitor, partitions, rows)
    faults.reach("detect_degradation.replaced")
    return rows


def horizons_of(spec: MonitorSpec, detector: BaseDetector) -> tuple[Horizon, ...]:
    """Where a detector judges: at its own horizon, and with labels at every later one."""
    if not find(detector.metric).labelled:
        return (detector.at,)
    return tuple(horizon for horizon in spec.horizons if horizon >= detector.at)


@dataclass(frozen=True)
class Reference:
    """The reference of one version at one horizon: its own value, and what it makes us expect of scores."""

    point: Point
    baseline: Baseline | None
    foreseen: dict[tuple[date, date], Expected | None] = field(default_factory=dict)
    """What was expected of windows so far, by first and last day: a trend asks for each day many times."""


def judge(
    spec: MonitorSpec,
    detector: BaseDetector,
    horizon: Horizon,
    ends: Sequence[date],
    connection: sa.Connection,
    runtime: Runtime,
) -> Iterator[Detection]:
    """The detections of one detector at one horizon for the windows that end on these days."""
    stored = SnapshotIndex(spec, detector, horizon, ends, connection, runtime)
    references = (
        references_of(spec, detector, horizon, connection, runtime) if detector.needs_reference else {}
    )
    known: History | None = None
    if detector.adjusts:
        known = history(
            spec,
            DayRange(days_of(ends[0], detector.window).start, ends[-1]),
            horizon,
            connection,
            runtime,
            [ALL],
        )
    for end in ends:
        window = days_of(end, detector.window)
        for version in stored.versions(window.start):
            latest = stored.point(version, detector.window, end)
            if latest is None:
                continue
            days = tuple(
                found for day in window if (found := stored.point(version, spec.unit_span, day)) is not None
            )
            reference = references.get(version)
            excuse = no_reference(spec, detector, window, reference)
            series = Series(
                metric=find(detector.metric),
                latest=latest,
                days=days,
                reference=None if excuse or reference is None else reference.point,
                fixed=spec.reference.values.get(detector.metric),
                no_reference=excuse,
            )
            if (
                detector.adjusts
                and known is not None
                and not excuse
                and reference is not None
                and latest.usable
            ):
                series = adjusted(detector, series, known, version, reference)
            yield detection(spec, detector, horizon, end, version, series)


class SnapshotIndex:
    """The stored snapshots that a detector's series are made of."""

    def __init__(
        self,
        spec: MonitorSpec,
        detector: BaseDetector,
        horizon: Horizon,
        ends: Sequence[date],
        connection: sa.Connection,
        runtime: Runtime,
    ) -> None:
        self._spec = spec
        first = start_of(days_of(ends[0], detector.window).start, zone(spec))
        after = end_of(ends[-1], zone(spec))
        self._rows: dict[tuple[str, Span, date], Snapshot] = {}
        self._versions: dict[date, list[str]] = {}
        for span in {spec.unit_span, detector.window}:
            for row in runtime.store.snapshots(
                connection,
                spec.monitor,
                metric=detector.metric,
                horizon=horizon,
                window=span,
                segment=ALL,
                start=first,
                end=after,
            ):
                start = unit_at(spec, row.window_start)
                self._rows[row.version, span, unit_before(spec, row.window_end)] = row
                if span == detector.window:
                    self._versions.setdefault(start, []).append(row.version)

    def versions(self, start: date) -> list[str]:
        """The versions that have the window that begins on this day."""
        return sorted(self._versions.get(start, ()))

    def point(self, version: str, span: Span, end: date) -> Point | None:
        """One window as a detector sees it."""
        row = self._rows.get((version, span, end))
        return None if row is None else point_of(row, days_of(end, span))


def point_of(row: Snapshot, days: DayRange) -> Point:
    """A snapshot as a detector sees it."""
    return Point(
        start=days.start,
        end=days.end,
        value=row.value,
        standard_error=row.standard_error,
        n=row.n,
        coverage=row.coverage,
        maturity=row.maturity,
        status=row.status,
        reason=row.reason,
    )


def references_of(
    spec: MonitorSpec, detector: BaseDetector, horizon: Horizon, connection: sa.Connection, runtime: Runtime
) -> dict[str, Reference]:
    """Each version's reference at a horizon: all its days pooled, at that same age."""
    days = reference_days(spec)
    if days is None:
        return {}
    metric, coverage = find(detector.metric), find("coverage")
    of_log = metric.part is Part.QUALITY
    groups: Mapping[tuple[str, str], Statistics]
    if of_log:
        groups = {(UNVERSIONED, ALL): quality_of(spec, days, horizon, connection, runtime)}
    elif metric.part is Part.INPUTS:
        groups = of_reference(metric, history(spec, days, horizon, connection, runtime, [ALL]).inputs)
    else:
        groups = history(spec, days, horizon, connection, runtime, [ALL]).groups
    found = {}
    for (version, _), statistics in groups.items():
        value = measured(metric, statistics, len(days))
        share = finite(measured(coverage, statistics, len(days)).value)[0]
        enough = of_log or not metric.labelled or (share is not None and share >= spec.maturity.min_coverage)
        point = Point(
            start=days.start,
            end=days.end,
            value=finite(value.value)[0],
            standard_error=finite(value.standard_error)[0],
            n=round(float(value.rows[0])),
            coverage=share,
            maturity=Maturity.MATURE if enough else Maturity.PROVISIONAL,
            status=Status.OK,
        )
        baseline = None
        if detector.adjusts and isinstance(statistics, BinaryStatistics):
            baseline = Baseline.of(statistics)
        found[version] = Reference(point, baseline)
    return found


def of_reference(
    metric: Metric, groups: Mapping[tuple[str, str], InputStatistics]
) -> Mapping[tuple[str, str], InputStatistics]:
    """What came in on the reference's days; what rests on bins is of all versions, as the bins are."""
    if not isinstance(metric, Binned):
        return groups
    return {key: statistics.layout.of_reference(len(statistics)) for key, statistics in groups.items()}


def no_reference(
    spec: MonitorSpec, detector: BaseDetector, window: DayRange, reference: Reference | None
) -> str | None:
    """Why a window cannot be compared with the reference, if so: it is never in its own baseline."""
    days = reference_days(spec)
    if not detector.needs_reference or days is None:
        return None
    if window.start <= days.end:
        first, last = written(window.start, zone(spec)), written(days.end, zone(spec))
        return f"the window begins on {first}, not after the reference ends on {last}"
    if reference is None:
        first, last = written(days.start, zone(spec)), written(days.end, zone(spec))
        return f"this version has no prediction in the reference, {first} to {last}"
    if reference.point.maturity is not Maturity.MATURE:
        return f"only {reference.point.coverage or 0.0:.0%} of the reference have a label at this age"
    return None


def adjusted(
    detector: BaseDetector, series: Series, known: History, version: str, reference: Reference
) -> Series:
    """The series with what the reference makes us expect of its scores; for a trend, of each day's."""
    statistics = known.groups.get((version, ALL))
    baseline = reference.baseline
    if baseline is None or not isinstance(statistics, BinaryStatistics):
        return series

    def with_expected(point: Point) -> Point:
        window = point.start, point.end
        if window not in reference.foreseen:
            first = distance(known.days.start, point.start)
            part = statistics[first : first + distance(*window) + 1]
            reference.foreseen[window] = expected(series.metric, part, baseline)
        return replace(point, expected=reference.foreseen[window])

    days = tuple(with_expected(day) for day in series.days) if detector.judges_days else series.days
    return replace(series, latest=with_expected(series.latest), days=days)


def detection(
    spec: MonitorSpec, detector: BaseDetector, horizon: Horizon, end: date, version: str, series: Series
) -> Detection:
    """A finding with its key."""
    finding = detector.examine(series)
    return Detection(
        monitor=spec.monitor,
        version=version,
        segment=ALL,
        detector=detector.name,
        metric=detector.metric,
        window=detector.window,
        window_start=start_of(series.latest.start, zone(spec)),
        window_end=end_of(end, zone(spec)),
        as_of=as_of(end, horizon, zone(spec)),
        horizon=horizon,
        incident_class=detector.incident_class,
        severity=detector.severity,
        verdict=finding.verdict,
        observed=finding.observed,
        expected=finding.expected,
        lower=finding.lower,
        upper=finding.upper,
        p_value=finding.p_value,
        n=series.latest.n,
        coverage=series.latest.coverage,
        reason=finding.reason,
        spec_hash=made_from(spec, detector),
    )


def made_from(spec: MonitorSpec, detector: BaseDetector) -> str:
    """What names all that a detector's verdicts are made from: its options, and how snapshots are read."""
    return named(spec.read_by, detector.digest)
