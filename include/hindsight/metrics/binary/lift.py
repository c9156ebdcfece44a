"""How much richer in positives the highest scores are than all."""

from __future__ import annotations

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.metrics.base import Numbered, delta_error, divide
from hindsight.metrics.binary.curves import Ranked, above
from hindsight.statistics.base import Array


class Lift(Numbered, Ranked):
    """Precision among the given share of labelled rows with the highest scores / positive rate.

    `lift(0.1)`, which the bare name means, is 3 if the tenth that scores highest holds 30 % of the
    positives; 1 is a guess, and 1 / share is the most.  For work that takes a fixed share of cases.  A share
    of few rows (say fewer than 50) makes it jump: take a larger one or `average_precision`.

    Rows of the bin that the cut goes through share alike.  `bound` is the larger distance to the cut taking
    as many or as few positives of that bin as it can.  The row error is the delta method's with the cut
    estimated too: a row counts for its outcome less the positive rate at the cut.
    """

    name = "lift"
    undefined = "no row turned out positive"
    number = 0.1
    takes = "a share between 0 and 1"

    def fits(self, number: float) -> bool:
        return 0.0 < number <= 1.0

    def _taken(self, terms: Array) -> tuple[Array, Array, Array]:
        """Negatives, positives, and the rows that the share takes of each bin, [batch, bins]."""
        negative, positive = terms[:, :BINS], terms[:, BINS:]
        rows = negative + positive
        wanted = self.number * rows.sum(axis=1)[:, None] - above(rows)
        return negative, positive, np.clip(wanted, 0.0, rows)

    def value(self, terms: Array) -> Array:
        negative, positive, taken = self._taken(terms)
        rows = negative + positive
        found = np.divide(positive * taken, rows, out=np.zeros_like(rows), where=rows > 0).sum(axis=1)
        return divide(found, self.number * positive.sum(axis=1))

    def row_error(self, terms: Array) -> Array:
        negative, positive, taken = self._taken(terms)
        rows, positives = negative + positive, positive.sum(axis=1)
        part = np.divide(taken, rows, out=np.zeros_like(rows), where=rows > 0)
        cut = np.argmax((rows > 0) & (part > 0), axis=1)[:, None]
        at = [np.take_along_axis(counts, cut, axis=1) for counts in (positive, rows)]
        rate = np.divide(at[0], at[1], out=np.zeros_like(at[0]), where=at[1] > 0)
        found = self.number * self.value(terms)[:, None]
        of_positive, of_negative = (1.0 - rate) * part - found, -rate * part
        centre = rate * self.number
        slopes = np.concatenate([of_negative + centre, of_positive + centre], axis=1)
        scale = divide(np.ones_like(positives), self.number * positives)
        return delta_error(terms, slopes) * scale

    def bound(self, terms: Array) -> Array:
        negative, positive, taken = self._taken(terms)
        scale = self.number * positive.sum(axis=1)
        value = self.value(terms)
        most = divide(np.minimum(taken, positive).sum(axis=1), scale)
        least = divide(np.maximum(taken - negative, 0.0).sum(axis=1), scale)
        return np.maximum(most - value, value - least)
