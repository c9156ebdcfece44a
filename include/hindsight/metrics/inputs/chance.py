"""What chance alone makes of a comparison with the reference, from how much its own days differ.

A day's shares are taken to be the feature's own plus an effect of the day, so rows of one day are not
independent: with M = diag(q) - qq' and T the covariance of the effects, the shares of n rows over days of
n_d rows vary by M / n + T κ, where κ = Σ n_d² / n² (a cluster sample: Rao and Scott, 1981; Kish, 1965).  T
is estimated by moments from the days of the reference, as in a one-way analysis of variance:
A = Σ n_d (p_d - q)(p_d - q)' has the mean (D - 1) M + (N - Σ n_d² / N) T.

Days that differ by their weekday differ by T too; so a window of a few days is compared with care.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from hindsight.statistics.base import Array
from hindsight.statistics.cuts import CategoryCut, Cut, NumberCut

GROUPS: Final = 10
"""Parts of about equal size that a number's bins are put together to."""

RARE: Final = 0.01
"""Categories of a smaller share of the reference are taken together."""


@dataclass(frozen=True, eq=False)
class Days:
    """How many days there are behind a pooled number of rows: rows, and the sum of the days' squared rows."""

    rows: float
    days: int
    squares: float

    @classmethod
    def of(cls, rows: Array) -> Self:
        there = rows[rows > 0]
        return cls(float(there.sum()), len(there), float((there * there).sum()))

    @property
    def kappa(self) -> float:
        """Σ n_d² / n²: one over the number of equal days."""
        return self.squares / self.rows**2

    @property
    def effective(self) -> float:
        """What an effect of days weighs in a sum over them: N - Σ n_d² / N."""
        return self.rows - self.squares / self.rows

    def between(self, spread: Array, within: Array) -> Array:
        """The variance of days from Σ n_d (x_d - x)² and the variance within days, not below 0."""
        if self.days < 2:
            return np.zeros_like(within)
        return np.maximum(spread - (self.days - 1) * within, 0.0) / self.effective


@dataclass(frozen=True, eq=False)
class Chance:
    """A feature's reference, ready to be compared with.

    `group` [bins, groups] is 1 for the group of each bin, else 0, `share` [groups] the reference's shares.
    `first` and `second` are the traces of U and U², where U is T in units of the shares: Q^-½ T Q^-½.
    `below` [edges] is the share below each edge, and `day` [edges] its variance from day to day.
    """

    group: Array
    share: Array
    rows: Days
    first: float
    second: float
    below: Array
    day: Array

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.share)


@lru_cache(maxsize=512)
def chance_of(cut: Cut) -> Chance:
    """The reference of a cut."""
    rows = Days.of(cut.counts.sum(axis=1))
    whole = cut.counts.sum(axis=0) / max(rows.rows, 1.0)
    group = grouped(cut, whole)
    joined = member(group)
    daily = cut.counts @ joined
    share = daily.sum(axis=0) / max(rows.rows, 1.0)
    below = np.cumsum(whole)[:-1]
    size = cut.counts.sum(axis=1, keepdims=True)
    each = np.divide(
        np.cumsum(cut.counts, axis=1)[:, :-1], size, out=np.zeros_like(cut.counts[:, :-1]), where=size > 0
    )
    day = rows.between((size * (each - below) ** 2).sum(axis=0), below * (1.0 - below))
    return Chance(joined, share, rows, *traces(daily, share, rows), below, day)


def grouped(cut: Cut, whole: Array) -> npt.NDArray[np.int64]:
    """The group of each bin: tenths of the reference for numbers, categories with the rare ones together.

    A bin belongs to the tenth that its middle lies in, so what the reference never had joins the outermost
    tenth, unless a single value fills that and more.
    """
    if isinstance(cut, CategoryCut):
        rare = whole < RARE
        rare[cut.top] = True
        rare[cut.top + 1] = False
        code = np.cumsum(~rare) - 1
        code[rare] = (~rare).sum()
        return np.asarray(code, dtype=np.int64)
    assert isinstance(cut, NumberCut)
    middle = np.cumsum(whole) - whole / 2.0
    tenth = np.minimum(np.floor(middle * GROUPS + 1e-9), GROUPS - 1)
    return np.asarray(np.unique(tenth, return_inverse=True)[1], dtype=np.int64)


def member(group: npt.NDArray[np.int64]) -> Array:
    """1 where a bin is in a group: [bins, groups]."""
    made: Array = (group[:, None] == np.arange(int(group.max()) + 1)).astype(np.float64)
    return made


def traces(daily: Array, share: Array, rows: Days) -> tuple[float, float]:
    """The traces of U and U² from the reference's days.

    That of U² is corrected for the noise of few days (Srivastava, 2005), and kept where the eigenvalues of a
    matrix with the first trace can lie.
    """
    there = share > 0
    free = int(there.sum()) - 1
    if rows.days < 2 or free < 1:
        return 0.0, 0.0
    daily = daily[daily.sum(axis=1) > 0]
    size = daily.sum(axis=1, keepdims=True)
    away = np.sqrt(size) * (daily[:, there] / size - share[there]) / np.sqrt(share[there])
    products = away @ away.T
    total, squares = float(np.trace(products)), float((products * products).sum())
    degrees = rows.days - 1
    first = max(total - degrees * free, 0.0) / rows.effective
    if degrees < 2:
        return first, first * first
    unit = rows.effective / degrees
    second = (squares - total * total / degrees) / ((degrees - 1) * (degrees + 2))
    second = (second - free - 2.0 * unit * first) / (unit * unit)
    return first, min(max(second, first * first / free), first * first)
