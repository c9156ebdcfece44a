"""Precision, recall and F1 averaged over classes, and what such averages share."""

from __future__ import annotations

from math import isqrt
from typing import ClassVar

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import MULTICLASS, Family, Metric, delta_error, divide, multiclass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Average(Metric):
    """A mean over classes of a quotient of each; terms: the table [predicted, actual] of labelled rows, flat.

    A quotient is hits / (a * predicted + b * actual), with `parts` = (a, b): rows rightly given the class,
    given the class, and of the class.  A class whose quotient has no denominator is left out.  With
    `by_support` classes count by how many rows are of them.

    The row error is the multinomial delta method's over the cells of the table (Takahashi and others,
    2022), after adding two right and two wrong rows, spread over classes as the actuals are: so five right
    of five are not certain.
    """

    tasks = MULTICLASS
    direction = Direction.HIGHER
    family = Family.DECISIONS
    undefined = "no prediction has a label"
    parts: ClassVar[tuple[float, float]]
    by_support: ClassVar[bool] = False

    def terms(self, statistics: Statistics) -> Array:
        table = multiclass(statistics).table
        return table.reshape(len(table), table.shape[1] * table.shape[2])

    def _table(self, terms: Array) -> Array:
        classes = isqrt(terms.shape[1])
        return terms.reshape(len(terms), classes, classes)

    def _quotients(self, table: Array) -> tuple[Array, Array, Array]:
        """Hits, denominators, and the weight of each class whose quotient is defined: [batch, class] each."""
        predicted, actual = table.sum(axis=2), table.sum(axis=1)
        whole = self.parts[0] * predicted + self.parts[1] * actual
        weight = actual if self.by_support else np.ones_like(actual)
        return np.diagonal(table, axis1=1, axis2=2), whole, np.where(whole > 0, weight, 0.0)

    def value(self, terms: Array) -> Array:
        hits, whole, weight = self._quotients(self._table(terms))
        quotient = np.divide(hits, whole, out=np.zeros_like(whole), where=whole > 0)
        value = divide((weight * quotient).sum(axis=1), weight.sum(axis=1))
        # If no class that was given occurred, nothing that was said was right.
        return np.where((terms.sum(axis=1) > 0) & (weight.sum(axis=1) == 0), 0.0, value)

    def row_error(self, terms: Array) -> Array:
        table = self._table(terms)
        classes = table.shape[1]
        rows = terms.sum(axis=1)
        share = np.divide(
            table.sum(axis=1), rows[:, None], out=np.zeros((len(terms), classes)), where=rows[:, None] > 0
        )
        same = np.eye(classes)
        added = table + 2.0 * share[:, None, :] * (same + (1.0 - same) / max(classes - 1, 1))
        seen = self._quotients(table)[1] > 0
        hits, whole, weight = self._quotients(added)
        weight = np.where(seen, weight, 0.0)
        total = weight.sum(axis=1, keepdims=True)
        scale = np.divide(weight, whole * total, out=np.zeros_like(whole), where=(whole > 0) & (total > 0))
        quotient = np.divide(hits, whole, out=np.zeros_like(whole), where=whole > 0)
        value = (scale * hits).sum(axis=1, keepdims=True)
        # Derivatives by hits, by rows given the class, and by rows of the class.
        of_hit, of_whole = scale, -scale * quotient
        of_predicted, of_actual = self.parts[0] * of_whole, self.parts[1] * of_whole
        if self.by_support:
            gap = np.divide(quotient - value, total, out=np.zeros_like(whole), where=total > 0)
            of_actual = of_actual + np.where(seen, gap, 0.0)
        slopes = of_predicted[:, :, None] + of_actual[:, None, :] + of_hit[:, :, None] * same
        error = delta_error(added.reshape(terms.shape), slopes.reshape(terms.shape))
        none = 2.0 / (rows + 4.0)
        without = np.sqrt(divide(none * (1.0 - none), rows))
        return np.where(total[:, 0] > 0, error * np.sqrt(divide(rows + 4.0, rows)), without)

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows


class Precise(Average):
    """Hits over rows given the class."""

    parts = (1.0, 0.0)


class Recalled(Average):
    """Hits over rows of the class."""

    parts = (0.0, 1.0)


class Harmonic(Average):
    """Hits over the mean of rows given the class and of it: precision and recall, their harmonic mean."""

    parts = (0.5, 0.5)
