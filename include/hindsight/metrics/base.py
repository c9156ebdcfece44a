"""What a metric is: additive terms of a window, and a value read from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final

import numpy as np

from hindsight.domain.values import Direction, Task
from hindsight.statistics import BinaryStatistics, RegressionStatistics, Statistics
from hindsight.statistics.base import Array

BINARY: Final = frozenset({Task.BINARY})
REGRESSION: Final = frozenset({Task.REGRESSION})
ANY_TASK: Final = frozenset(Task)


class Metric(ABC):
    """A number that says how a model did in a window.

    `terms` picks from the statistics a few numbers that add over days, `value` reads the metric from
    them.  Because only `value` is not linear, a pooled window is an addition and leaving a day out is a
    subtraction, for every metric alike.  All arrays have the batch of windows as their first axis; a
    value is NaN where the metric is undefined, which never leaves this package.

    To add one, write a file with a subclass and one line in `hindsight.metrics`.
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[Task]]
    direction: ClassVar[Direction]
    labelled: ClassVar[bool] = True
    """Whether it needs labels; one that does not is kept at horizon 0."""
    adjustable: ClassVar[bool] = False
    """Whether the reference's score-to-rate curve says what to expect of it (see `expectation`)."""
    needs_score: ClassVar[bool] = False
    extensive: ClassVar[bool] = False
    """Whether it grows with the window, as a count does; then a longer reference is no measure for it."""
    undefined: ClassVar[str]
    """Why there is no value although there are rows, as a clause."""

    @abstractmethod
    def terms(self, statistics: Statistics) -> Array:
        """The additive numbers the metric is made of, shape [batch, terms]."""

    @abstractmethod
    def value(self, terms: Array) -> Array:
        """The metric, shape [batch]; NaN where undefined."""

    @abstractmethod
    def row_error(self, terms: Array) -> Array:
        """Its standard error were all rows independent, shape [batch]."""

    @abstractmethod
    def rows(self, terms: Array) -> Array:
        """How many rows it rests on, shape [batch]."""

    def bound(self, terms: Array) -> Array | None:
        """The largest error that binning can have made, shape [batch]; None for an exact metric."""
        return None


def divide(numerator: Array, denominator: Array) -> Array:
    """A quotient that is NaN, without a warning, where there is nothing to divide by."""
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)


def mean_error(count: Array, total: Array, squares: Array) -> Array:
    """The standard error of a mean of independent rows from their count, sum and sum of squares."""
    mean = divide(total, count)
    variance = np.maximum(divide(squares, count) - mean * mean, 0.0)
    return np.sqrt(divide(variance, count - 1.0))


def binary(statistics: Statistics) -> BinaryStatistics:
    """The statistics of a binary model; anything else is a fault in the registry."""
    assert isinstance(statistics, BinaryStatistics)
    return statistics


def regression(statistics: Statistics) -> RegressionStatistics:
    """The statistics of a regression; anything else is a fault in the registry."""
    assert isinstance(statistics, RegressionStatistics)
    return statistics


class Share(Metric):
    """A part of a whole: terms are (part, whole), both counts.

    The row error is sqrt(p (1 - p) / n) with p taken after adding two successes and two failures (as Agresti
    and Coull, 1998, do), so that 0 of 5 does not claim to be certain; with few rows it is on the wide side.
    """

    def value(self, terms: Array) -> Array:
        return divide(terms[:, 0], terms[:, 1])

    def row_error(self, terms: Array) -> Array:
        part, whole = terms[:, 0], terms[:, 1]
        share = (part + 2.0) / (whole + 4.0)
        return np.sqrt(divide(share * (1.0 - share), whole))

    def rows(self, terms: Array) -> Array:
        return terms[:, 1]


class Mean(Metric):
    """A mean over rows: terms are (rows, sum, sum of squares)."""

    def value(self, terms: Array) -> Array:
        return divide(terms[:, 1], terms[:, 0])

    def row_error(self, terms: Array) -> Array:
        return mean_error(terms[:, 0], terms[:, 1], terms[:, 2])

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
