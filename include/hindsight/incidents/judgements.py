"""Which detections count: one judgement per member and run day, at the detector's own horizon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Member
from hindsight.domain.values import ALL, Horizon, IncidentClass, Severity, Verdict
from hindsight.metrics import prototype
from hindsight.metrics.base import MOVED_BY_THE_WORLD, Family
from hindsight.windows import end_of, run_day
from hindsight.wording import excess

Days = dict[date, dict[Member, Detection]]
"""The judgements of one class by run day."""

ONE_HOUR = timedelta(hours=1)
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


def by_class(
    detections: Collection[Detection], zone: ZoneInfo, at: Mapping[str, Horizon] | None
) -> dict[IncidentClass, Days]:
    """The one judgement of each member on each run day, by class; where there are several, the gravest.

    Of a day that has more whole hours to be judged only breaches count: it may yet turn out bad.
    """
    classes: dict[IncidentClass, Days] = defaultdict(lambda: defaultdict(dict))
    own = by_horizon(detections, at)[0]
    latest = max((detection.as_of for detection in own), default=LATEST)
    for detection in own:
        day = run_day(detection.as_of, zone)
        if end_of(day, zone) - latest >= ONE_HOUR and detection.verdict is not Verdict.BREACH:
            continue
        judged = classes[detection.incident_class][day]
        who = member_of(detection)
        if who not in judged or _gravity(detection) > _gravity(judged[who]):
            judged[who] = detection
    return classes


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


def _gravity(detection: Detection) -> tuple[int, int, str]:
    return _WEIGHT[detection.verdict], detection.severity.rank, repr(detection)
