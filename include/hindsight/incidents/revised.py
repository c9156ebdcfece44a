"""Where what we know now contradicts what people were told: for quiet notes, never for a page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Incident
from hindsight.domain.values import Horizon, Resolution, Verdict
from hindsight.incidents.history import class_words
from hindsight.incidents.judgements import by_horizon, member_of
from hindsight.windows import run_day
from hindsight.wording import calendar

Window = tuple[str, ...]
"""What names a judged window: detector, version, segment, and its bounds."""

_BY_DATA = (None, Resolution.RECOVERED, Resolution.GONE)


@dataclass(frozen=True, slots=True)
class Revision:
    """A window judged one way first and another way later: with more labels, or with rows that landed since.

    `day` is the run day of the later judgement, `incident` that of the message which named the first one, if
    a message did.
    """

    day: date
    first: Detection
    later: Detection
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """An incident that stands otherwise than people were last told; `reason` is the sentence to tell them.

    `withdrawn` is the incident as it last stood, where there is none any more.
    """

    incident_id: str
    reason: str
    withdrawn: Incident | None = None


def revisions(
    detections: Iterable[Detection],
    incidents: Collection[Incident],
    zone: ZoneInfo,
    *,
    at: Mapping[str, Horizon] | None = None,
) -> tuple[Revision, ...]:
    """The windows that later labels judge otherwise than people were told, oldest re-judgement first.

    A breach was told if an incident that was told rests on it; a clear window always is, by
    silence.  Insufficient verdicts revise nothing, and repeating the latest verdict is not news.
    """
    own, later = by_horizon(tuple(detections), at)
    first = {window_of(d): d for d in own if d.verdict is not Verdict.INSUFFICIENT}
    standing = dict(first)
    found = []
    for detection in sorted(later, key=lambda d: (d.as_of, window_of(d), d.verdict)):
        window = window_of(detection)
        if window not in first or detection.verdict in (Verdict.INSUFFICIENT, standing[window].verdict):
            continue
        before, standing[window] = standing[window], detection
        if first[window].verdict is Verdict.CLEAR or _was_told(first[window], incidents, zone):
            found.append(Revision(run_day(detection.as_of, zone), before, detection))
    return tuple(found)


def corrections(
    stored: Collection[Incident],
    incidents: Collection[Incident],
    *,
    rules: Collection[str] | None = None,
) -> tuple[Correction, ...]:
    """The told incidents that recomputed days, or an edit of the file, have withdrawn, ended or opened again.

    `stored` are the incidents as they lay in the store before this replay, `incidents` those after
    it, `rules` the names of the detectors in the monitor's file.  An end that falls on the day of the run
    itself is a transition of that day too: tell it once.  What a person ended, or what came back within days
    of its end, is told as that, and corrects nothing.
    """
    now = {incident.id: incident for incident in incidents}
    found = []
    for before in sorted(stored, key=lambda incident: (incident.opened_on, incident.id)):
        after = now.get(before.id)
        what = f"the {class_words(before.incident_class)} incident of {calendar(before.opened_on)}"
        removed, withdrawn = _removed(before, rules), None
        if before.told_on is None:
            continue
        if after is None and before.is_open:
            reason = f"{what} is withdrawn: {removed or 'recomputed days no longer show it'}"
            withdrawn = before
        elif after is not None and before.is_open and after.resolved_on is not None:
            if after.resolution not in _BY_DATA:
                continue
            ended = f"ended on {calendar(after.resolved_on)}"
            reason = f"{what} {f'is over: {removed}' if removed else ended}"
        elif after is not None and after.is_open and before.resolved_on is not None:
            if after.reopened > before.reopened:
                continue
            reason = f"{what} was told as resolved, but recomputed days show it still open"
        else:
            continue
        found.append(Correction(before.id, reason, withdrawn))
    return tuple(found)


def _removed(incident: Incident, rules: Collection[str] | None) -> str:
    """That none of the rules by which an incident was open is in the file any more; empty if one is."""
    gone = sorted({member.detector for member in incident.breaching})
    if rules is None or not gone or any(detector in rules for detector in gone):
        return ""
    if len(gone) > 1:
        return f"its {len(gone)} rules were removed from the file"
    return "its rule was removed from the file"


def window_of(detection: Detection) -> Window:
    """Which window a detection judges, whatever the age."""
    start, end = detection.window_start.isoformat(), detection.window_end.isoformat()
    return detection.detector, detection.version, detection.segment, start, end


def _was_told(detection: Detection, incidents: Collection[Incident], zone: ZoneInfo) -> bool:
    day, who = run_day(detection.as_of, zone), member_of(detection)
    return any(
        incident.told_on is not None
        and incident.incident_class is detection.incident_class
        and who in incident.members
        and incident.opened_on <= day <= incident.last_breach_on
        for incident in incidents
    )
