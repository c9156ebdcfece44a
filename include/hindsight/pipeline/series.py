"""What detectors see: the stored snapshots of their windows as series, and the reference beside them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import reduce
from math import hypot
from operator import add

import sqlalchemy as sa

from hindsight.detectors.base import BaseDetector, Point, Series
from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, UNVERSIONED, Horizon, Maturity, Span, Status
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.estimate import measured
from hindsight.metrics.expectation import Baseline, Expected, expected
from hindsight.metrics.inputs.feature import Binned
from hindsight.pipeline.past import Past
from hindsight.pipeline.plan import reference_days, zone
from hindsight.pipeline.present import unit_before
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import History, finite, history
from hindsight.pipeline.truth import maturity_of
from hindsight.statistics import BinaryStatistics, Statistics
from hindsight.statistics.inputs import InputStatistics
from hindsight.windows import DayRange, days_of, distance, end_of, start_of, written

Group = tuple[str, str]
"""A version and a segment."""


def age_of(metric: Metric, horizon: Horizon) -> Horizon:
    """Where a metric is kept, seen from a detector that judges at this horizon."""
    return horizon if metric.labelled else NO_LABELS


def judged_segment(detector: BaseDetector, segment: str) -> bool:
    """Whether the detector judges this segment, ALL rows or a value of a column that it names."""
    return segment == ALL or segment.partition("=")[0] in detector.segments


@dataclass(frozen=True)
class Reference:
    """The reference of one version and segment at one horizon: its own value, those of its days, and what it
    makes us expect of scores.
    """

    point: Point
    days: tuple[Point, ...]
    baseline: Baseline | None
    foreseen: dict[tuple[date, date], Expected | None] = field(default_factory=dict)
    """What was expected of windows so far, by first and last day: a trend asks for each day many times."""


class SeriesIndex:
    """All series of one detector at one horizon for the windows that end on some days."""

    def __init__(
        self,
        spec: MonitorSpec,
        detector: BaseDetector,
        horizon: Horizon,
        ends: Sequence[date],
        connection: sa.Connection,
        runtime: Runtime,
        past: Past,
    ) -> None:
        self._spec = spec
        self._detector = detector
        self._names = tuple(dict.fromkeys((detector.carrier, *detector.others(spec))))
        metrics = {name: find(name) for name in self._names}
        self._of_logs = {name for name, metric in metrics.items() if metric.part is Part.QUALITY}
        self._of_versions = not detector.judges_logs or not self._of_logs.issuperset(self._names[1:])
        days = DayRange(days_of(ends[0], detector.reach).start, ends[-1])
        segment = None if detector.segments or detector.beside else ALL
        spans = {detector.window} | ({spec.unit_span} if detector.judges_days else set())
        self._rows: dict[tuple[str, Group, Span, date], Snapshot] = {}
        self._groups: dict[date, set[Group]] = {}
        self._wholes: dict[tuple[str, Group, Span, date], Snapshot] = {}
        self._versions: dict[Group, set[Group]] = {}
        self._ends: dict[tuple[bool, str, Group], list[date]] = {}
        self._lines: dict[tuple[bool, str, Group], tuple[Point, ...]] = {}
        for name, metric in metrics.items():
            for span in spans:
                for row in runtime.store.snapshots(
                    connection,
                    spec.monitor,
                    metric=name,
                    horizon=age_of(metric, horizon),
                    window=span,
                    segment=segment,
                    start=start_of(days.start, zone(spec)),
                    end=end_of(days.end, zone(spec)),
                ):
                    if judged_segment(detector, row.segment) or row.segment in detector.beside:
                        self._add(name, span, row)
        for rows, whole in ((self._rows, False), (self._wholes, True)):
            for name, group, span, end in sorted(rows, key=lambda key: key[3]):
                if span == spec.unit_span:
                    self._ends.setdefault((whole, name, group), []).append(end)
        self._references: dict[str, dict[Group, Reference]] = {
            name: references_of(past, detector, metric, age_of(metric, horizon))
            if detector.needs_reference
            else {}
            for name, metric in metrics.items()
        }
        self._known: History | None = None
        if detector.adjusts:
            wanted = None if detector.segments else [ALL]
            self._known = history(spec, days, horizon, connection, runtime, wanted)

    def _add(self, name: str, span: Span, row: Snapshot) -> None:
        end, group = unit_before(self._spec, row.window_end), (row.version, row.segment)
        if self._detector.judges_whole:
            of_version, group = group, (UNVERSIONED, row.segment)
            self._rows[name, of_version, span, end] = row
            earlier = self._wholes.get((name, group, span, end))
            row = self._wholes[name, group, span, end] = row if earlier is None else together(earlier, row)
            self._versions.setdefault(group, set()).add(of_version)
        else:
            self._rows[name, group, span, end] = row
        judged = judged_segment(self._detector, group[1]) and span == self._detector.window
        of_logs = self._detector.judges_logs and name in self._of_logs
        if judged and (of_logs or (name == self._detector.carrier and self._of_versions)):
            self._groups.setdefault(end, set()).add(group)

    def groups(self, end: date) -> list[Group]:
        """The versions and segments that are judged in the window that ends on this day."""
        found = self._groups.get(end, set())
        if self._detector.sees_absence:
            reach = days_of(end, self._detector.reach)
            earlier = {group for day in reach for group in self._groups.get(day, ())}
            found = {group for group in found | earlier if group[0] != UNVERSIONED} or found
        return sorted(found, key=lambda group: (group[0], group[1] != ALL, group[1]))

    def series(self, group: Group, end: date) -> Series:
        """What the detector sees of a group in the window that ends on this day."""
        main = self._series(self._detector.carrier, group, end)
        apart = self._detector.judges_logs and group[0] != UNVERSIONED
        others = {
            name: self._series(name, group, end)
            for name in self._names[1:]
            if self._row(name, group, self._detector.window, end) is not None
            and not (apart and name in self._of_logs)
        }
        if self._detector.judges_logs and others and main.latest.status is Status.EMPTY:
            main = replace(main, latest=next(iter(others.values())).latest)
        others |= {
            f"{name} in {segment}": self._series(name, (group[0], segment), end)
            for segment in self._detector.beside
            for name in self._names
            if self._row(name, (group[0], segment), self._detector.window, end) is not None
        }
        versions = {
            of_version[0]: self._series(self._detector.carrier, of_version, end, whole=False)
            for of_version in sorted(self._versions.get(group, ()))
            if of_version[0] != UNVERSIONED
        }
        return replace(main, others=others, versions=versions, zone=zone(self._spec))

    def _series(self, name: str, group: Group, end: date, *, whole: bool = True) -> Series:
        detector = self._detector
        window, reach = days_of(end, detector.window), days_of(end, detector.reach)
        of_log = find(name).part is Part.QUALITY
        references = self._references[name]
        reference = references.get((UNVERSIONED, ALL) if of_log else group)
        if reference is None and detector.judges_logs:
            reference = references.get((UNVERSIONED, ALL))
        excuse = no_reference(self._spec, detector, window, reference)
        own = (
            reference_days(self._spec)
            if detector.needs_reference and detector.reach != detector.window
            else None
        )
        days: tuple[Point, ...] = ()
        if detector.judges_days:
            days = self._days(name, group, reach, whole=whole)
            if own and reach.start <= own.end:
                days = tuple(point for point in days if point.end > own.end)
        latest = self._point(name, group, detector.window, end, whole=whole)
        series = Series(
            metric=find(name),
            latest=latest or absent(window),
            days=days,
            reference=None if excuse or reference is None else reference.point,
            reference_days=() if excuse or reference is None else reference.days,
            fixed=self._spec.reference.values.get(name),
            no_reference=excuse,
        )
        if self._known is None or excuse or reference is None or not series.latest.usable:
            return series
        return adjusted(detector, series, self._known, group, reference)

    def _point(self, name: str, group: Group, span: Span, end: date, *, whole: bool = True) -> Point | None:
        row = self._row(name, group, span, end, whole=whole)
        return None if row is None else point_of(row, days_of(end, span))

    def _days(self, name: str, group: Group, days: DayRange, *, whole: bool) -> tuple[Point, ...]:
        """The stored single days among these: those of all windows are made once, and cut."""
        of_log = find(name).part is Part.QUALITY
        whole = whole and self._detector.judges_whole
        key = whole, name, (UNVERSIONED, ALL) if of_log else group
        ends = self._ends.get(key, [])
        if key not in self._lines:
            made = (self._point(name, group, self._spec.unit_span, end, whole=whole) for end in ends)
            self._lines[key] = tuple(point for point in made if point is not None)
        return self._lines[key][bisect_left(ends, days.start) : bisect_right(ends, days.end)]

    def _row(self, name: str, group: Group, span: Span, end: date, *, whole: bool = True) -> Snapshot | None:
        """A snapshot; what is kept of the logs as a whole is the same for every version."""
        of_log = find(name).part is Part.QUALITY
        rows = self._wholes if whole and self._detector.judges_whole else self._rows
        return rows.get((name, (UNVERSIONED, ALL) if of_log else group, span, end))


def together(one: Snapshot, other: Snapshot) -> Snapshot:
    """Snapshots of one window and two versions as one: counts are added, shares are taken of all the rows.

    Versions are taken to be independent; where one has no value, as on a day without its predictions, the
    other's is that of both.
    """
    if one.value is None or other.value is None:
        return one if other.value is None else other
    extensive = find(one.metric).extensive
    rows = one.n + other.n
    shares = (1.0, 1.0) if extensive else (one.n / rows, other.n / rows) if rows else (0.5, 0.5)
    errors = (one.standard_error, other.standard_error)
    known = None if None in errors else hypot(*(e * s for e, s in zip(errors, shares, strict=True) if e))
    less = min(one.maturity, other.maturity, key=[*Maturity].index)
    covered = [(each.coverage or 0.0) * each.n for each in (one, other)]
    return replace(
        one,
        version=UNVERSIONED,
        value=one.value * shares[0] + other.value * shares[1],
        standard_error=known,
        n=rows,
        coverage=None if one.coverage is None else sum(covered) / rows if rows else 0.0,
        maturity=less,
        status=one.status if one.status is Status.OK else other.status,
    )


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


def absent(window: DayRange) -> Point:
    """A window of which nothing is stored: the version has no prediction in it."""
    return Point(
        start=window.start,
        end=window.end,
        value=None,
        standard_error=None,
        n=0,
        coverage=None,
        maturity=Maturity.MATURE,
        status=Status.EMPTY,
        reason="there is no prediction in the window",
    )


def references_of(
    past: Past, detector: BaseDetector, metric: Metric, horizon: Horizon
) -> dict[Group, Reference]:
    """Each group's reference at a horizon: all its days pooled and, where asked for, one by one.

    What came in has one of all versions too, for those that are not in it.
    """
    spec, days = past.spec, past.days
    if days is None:
        return {}
    groups: Mapping[Group, Statistics]
    lived: Mapping[Group, Sequence[bool]] = {}
    if metric.part is Part.QUALITY:
        groups = {(UNVERSIONED, ALL): past.counted(horizon)}
    else:
        known = past.history(horizon, segments=bool(detector.segments))
        lived = {group: list(map(bool, there)) for group, there in known.lived.items()}
        groups = known.groups
        if metric.part is Part.INPUTS:
            groups = of_reference(metric, of_all(known.inputs) if detector.judges_logs else known.inputs)
    found = {}
    for group, statistics in groups.items():
        if not judged_segment(detector, group[1]):
            continue
        pooled = next(points_of(spec, metric, statistics, days, len(days)))
        each: tuple[Point, ...] = ()
        if detector.reads_reference_days:
            there = lived.get(group)
            singles = points_of(spec, metric, statistics, days, 1)
            each = tuple(point for i, point in enumerate(singles) if there is None or there[i])
        baseline = None
        if detector.adjusts and isinstance(statistics, BinaryStatistics):
            baseline = Baseline.of(statistics)
            if baseline is not None and metric.adjustable:
                each = tuple(foreseen(metric, point, statistics, days, baseline) for point in each)
        found[group] = Reference(pooled, each, baseline)
    return found


def foreseen(
    metric: Metric, point: Point, statistics: BinaryStatistics, days: DayRange, baseline: Baseline
) -> Point:
    """A day of these with what the reference makes us expect of its scores."""
    at = distance(days.start, point.start)
    return replace(point, expected=expected(metric, statistics[at : at + 1], baseline))


def points_of(
    spec: MonitorSpec, metric: Metric, statistics: Statistics, days: DayRange, length: int
) -> Iterator[Point]:
    """Every run of so many days of the reference, as a detector sees it."""
    value = measured(metric, statistics, length)
    share = finite(measured(find("coverage"), statistics, length).value)
    errors = finite(value.standard_error)
    of_log = metric.part is Part.QUALITY
    for i, (figure, day) in enumerate(zip(finite(value.value), days, strict=False)):
        window = DayRange(day, day) if length == 1 else days
        waits = metric.labelled and not of_log
        yield Point(
            start=window.start,
            end=window.end,
            value=figure,
            standard_error=None if figure is None else errors[i],
            n=round(float(value.rows[i])),
            coverage=share[i],
            maturity=maturity_of(spec, share[i], None) if waits else Maturity.MATURE,
            status=Status.OK if figure is not None else Status.UNDEFINED,
        )


def of_all(groups: Mapping[Group, InputStatistics]) -> Mapping[Group, InputStatistics]:
    """These statistics, with those of all versions together."""
    versions = [statistics for (version, segment), statistics in groups.items() if segment == ALL]
    if (UNVERSIONED, ALL) in groups or not versions:
        return groups
    return {**groups, (UNVERSIONED, ALL): reduce(add, versions)}


def of_reference(metric: Metric, groups: Mapping[Group, InputStatistics]) -> Mapping[Group, InputStatistics]:
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
    detector: BaseDetector, series: Series, known: History, group: Group, reference: Reference
) -> Series:
    """The series with what the reference makes us expect of its scores; for a trend, of each day's."""
    statistics = known.groups.get(group)
    baseline = reference.baseline
    if baseline is None or not isinstance(statistics, BinaryStatistics) or not series.metric.adjustable:
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
