"""Which detections count: one judgement per member and run day, at the detector's own horizon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Member
from hindsight.domain.values import ALL, Horizon, IncidentClass, Severity, Verdict
from hindsight.metrics import prototype
from hindsight.metrics.base import MOVED_BY_THE_WORLD, Family
from hindsight.windows import end_of, run_day
from hindsight.wording import excess

ONE_HOUR = timedelta(hours=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
_WEIGHT = {Verdict.INSUFFICIENT: 0, Verdict.CLEAR: 1, Verdict.BREACH: 2}


def member_of(detection: Detection) -> Member:
    """Whose judgement this is."""
    return Member(detection.detector, detection.version, detection.segment)


def by_horizon(
    detections: Collection[Detection], at: Mapping[str, Horizon] | None
) -> tuple[list[Detection], list[Detection]]:
    """The detections at their detector's own horizon, and those at later ones.

    `at` names each detector's own horizon; for one it does not name, the smallest at which that detector
    judged anything stands in.
    """
    own: dict[str, Horizon] = {}
    for detection in detections:
        own[detection.detector] = min(own.get(detection.detector, detection.horizon), detection.horizon)
    own |= at or {}
    return (
        [d for d in detections if d.horizon == own[d.detector]],
        [d for d in detections if d.horizon > own[d.detector]],
    )


@dataclass(frozen=True, slots=True)
class RunDay:
    """What was judged on one run day.

    `judged` holds by class the one judgement of each member, the gravest where there are several; of a day
    that has more whole hours to be judged (it is not `whole`) only breaches, for it may yet turn out bad.
    `present` is who was judged at all, `first` when a class breached first.  `hourly`: it is judged more than
    once.

    Where people act while a day lasts, it comes in parts, each `until` an instant.  Who breached in an
    earlier part (`before`) has in a later one only what breaches there; the last part alone may be whole.
    """

    day: date
    until: datetime
    whole: bool
    hourly: bool
    before: Collection[Member]
    is_first: bool
    judged: Mapping[IncidentClass, Mapping[Member, Detection]]
    present: Mapping[IncidentClass, Collection[Member]]
    first: Mapping[IncidentClass, datetime]


def run_days(
    detections: Collection[Detection],
    zone: ZoneInfo,
    at: Mapping[str, Horizon] | None,
    cuts: Collection[datetime] = (),
) -> tuple[RunDay, ...]:
    """All days on which the monitor judged anything, oldest first; of a re-judgement no more than its day.

    A day is cut at those of the `cuts` that lie in it.
    """
    own = by_horizon(detections, at)[0]
    latest = max((detection.as_of for detection in own), default=LATEST)
    day_of = {moment: run_day(moment, zone) for moment in {detection.as_of for detection in detections}}
    found: dict[date, list[Detection]] = {day: [] for day in sorted(set(day_of.values()))}
    for detection in own:
        found[day_of[detection.as_of]].append(detection)
    inside: dict[date, list[datetime]] = defaultdict(list)
    for cut in sorted({cut.astimezone(UTC) for cut in cuts}):
        if cut < end_of(day := run_day(cut, zone), zone):
            inside[day].append(cut)
    parts = []
    for day, each in found.items():
        began = EARLIEST
        for until in (*inside[day], end_of(day, zone)):
            parts.append(_run_day(day, [d for d in each if d.as_of <= until], began, until, latest, zone))
            began = until
    return tuple(parts)


def _run_day(
    day: date,
    detections: Iterable[Detection],
    began: datetime,
    until: datetime,
    latest: datetime,
    zone: ZoneInfo,
) -> RunDay:
    """One run day, or the part of it after `began`: of each member the judgement that counts."""
    end = end_of(day, zone)
    whole, hourly = until == end and end - latest < ONE_HOUR, until != end
    judged: dict[IncidentClass, dict[Member, Detection]] = defaultdict(dict)
    present: dict[IncidentClass, set[Member]] = defaultdict(set)
    first: dict[IncidentClass, datetime] = {}
    before = {member_of(d) for d in detections if d.verdict is Verdict.BREACH and d.as_of <= began}
    for detection in detections:
        kind, who = detection.incident_class, member_of(detection)
        hourly |= detection.as_of != end
        present[kind].add(who)
        if detection.verdict is Verdict.BREACH:
            first[kind] = min(first.get(kind, LATEST), detection.as_of)
            if detection.as_of <= began:
                continue
        elif not whole or who in before:
            continue
        if who not in judged[kind] or _gravity(detection) > _gravity(judged[kind][who]):
            judged[kind][who] = detection
    return RunDay(day, until, whole, hourly, before, began == EARLIEST, judged, present, first)


def worst_first(detections: Iterable[Detection]) -> tuple[Detection, ...]:
    """Gravest first: by severity, the whole before its segments, then by how far it is out of bounds."""
    return tuple(
        sorted(
            detections,
            key=lambda d: (-d.severity.rank, d.segment != ALL, -excess(d), d.detector, d.version, d.segment),
        )
    )


def independent(breaches: Iterable[Detection]) -> tuple[Detection, ...]:
    """The worst breach of each independent kind of metric, of the version that breaches in most kinds.

    Metrics of one family are algebra of each other, and those that a harder world moves by itself count
    together as one.  Only breaches of a whole version count, from WARNING on, whether a file or a detector
    graded them.
    """
    kinds: dict[str, dict[Family, Detection]] = defaultdict(dict)
    for each in worst_first(breaches):
        family = family_of(each)
        if family is Family.NONE or each.segment != ALL or each.severity.rank < Severity.WARNING.rank:
            continue
        kind = Family.DECISIONS if family in MOVED_BY_THE_WORLD else family
        kinds[each.version].setdefault(kind, each)
    most = max(kinds.items(), key=lambda item: (len(item[1]), item[0]), default=("", {}))[1]
    return tuple(most.values())


def family_of(detection: Detection) -> Family:
    """What the metric of a detection is algebra of; of one that is no longer known nothing."""
    metric = prototype(detection.metric)
    return Family.NONE if metric is None else metric.family


def _gravity(detection: Detection) -> tuple[int, int, datetime, str]:
    """Of two alike the later hour's counts."""
    return _WEIGHT[detection.verdict], detection.severity.rank, detection.as_of, repr(detection)


def is_well(detection: Detection) -> bool:
    """Whether it counts towards recovery: a value that is still out of bounds, if not surely so, does not."""
    return detection.verdict is Verdict.CLEAR and detection.severity is not Severity.WATCH


def worst(severities: Iterable[Severity]) -> Severity:
    """The gravest of these; OK if there is none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.OK)
