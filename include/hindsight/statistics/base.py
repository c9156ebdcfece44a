"""The contract of statistics: batches of additive numbers, and a canonical text to keep them in."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hindsight.statistics.lines import Events

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Statistics(ABC):
    """Statistics of a batch of windows: every field is an array whose leading axis is the batch.

    Numbers are counts and sums of disjoint rows, so they add, and the empty one is zero: a month is the
    sum of its days and ALL the sum of a segment column's values.  Counts are exact in a float up to 2^53.
    """

    TERMS: ClassVar[tuple[str, ...]]
    """What the statement sums for this kind, in its order."""

    @classmethod
    @abstractmethod
    def zeros(cls, batch: int) -> Self:
        """So many windows without a row."""

    @property
    @abstractmethod
    def predictions(self) -> Array:
        """Usable predictions per window, shape [batch]."""

    @property
    @abstractmethod
    def labelled(self) -> Array:
        """Predictions with a label per window, shape [batch]."""

    @classmethod
    @abstractmethod
    def payloads(cls, events: Events, groups: int, buckets: int) -> list[list[dict[str, Any]]]:
        """For each horizon the exact statistics of each group, as plain integers; `{}` without a row."""

    @classmethod
    @abstractmethod
    def parse(cls, payloads: Sequence[Mapping[str, Any] | None], unit: float = 1.0) -> Self:
        """A batch from what `payloads` made; None is a window without rows, `unit` undoes the statement's."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __len__(self) -> int:
        return len(self.predictions)

    def __getitem__(self, which: slice | npt.NDArray[Any]) -> Self:
        return type(self)(*(getattr(self, f.name)[which] for f in fields(self)))

    def pooled(self) -> Self:
        """The sum of the batch as a batch of one, added in order so that it never depends on the rest."""
        total = self[0:1]
        for i in range(1, len(self)):
            total = total + self[i : i + 1]
        return total


def canonical(payload: Mapping[str, Any]) -> str:
    """A payload as text: one way to write it, so equal statistics are equal bytes."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"))
