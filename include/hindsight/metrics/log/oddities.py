"""Shares of the rows of a log that are odd; read from what was counted of the log as a whole.

They have no version and no segment: a row that was set aside may have neither.  All need at least a row to
rest on, so days without one leave no hole but a clause.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Part, Share, quality
from hindsight.statistics import QualityStatistics, Statistics
from hindsight.statistics.base import Array


class OddShare(Share):
    """The share of rows that have one of some `reasons`."""

    tasks = ANY_TASK
    part = Part.QUALITY
    direction = Direction.LOWER
    weighted = False
    reasons: tuple[str, ...]

    @abstractmethod
    def whole(self, statistics: QualityStatistics) -> Array:
        """The rows that could have them, shape [batch]."""

    def terms(self, statistics: Statistics) -> Array:
        found = quality(statistics)
        return np.stack([found.count(*self.reasons), self.whole(found)], axis=1)

    def value(self, terms: Array) -> Array:
        return super().value(at_most_all(terms))

    def row_error(self, terms: Array) -> Array:
        return super().row_error(at_most_all(terms))


def at_most_all(terms: Array) -> Array:
    """(part, whole) with a part no larger than the whole: a prediction may be remarked on for each label."""
    return np.minimum(terms, terms[:, 1:])


class OfLog(OddShare):
    """Of the rows of the prediction log that were known when their day ended, those set aside included."""

    labelled = False
    undefined = "the prediction log has no row in the window"

    def whole(self, statistics: QualityStatistics) -> Array:
        return statistics.logged


class OfLearnt(OddShare):
    """Of the labels learnt in the window, whenever their predictions were made; so kept at horizon 0."""

    labelled = False
    undefined = "no label was learnt in the window"

    def whole(self, statistics: QualityStatistics) -> Array:
        return statistics.learnt
