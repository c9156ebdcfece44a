"""How long labels took."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Numbered, Part, divide, quality
from hindsight.metrics.woodruff import around, error_of
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class LabelDelay(Numbered):
    """The days (hours, at an hourly grain) after its window by which the given share of labels were there.

    `label_delay(0.5)`, which the bare name means, is the median over the predictions that have had a label by
    the horizon, each by its first.  What was learnt on the prediction's own day took 0 days, else as many as
    lie between the two local days.  Labels that come after the horizon are not known, so the value is
    truncated there: windows of equal age are comparable, ages are not.  `hindsight delay` makes up for that.
    The row error is Woodruff's; as delays are whole days it may be 0.
    """

    name = "label_delay"
    tasks = ANY_TASK
    part = Part.QUALITY
    of_labels = True
    direction = Direction.LOWER
    weighted = False
    undefined = "no prediction has a label"
    number = 0.5
    takes = "a share between 0 and 1"

    def fits(self, number: float) -> bool:
        return 0.0 < number < 1.0

    def terms(self, statistics: Statistics) -> Array:
        return quality(statistics).delays

    def value(self, terms: Array) -> Array:
        return age_of(terms, np.ceil(self.number * self.rows(terms) - 1e-9))

    def row_error(self, terms: Array) -> Array:
        low, high = around(self.rows(terms), self.number)
        return error_of(age_of(terms, np.ceil(low)), age_of(terms, np.ceil(high)))

    def rows(self, terms: Array) -> Array:
        rows: Array = terms.sum(axis=1)
        return rows


def age_of(delays: Array, place: Array) -> Array:
    """The age by which so many labels were there, [batch]; NaN if they never were.

    >>> age_of(np.array([[5.0, 0.0, 2.0]]), np.array([6.0]))
    array([2.])
    """
    reached = np.cumsum(delays, axis=1)
    age = (reached < np.maximum(place, 1.0)[:, None]).sum(axis=1).astype(np.float64)
    there = np.isfinite(place) & (age < delays.shape[1])
    return np.where(there, age, np.nan)


def share_of(delays: Array, predictions: Array) -> Array:
    """The share of predictions that have had a label, [batch]."""
    return divide(delays.sum(axis=1), predictions)
