"""Statistics with an axis that has names: the classes of a model, the cut-offs of a ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy.typing as npt

from hindsight.statistics.base import Statistics


@dataclass(frozen=True)
class Named(Statistics):
    """Statistics some of whose arrays have an axis of `names`, the same for every window of a batch.

    The names are no field, for they do not add: sums and slices carry them along.
    """

    names: ClassVar[tuple[str, ...]] = ()

    def named(self, names: tuple[str, ...]) -> Self:
        """These statistics, knowing the names of their axis."""
        object.__setattr__(self, "names", names)
        return self

    def index(self, name: str) -> int:
        """Where a name stands on the axis; ValueError if it is not there."""
        return self.names.index(name)

    def __add__(self, other: Self) -> Self:
        assert self.names == other.names
        return super().__add__(other).named(self.names)

    def __getitem__(self, which: slice | npt.NDArray[Any]) -> Self:
        return super().__getitem__(which).named(self.names)
