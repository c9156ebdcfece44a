"""What happened on the same days: versions that came or went, and more or fewer predictions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from hindsight.explanation.parts import worth
from hindsight.windows import DayRange

AROUND: Final = timedelta(days=7)
"""How long before or after a change something else is taken to go with it."""

BEFORE: Final = 7
"""Days without a version before its first one, or after its last, that make it new, or gone."""

A_DAY: Final = 24
"""The same of hours: a version that nobody asks at night is still there."""

NOTABLE: Final = 0.1
"""Part of the usual volume by which it must differ."""

FAR: Final = 3.0
"""Errors by which it must differ."""

CYCLES: Final = 2
"""Units of a weekday, or hour, from which on it is compared with its own."""


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A version that appeared, or vanished: its first unit, or its last."""

    version: str
    appeared: bool
    on: date


@dataclass(frozen=True, slots=True)
class VolumeChange:
    """Predictions of the window and those that its weekdays, or hours, usually bring; `error` is of these."""

    volume: float
    usual: float
    error: float

    @property
    def by(self) -> float:
        """How much more or less, as a part of what is usual."""
        return self.volume / self.usual - 1.0

    @property
    def notable(self) -> bool:
        """Whether it differs by enough to matter, and by more than days do."""
        return abs(self.by) >= NOTABLE and abs(self.volume - self.usual) > FAR * self.error


def versions(
    lived: Mapping[str, Sequence[date]], computed: Sequence[date], window: DayRange, changed: date | None
) -> tuple[VersionChange, ...]:
    """The versions that came or went within the window, or within a week of the change, oldest first.

    `lived` are the units on which a version has predictions, `computed` those that are known at all.  A
    version is new, or gone, only if enough known units before, or after, are without it; so what was always
    there, or has only just paused, is neither.

    >>> days = [date(2013, 7, 1) + timedelta(days=i) for i in range(40)]
    >>> found = versions({"v1": days, "v2": days[14:]}, days, DayRange(days[12], days[-1]), None)
    >>> [(each.version, each.appeared, str(each.on)) for each in found]
    [('v2', True, '2013-07-15')]
    """
    known = sorted(computed)
    found = []
    for version, units in lived.items():
        if not units:
            continue
        first, last = min(units), max(units)
        for on, appeared in ((first, True), (last, False)):
            outside = [unit for unit in known if (unit < first if appeared else unit > last)]
            near = on in window or (changed is not None and abs(_day(on) - _day(changed)) <= AROUND)
            if near and len(outside) >= (A_DAY if isinstance(on, datetime) else BEFORE):
                found.append(VersionChange(version, appeared, on))
    return tuple(sorted(found, key=lambda each: (each.on, each.version)))


def volume(window: Mapping[date, float], usual: Mapping[date, float]) -> VolumeChange | None:
    """The window's predictions beside those of earlier units, weekday by weekday or hour by hour.

    A weekday that the earlier units have fewer than two of is compared with all of them.  None without at
    least seven earlier units.

    >>> early = {date(2013, 3, 1) + timedelta(days=i): 750.0 if i % 7 == 1 else 970.0 + i for i in range(28)}
    >>> volume({date(2013, 4, 6): 760.0}, early).notable  # a Saturday as Saturdays are
    False
    """
    if len(usual) < BEFORE or not window:
        return None
    cycles: dict[int, list[float]] = defaultdict(list)
    for unit, count in usual.items():
        cycles[_phase(unit)].append(count)
    every = np.array(list(usual.values()))
    expected, variance = 0.0, 0.0
    apart = [np.array(each) - np.mean(each) for each in cycles.values() if len(each) >= CYCLES]
    levels = {phase: np.mean(each) for phase, each in cycles.items() if len(each) >= CYCLES}
    rest = [usual[unit] - levels.get(_phase(unit), every.mean()) for unit in sorted(usual)]
    factor = float(worth(np.array(rest)))
    left = sum(len(each) - 1 for each in apart)
    whole = float(every.std(ddof=1))
    scatter = math.sqrt(sum(float((each**2).sum()) for each in apart) / left) if left else whole
    for unit in window:
        own = cycles.get(_phase(unit), [])
        known = np.array(own) if len(own) >= CYCLES else every
        expected += float(known.mean())
        spread = scatter if len(own) >= CYCLES else whole
        variance += spread**2 * (1.0 + 1.0 / len(known))
    total = float(sum(window.values()))
    # Days in a row that go with each other stray together, in the window and before; one alone does not.
    together = factor if len(window) > 1 else 1.0
    error = math.sqrt(max(variance * together, expected))
    return VolumeChange(total, expected, error) if expected > 0.0 else None


def _phase(unit: date) -> int:
    return unit.hour if isinstance(unit, datetime) else unit.weekday()


def _day(unit: date) -> date:
    return unit.date() if isinstance(unit, datetime) else unit
