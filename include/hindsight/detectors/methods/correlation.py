"""Rank correlation of two series of days, and how sure it is where days hang together."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, isfinite, sqrt
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Method = Literal["spearman", "kendall"]

CERTAIN: Final = 1.0 - 1e-9
"""No correlation counts as closer to 1: Fisher's z must be finite."""

HUGE: Final = 1e150
"""Values beyond are taken for this one, so that a mean of them is finite."""

LEAST: Final = 5.0
"""Days that are as good as independent, which a correlation takes at least."""


@dataclass(frozen=True, slots=True)
class Link:
    """A rank correlation, the days it rests on, as how many independent ones they count, and Fisher's z."""

    value: float
    days: int
    effective: float
    z: float
    error: float


def link(one: Array, other: Array, method: Method = "spearman", lost: float = 0.0) -> Link | None:
    """The rank correlation of paired days; None if one of them does not vary or there are too few.

    Fisher's z = atanh(r) has the variance 1.06 / (n - 3) for Spearman's and 0.437 / (n - 4) for Kendall's
    coefficient (Fieller, Hartley and Pearson, 1957), with n the effective number of days (`effective`), less
    the degrees of freedom that were `lost` in making the series.

    >>> days = np.arange(20.0)
    >>> found = link(days, days**3)
    >>> found.value, found.days
    (1.0, 20)
    >>> link(days, np.ones(20)) is None
    True
    """
    good = np.isfinite(one) & np.isfinite(other)
    first, second = ranks(one[good]), ranks(other[good])
    many = len(first)
    if many < LEAST:
        return None
    value = spearman(first, second) if method == "spearman" else kendall(first, second)
    if value is None:
        return None
    count = max(effective(first, second) - lost, LEAST)
    variance = 1.06 / (count - 3.0) if method == "spearman" else 0.437 / (count - 4.0)
    return Link(value, many, count, atanh(min(max(value, -CERTAIN), CERTAIN)), sqrt(variance))


def around(values: Array, phases: npt.NDArray[np.int64]) -> tuple[Array, int]:
    """Values less the mean of their weekday or hour, and how many degrees of freedom that takes.

    A phase of which less than three values are known stays together with all others such.

    >>> around(np.array([1.0, 5.0, 2.0, 6.0, 3.0, 7.0]), np.array([0, 1, 0, 1, 0, 1]))[0].tolist()
    [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0]
    """
    found: Array = np.clip(values, -HUGE, HUGE)
    counts = np.bincount(phases)
    groups = [phases == each for each in np.flatnonzero(counts >= 3)]
    rest = ~np.any(groups, axis=0) if groups else np.ones(len(values), dtype=bool)
    for group in (*groups, rest):
        if group.any():
            found[group] -= found[group].mean()
    return found, len(groups) + bool(rest.any()) - 1


def ranks(values: Array) -> Array:
    """Ranks from 1, ties sharing the mean of theirs.

    >>> ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1.0) / 2.0
    shared: Array = middle[place].astype(np.float64)
    return shared


def spearman(one: Array, other: Array) -> float | None:
    """Pearson's correlation of the ranks."""
    first, second = one - one.mean(), other - other.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    if size <= 0 or not isfinite(size):
        return None
    return float(np.clip((first @ second) / size, -1.0, 1.0))


def kendall(one: Array, other: Array) -> float | None:
    """Kendall's tau-b, which makes allowance for ties (1945)."""
    total, first, second = 0.0, 0.0, 0.0
    for i in range(1, len(one)):
        a, b = np.sign(one[i] - one[:i]), np.sign(other[i] - other[:i])
        total += float(a @ b)
        first += float(a @ a)
        second += float(b @ b)
    size = sqrt(first * second)
    return None if size <= 0 else min(max(total / size, -1.0), 1.0)


def effective(one: Array, other: Array) -> float:
    """As how many independent pairs so many days in a row count for a correlation of two series.

    n / (1 + 2 sum over lags k of (1 - k / n) a(k) b(k)), with a and b their autocorrelations (Bartlett, 1946;
    Pyper and Peterman, 1998), up to lags of a fifth of the days.  Never more than there are.
    """
    many = len(one)
    first, second = one - one.mean(), other - other.mean()
    size = float(first @ first), float(second @ second)
    if min(size) <= 0:
        return LEAST
    extra = 0.0
    for lag in range(1, many // 5 + 1):
        a, b = float(first[lag:] @ first[:-lag]) / size[0], float(second[lag:] @ second[:-lag]) / size[1]
        extra += a * b  # sums of products over n, not n - lag, hold (1 - k / n) in themselves
    return float(min(max(many / max(1.0 + 2.0 * extra, 1e-9), LEAST), many))
