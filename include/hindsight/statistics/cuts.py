"""Cuts of the features: where their bins lie, taken from the reference once, with the reference's own counts.

A cut never changes while what it was taken from is the same, so days add.  A number's bins are half-open,
edge to edge, with one below and one above all that the reference had; a category's are its most frequent
values, the other ones that the reference knew, and those that it did not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nextafter
from typing import Any, ClassVar, Final

import numpy as np

from hindsight.statistics.base import ONE, Array, canonical

TILES: Final = 50
"""A number's bins hold equal parts of the reference, as far as its values are told apart."""

TOP: Final = 50
"""Values of a category that have bins of their own."""

KNOWN: Final = 1000
"""Values of a category that are remembered as known."""

FARTHEST: Final = 1e5
"""How far from the centre, in scales, a number may be to be summed; beyond it is only counted in its bin."""

SUMS: Final = 7
"""Sums of a number; see `Cut`."""

LARGEST_NUMBER: Final = 1.7976931348623157e308
"""The largest double; infinities are beyond it, and NaN is not below it anywhere."""


@dataclass(frozen=True, eq=False)
class Cut:
    """How a feature is binned, and what the reference's days had of it.

    `counts` has shape [days, bins]: the rows with a value on each day of the reference that has any.
    `sums` has shape [days, SUMS]: rows that are summed, Σz, Σz², Σz of the lowest and of the highest bin, and
    the rows that are summed of these two.
    """

    kind: ClassVar[str]
    counts: Array
    sums: Array

    @property
    def bins(self) -> int:
        """How many bins there are."""
        raise NotImplementedError

    def told(self) -> dict[str, Any]:
        """What it is, besides the counts."""
        return {}

    def written(self) -> str:
        """The cut as canonical JSON; sums in billionths."""
        counts = [[int(n) for n in day] for day in self.counts]
        return canonical({"kind": self.kind, "counts": counts, "sums": self.sums.tolist()} | self.told())


@dataclass(frozen=True, eq=False)
class Nothing(Cut):
    """A feature of which the reference has no value: nothing can be compared with that."""

    kind = "nothing"

    @property
    def bins(self) -> int:
        return 0


@dataclass(frozen=True, eq=False)
class NumberCut(Cut):
    """Bin i holds edges[i - 1] <= x < edges[i]; the first and the last hold what the reference never had.

    Sums are of z = (x - centre) / scale.
    """

    kind = "number"
    edges: tuple[float, ...]
    centre: float
    scale: float

    @property
    def bins(self) -> int:
        return len(self.edges) + 1

    @property
    def reach(self) -> tuple[float, float]:
        """The numbers that are summed, as bounds."""
        away = FARTHEST * self.scale
        low, high = self.centre - away, self.centre + away
        return max(low, -LARGEST_NUMBER), min(high, LARGEST_NUMBER)

    @property
    def places(self) -> Array:
        """The edges in units of z, none farther off than what is summed."""
        with np.errstate(over="ignore"):
            away = (np.array(self.edges) - self.centre) / self.scale
        return np.clip(away, -FARTHEST, FARTHEST)

    def told(self) -> dict[str, Any]:
        return {"edges": list(self.edges), "centre": self.centre, "scale": self.scale}


@dataclass(frozen=True, eq=False)
class CategoryCut(Cut):
    """Bins are `values[:TOP]`, then (other), then (unseen).

    `values` are what the reference knew, most frequent first; not `complete` if it had more than `KNOWN`:
    then a value that is not among them may still be an old one, and counts as other.
    """

    kind = "category"
    values: tuple[str, ...]
    complete: bool

    @property
    def top(self) -> int:
        """How many values have a bin of their own."""
        return min(len(self.values), TOP)

    @property
    def bins(self) -> int:
        return self.top + 2

    @property
    def unseen(self) -> int:
        """The bin of values that are not among the known ones."""
        return self.top + 1 if self.complete else self.top

    def told(self) -> dict[str, Any]:
        return {"values": list(self.values), "complete": self.complete}


def number_cut(tiles: Sequence[float], least: float) -> NumberCut:
    """The cut of a number from the greatest value in each of equal parts of the reference, and its least.

    A greatest value that repeats begins a bin of its own, so that values that are frequent are never taken
    together.  The centre is the median; the scale is the distance from the tenth to the ninetieth part, else
    of all that there is, else 1.

    >>> number_cut([1.0, 1.0, 2.0, 4.0], 0.5).edges
    (0.5, 1.0, 1.0000000000000002, 2.0000000000000004, 4.000000000000001)
    """
    ordered = sorted(top + 0.0 for top in tiles)  # of 0.0 and -0.0 engines give either one
    least = least + 0.0

    def at(share: float) -> float:
        return ordered[max(round(share * len(ordered)) - 1, 0)]

    # A value that fills a part and more, as those of whole numbers and flags do, has a bin of its own.
    heavy = {top for top, count in Counter(ordered).items() if count > 1 and top > least}
    edges = sorted({nextafter(top, np.inf) for top in ordered} | heavy | {least})
    edges = [edge for edge in edges if isfinite(edge)] or [least]
    spreads = [at(0.9) - at(0.1), ordered[-1] - least, 1.0]
    scale = next((spread for spread in spreads if spread > 0.0 and isfinite(spread)), 1.0)
    empty = np.zeros((0, len(edges) + 1)), np.zeros((0, SUMS))
    return NumberCut(*empty, tuple(edges), at(0.5), scale)


def category_cut(values: Sequence[str]) -> CategoryCut:
    """The cut of a category from the values that the reference knew, most frequent first, and one more."""
    known = tuple(values[:KNOWN])
    return CategoryCut(
        np.zeros((0, min(len(known), TOP) + 2)), np.zeros((0, SUMS)), known, len(values) <= KNOWN
    )


NOTHING: Final = Nothing(np.zeros((0, 0)), np.zeros((0, SUMS)))


def read_cut(payload: str) -> Cut:
    """A cut from its JSON."""
    told: Mapping[str, Any] = json.loads(payload)
    sums = np.array(told["sums"], dtype=np.float64).reshape(len(told["sums"]), SUMS)
    counts = np.array(told["counts"], dtype=np.float64).reshape(len(sums), -1 if len(sums) else 0)
    match told["kind"]:
        case NumberCut.kind:
            return NumberCut(counts, sums, tuple(told["edges"]), told["centre"], told["scale"])
        case CategoryCut.kind:
            return CategoryCut(counts, sums, tuple(told["values"]), told["complete"])
    return NOTHING


def summed(payload: Sequence[int]) -> tuple[float, ...]:
    """A day's sums of a number, from its payload: counts as they are, the others out of billionths."""
    count, *sums, low, high = payload
    return (float(count), *(value / ONE for value in sums), float(low), float(high))
