"""How often a rule that looks every day is wrong: crossings of its bound by a moving average of noise."""

from __future__ import annotations

from collections.abc import Callable
from math import acos, pi
from statistics import NormalDist
from typing import Final

import numpy as np

from hindsight.domain.values import NAMED_AT_ONCE, Span

NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)

MOST_SEGMENTS: Final = NAMED_AT_ONCE
"""As many values of its columns as a monitor keeps apart at most."""

SUREST: Final = 1.0 - 1e-12
"""As sure as a rule can be made: beyond it a p-value has no digits left."""


def upcrossings(level: float, correlation: float) -> float:
    """The chance that of two looks the first lies below `level` and the second above it.

    Both are standard normal with this correlation, from 0 to 1.  The integral of Plackett (1954) over the
    correlation, from here to 1, with r = cos(t); it is twice Owen's T function (1956).

    >>> round(upcrossings(0.0, 0.0), 12), upcrossings(2.0, 1.0)
    (0.25, 0.0)
    """
    end = acos(min(max(correlation, 0.0), 1.0))
    angle = (NODES + 1.0) * (end / 2.0)
    heights = np.exp(-level * level / (1.0 + np.cos(angle)))
    return float(WEIGHTS @ heights) * (end / 2.0) / (2.0 * pi)


def openings(evidence: float, correlation: float, *, sides: int = 1, segments: bool = False) -> float:
    """The expected false breaches that open, a look: at most, wherever the truth lies up to the bound.

    A breach opens when the estimate, in its errors, goes beyond the quantile of `evidence`; nowhere does it
    so more often than with the truth on the bound itself, or for evidence below one half on the quantile.
    The `segments` of all columns add the worst case of the procedure that judges them together: as many as
    can be, each at its part of what the evidence leaves, and a little for those that it finds together.
    Successive looks at the days of a window share most of them, so they cross far less often than looks at
    days of their own.

    >>> week, day = openings(0.95, 1 - 1 / 7), openings(0.95, 0.0)
    >>> round(day, 4), round(week, 4)
    (0.0475, 0.0215)
    """
    left = 1.0 - evidence
    whole = upcrossings(max(-NormalDist().inv_cdf(left), 0.0), correlation)
    if not segments:
        return sides * whole
    alone = min(left / MOST_SEGMENTS, 0.5)
    many = MOST_SEGMENTS * upcrossings(-NormalDist().inv_cdf(alone), correlation)
    return sides * (whole + min(many / (1.0 - min(left, 0.5)), left))


def surest(rate: Callable[[float], float], least: float, a_day: float) -> float:
    """The smallest evidence from `least` on at which `rate`, which falls with it, is `a_day` at most."""
    if rate(least) <= a_day:
        return least
    low, high = least, SUREST
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (low, middle) if rate(middle) <= a_day else (middle, high)
    return high


def looks(window: Span) -> tuple[float, float]:
    """How many looks a day a rule takes at windows of this length, and the part that two in turn share.

    >>> looks(Span(28)) == (1.0, 27 / 28), looks(Span.parse("week")), looks(Span(1, "h"))
    (True, (0.14285714285714285, 0.0), (24.0, 0.0))
    """
    if window.calendar:
        return (12.0 / 365.25 if window.calendar == "month" else 1.0 / 7.0), 0.0
    return (24.0 if window.unit == "h" else 1.0), 1.0 - 1.0 / window.count
