"""Control charts of standardised values: how often they are wrong, and the bounds that keep that in bounds.

A chart on standardised values z is never fed with the true ones: mean and spread come from a reference of
m days.  Its mean is off by 1 / sqrt(m) standard deviations, its spread by some 1 / sqrt(2 m), for good.
A mean that is 0.18 too low quarters the days between false breaches of a CUSUM; so `false_rate` averages over
both errors, and bounds solved from it hold with them (Jones, Champ and Rigdon, 2004, for the CUSUM;
the problem is reviewed by Jensen and others, 2006).

Everything is numbers of standard deviations and of steps, days or hours alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import erfc, isfinite, log, sqrt
from typing import Final, Protocol

import numpy as np

from hindsight.statistics.base import Array

STATES: Final = 48
"""Of the Markov chain: with so many, the run length of a CUSUM is exact to about a hundredth."""

MEAN_NODES: Final = 15
SPREAD_NODES: Final = 5
"""Of the quadrature over the error of the reference's mean and of its spread."""

BEYOND: Final = 1.25
"""Of the bound: so far above it a statistic is followed."""

NEVER: Final = 1e-12
"""The chance of a breach in a step below which nobody asks; it keeps the equations solvable."""


class Chart(Hashable, Protocol):
    """A statistic of one z after the other that breaches above a bound."""

    def wider(self, times: float) -> Chart:
        """The chart for a bound so many times as high, in which a day counts for no more than in this one."""

    def fold(self, z: Array, bound: float) -> Array:
        """The statistic after each z, from zero."""

    def chain(self, bound: float, mean: Array, spread: Array, states: int) -> Array:
        """Chances to pass from state to state without a breach, [cases, states, states], from state 0."""

    def edges(self, bound: float, states: int) -> Array:
        """Where each state begins, in the order of the chain."""


@dataclass(frozen=True, slots=True)
class CusumChart:
    """Page's one-sided cumulative sum (1954): S = max(0, S + z - k), z the worse the larger.

    A day adds at most `most` and at most `one_day` of the bound: however bad, it is one day.  S goes no
    further than a quarter above the bound, so that the way back is short however long trouble lasted.
    """

    k: float
    most: float = 3.0
    one_day: float = 0.6

    def fold(self, z: Array, bound: float) -> Array:
        step = np.minimum(z - self.k, min(self.most, self.one_day * bound))
        found, at = np.empty(len(step)), 0.0
        for i, each in enumerate(step.tolist()):
            at = min(max(at + each, 0.0), BEYOND * bound)
            found[i] = at
        return found

    def chain(self, bound: float, mean: Array, spread: Array, states: int) -> Array:
        width = bound / (states - 0.5)
        moves = np.arange(1 - states, states)
        # The chance that a step takes at most so many states, as Brook and Evans (1972) divide the range.
        edges = (moves + 0.5) * width
        up_to = _cdf((edges[None] + self.k - mean[:, None]) / spread[:, None])
        up_to[:, edges >= min(self.most, self.one_day * bound)] = 1.0
        exact = np.diff(up_to, prepend=0.0, axis=1)
        start, to = np.arange(states)[:, None], np.arange(states)[None]
        chances = exact[:, to - start + states - 1]
        chances[:, :, 0] = up_to[:, states - 1 - np.arange(states)]
        return chances

    def edges(self, bound: float, states: int) -> Array:
        width = bound / (states - 0.5)
        return np.array([(i - 0.5) * width for i in range(states)])

    def wider(self, times: float) -> Chart:
        return replace(self, one_day=self.one_day / times)


@dataclass(frozen=True, slots=True)
class EwmaChart:
    """Roberts' exponentially weighted moving average (1959): E = weight z + (1 - weight) E.

    A z counts for at most `one_day` of what alone would breach: however bad, it is one day.
    """

    weight: float
    one_day: float = 0.6

    def fold(self, z: Array, bound: float) -> Array:
        most = self.one_day * bound / self.weight
        found, at = np.empty(len(z)), 0.0
        for i, each in enumerate(np.clip(z, -most, most).tolist()):
            at += self.weight * (each - at)
            found[i] = at
        return found

    def chain(self, bound: float, mean: Array, spread: Array, states: int) -> Array:
        # Zero is the middle of a state and the bound an edge; the lowest state holds all that is below it.
        up = states * 3 // 5
        width = bound / (up + 0.5)
        centre = (np.arange(states) + up + 1 - states) * width
        zero = states - 1 - up
        order = np.concatenate([[zero], np.delete(np.arange(states), zero)])
        most = self.one_day * bound / self.weight
        edges = (centre + 0.5 * width)[None, :]
        needed = (edges - (1.0 - self.weight) * centre[:, None]) / self.weight
        up_to = _cdf((needed[None] - mean[:, None, None]) / spread[:, None, None])
        up_to[:, needed >= most] = 1.0
        up_to[:, needed < -most] = 0.0
        chances = np.diff(up_to, prepend=0.0, axis=2)
        return chances[:, order][:, :, order]

    def edges(self, bound: float, states: int) -> Array:
        up = states * 3 // 5
        width = bound / (up + 0.5)
        found = np.array([(i + up + 0.5 - states) * width for i in range(states)])
        zero = states - 1 - up
        return np.concatenate([found[zero : zero + 1], np.delete(found, zero)])

    def wider(self, times: float) -> Chart:
        return replace(self, one_day=self.one_day / times)


def run_length(chart: Chart, bound: float, mean: float = 0.0, states: int = 2 * STATES) -> float:
    """The mean number of steps until the first breach, from zero, where z has this mean and spread 1.

    The Markov chain of Brook and Evans (1972).

    >>> round(run_length(CusumChart(0.5, most=9.0, one_day=9.0), 5.0))
    930
    """
    return float(1.0 / _rates(chart, bound, np.array([mean]), np.ones(1), states)[0])


def false_rate(chart: Chart, bound: float, days: int) -> float:
    """How many breaches a step to expect where nothing is wrong and the reference has so many days.

    One over the run length, averaged over what the reference may have been: its mean is normal with variance
    1 / days, its variance chi-square with days - 1 degrees of freedom (by the cube root of Wilson and
    Hilferty, 1931), each by Gauss-Hermite quadrature.
    """
    mean, spread, chance = _references(days)
    return float(chance @ _rates(chart, bound, mean, spread, STATES))


@lru_cache(maxsize=1024)
def standing(chart: Chart, bound: float, days: int) -> tuple[Array, Array]:
    """Levels, rising, and the chance that the statistic stands at or above each on some day, nothing wrong.

    The stationary distribution of the chain that goes on after a breach, averaged like `false_rate`: a chart
    that went above its bound stays there for a while, so it stands there more often than it gets there.
    """
    beyond = BEYOND * bound
    chart = chart.wider(BEYOND)
    mean, spread, chance = _references(days)
    moves = chart.chain(beyond, mean, spread, STATES)
    edges = chart.edges(beyond, STATES)
    rising = np.argsort(edges)
    moves[:, :, rising[-1]] += np.maximum(1.0 - moves.sum(axis=2), 0.0)
    balance = np.swapaxes(moves, 1, 2) - np.eye(STATES)
    balance[:, -1] = 1.0
    one = np.zeros((len(mean), STATES, 1))
    one[:, -1] = 1.0
    stands = np.maximum(np.linalg.solve(balance, one)[:, :, 0], 0.0)
    mixed = chance @ (stands / stands.sum(axis=1, keepdims=True))
    above: Array = np.cumsum(mixed[rising][::-1])[::-1]
    return edges[rising], above


@lru_cache(maxsize=4096)
def solved(chart: Chart, days: int, rate: float) -> float:
    """The bound at which `false_rate` is this rate."""
    goal = log(rate)

    def miss(bound: float) -> float:
        return log(max(false_rate(chart, bound, days), NEVER)) - goal

    low, high = (0.3, 6.0) if isinstance(chart, CusumChart) else (0.3, 2.0)
    return _root(miss, low, high)


def _root(miss: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is zero: bracketed, then Ridders' method (1979)."""
    at_low, at_high = miss(low), miss(high)
    for _ in range(12):
        if at_high <= 0 or not isfinite(at_high):
            break
        low, at_low, high = high, at_high, high * 1.6
        at_high = miss(high)
    if at_low <= 0 or at_high >= 0:
        return low if at_low <= 0 else high
    for _ in range(12):
        middle = (low + high) / 2
        at_middle = miss(middle)
        size = sqrt(at_middle**2 - at_low * at_high)
        if size == 0:
            return middle
        found = middle + (middle - low) * at_middle / size
        at_found = miss(found)
        if abs(at_found) < 1e-3:
            return found
        for place, at_place in sorted([(middle, at_middle), (found, at_found)]):
            if at_place > 0 and place > low:
                low, at_low = place, at_place
            elif at_place <= 0 and place < high:
                high, at_high = place, at_place
    return (low + high) / 2


@lru_cache(maxsize=256)
def _references(days: int) -> tuple[Array, Array, Array]:
    """Means and spreads of z as references of so many days leave them, and the chance of each."""
    node, weight = np.polynomial.hermite_e.hermegauss(MEAN_NODES)
    other, other_weight = np.polynomial.hermite_e.hermegauss(SPREAD_NODES)
    freedom = max(days - 1, 1)
    cube = 1.0 - 2.0 / (9.0 * freedom) + other * sqrt(2.0 / (9.0 * freedom))
    read = np.maximum(cube, 0.2) ** 1.5
    mean = (node[:, None] / sqrt(days) / read[None]).ravel()
    spread = np.broadcast_to(1.0 / read, (len(node), len(read))).ravel()
    chance = (weight[:, None] * other_weight[None]).ravel()
    return mean, np.array(spread), chance / chance.sum()


def _rates(chart: Chart, bound: float, mean: Array, spread: Array, states: int) -> Array:
    """One over the mean number of steps to a breach, for each case."""
    stay = chart.chain(bound, mean, spread, states)
    one = np.ones((len(stay), stay.shape[1], 1))
    steps = np.linalg.solve(np.eye(stay.shape[1]) - (1.0 - NEVER) * stay, one)[:, 0, 0]
    rates: Array = 1.0 / np.clip(steps, 1.0, 1.0 / NEVER)
    return rates


def _cdf(z: Array) -> Array:
    """The normal distribution function to 3e-8, without the import of scipy: read from a fine table."""
    found: Array = np.interp(z, *_table())
    return found


@lru_cache(maxsize=1)
def _table() -> tuple[Array, Array]:
    z = np.arange(-8000, 8001) / 1000.0
    return z, np.array([0.5 * erfc(-each / sqrt(2.0)) for each in z.tolist()])
