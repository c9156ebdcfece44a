"""A ratio of two sums of the team's own."""

from __future__ import annotations

from typing import Self

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Argument, divide
from hindsight.metrics.inputs.calls import OfCalls
from hindsight.metrics.inputs.feature import inputs
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

NO_NUMBER = "in a row of the window an expression gave no number between -1e6 and 1e6"


class Custom(OfCalls):
    """Σ x / Σ y over all logged rows but duplicates, as the monitor's `custom` defines x and y.

    Both are SQL over the columns of the prediction log and give a number per row from -10⁶ to 10⁶, null
    counting as 0; proxies such as a block rate or an override rate are such ratios.  The row error is the
    delta method's for a ratio of means, sqrt(Σ (x - r y)²) / Σ y (Cochran, 1977, 6.3).
    """

    name = "custom"
    argument = Argument.CUSTOM
    direction = Direction.NEITHER
    undefined = "the denominator adds up to 0"
    of: str

    def given(self, argument: str) -> Self:
        made = self.named(argument)
        made.of = argument
        return made

    def terms(self, statistics: Statistics) -> Array:
        found = inputs(statistics)
        return np.column_stack([found.custom[:, found.layout.custom.index(self.of)], found.calls[:, 0]])

    def value(self, terms: Array) -> Array:
        over, under, invalid = terms[:, 0], terms[:, 1], terms[:, 5]
        ratio = np.divide(over, under, out=np.full_like(over, np.nan), where=(under != 0) & (invalid == 0))
        return np.asarray(ratio)

    def row_error(self, terms: Array) -> Array:
        ratio = self.value(terms)
        squares = terms[:, 2] - 2.0 * ratio * terms[:, 3] + ratio * ratio * terms[:, 4]
        calls = terms[:, 6]
        few = divide(calls, calls - 1.0)
        return divide(np.sqrt(np.maximum(squares, 0.0) * few), np.abs(terms[:, 1]))

    def rows(self, terms: Array) -> Array:
        return terms[:, 6]

    def why(self, terms: Array) -> list[str]:
        return [NO_NUMBER if invalid else self.undefined for invalid in terms[:, 5]]
