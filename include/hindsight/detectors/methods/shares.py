"""Tests of a share or another figure against a bound, and of many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import erfc, isfinite, sqrt
from typing import Final

import numpy as np

from hindsight.detectors.base import Point

NEGLIGIBLE: Final = 0.01
"""Of the binomial variance: what days differ by, where that is less."""


@dataclass(frozen=True, slots=True)
class Level:
    """What a share usually is: its mean, that mean's error, and what days differ by beyond their rows."""

    share: float
    error: float = 0.0
    between: float = 0.0


def level_of(reference: Point | None, days: tuple[Point, ...]) -> Level:
    """The level of a reference; 0 without one.

    The variance between days is that of their shares less the mean binomial one (the method of moments).
    """
    if reference is None or reference.value is None or not np.isfinite(reference.value):
        return Level(0.0)
    share = min(max(reference.value, 0.0), 1.0)
    known = [day for day in days if day.value is not None and np.isfinite(day.value) and day.n > 0]
    between = 0.0
    if len(known) > 1:
        values = np.clip([day.value or 0.0 for day in known], 0.0, 1.0)
        within = float(np.mean([share * (1.0 - share) / day.n for day in known]))
        between = sqrt(max(float(np.var(values, ddof=1)) - within, 0.0))
    error = reference.standard_error or 0.0
    return Level(share, min(abs(error), 1.0) if np.isfinite(error) else 0.0, between)


def chance_above(part: float, whole: float, bound: float, variance: float = 0.0) -> float:
    """How likely chance gives so many of so many or more, were the true share the bound.

    That is the binomial probability, if the share of a day varies by no variance of its own.  With one, the
    two variances together are taken as a beta distribution's around the bound, with half a row taken off for
    continuity.

    >>> round(chance_above(30, 1000, 0.02), 3), chance_above(5, 1000, 0.02) > 0.99
    (0.021, True)
    """
    from scipy.special import (  # a third of a second that the parsing of DAG files does not pay
        bdtrc,
        betaincc,
    )

    if whole <= 0 or part <= 0:
        return 1.0
    if bound <= 0:
        return 0.0
    if bound >= 1:
        return 1.0
    mean = bound * (1.0 - bound)
    if variance < NEGLIGIBLE * mean / whole:
        return float(bdtrc(np.ceil(part - 1e-6) - 1.0, int(whole), bound))
    total = mean / whole + variance
    size = max(mean / total - 1.0, 1e-9)
    at = min(max((part - 0.5) / whole, 0.0), 1.0)
    return float(min(max(betaincc(bound * size, (1.0 - bound) * size, at), 0.0), 1.0))


def chance(beyond: float, error: float | None) -> float:
    """How likely chance gives as much beyond a limit that the truth sits on: of a normal error, one-sided.

    Nobody can say without an error; with one of 0 it is what it is.
    """
    if error is None or not isfinite(error) or not isfinite(beyond):
        return 1.0
    if error <= 0:
        return 0.0 if beyond > 0 else 1.0
    return 0.5 * erfc(beyond / error / sqrt(2.0))


def adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values as Benjamini and Hochberg (1995) adjust them: each the smallest rate at which it stands.

    >>> adjusted({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.04, 'c': 0.04}
    """
    ordered = sorted(p_values, key=lambda name: (p_values[name], name), reverse=True)
    least, found = 1.0, {}
    for rank, name in zip(range(len(ordered), 0, -1), ordered, strict=True):
        least = min(least, p_values[name] * len(ordered) / rank)
        found[name] = least
    return {name: found[name] for name in p_values}
