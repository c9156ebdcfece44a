"""The confusion matrix, one share at a time."""

from __future__ import annotations

from typing import Self

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import MULTICLASS, Argument, Family, Share, multiclass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

ARROW = "->"


class Confusion(Share):
    """`confusion(cat->dog)`: the share of rows that turned out to be cats which were taken for dogs.

    Bare in a monitor's file it means every pair of classes, so the whole matrix is kept, with rows that add
    up to 1; `confusion(cat->cat)` is the class's recall.
    """

    name = "confusion"
    tasks = MULTICLASS
    argument = Argument.PAIR
    direction = Direction.NEITHER
    family = Family.DECISIONS
    undefined = "no row turned out to be of this class"
    pair: str

    def given(self, argument: str) -> Self:
        if ARROW not in argument:
            raise ValueError(
                f"confusion takes an actual and a predicted class, as in cat->dog, not {argument!r}"
            )
        made = self.named(argument)
        made.pair = argument
        return made

    def terms(self, statistics: Statistics) -> Array:
        found = multiclass(statistics)
        pairs = (
            (i, j)
            for i, actual in enumerate(found.names)
            for j, predicted in enumerate(found.names)
            if f"{actual}{ARROW}{predicted}" == self.pair
        )
        actual, predicted = next(pairs)
        return np.stack([found.table[:, predicted, actual], found.table[:, :, actual].sum(axis=1)], axis=1)
