"""What the demo found, and whether that is what a good monitor says of the flights of 2013."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from hindsight.domain.records import Detection, Incident, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, IncidentClass, Severity, Verdict
from hindsight.metrics import find
from hindsight.metrics.estimate import measured
from hindsight.pipeline.present import unit_at, unit_before
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import finite, history
from hindsight.windows import DayRange

AT: Final = Horizon(7)
STORMS: Final = (
    date(2013, 4, 22),
    date(2013, 4, 25),
    date(2013, 6, 13),
    date(2013, 7, 1),
    date(2013, 7, 23),
    date(2013, 8, 9),
)
NULLS: Final = {date(2013, 12, 30), date(2013, 12, 31)}
OUTAGE: Final = DayRange(date(2013, 10, 1), date(2013, 10, 16))


@dataclass(frozen=True, slots=True)
class Month:
    """A month of one version at label age 7 days; None where there is no value."""

    first: date
    version: str
    coverage: float | None
    values: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Check:
    """Something the demo must find, or must not."""

    sentence: str
    held: bool


def months(
    spec: MonitorSpec, runtime: Runtime, metrics: Sequence[str], first: date, last: date
) -> Iterator[Month]:
    """Every month of every version: the sum of its days, each at the same label age."""
    start = first
    with runtime.store.transaction() as connection:
        while start <= last:
            end = min((start + timedelta(days=32)).replace(day=1) - timedelta(days=1), last)
            days = DayRange(start, end)
            known = history(spec, days, AT, connection, runtime, [ALL])
            for (version, _), statistics in known.groups.items():
                read = {
                    name: finite(measured(find(name), statistics, len(days)).value)[0]
                    for name in (*metrics, "coverage")
                }
                yield Month(start, version, read.pop("coverage"), read)
            start = end + timedelta(days=1)


def checks(
    spec: MonitorSpec,
    detections: Sequence[Detection],
    incidents: Sequence[Incident],
    accuracy: Sequence[Snapshot],
) -> list[Check]:
    """What the README promises of the demo, judged on the store; `accuracy` is of single days."""

    def last_day(detection: Detection) -> date:
        return unit_before(spec, detection.window_end)

    def first_day(detection: Detection) -> date:
        return unit_at(spec, detection.window_start)

    own = {detector.name: detector.at for detector in spec.detectors}
    judged = [d for d in detections if d.horizon == own[d.detector] and d.segment == ALL]
    breaches = [d for d in judged if d.verdict is Verdict.BREACH]
    performance = [d for d in breaches if d.incident_class is IncidentClass.PERFORMANCE]
    assert spec.reference.end is not None
    april = [
        d
        for d in performance
        if d.metric == "recall"
        and d.version == "v1"
        and d.window.count == 28
        and last_day(d).month == 4
        and first_day(d) > spec.reference.end
    ]
    skill = [d for d in performance if d.metric == "brier_skill" and d.severity is Severity.CRITICAL]
    promised = [d for d in performance if d.metric == "calibration_ratio" and d.version == "v2"]
    september = [d for d in promised if last_day(d).month == 9 and d.upper and (d.observed or 0.0) > d.upper]
    december = [d for d in performance if last_day(d).month == 12]
    # A resolved incident is as severe as it ever was, so of older ones those tell that are open still.
    opened = [
        i
        for i in incidents
        if i.incident_class is IncidentClass.PERFORMANCE and (i.is_open or i.opened_on.month == 12)
    ]
    day_rule = [s for s in accuracy if unit_at(spec, s.window_start) in STORMS and (s.value or 1.0) < 0.5]
    at = {(d.detector, d.version, last_day(d)): d for d in judged}
    flipped = [
        d
        for d in performance
        if last_day(d) in STORMS
        and (before := at.get((d.detector, d.version, last_day(d) - timedelta(days=1)))) is not None
        and before.verdict is Verdict.CLEAR
    ]
    missing = [d for d in breaches if d.incident_class is IncidentClass.LABEL_HEALTH]
    outage = [d for d in missing if last_day(d) in OUTAGE]
    thin = [
        d
        for d in judged
        if d.incident_class is IncidentClass.PERFORMANCE
        and last_day(d) in OUTAGE
        and (d.coverage or 0.0) < spec.maturity.min_coverage
    ]
    unjudged = [d for d in thin if d.verdict is Verdict.INSUFFICIENT]
    # What arrived on the eve of the outage would have been published on its first day.
    around = DayRange(OUTAGE.start - timedelta(days=1), OUTAGE.end)
    seen = [i for i in incidents if i.incident_class is IncidentClass.LABEL_HEALTH and i.since in around]
    nulls = {last_day(d) for d in breaches if d.incident_class is IncidentClass.DATA_QUALITY}
    busy = [d for d in breaches if d.metric == "volume" and "volume" in d.detector]
    return [
        Check("v1's recall breaches on a 28-day window that lies after March and ends in April", bool(april)),
        Check(
            "v1's scores are worse than none in July and August, which is critical; v2's never are",
            {last_day(d).month for d in skill} >= {7, 8} and {d.version for d in skill} == {"v1"},
        ),
        Check("v2 promises too many late flights in a calm September", bool(september)),
        Check(
            f"a rule on single days fires on storms (accuracy below .5 {len(day_rule)} times), ours do not",
            bool(day_rule) and not flipped,
        ),
        Check(
            "December, a harder world, is a warning and no more",
            bool(december)
            and all(d.severity is Severity.WARNING for d in december)
            and all(i.severity is Severity.WARNING for i in opened),
        ),
        Check("October's outage is seen as missing labels", bool(outage) and bool(seen)),
        Check("windows without enough labels are not judged at all", bool(thin) and thin == unjudged),
        Check(
            "the weather that is missing on 30 and 31 December is a matter of data quality", nulls >= NULLS
        ),
        Check("neither a Saturday nor Thanksgiving is a loss of flights", not busy),
    ]
