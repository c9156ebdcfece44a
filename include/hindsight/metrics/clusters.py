"""The error of a metric whose rows come in clusters: customers, sessions, machines.

Rows of a cluster are no independent witnesses.  By the delta method a metric v of the confusion matrix T has
the variance G / (G - 1) sum_c (g · t_c)², where t_c is the matrix of the cluster c, G how many clusters there
are and g the gradient of v at T (Liang and Zeger, 1986; for ratios Cochran, 1977, 6.4).  The sum needs of the
clusters only the products of their counts, which add over days as long as every cluster lies within one day.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.metrics.base import Metric
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import Array
from hindsight.statistics.binary import CELLS, PRODUCTS

STEP: Final = 1e-6
"""Of the rows: how far the gradient looks."""


def unit_terms(metric: Metric) -> Array:
    """A metric's terms for a single row in each cell of the confusion matrix, [cell, terms]."""
    rows = BinaryStatistics.zeros(len(CELLS))
    for i, (predicted, outcome) in enumerate(CELLS):
        rows.counts[i, predicted, outcome + 1, 0] = 1.0
    return metric.terms(rows)


def cluster_error(metric: Metric, total: Array, confusion: Array, moments: Array) -> Array:
    """The error of every window from its terms [batch, terms], confusion matrix [batch, 4] and moments.

    `moments` are `BinaryStatistics.clusters`, [batch, 11].  0 where there are no clusters, and for a metric
    that is not made of the confusion matrix alone; NaN, not known, where there is a single cluster.
    """
    units = unit_terms(metric)
    nothing = np.zeros(len(total))
    if units.shape[1] != total.shape[1] or not np.allclose(confusion @ units, total, rtol=1e-12, atol=1e-9):
        return nothing
    step = np.maximum(confusion.sum(axis=1), 1.0) * STEP
    centre = metric.value(total)
    gradient = np.stack(
        [(metric.value(total + step[:, None] * unit) - centre) / step for unit in units], axis=1
    )
    first, second = np.array(PRODUCTS).T
    twice = np.where(first == second, 1.0, 2.0)
    clusters = moments[:, -1]
    squares = (moments[:, :-1] * twice * gradient[:, first] * gradient[:, second]).sum(axis=1)
    few = np.divide(clusters, clusters - 1.0, out=np.zeros(len(clusters)), where=clusters > 1)
    error: Array = np.sqrt(np.maximum(squares, 0.0) * few)
    return np.where(clusters == 1, np.nan, error)
