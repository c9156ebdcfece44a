"""How often intervals of a metric hold the truth, in simulations."""

from __future__ import annotations

import numpy as np

from hindsight.metrics import find
from hindsight.metrics.estimate import estimate
from hindsight.statistics import Statistics

DAYS = 28


def covered(names: list[str], made: Statistics, long_run: Statistics) -> dict[str, float]:
    """The share of windows of 28 days whose value +- 1.96 errors holds the value of the long run."""
    shares = {}
    windows = len(made) // DAYS
    for name in names:
        metric = find(name)
        truth = metric.value(metric.terms(long_run.pooled()))[0]
        terms = metric.terms(made).reshape(windows, DAYS, -1)
        hits = 0
        for days in terms:
            found = estimate(metric, days, DAYS)
            hits += bool(abs(found.value[0] - truth) <= 1.96 * found.standard_error[0])
        shares[name] = hits / windows
    return shares


def covered_by_rows(names: list[str], made: Statistics, long_run: Statistics) -> dict[str, float]:
    """The share of single days whose value +- 1.96 row errors holds the value of the long run."""
    shares = {}
    for name in names:
        metric = find(name)
        truth = metric.value(metric.terms(long_run.pooled()))[0]
        terms = metric.terms(made)
        shares[name] = float(np.mean(abs(metric.value(terms) - truth) <= 1.96 * metric.row_error(terms)))
    return shares
