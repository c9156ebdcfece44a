"""What the reference makes us expect of a window, given the scores it holds.

Recall, precision or AUC move with the mix of cases even when the model is as good as ever: a calmer month
has fewer high scores and so a lower recall.  The reference's score-to-rate curve (isotonic, so that it
never falls) says how often a score came true; the window's own labelled scores, sent through that curve,
give the outcomes to expect if nothing broke, and the metric of those is the baseline.  This is direct
standardisation of the reference to the window's score mix.

What it cannot see: a model whose scores moved for a bad reason yet still come true at the old rate.
That is drift, not decay of performance, and told apart as such.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.metrics.base import Metric
from hindsight.metrics.clusters import cluster_error
from hindsight.metrics.estimate import MIN_DAYS, per_weight, widening
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import Array


@dataclass(frozen=True, slots=True)
class Expected:
    """A window's baseline: its value, variance, and covariance with the observed value.

    `reference_variance` is what the reference's own days leave uncertain; `variance` and `covariance`
    are over the window's days; `row_error` is the observed value's error were all rows independent, or
    all clusters where rows have one; NaN where that is not known.
    """

    value: float
    variance: float
    covariance: float
    observed_variance: float
    reference_variance: float
    row_error: float

    def gap_error(self, share: float) -> float | None:
        """The standard error of observed - share * expected: a day that is hard for both counts once.

        None where it is not known.
        """
        if not np.isfinite(self.row_error):
            return None
        days = self.observed_variance - 2.0 * share * self.covariance + share * share * self.variance
        error = float(np.sqrt(max(days, self.row_error**2) + share * share * self.reference_variance))
        return error if np.isfinite(error) else None


def curve(reference: BinaryStatistics) -> Array | None:
    """How often each score bin came true in a pooled reference, never falling; None without labels."""
    return never_falling(*reference.histograms[0])


def never_falling(negative: Array, positive: Array) -> Array | None:
    """The rates of score bins from their labelled rows, [bins] each; None without any."""
    from scipy.optimize import isotonic_regression  # costs a second; DAG files are parsed without it

    labelled = negative + positive
    seen = np.flatnonzero(labelled)
    if not len(seen):
        return None
    fitted = isotonic_regression(positive[seen] / labelled[seen], weights=labelled[seen]).x
    rates: Array = np.interp(np.arange(BINS), seen, fitted)
    return rates


@dataclass(frozen=True, slots=True)
class Baseline:
    """A reference's score-to-rate curve [1, bins], and the curves without each of its days [days, bins]."""

    rates: Array
    without: Array

    @classmethod
    def of(cls, reference: BinaryStatistics) -> Self | None:
        """From the reference's days; None if none of them has a label."""
        total = reference.pooled()
        rates = curve(total)
        if rates is None:
            return None
        days = np.flatnonzero(reference.labelled > 0)
        rest = [replace(total, counts=total.counts - reference.counts[i : i + 1]) for i in days]
        without = [one for one in map(curve, rest) if one is not None] if len(days) >= MIN_DAYS else []
        return cls(rates[None], np.array(without).reshape(-1, BINS))


def under(rates: Array, window: BinaryStatistics) -> BinaryStatistics:
    """The statistics to expect had the labelled rows come true at these rates.

    `rates` has shape [1, bins] or [batch, bins]; so has the window's batch: one of the two is stretched.
    """
    chance = rates[:, None]
    labelled = window.counts[:, :, 1] + window.counts[:, :, 2]
    negative, positive = labelled * (1.0 - chance), labelled * chance
    none = np.broadcast_to(window.counts[:, :, 0], positive.shape)
    counts = np.stack([none, negative, positive], axis=2)
    return replace(BinaryStatistics.zeros(len(counts)), counts=counts)


def expected(metric: Metric, window: BinaryStatistics, baseline: Baseline) -> Expected | None:
    """The baseline of a metric for a window of days; None where undefined."""
    observed_days, expected_days = metric.terms(window), metric.terms(under(baseline.rates, window))
    observed_total, expected_total = observed_days.sum(axis=0), expected_days.sum(axis=0)
    value = metric.value(expected_total[None])[0]
    if not np.isfinite(value):
        return None
    lived = metric.rows(observed_days) > 0
    days = int(lived.sum())
    variance = covariance = observed_variance = of_reference = 0.0
    if days >= MIN_DAYS:
        seen = metric.value(observed_total - observed_days[lived])
        foreseen = metric.value(expected_total - expected_days[lived])
        if not np.all(np.isfinite(seen)) or not np.all(np.isfinite(foreseen)):
            return None
        scale = (days - 1) / days * wider(days) ** 2
        a, b = seen - seen.mean(), foreseen - foreseen.mean()
        observed_variance, variance, covariance = (
            scale * (a * a).sum(),
            scale * (b * b).sum(),
            scale * (a * b).sum(),
        )
    if len(baseline.without):
        values = metric.value(metric.terms(under(baseline.without, window.pooled())))
        spread = values - values.mean()
        of_reference = (len(values) - 1) / len(values) * (spread * spread).sum() * wider(len(values)) ** 2
    effective = observed_total[None] * per_weight(window.rows.sum(axis=0)[None])[:, None]
    error = metric.row_error(effective)
    if window.clusters.any():
        pooled = window.pooled()
        error = np.maximum(
            error, cluster_error(metric, observed_total[None], pooled.confusion, pooled.clusters)
        )
    return Expected(
        float(value),
        float(variance),
        float(covariance),
        float(observed_variance),
        float(of_reference),
        float(error[0]),
    )


def wider(days: int) -> float:
    """How much an error from so many days is widened, as in every estimate."""
    return float(widening(np.array([float(days)]))[0])
