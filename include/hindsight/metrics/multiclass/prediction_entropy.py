"""How evenly predictions fall on the classes."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import MULTICLASS, Metric, divide, multiclass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class PredictionEntropy(Metric):
    """-sum of p ln p over the shares p of the predicted classes: 0 if all are alike, ln(classes) if even.

    Needs no labels; a collapse to few classes shows whichever they are.  The row error is the delta method's,
    sqrt((sum of p ln² p - entropy²) / n), less what sampling adds to that, and at least the second order's
    sqrt((classes - 1) / (2 n²)), which is what is left at an even split (Harris, 1975), p after adding two
    of each class, so that 40 rows of one class do not claim to be certain.
    """

    name = "prediction_entropy"
    tasks = MULTICLASS
    direction = Direction.NEITHER
    labelled = False
    undefined = "there is no prediction"

    def terms(self, statistics: Statistics) -> Array:
        return multiclass(statistics).said

    def _surprise(self, terms: Array) -> tuple[Array, Array]:
        """Shares of classes and their -ln, 0 where there are none."""
        rows = self.rows(terms)[:, None]
        share = np.divide(terms, rows, out=np.zeros_like(terms), where=rows > 0)
        return share, -np.log(np.where(share > 0, share, 1.0))

    def value(self, terms: Array) -> Array:
        share, surprise = self._surprise(terms)
        return np.where(self.rows(terms) > 0, (share * surprise).sum(axis=1), np.nan)

    def row_error(self, terms: Array) -> Array:
        rows = self.rows(terms)
        share, surprise = self._surprise(terms + 2.0)
        first = np.maximum((share * surprise**2).sum(axis=1) - (share * surprise).sum(axis=1) ** 2, 0.0)
        seen = np.maximum((terms > 0).sum(axis=1) - 1.0, 0.0)
        least = divide(seen, 2.0 * rows * rows)
        return np.sqrt(np.maximum(divide(first, rows) - least, least))

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows
