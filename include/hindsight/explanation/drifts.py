"""Which features drifted: those whose distance from the reference is surely beyond the usual bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hindsight.explanation.levels import SURE
from hindsight.wording import counted, figure, name

SOME, MUCH = 0.1, 0.25
"""From which population stability index on a feature is said to have moved, and to have moved far: custom
among those who use it (Siddiqi, 2006).  Here less what chance makes of it, and only if surely so.
"""

NAMED: Final = 3
"""Features that a sentence names."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A feature, how far its distribution is from the reference's (PSI less chance), and its error."""

    feature: str
    value: float
    error: float

    @property
    def is_far(self) -> bool:
        """Whether it surely moved far."""
        return self.value - SURE * self.error > MUCH


def surely(found: Iterable[tuple[str, float | None, float | None]]) -> tuple[Drift, ...]:
    """The features that surely drifted, farthest first; where no error is known nothing is sure.

    >>> [drift.feature for drift in surely([("temp", 3.8, 0.4), ("hour", 0.12, 0.05), ("wind", 1.0, None)])]
    ['temp']
    """
    sure = [
        Drift(feature, value, error)
        for feature, value, error in found
        if value is not None and error is not None and value - SURE * error > SOME
    ]
    return tuple(sorted(sure, key=lambda drift: (-drift.value, drift.feature)))


def quoted(text: str) -> str:
    """A name somebody else chose, so that nobody takes it for a part of the sentence it stands in.

    >>> quoted("origin=JFK"), quoted("v1; retrain")
    ('origin=JFK', "'v1; retrain'")
    """
    said = name(text)
    return f"'{said}'" if set(said) & set(" ;,:'\"") else said


def listed(drifts: Sequence[Drift]) -> str:
    """The features by name, with how far they are.

    >>> listed([Drift("temp", 3.81, 0.4)])
    'temp (psi 3.81)'
    """
    said = [
        f"{quoted(drift.feature)} (psi {figure(drift.value, max(drift.error, 0.01))})" for drift in drifts
    ]
    rest = len(said) - NAMED
    return ", ".join(said[:NAMED]) + (f" and {counted(rest, 'more feature')}" if rest > 0 else "")
