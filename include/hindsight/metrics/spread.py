"""The error of a standard deviation, from its exact square and the bins of the values."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.base import divide
from hindsight.statistics.base import Array


def spread_error(rows: Array, variance: Array, counts: Array, middles: Array, widths: Array) -> Array:
    """The delta method's sqrt((k - 1) s² / (4 n)) with the kurtosis k (Rao, 1973); [batch].

    k is read from the bins, `counts`, `middles` and `widths` of shape [batch or 1, bins], in each of which
    values are taken to be spread evenly (so w² / 12 is added, after Sheppard, 1898).  Where the variance
    that the bins have so is not within 20 % of the exact one, bins are too wide to tell, and k is a normal
    distribution's 3.  0 where the variance is, and more than one row says so.
    """
    total = counts.sum(axis=1)
    mean = divide((counts * middles).sum(axis=1), total)
    away, inside = (middles - mean[:, None]) ** 2, widths * widths / 12.0
    second = divide((counts * (away + inside)).sum(axis=1), total)
    fourth = (counts * (away * away + 6.0 * away * inside + 1.8 * inside * inside)).sum(axis=1)
    kurtosis = divide(divide(fourth, total), second * second)
    told = np.abs(second - variance) <= 0.2 * variance
    excess = np.where(told, np.maximum(kurtosis - 1.0, 0.0), 2.0)
    error = np.sqrt(divide(excess * np.maximum(variance, 0.0), 4.0 * rows))
    return np.where((rows > 1) | (variance > 0), error, np.nan)
