"""What metrics of ranked scores share: the edges of score bins, and sums over the rows that score higher."""

from __future__ import annotations

from typing import Final

import numpy as np

from hindsight.domain.bins import BINS, LINEAR_BINS, TAIL_EDGES
from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Metric, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

EDGES: Final[Array] = np.array(
    [
        0.0,
        *TAIL_EDGES,
        *(np.arange(1, LINEAR_BINS + 2) / 100.0),
        *(1.0 - np.array(TAIL_EDGES[::-1])),
        1.0,
    ]
)
"""Where score bins begin and end, shape [bins + 1]."""

WIDTHS: Final[Array] = np.diff(EDGES)
MIDDLES: Final[Array] = 0.5 * (EDGES[1:] + EDGES[:-1])


def above(histogram: Array) -> Array:
    """How many rows lie in higher bins, for each bin; shape as given, [batch, bins]."""
    higher = np.zeros_like(histogram)
    higher[:, :-1] = np.cumsum(histogram[:, :0:-1], axis=1)[:, ::-1]
    return higher


def below(histogram: Array) -> Array:
    """How many rows lie in lower bins, for each bin; shape as given, [batch, bins]."""
    lower = np.zeros_like(histogram)
    lower[:, 1:] = np.cumsum(histogram[:, :-1], axis=1)
    return lower


def harmonic(x: Array) -> Array:
    """1 + 1/2 + ... + 1/x, continued to fractions, less a constant; within 1e-10.

    That is digamma(x + 1): six steps of its recurrence, then its asymptotic series around x + 1/2
    (Abramowitz and Stegun, 1964, 6.3.5 and 6.3.18).

    >>> (harmonic(np.array([2.0, 3.0, 0.5])) - harmonic(np.array([0.0, 2.0, 0.5]))).round(9)
    array([1.5       , 0.33333333, 0.        ])
    """
    low, pairs = x + 6.5, x * (x + 7.0)
    steps = (2.0 * x + 7.0) * (1.0 / (pairs + 6.0) + 1.0 / (pairs + 10.0) + 1.0 / (pairs + 12.0))
    y = 1.0 / (low * low)
    return np.log(low) + y * (1 / 24 - y * (7 / 960 - y * (31 / 8064 - y * 127 / 30720))) - steps


class Ranked(Metric):
    """A metric of how scores rank the outcomes: its terms are the labelled rows by outcome and score bin."""

    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.ORDER
    needs_score = True

    def terms(self, statistics: Statistics) -> Array:
        return binary(statistics).histograms.reshape(len(statistics), 2 * BINS)

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows
