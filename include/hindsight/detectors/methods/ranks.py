"""Trends by ranks, which no single wild day can make or hide: Sen's slope and the Mann-Kendall test.

Both compare only values of one season (a weekday, an hour of the day), so what recurs is no trend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import copysign, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

from hindsight.statistics.base import Array

MANY_CYCLES: Final = 10
"""Cycles from which on they tell what the seasons have in common (Hirsch and Slack, 1984)."""


def sen_slope(when: Array, values: Array, season: Array | None = None) -> float | None:
    """The median slope between any two values of one season; None without two of them at different times.

    Theil (1950) and Sen (1968); by season Hirsch, Slack and Smith (1982).  Up to 29 % of the values may be
    anything at all without moving it far.

    >>> sen_slope(np.arange(5.0), np.array([0.0, 1.0, 2.0, 99.0, 4.0]))
    1.0
    """
    slopes = []
    for times, levels in _by_season(when, values, season):
        first, second = np.triu_indices(len(times), 1)
        apart = times[second] - times[first]
        told = apart != 0
        slopes.append((levels[second] - levels[first])[told] / apart[told])
    every = np.concatenate(slopes) if slopes else np.array([])
    return float(np.median(every)) if len(every) else None


@dataclass(frozen=True, slots=True)
class Kendall:
    """The Mann-Kendall test: pairs that rise minus pairs that fall, and the variance of that by chance."""

    score: float
    variance: float

    @property
    def z(self) -> float:
        """The score in standard deviations, one nearer to 0 for its being whole (Kendall, 1975)."""
        if self.score == 0 or self.variance <= 0:
            return 0.0
        return (self.score - copysign(1.0, self.score)) / sqrt(self.variance)

    @property
    def falling(self) -> float:
        """The p-value of "it does not fall"."""
        return NormalDist().cdf(self.z)

    @property
    def rising(self) -> float:
        """The p-value of "it does not rise"."""
        return NormalDist().cdf(-self.z)


def mann_kendall(values: Array, season: Array | None = None, cycle: Array | None = None) -> Kendall:
    """The test for a monotonic trend in values in the order of time, season by season, added up.

    Mann (1945) with Kendall's variance under ties (1975); by season Hirsch, Slack and Smith (1982).  With the
    number of the `cycle` that each value is of, and ten whole ones of them, it takes into account that
    seasons may depend on each other (a bad Monday makes a bad Tuesday), by their covariances as Hirsch and
    Slack (1984) estimate them, where those make the variance larger.  With fewer cycles the estimate eats
    every trend, and none is made.

    >>> mann_kendall(np.array([1.0, 2.0, 2.0, 3.0])).score
    5.0
    """
    seasons = [levels for _, levels in _by_season(values, values, season)]
    score = sum(float(_signs(levels).sum()) / 2.0 for levels in seasons)
    variance = sum(_variance(levels) for levels in seasons)
    if season is not None and cycle is not None and len(seasons) > 1:
        whole, lengths = np.unique(cycle, return_counts=True)
        there = np.isin(cycle, whole[lengths == len(seasons)])
        complete = [levels for _, levels in _by_season(values[there], values[there], season[there])]
        if complete and len(complete[0]) >= MANY_CYCLES:
            variance += max(_covariance(np.stack(complete)), 0.0)
    return Kendall(score, variance)


def _by_season(when: Array, values: Array, season: Array | None) -> Iterator[tuple[Array, Array]]:
    """Times and values, season by season."""
    if season is None:
        yield when, values
        return
    for each in np.unique(season):
        yield when[season == each], values[season == each]


def _signs(values: Array) -> Array:
    """Of any two values whether the later one is higher: 1, lower: -1, or the same: 0, [n, n]."""
    later = np.sign(values[None, :] - values[:, None])
    order = np.sign(np.arange(len(values))[None, :] - np.arange(len(values))[:, None])
    signs: Array = later * order
    return signs


def _variance(values: Array) -> float:
    """The variance of a season's score if nothing moves; ties make it smaller."""
    _, ties = np.unique(values, return_counts=True)
    n = float(len(values))
    tied = (ties * (ties - 1.0) * (2.0 * ties + 5.0)).sum()
    return float((n * (n - 1.0) * (2.0 * n + 5.0) - tied) / 18.0)


def _covariance(seasons: Array) -> float:
    """What every two seasons of [seasons, cycles] add to the variance of their scores together.

    Dietz and Killeen's estimate (1981): (K + 4 R - n (n + 1)²) / 3, with K the sum over pairs of cycles of
    the product of both seasons' signs, and R that over cycles of the product of their midranks.
    """
    cycles = seasons.shape[1]
    later, earlier = np.triu_indices(cycles, 1)
    signs = np.sign(seasons[:, later] - seasons[:, earlier])
    above = np.sign(seasons[:, :, None] - seasons[:, None, :]).sum(axis=2)
    ranks = (cycles + 1.0 + above) / 2.0
    both = (signs @ signs.T + 4.0 * ranks @ ranks.T - cycles * (cycles + 1.0) ** 2) / 3.0
    return float(both.sum() - np.trace(both))
