"""When a level changed: the cheapest division of a series into stretches that are level.

To say in a message since when something is so, not to decide that it is: a division always looks convincing,
and what it finds in noise is bounded by the penalty alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hindsight.detectors.base import Point
from hindsight.statistics.base import Array

LEAST: Final = 3
"""Days that a level lasts at least: a single bad day is no change."""

SMALLEST: Final = 1e-150
"""Values that are nearer to 0 than this are 0, for their squares would be."""

LARGEST: Final = 1e100
"""Values beyond this are as good as infinite, for so would their squares be."""

PER_CHANGE: Final = 3.0
"""The penalty of a change in units of log n.  A level and a date are two parameters, for which Schwarz (1978)
asks 2 log n on the scale of twice the log-likelihood; a third is for having searched the date."""


def changes(values: Array, errors: Array, *, least: int = LEAST, penalty: float | None = None) -> list[int]:
    """The indices at which a new level begins, empty if there is one level only.

    Optimal partition (Jackson and others, 2005): of all divisions into stretches of at least `least` values
    the one with the smallest sum of weighted squares around each stretch's mean, plus `penalty` for each
    change.  A weight is 1/error²; values that are not finite are skipped.  Where no error is known all weigh
    the same.  The usual penalty is 3 log n times the overdispersion, which is read from the differences of
    neighbours so that the changes themselves do not count as scatter.  Costs n² steps: milliseconds for
    hundreds of days.

    >>> level = np.repeat([0.90, 0.86, 0.91], [20, 8, 12]) + 0.004 * (-1) ** np.arange(40)
    >>> changes(level, np.full(40, 0.005))
    [20, 28]
    """
    values, errors = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    there = np.flatnonzero(np.isfinite(values))
    known = errors[there]
    sure = np.isfinite(known) & (known > 0)
    n = len(there)
    if n < 2 * least:
        return []
    size = float(np.abs(values[there]).max())
    if size < SMALLEST:
        return []
    level = values[there] / size
    level -= level.mean()
    if sure.any():
        # An error of 0 comes from a day whose few rows agree: it weighs as its neighbours, not for ever.
        usual = float(np.median(known[sure]))
        error = np.clip(np.where(sure, known, usual) / usual, 1e-6, 1e6) * min(max(usual / size, 1e-9), 1e9)
    else:
        error = np.ones(n)
    if penalty is None:
        scatter = overdispersion(level, error)
        penalty = PER_CHANGE * np.log(n) * (max(1.0, scatter) if sure.any() else scatter)
    begins = _partition(level, 1.0 / error**2, least, float(penalty))
    return [int(there[i]) for i in begins]


def overdispersion(level: Array, error: Array) -> float:
    """How many times the variance between neighbours is what their errors say, robustly.

    From the median absolute difference of neighbours, which for a normal distribution is 0.6745 of its
    standard deviation.
    """
    difference = np.diff(level) / np.hypot(error[1:], error[:-1])
    return float((np.median(np.abs(difference)) / 0.6745) ** 2) if len(difference) else 0.0


def _partition(level: Array, weight: Array, least: int, penalty: float) -> list[int]:
    """The changes of the best division by dynamic programming over its last change."""
    n = len(level)
    weights, sums, squares = (
        np.concatenate([[0.0], np.cumsum(each)]) for each in (weight, weight * level, weight * level**2)
    )
    # Rounding must not pay for a change.
    penalty = max(penalty, 1e-9 * float(squares[-1]))
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    came = np.zeros(n + 1, dtype=np.int64)
    for end in range(least, n + 1):
        starts = np.arange(0, end - least + 1)
        spread = (
            squares[end]
            - squares[starts]
            - (sums[end] - sums[starts]) ** 2 / (weights[end] - weights[starts])
        )
        total = best[starts] + np.maximum(spread, 0.0) + penalty
        came[end] = int(np.argmin(total))
        best[end] = total[came[end]]
    found, end = [], n
    while came[end] > 0:
        end = int(came[end])
        found.append(end)
    return found[::-1]


def level_of(points: Sequence[Point], *, adjusted: bool = False) -> tuple[Array, Array]:
    """Values and standard errors of days, NaN where there is none or its square would be no number."""
    values = np.array(
        [
            np.nan
            if point.value is None
            else point.value - (point.expected.value if adjusted and point.expected else 0.0)
            for point in points
        ],
        dtype=np.float64,
    )
    errors = np.array(
        [np.nan if point.standard_error is None else point.standard_error for point in points],
        dtype=np.float64,
    )
    reckoned = (errors == 0) | ((errors > 1.0 / LARGEST) & (errors < LARGEST))
    return np.where(np.abs(values) < LARGEST, values, np.nan), np.where(reckoned, errors, np.nan)
