"""How long labels take: the distribution of their delay from windows that were watched for different times.

A window that was last looked at when it was 7 units old shows no label older than that.  Taken as they are,
its delays are too short (right truncation).  Delays are therefore read backwards in time (Lawless, 1994; the
development factors of the chain ladder, Mack, 1993): of the N_s labels of age s or less, in windows that were
watched to age s at least, n_s came at s itself.  The share of labels that come by age a, of all that come by
the greatest age watched, is the product over s > a of (1 - n_s / N_s).  A window counts wherever it tells
something.

It assumes that delays of younger windows are as those of older ones, and says nothing of labels that come
after the greatest age, or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from hindsight.domain.values import Z95
from hindsight.statistics.base import Array, Ints


@dataclass(frozen=True, slots=True)
class Delays:
    """The share of labels that are known at each age, of all that come by the last: [ages].

    `error` is its standard error, the larger of two: as if labels were independent (Greenwood's formula, as
    for every product limit), and as windows differ (the sum of squares of what each window contributes to the
    logarithm: Liang and Zeger, 1986).  Labels of a day come in one file, so the second is often the larger by
    far.
    """

    share: Array
    error: Array
    labels: float

    @classmethod
    def of(cls, counts: Array, watched: Ints) -> Self | None:
        """From labels by window and age of the first label, [windows, ages], and the last age at which each
        window was looked at; None if there is no label.

        >>> Delays.of(np.array([[4.0, 4.0, 2.0], [6.0, 4.0, 0.0]]), np.array([2, 1])).share.round(3)
        array([0.444, 0.8  , 1.   ])
        """
        ages = np.arange(counts.shape[1])
        seen = watched[:, None] >= ages
        counts = np.where(seen, counts, 0.0)
        came = counts.sum(axis=0)
        by_then = np.where(seen, np.cumsum(counts, axis=1), 0.0)
        pool = by_then.sum(axis=0)
        if not pool.any():
            return None
        left = np.divide(came, pool, out=np.zeros(len(ages)), where=pool > 0)
        # Where nobody had a label before, nothing is known of what came earlier: no factor, and no error.
        kept = np.where(left < 1.0, 1.0 - left, 1.0)
        whole = np.where(left < 1.0, 1.0, 0.0)
        later = _later(np.log(kept))
        share = np.exp(later) * _none_later(whole)
        rows = _later(np.divide(came, pool * (pool - came), out=np.zeros(len(ages)), where=pool > came))
        odd = np.divide(counts - left * by_then, pool * kept, out=np.zeros_like(counts), where=pool > 0)
        each = _later(odd)
        many = len(counts) / max(len(counts) - 1, 1)
        variance = np.maximum(rows, many * (each**2).sum(axis=0))
        return cls(share, share * np.sqrt(variance), float(counts.sum()))

    def quantile(self, share: float) -> tuple[int, int, int | None]:
        """The age by which this share of labels is known, and the ends of its 95 % interval (None: later than
        the last age): where share ± 1.96 errors pass it.
        """
        ages = [self._reached(self.share + side * Z95 * self.error, share) for side in (0.0, 1.0, -1.0)]
        at, low, high = ages
        last = len(self.share) - 1
        return (last if at is None else at), (last if low is None else low), high

    @staticmethod
    def _reached(shares: Array, share: float) -> int | None:
        found = np.flatnonzero(shares >= share - 1e-12)
        return int(found[0]) if len(found) else None


def _later(per_age: Array) -> Array:
    """Sums over the later ages, along the last axis."""
    backwards = np.cumsum(per_age[..., ::-1], axis=-1)[..., ::-1]
    total: Array = backwards - per_age
    return total


def _none_later(whole: Array) -> Array:
    """1 at ages after which the product never was 0, else 0."""
    gone = _later(1.0 - whole)
    return np.where(gone > 0, 0.0, 1.0)
