"""An explanation: all that is told of one breach, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import Enum
from typing import Any

from hindsight.domain.values import Length
from hindsight.explanation.advice import Advice
from hindsight.explanation.company import VersionChange, VolumeChange
from hindsight.explanation.drifts import Drift
from hindsight.explanation.levels import Change
from hindsight.explanation.parts import Part, Split
from hindsight.explanation.since import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What stands beside one breach; `first` and `last` are the window's days, or hours.

    `against` says what the window is compared with, empty if there is nothing.  `change` is that of the
    metric itself, `others` are those of other metrics that surely moved.  `since` is None where no day is
    dated, `dated_from` the first day that was looked at.  `splits` are empty where nothing is shared out, and
    then `unsplit` says why.  `faults` and `notes` are clauses on the logs; those of `faults` concern a good
    part of the window.
    """

    monitor: str
    detector: str
    metric: str
    version: str
    segment: str
    window: Length
    first: date
    last: date
    horizon: Length
    against: str
    advice: Advice
    change: Change | None = None
    since: Since | None = None
    dated_from: date | None = None
    splits: tuple[Split, ...] = ()
    unsplit: str = ""
    drifts: tuple[Drift, ...] = ()
    others: tuple[Change, ...] = ()
    versions: tuple[VersionChange, ...] = ()
    volume: VolumeChange | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def outstanding(self) -> tuple[tuple[Split, Part], ...]:
        """The segments that stand out, with their columns: the largest part of the change first."""
        found = [(split, part) for split in self.splits for part in split.parts if part.stands_out]
        return tuple(sorted(found, key=lambda each: (-abs(each[1].total / each[0].change), each[1].segment)))


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON has it: dates in ISO 8601, lengths as `28d`, null for what is unknown."""
    plain: dict[str, Any] = _plain(asdict(explanation))
    plain["advice"]["retrain"] = "advised" if explanation.advice.retrain else "not advised"
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) >= {"count", "unit"}:
            return value.get("calendar") or f"{value['count']}{value['unit']}"
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.value if isinstance(value, Enum) else value
