"""What decisions cost on average, at given prices."""

from __future__ import annotations

from typing import Final, Self

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Argument, Family, Metric, binary, divide
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

CELLS: Final = ("tp", "fp", "fn", "tn")


class Cost(Metric):
    """Mean price of a labelled row: `cost(fp=1 fn=5)` charges 1 for a false alarm and 5 for a miss.

    Prices of true positives and negatives (`tp`, `tn`) may be given too, and be negative; what is left out
    is free, and the bare name charges 1 for either mistake.  The right metric where prices are known (Elkan,
    2001); where they are a guess, look at precision and recall.  The row error is that of a mean of
    independent rows after adding one row to each of the four cells, so that misses not yet seen count as
    possible.
    """

    name = "cost"
    tasks = BINARY
    argument = Argument.TEXT
    direction = Direction.LOWER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no prediction has a label"
    prices: tuple[float, ...] = (0.0, 1.0, 1.0, 0.0)
    """Of a true positive, a false positive, a false negative and a true negative."""

    def given(self, argument: str) -> Self:
        words = argument.split()
        pairs = dict(word.partition("=")[::2] for word in words)
        try:
            prices = {cell: float(price) for cell, price in pairs.items()}
        except ValueError:
            prices = {}
        fit = (
            len(prices) == len(words)
            and prices.keys() <= set(CELLS)
            and all(np.isfinite(price) for price in prices.values())
            and any(prices.values())
        )
        if not fit:
            raise ValueError(f"{type(self).name} takes prices such as 'fp=1 fn=5', not {argument!r}")
        made = self.named(" ".join(words))
        made.prices = tuple(prices.get(cell, 0.0) for cell in CELLS)
        return made

    def terms(self, statistics: Statistics) -> Array:
        return binary(statistics).confusion

    def value(self, terms: Array) -> Array:
        return divide((terms * np.array(self.prices)).sum(axis=1), self.rows(terms))

    def row_error(self, terms: Array) -> Array:
        counts, prices = terms + 1.0, np.array(self.prices)
        away = prices - self.value(counts)[:, None]
        variance = (counts * away * away).sum(axis=1) / counts.sum(axis=1)
        return np.sqrt(divide(variance, self.rows(terms)))

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows
