"""What people were told of windows, kept with each message, so that a note can say what has changed since.

A message rests on judgements of windows.  They are written beside it in the outbox; what the detections say
of the same windows now, at the oldest age that has an answer, is compared with the last that was told.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection
from hindsight.domain.values import Horizon, Verdict
from hindsight.incidents.revised import Revision, Window, window_of
from hindsight.windows import run_day

Told = Mapping[str, Any]
"""A judgement as a message named it: of which window, at which age, and of which incident."""


def as_told(named: Iterable[tuple[str, Detection]]) -> str:
    """Judgements that a message names, each with its incident, as canonical text."""
    found = [
        {
            "incident": incident,
            "window": window_of(detection),
            "horizon": str(detection.horizon),
            "as_of": detection.as_of.isoformat(),
            "verdict": detection.verdict,
            "observed": detection.observed,
        }
        for incident, detection in named
    ]
    return json.dumps(sorted(found, key=repr), sort_keys=True, separators=(",", ":"), allow_nan=False)


def last_told(
    messages: Iterable[str], before: Mapping[Window, Told] = MappingProxyType({})
) -> dict[Window, Told]:
    """The last judgement that people were told of each window, from what messages named, oldest first.

    A message that names an incident's worst breach again, by the labels of then, does not take back what was
    told of the same window by older labels.  `before` is what was told besides, earlier.
    """
    found = dict(before)
    for told in (each for message in messages for each in json.loads(message)):
        window = tuple(told["window"])
        if window not in found or _known(told) >= _known(found[window]):
            found[window] = told
    return found


def _known(told: Told) -> datetime:
    """The knowledge that a judgement used."""
    return datetime.fromisoformat(told["as_of"])


def notes(
    told: Mapping[Window, Told], detections: Collection[Detection], zone: ZoneInfo
) -> tuple[Revision, ...]:
    """The told windows that are judged otherwise now, by later labels or by rows that landed late."""
    now: dict[Window, Detection] = {}
    for detection in sorted(detections, key=lambda d: d.as_of):
        window = window_of(detection)
        if window in told and detection.verdict is not Verdict.INSUFFICIENT:
            now[window] = detection
    found = []
    for window, detection in now.items():
        before = told[window]
        if before["verdict"] != detection.verdict:
            first = replace(
                detection,
                verdict=Verdict(before["verdict"]),
                observed=before["observed"],
                horizon=Horizon.parse(before["horizon"]),
                as_of=datetime.fromisoformat(before["as_of"]),
            )
            day = run_day(detection.as_of, zone)
            found.append(Revision(day, first, detection, before["incident"]))
    return tuple(sorted(found, key=lambda r: (r.day, window_of(r.later))))
