"""The contract of statistics: batches of additive numbers, and a canonical text to keep them in.

What a window leaves behind are cells.  A cell is a pair (said, actual) of small integers: what the model
said (for a binary model its decision and score bin) and what turned out true (0 while that is unknown).
It holds how many rows there are and exact sums of a few terms.  Each kind says what its codes and terms
mean; counting, ageing, writing and adding are the same for all.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ONE: Final = 1e9
"""Fixed point: terms are held in billionths."""

LIMB: Final = 1 << 30
"""Wide terms are summed in two parts, `high * LIMB + low`, so that 64-bit integers suffice everywhere."""


@dataclass(frozen=True, slots=True)
class Term:
    """Something that is summed over rows, in billionths.

    A `labelled` one counts for rows with a label only, times the label's weight if there are weights.
    A `wide` one may exceed what a 64-bit sum holds.  `power` says how it scales with the target's unit.
    """

    name: str
    labelled: bool = False
    wide: bool = False
    power: int = 0


WEIGHTS: Final = (
    Term("weight", labelled=True, wide=True),
    Term("weight2", labelled=True, wide=True),
)
"""Summed besides a kind's own terms where labels have weights; the second is the weight's square."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a batch of payloads, one entry per cell; `terms` in the target's unit."""

    window: Ints
    said: Ints
    actual: Ints
    count: Array
    terms: Mapping[str, Array]


@dataclass(frozen=True)
class Statistics(ABC):
    """Statistics of a batch of windows: every field is an array whose leading axis is the batch.

    Numbers are counts and sums of disjoint rows, so they add, and the empty one is zero: a month is the
    sum of its days and ALL the sum of a segment column's values.  Counts are exact in a float up to 2^53.
    `rows` has shape [batch, (predictions, labelled, sum of weights, sum of squared weights)]; without
    weights each label weighs 1.
    """

    rows: Array

    @property
    def predictions(self) -> Array:
        """Usable predictions per window, shape [batch]."""
        return self.rows[:, 0]

    @property
    def labelled(self) -> Array:
        """Predictions with a label per window, shape [batch]."""
        return self.rows[:, 1]

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: slice | npt.NDArray[Any]) -> Self:
        return type(self)(*(getattr(self, f.name)[which] for f in fields(self)))

    def pooled(self) -> Self:
        """The sum of the batch as a batch of one, added in order so that it never depends on the rest."""
        total = self[0:1]
        for i in range(1, len(self)):
            total = total + self[i : i + 1]
        return total


class Layout(ABC):
    """How a monitor's statistics are coded: a small value made from its specification.

    `said` and `actuals` are how many codes there are; `actuals` includes 0, the unknown.
    """

    kind: ClassVar[type[Statistics]]
    said: int
    rows_said: int
    """Codes below it are what rows of the log said; those above count other things of the same rows."""
    actuals: int
    terms: tuple[Term, ...]
    weighted: bool = False
    unit: float = 1.0

    @property
    def summed(self) -> tuple[Term, ...]:
        """Everything the statement sums, in its order."""
        if not self.weighted:
            return self.terms
        return (*(replace(term, wide=term.wide or term.labelled) for term in self.terms), *WEIGHTS)

    @abstractmethod
    def zeros(self, batch: int) -> Statistics:
        """So many windows without a row."""

    @abstractmethod
    def of_cells(self, cells: Cells, batch: int) -> Statistics:
        """The statistics of a batch of windows from their cells."""

    def parse(self, payloads: Sequence[Mapping[str, Any] | None]) -> Statistics:
        """A batch from stored payloads; None is a window without rows."""
        there = [(i, payload) for i, payload in enumerate(payloads) if payload and payload["cell"]]
        if not there:
            return self.zeros(len(payloads))
        window = np.repeat([i for i, _ in there], [len(payload["cell"]) for _, payload in there])

        def column(name: str) -> npt.NDArray[Any]:
            return np.fromiter(chain.from_iterable(p[name] for _, p in there), dtype=np.float64)

        said, actual = np.divmod(column("cell").astype(np.int64), self.actuals)
        terms = {t.name: column(t.name) / ONE * self.unit**t.power for t in self.summed}
        return self.of_cells(Cells(window, said, actual, column("n"), terms), len(payloads))

    def counted(self, cells: Cells, batch: int) -> Array:
        """`Statistics.rows` of the cells."""
        labelled = cells.actual > 0
        chosen = cells.said < self.rows_said
        columns = [
            np.where(chosen, cells.count, 0.0),
            np.where(chosen & labelled, cells.count, 0.0),
            np.where(chosen & labelled, cells.terms.get("weight", cells.count), 0.0),
            np.where(chosen & labelled, cells.terms.get("weight2", cells.count), 0.0),
        ]
        return np.stack([np.bincount(cells.window, column, batch) for column in columns], axis=1)

    def weight(self, cells: Cells) -> Array:
        """What each cell counts in a metric: its rows, or for labelled ones the sum of their weights."""
        if not self.weighted:
            return cells.count
        return np.where(cells.actual > 0, cells.terms["weight"], cells.count)


def canonical(payload: Mapping[str, Any]) -> str:
    """A payload as text: one way to write it, so equal statistics are equal bytes."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"))
