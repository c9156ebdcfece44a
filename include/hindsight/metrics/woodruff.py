"""How far a quantile may be off, from the rows around it."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.statistics.base import Array

STEPS: Final = 1.96
"""So many binomial errors to either side the row error looks: where a 95 % interval ends."""


def around(rows: Array, share: float) -> tuple[Array, Array]:
    """The places, in rows from below, where the 95 % interval of a share ends; each [batch].

    What the quantile moves between them, over 3.92, is its standard error (Woodruff, 1952).  NaN where the
    interval leaves the sample, for nobody knows what lies beyond it: more than 3.84 max(p / (1 - p), (1 - p)
    / p) rows are needed, which is 4 for the median, 35 for 0.9, 73 for 0.95 and 381 for 0.99.

    >>> [low.round(2).tolist() for low in around(np.array([72.0, 73.0]), 0.95)]
    [[nan, 65.7], [nan, 73.0]]
    """
    step = STEPS * np.sqrt(rows * share * (1.0 - share))
    low, high = share * rows - step, share * rows + step
    known = (low > 0.0) & (high < rows)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def error_of(low: Array, high: Array) -> Array:
    """The standard error from the quantiles at these two places."""
    error: Array = (high - low) / (2.0 * STEPS)
    return error
