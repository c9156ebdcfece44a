"""Windows from days: pooled values with errors that know how much days differ.

A pooled window's error is the larger of two: the row error, as if all rows were independent, and the
delete-one-day jackknife (Efron and Stein, 1981; a cluster jackknife with days as clusters), which also
sees what the rows of a day have in common: weather, a release, an outage.  With fewer than `MIN_DAYS`
days the row error stands alone, and for a single day it understates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hindsight.metrics.base import Metric
from hindsight.statistics.base import Array

MIN_DAYS: Final = 7
"""Days with rows that the jackknife needs."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """A metric over a batch of windows; NaN where undefined or unknown."""

    value: Array
    standard_error: Array
    rows: Array
    bound: Array | None


def pooled(days: Array, length: int) -> Array:
    """Sums over every run of `length` consecutive days, shape [days - length + 1, terms].

    Added day by day, oldest first, so that a window's sum is the same however many are computed at once.
    """
    windows = len(days) - length + 1
    total = days[:windows].copy()
    for offset in range(1, length):
        total += days[offset : offset + windows]
    return total


def estimate(metric: Metric, days: Array, length: int) -> Estimates:
    """The metric over every run of `length` consecutive days, from the terms of the days [days, terms]."""
    total = pooled(days, length)
    with np.errstate(invalid="ignore"):
        error = metric.row_error(total)
        if length >= MIN_DAYS:
            error = np.maximum(error, jackknife(metric, days, length, total))
    return Estimates(metric.value(total), error, metric.rows(total), metric.bound(total))


def jackknife(metric: Metric, days: Array, length: int, total: Array) -> Array:
    """The delete-one-day error of every window; 0 with too few days, NaN if leaving one out undefines it."""
    windows = len(total)
    # To a count a day without rows is a day like any other.
    lived = np.full(len(days), True) if metric.extensive else metric.rows(days) > 0
    count, first, second = np.zeros(windows), np.zeros(windows), np.zeros(windows)
    centre = metric.value(total)
    for offset in range(length):
        there = lived[offset : offset + windows]
        without = metric.value(total - days[offset : offset + windows]) - centre
        without = np.where(there, without, 0.0)
        count += there
        first += without
        second += without * without
    spread = np.maximum(second - np.divide(first * first, count, out=np.zeros(windows), where=count > 0), 0.0)
    error = np.sqrt(np.divide(count - 1.0, count, out=np.zeros(windows), where=count > 0) * spread)
    if metric.extensive:  # what is left out shrinks a count by itself
        error *= np.divide(count, count - 1.0, out=np.zeros(windows), where=count > 1)
    return np.where(count >= MIN_DAYS, error, 0.0)
