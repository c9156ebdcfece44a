"""What will become of the predictions that have no label yet, as mature units tell it.

A unit's statistics are kept at every horizon.  What a mature unit holds at the last horizon and did not hold
at an earlier one are its *late* labels: those of the predictions that were unlabelled at that age.  Pooled
over the mature units within `look_back`, they say how many of the unlabelled get a label, and what it says.

A unit that is harder or easier than usual shows it in the labels that it already has.  Its rate is moved
accordingly, but only as far as units are known to differ: with labels that say little, or where units are
alike, the rate stays that of the mature ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hindsight.domain.bins import BINS, SMALLEST
from hindsight.metrics.base import binary, regression
from hindsight.metrics.expectation import never_falling
from hindsight.statistics import BinaryStatistics, RegressionStatistics, Statistics
from hindsight.statistics.base import Array, Ints

CERTAIN: Final = 1e-6
"""No rate is nearer to 0 or 1: odds must exist."""

STEPS: Final = 8
"""Of Newton's method, each of at most 1 in log odds."""

LABELLED: Final = ("sums", "relative", "intervals", "errors")
"""What of a regression's statistics is over labelled rows."""

SIGNED: Final = {"sums": (1, 4), "relative": (), "intervals": (), "errors": (2,)}
"""Of their columns, the sums of numbers that may be negative."""

PSEUDO_ROWS: Final = 10.0
"""What the share of all bins counts in the share of one that gets a label."""


@dataclass(frozen=True)
class Known:
    """A group's statistics over consecutive units at every label age.

    `ages` are in units, ascending; at the last one the truth is due.  `statistics` has a batch of units for
    each age and `computed`, of shape [ages, units], says which of them there are.  Mature units older than
    `look_back` are forgotten; fewer than `least` of them with a label say nothing.  A unit that was never
    looked at when it was young does not say which of its labels were late.
    """

    ages: tuple[int, ...]
    statistics: tuple[Statistics, ...]
    computed: npt.NDArray[np.bool_]
    look_back: int
    least: int

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.statistics[0])

    def newest(self, age: int) -> int:
        """The position of the greatest horizon that a unit of this age has reached."""
        return int(np.searchsorted(self.ages, age, side="right")) - 1

    def within(self, per_unit: Array) -> Array:
        """Sums over the units that were mature and not forgotten at each run: from [units, ...] the same.

        The run at position t follows the end of unit t, so that unit t - age has that age.
        """
        sums = np.concatenate([np.zeros_like(per_unit[:1]), np.cumsum(per_unit, axis=0)])
        after = np.maximum(np.arange(self.units) - self.ages[-1] + 1, 0)
        total: Array = sums[after] - sums[np.maximum(after - self.look_back, 0)]
        return total

    def mature(self, at: int) -> Array:
        """Which units can tell what came after this age: 1 or 0, [units]."""
        both: Array = (self.computed[at] & self.computed[-1]).astype(np.float64)
        return both


class Rest(ABC):
    """What the mature units of a group say of the late labels of a younger one."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._told: dict[int, Array] = {}
        self._waiting: dict[int, Array] = {}

    def told(self, at: int, runs: Ints) -> Array:
        """How many units with labels tell at these runs what came after a horizon: mature, and computed at
        it too.
        """
        if at not in self._told:
            labelled = self.known.statistics[-1].labelled > 0
            self._told[at] = self.known.within(self.known.mature(at) * labelled)
        found: Array = self._told[at][runs]
        return found

    def unheard(self, at: int, units: Ints, runs: Ints) -> Array:
        """How many unlabelled predictions units have at a horizon of which the mature ones tell nothing,
        having had a label for every one of theirs by then.
        """
        young = self.known.statistics[at]
        unlabelled = young.predictions - young.labelled
        if at not in self._waiting:
            self._waiting[at] = self.known.within(unlabelled * self.known.mature(at))
        return np.where(self._waiting[at][runs] > 0, 0.0, unlabelled[units])

    @abstractmethod
    def late(self, at: int, units: Ints, runs: Ints) -> Statistics:
        """What to add to these units' statistics at a horizon: the expected late labels, as of these runs."""


class BinaryRest(Rest):
    """Late labels of a binary model, by score bin.

    Of the u unlabelled predictions of a bin u · a are expected to get a label and u · a · r a yes.  The share
    a is that of the mature units' unlabelled in that bin, with ten rows of all bins added.  The rate r is the
    isotonic curve of their late labels, its odds multiplied by exp(d).  d is the unit's own: the shift of log
    odds that its labels so far show against the curve of labels that early, estimated with a normal prior of
    variance v (its mode: Newton's method).  v is the variance of d between mature units by the method of
    moments, sum of ((O - E)² - V) / sum of V², with O the yeses seen, E those expected by the curve and V
    their binomial variance (after DerSimonian and Laird, 1986); it is 0 where units are alike.
    """

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self._by_age: dict[int, _Curves] = {}

    def late(self, at: int, units: Ints, runs: Ints) -> BinaryStatistics:
        curves = self._curves(at)
        found = binary(self.known.statistics[at])[units]
        histograms = found.histograms
        shift = _shift(histograms, _odds(curves.early[runs]), curves.variance[runs])
        rates = _rate(_odds(curves.late[runs]) + shift[:, None])
        waiting, scores = found.counts[:, :, 0], found.scores[:, :, 0]
        mean = np.divide(scores, waiting, out=np.zeros_like(scores), where=waiting > 0)
        come = waiting * curves.share[runs][:, None]
        yes = come * rates[:, None]
        both = np.stack([come - yes, yes], axis=2)
        return _expected(both, mean, curves.per_weight[runs])

    def _curves(self, at: int) -> _Curves:
        if at not in self._by_age:
            self._by_age[at] = self._fitted(at)
        return self._by_age[at]

    def _fitted(self, at: int) -> _Curves:
        known = self.known
        mature = known.mature(at)[:, None, None]
        young, old = binary(known.statistics[at]), binary(known.statistics[-1])
        early = known.within(young.histograms * mature)
        late = np.maximum(known.within((old.histograms - young.histograms) * mature), 0.0)
        waiting = known.within(young.counts[:, :, 0].sum(axis=1) * mature[:, 0])
        come = late.sum(axis=1)
        overall = _quotient(come.sum(axis=1), waiting.sum(axis=1))[:, None]
        early_curve = _curves_of(early)
        return _Curves(
            early=early_curve,
            late=_curves_of(late, early_curve),
            share=(come + PSEUDO_ROWS * overall) / (waiting + PSEUDO_ROWS),
            variance=self._variance(young.histograms, early_curve, mature[:, 0, 0]),
            per_weight=self._per_weight(young, old, mature[:, 0]),
        )

    def _variance(self, histograms: Array, curves: Array, mature: Array) -> Array:
        """How much log odds differ between units, as each run knows it: [runs]."""
        rows, yes = histograms.sum(axis=1), histograms[:, 1].sum(axis=1)
        away = (yes - curves @ rows.T) ** 2
        by_chance = (curves * (1.0 - curves)) @ rows.T
        runs = np.arange(self.known.units)
        oldest = runs - self.known.ages[-1] - self.known.look_back
        counted = (runs <= (runs - self.known.ages[-1])[:, None]) & (runs > oldest[:, None])
        counted &= mature > 0
        excess = np.where(counted, away - by_chance, 0.0).sum(axis=1)
        squares = np.where(counted, by_chance**2, 0.0).sum(axis=1)
        return np.maximum(_quotient(excess, squares), 0.0)

    def _per_weight(self, young: Statistics, old: Statistics, mature: Array) -> Array:
        """Rows, and squared weight, to a unit of a late label's weight: [runs, 2]; 1 without weights."""
        rows = self.known.within((old.rows - young.rows) * mature)
        weight = rows[:, 2]
        return np.stack([np.where(weight > 0, _quotient(rows[:, i], weight), 1.0) for i in (1, 3)], axis=1)


@dataclass(frozen=True, slots=True)
class _Curves:
    """What is known at each run of the labels before and after an age, by score bin: [runs, bins]."""

    early: Array
    late: Array
    share: Array
    variance: Array
    per_weight: Array


class RegressionRest(Rest):
    """Late labels of a regression, all in one bin, for statistics do not tell what error goes with what
    value.

    Of u unlabelled predictions u · a are expected to get a label, and their errors to be distributed as those
    of the mature units' late labels.  All means (of the error, its size, its square, ...) are then moved by c
    times what the unit's own labels differ from the mature units' labels of that age, with c the credibility
    n v / (n v + s) of Bühlmann and Straub (1970): n labels, s the variance of |error| between rows and v that
    between units.
    """

    def late(self, at: int, units: Ints, runs: Ints) -> RegressionStatistics:
        known = self.known
        young, old = regression(known.statistics[at]), regression(known.statistics[-1])
        mature = known.mature(at)[:, None]
        now = young[units]
        waiting = now.predictions - now.labelled
        arrived = np.maximum(known.within((old.rows - young.rows) * mature)[runs], 0.0)
        unlabelled = known.within((young.predictions - young.labelled) * mature[:, 0])[runs]
        per_row = _quotient(waiting, unlabelled)
        pooled = known.within(young.sums * mature)[runs]
        moved = self._credibility(young.sums, mature[:, 0], runs, now.sums[:, 0])
        rows = per_row * arrived[:, 2]
        made: dict[str, Array] = {"rows": per_row[:, None] * arrived}
        made["rows"][:, 0] = 0.0
        for name in LABELLED:
            was, is_now = getattr(young, name), getattr(now, name)
            shape = (-1,) + (1,) * (was.ndim - 1)
            gone = known.within((getattr(old, name) - was) * mature.reshape(shape))[runs]
            early = known.within(was * mature.reshape(shape))[runs]
            own = is_now * _quotient(np.ones(len(units)), now.sums[:, 0]).reshape(shape)
            usual = early * _quotient(np.ones(len(units)), pooled[:, 0]).reshape(shape)
            change = (rows * moved).reshape(shape) * (own - usual)
            made[name] = _possible(name, per_row.reshape(shape) * gone + change)
        zeros = RegressionStatistics.zeros(len(units))
        return RegressionStatistics(
            made["rows"], zeros.volume, zeros.widths, zeros.values, *(made[name] for name in LABELLED)
        )

    def _credibility(self, sums: Array, mature: Array, runs: Ints, rows: Array) -> Array:
        """How far a unit's own mean error is believed, given its labels: [units]."""
        within = self.known.within
        count, size, squares = (within(sums[:, i] * mature)[runs] for i in (0, 2, 3))
        units = within((sums[:, 0] > 0) * mature)[runs]
        own = _quotient(sums[:, 2], sums[:, 0])
        between = within(sums[:, 2] * own * mature)[runs] - _quotient(size * size, count)
        counts = within(sums[:, 0] ** 2 * mature)[runs]
        spread = np.maximum(_quotient(squares, count) - _quotient(size, count) ** 2, 0.0)
        differ = _quotient(between - (units - 1.0) * spread, count - _quotient(counts, count))
        differ = np.maximum(differ, 0.0)
        return _quotient(rows * differ, rows * differ + spread)


def rest_of(known: Known) -> Rest | None:
    """What can be said of the late labels of such statistics; None where nothing can."""
    if isinstance(known.statistics[0], BinaryStatistics):
        return BinaryRest(known)
    return RegressionRest(known) if isinstance(known.statistics[0], RegressionStatistics) else None


def _curves_of(histograms: Array, otherwise: Array | None = None) -> Array:
    """The isotonic curve of every run, [runs, bins], from [runs, outcome, bins]; without labels the other."""
    curves = np.full((len(histograms), BINS), 0.5) if otherwise is None else otherwise.copy()
    for i, (negative, positive) in enumerate(histograms):
        found = never_falling(negative, positive)
        if found is not None:
            curves[i] = found
    return np.clip(curves, CERTAIN, 1.0 - CERTAIN)


def _possible(name: str, sums: Array) -> Array:
    """These sums, none negative but those of signed numbers."""
    signed = np.isin(np.arange(sums.shape[-1]), SIGNED[name])
    return np.where(signed, sums, np.maximum(sums, 0.0))


def _shift(histograms: Array, odds: Array, variance: Array) -> Array:
    """By how much units' own labels shift the log odds of a curve, given how much units differ: [units]."""
    rows, yes = histograms.sum(axis=1), histograms[:, 1].sum(axis=1)
    prior = _quotient(np.ones(len(yes)), variance)
    shift = np.zeros(len(yes))
    for _ in range(STEPS):
        rate = _rate(odds + shift[:, None])
        slope = yes - (rows * rate).sum(axis=1) - prior * shift
        step = _quotient(slope, (rows * rate * (1.0 - rate)).sum(axis=1) + prior)
        shift += np.clip(step, -1.0, 1.0)
    return np.where(variance > 0, shift, 0.0)


def _expected(rows: Array, mean: Array, per_weight: Array) -> BinaryStatistics:
    """Statistics of so many expected labels, [units, decision, outcome, bin], of unlabelled rows' mean
    scores.
    """
    made: Any = BinaryStatistics.zeros(len(rows))
    made.counts[:, :, 1:], made.counts[:, :, 0] = rows, -rows.sum(axis=2)
    scores = rows * mean[:, :, None]
    made.scores[:, :, 1:], made.scores[:, :, 0] = scores, -scores.sum(axis=2)
    made.moments[:, :, 1:, 0] = (scores * mean[:, :, None]).sum(axis=3)
    given = np.clip(np.stack([1.0 - mean, mean], axis=2), SMALLEST, 1.0)
    made.moments[:, :, 1:, 1] = -(rows * np.log(given)).sum(axis=3)
    weight = rows.sum(axis=(1, 2, 3))
    made.rows[:, 1] = weight * per_weight[:, 0]
    made.rows[:, 2] = weight
    made.rows[:, 3] = weight * per_weight[:, 1]
    found: BinaryStatistics = made
    return found


def _odds(rate: Array) -> Array:
    """Log odds of rates."""
    odds: Array = np.log(rate / (1.0 - rate))
    return odds


def _rate(odds: Array) -> Array:
    """Rates of log odds."""
    rate: Array = 1.0 / (1.0 + np.exp(-odds))
    return rate


def _quotient(part: Array, whole: Array) -> Array:
    """A quotient that is 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
