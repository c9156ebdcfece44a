"""What a metric is: additive terms of a window, and a value read from them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from copy import copy
from enum import StrEnum
from typing import ClassVar, Final, Self

import numpy as np

from hindsight.domain.values import Direction, Task
from hindsight.statistics import (
    BinaryStatistics,
    MulticlassStatistics,
    QualityStatistics,
    RankingStatistics,
    RegressionStatistics,
    Statistics,
)
from hindsight.statistics.base import Array

BINARY: Final = frozenset({Task.BINARY})
MULTICLASS: Final = frozenset({Task.MULTICLASS})
CLASSIFICATION: Final = BINARY | MULTICLASS
RANKING: Final = frozenset({Task.RANKING})
REGRESSION: Final = frozenset({Task.REGRESSION})
ANY_TASK: Final = frozenset(Task)


class Argument(StrEnum):
    """What may stand in parentheses after a metric's name, as in `lift(0.1)`."""

    NONE = "nothing"
    NUMBER = "a number"
    TEXT = "a text"
    CLASS = "a class of the model"
    PAIR = "two classes of the model, as in cat->dog"
    FEATURE = "a feature of the prediction log"
    CUSTOM = "a custom sum of the monitor"


class Part(StrEnum):
    """Which of a window's statistics a metric is read from."""

    OUTCOMES = "outcomes"
    INPUTS = "inputs"
    QUALITY = "quality"


class Family(StrEnum):
    """What a metric is made of: those of one family say the same thing in other words.

    Precision, recall, F1 and accuracy are algebra of one table of counts.  A change that makes cases harder
    or outcomes more frequent moves some families at once (`MOVED_BY_THE_WORLD`), however good the model is.
    """

    DECISIONS = "decisions"
    CHANCES = "probabilities"
    ORDER = "order"
    ERRORS = "errors"
    BIAS = "bias"
    NONE = "none"
    """It says what came or was said, not how good that was."""


MOVED_BY_THE_WORLD: Final = frozenset({Family.DECISIONS, Family.CHANCES, Family.ERRORS, Family.BIAS})
"""Families that move together where only the world gets harder: in a stormy month more flights are late at
every score, so fewer of the late ones are found, chances turn out too low, and errors grow to one side.  What
is left is order: whether cases are still ranked as well."""


class Metric(ABC):
    """A number that says how a model did in a window.

    `terms` picks from the statistics a few numbers that add over days, `value` reads the metric from
    them.  Because only `value` is not linear, a pooled window is an addition and leaving a day out is a
    subtraction, for every metric alike.  All arrays have the batch of windows as their first axis; a
    value is NaN where the metric is undefined, which never leaves this package.

    To add one, write a file with a subclass and one line in `hindsight.metrics`.
    """

    name: str
    tasks: ClassVar[frozenset[Task]]
    part: ClassVar[Part] = Part.OUTCOMES
    argument: ClassVar[Argument] = Argument.NONE
    direction: Direction
    family: ClassVar[Family] = Family.NONE
    """Which others it is algebra of; two families that breach are worse than two metrics of one."""
    labelled: ClassVar[bool] = True
    """Whether it needs labels; one that does not is kept at horizon 0."""
    adjustable: ClassVar[bool] = False
    """Whether the reference's score-to-rate curve says what to expect of it (see `expectation`)."""
    needs_score: ClassVar[bool] = False
    needs_interval: ClassVar[bool] = False
    """Whether it reads the bounds that a regression gives."""
    weighted: ClassVar[bool] = True
    """Whether, if it needs labels, it counts them by their weights."""
    extensive: ClassVar[bool] = False
    """Whether it grows with the window, as a count does; then a longer reference is no measure for it."""
    of_labels: ClassVar[bool] = False
    """Whether it says how the truth comes, not how the model did: a breach is of label health."""
    error_grows: ClassVar[bool] = False
    """Whether its error grows with it, as that of a ratio does whose denominator is what chance decides."""
    undefined: str
    """Why there is no value although there are rows, as a clause; `why` tells several reasons apart."""

    def given(self, argument: str) -> Self:
        """The metric with its argument; ValueError says in a clause what is wrong with it."""
        raise ValueError(f"the metric {self.name!r} takes no argument")

    def named(self, argument: str) -> Self:
        """A copy that has the argument in its name."""
        made = copy(self)
        made.name = f"{type(self).name}({argument})"
        return made

    def why(self, terms: Array) -> list[str]:
        """Why there is no value, a clause per window; asked where there is none."""
        return [self.undefined] * len(terms)

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


def delta_error(counts: Array, slopes: Array) -> Array:
    """The standard error of a smooth function of the counts of independent rows, both [batch, cells].

    `slopes` are the function's derivatives by each count.  It must not change when all counts are multiplied
    by the same number; then the multinomial delta method comes down to the sum of count * slope² (the
    infinitesimal jackknife: Jaeckel, 1972; Efron, 1982).
    """
    squares = np.where(counts > 0, counts * slopes * slopes, 0.0)
    error: Array = np.sqrt(squares.sum(axis=1))
    return error


def binary(statistics: Statistics) -> BinaryStatistics:
    """The statistics of a binary model; anything else is a fault in the registry."""
    assert isinstance(statistics, BinaryStatistics)
    return statistics


def multiclass(statistics: Statistics) -> MulticlassStatistics:
    """The statistics of a multiclass model; anything else is a fault in the registry."""
    assert isinstance(statistics, MulticlassStatistics)
    return statistics


def quality(statistics: Statistics) -> QualityStatistics:
    """What was odd about the logs; anything else is a fault in the registry."""
    assert isinstance(statistics, QualityStatistics)
    return statistics


def ranking(statistics: Statistics) -> RankingStatistics:
    """The statistics of a ranking; anything else is a fault in the registry."""
    assert isinstance(statistics, RankingStatistics)
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


class Numbered(Metric):
    """A metric with a number in parentheses, as in `lift(0.1)`; the bare name has a default."""

    argument = Argument.NUMBER
    number: float
    takes: ClassVar[str]
    """What the number may be, as in "a share between 0 and 1"."""

    @abstractmethod
    def fits(self, number: float) -> bool:
        """Whether it may be this finite number."""

    def given(self, argument: str) -> Self:
        text = argument.strip()
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and self.fits(number)):
            raise ValueError(f"{type(self).name} takes {self.takes}, not {argument!r}")
        made = self.named(text)
        made.number = number
        return made
