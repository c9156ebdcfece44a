"""Fifth task: let every detector judge every touched window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from hindsight import faults
from hindsight.detectors.base import BaseDetector, Finding, Point
from hindsight.detectors.budget import within
from hindsight.detectors.compare import Compare
from hindsight.detectors.multiplicity import beyond_chance
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec, named
from hindsight.domain.values import ALL, NO_LABELS, Horizon, Severity
from hindsight.metrics import find
from hindsight.pipeline.experiments import ArmsIndex
from hindsight.pipeline.kept import kept_of
from hindsight.pipeline.past import Past
from hindsight.pipeline.plan import begins, due_in, touched, zone
from hindsight.pipeline.present import own_pairs, unit_before
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.series import SeriesIndex
from hindsight.windows import DayRange, Pair, as_of, days_of, end_of, ends_of, start_of


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
        past = Past(spec, connection, runtime)
        for detector in rules(spec):
            judged = {
                Pair(found.horizon, unit_before(spec, found.window_end))
                for found in runtime.store.detection_places(connection, spec.monitor, detector.name)
            }
            behind = {
                pair
                for pair in present
                if pair.horizon in horizons_of(spec, detector)
                and detector.judges(pair.day)
                and pair.day in ends_of(pair.day, detector.reach)
                and begins(spec, pair.day, detector.window)
                and kept.judges(days_of(pair.day, detector.reach))
            } - judged
            due = read_by(spec, detector, due_in(spec, days))
            due_ends = touched(spec, due, present, detector.reach, kept.judges)
            ends = {
                horizon: sorted(
                    {*due_ends.get(horizon, ()), *(pair.day for pair in behind if pair.horizon == horizon)}
                )
                for horizon in horizons_of(spec, detector)
            }
            for row in make_detections(spec, detector, ends, connection, runtime, past):
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
    past: Past,
) -> list[Detection]:
    """Replace a detector's detections of the windows that end on these days.

    What is read of the reference stays in `past`, for the detectors that come next.
    """
    rows = [
        row
        for horizon, found in ends.items()
        if found
        for row in judge(spec, detector, horizon, found, connection, runtime, past)
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


def rules(spec: MonitorSpec) -> tuple[BaseDetector, ...]:
    """The monitor's detectors, their bounds set to keep to its false-alarm budget if it has one."""
    return within(spec.detectors, spec.budget)


def horizons_of(spec: MonitorSpec, detector: BaseDetector) -> tuple[Horizon, ...]:
    """Where a detector judges: at its own horizon, and with labels at every later one."""
    if not find(detector.carrier).labelled:
        return (detector.at,)
    return tuple(horizon for horizon in spec.horizons if horizon >= detector.at)


def read_by(spec: MonitorSpec, detector: BaseDetector, pairs: set[Pair]) -> set[Pair]:
    """These pairs, and with each at 0d the day's later ones if the detector reads at 0d beside its labels."""
    if all(find(name).labelled for name in detector.others(spec)):
        return pairs
    unlabelled = [pair.day for pair in pairs if pair.horizon == NO_LABELS]
    return pairs | {Pair(horizon, day) for horizon in horizons_of(spec, detector) for day in unlabelled}


def judge(
    spec: MonitorSpec,
    detector: BaseDetector,
    horizon: Horizon,
    ends: Sequence[date],
    connection: sa.Connection,
    runtime: Runtime,
    past: Past,
) -> Iterator[Detection]:
    """The detections of one detector at one horizon for the windows that end on these days."""
    index: SeriesIndex | ArmsIndex
    if isinstance(detector, Compare):
        index = ArmsIndex(spec, detector, horizon, ends, connection, runtime)
    else:
        index = SeriesIndex(spec, detector, horizon, ends, connection, runtime, past)
    for end in ends:
        seen = {group: index.series(group, end) for group in index.groups(end)}
        found = {group: detector.examine(series) for group, series in seen.items()}
        if isinstance(index, SeriesIndex):
            found = beyond_chance(detector, found)
        for group, finding in found.items():
            yield detection(spec, detector, horizon, end, group, seen[group].latest, finding)


def detection(
    spec: MonitorSpec,
    detector: BaseDetector,
    horizon: Horizon,
    end: date,
    group: tuple[str, str],
    latest: Point,
    finding: Finding,
) -> Detection:
    """A finding with its key."""
    of_whole = group[1] == ALL
    return Detection(
        monitor=spec.monitor,
        version=group[0],
        segment=group[1],
        detector=detector.name,
        metric=finding.metric or detector.metric,
        window=detector.window,
        window_start=start_of(latest.start, zone(spec)),
        window_end=end_of(end, zone(spec)),
        as_of=as_of(end, horizon, zone(spec)),
        horizon=horizon,
        incident_class=finding.incident_class or detector.incident_class,
        severity=detector.severity_of(finding) if of_whole else finding.severity or Severity.OK,
        verdict=finding.verdict,
        observed=finding.observed,
        expected=finding.expected,
        lower=finding.lower,
        upper=finding.upper,
        p_value=finding.p_value,
        n=latest.n,
        coverage=latest.coverage,
        reason=finding.reason,
        spec_hash=made_from(spec, detector),
        details=finding.details,
    )


def made_from(spec: MonitorSpec, detector: BaseDetector) -> str:
    """What names all that a detector's verdicts are made from: its options, and how snapshots are read."""
    return named(spec.read_by, detector.digest)
