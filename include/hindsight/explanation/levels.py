"""A metric before and after: two estimates with their errors, and whether it has surely moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, REGRESSION, Mean, Metric, binary, divide, regression
from hindsight.metrics.estimate import measured
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

SURE: Final = 1.6448536269514722
"""Errors to one side that 95 % lie within."""

LEAST: Final = 10
"""Rows from which on an error is believed."""


@dataclass(frozen=True, slots=True)
class Change:
    """A metric in the reference, and in the window; errors are None where they are not known.

    >>> change = Change("recall", 0.46, 0.04, 0.03, 0.01)
    >>> change.moved(), change.moved(by=0.5), Change("recall", 0.46, 0.44, 0.03, 0.03).moved()
    (-1, 0, 0)
    """

    metric: str
    before: float
    after: float
    before_error: float | None
    after_error: float | None

    @property
    def by(self) -> float:
        """How far it moved."""
        return self.after - self.before

    @property
    def error(self) -> float | None:
        """The standard error of the move: window and reference share no row."""
        if self.before_error is None or self.after_error is None:
            return None
        return math.hypot(self.before_error, self.after_error)

    def moved(self, by: float = 0.0) -> int:
        """Which way it has surely moved by more than this (95 % to one side): -1, 1, or 0 if not surely."""
        error = self.error
        if error is None or abs(self.by) - SURE * error <= by:
            return 0
        return 1 if self.by > 0 else -1

    def turned(self, factor: float) -> int:
        """Which way it has surely changed by more than this factor; of positive values, on their logarithm.

        What is 0, or less, has no logarithm: it has changed if the other side's interval leaves its own
        that far behind.

        >>> Change("calibration_ratio", 0.9, 1.7, 0.08, 0.2).turned(1.25)
        1
        >>> Change("recall", 0.46, 0.0, 0.03, 0.01).turned(1.25)
        -1
        """
        if self.before_error is None or self.after_error is None:
            return 0
        if min(self.before, self.after) <= 0.0:
            low, high = sorted(
                [(self.before, self.before_error), (self.after, self.after_error)], key=lambda side: side[0]
            )
            top, bottom = max(low[0] + SURE * low[1], 0.0), high[0] - SURE * high[1]
            if bottom <= 0.0 or bottom <= factor * top:
                return 0
            return 1 if self.after > self.before else -1
        error = math.hypot(self.before_error / self.before, self.after_error / self.after)
        away = math.log(self.after / self.before)
        if abs(away) - SURE * error <= math.log(factor):
            return 0
        return 1 if away > 0 else -1

    def within(self, factor: float) -> bool:
        """Whether it has surely changed by no more than this factor, either way."""
        if min(self.before, self.after) <= 0.0 or self.before_error is None or self.after_error is None:
            return False
        error = math.hypot(self.before_error / self.before, self.after_error / self.after)
        return abs(math.log(self.after / self.before)) + SURE * error < math.log(factor)

    def surely_below(self, bound: float) -> bool:
        """Whether the window's own value is surely below a bound."""
        return self.after_error is not None and self.after + SURE * self.after_error < bound

    def kept(self, floor: float) -> tuple[float, float] | None:
        """The share that is left of its lead over a floor, such as a guess's 0.5, and that share's error.

        None where there was no lead, or the errors are not known.
        """
        lead = self.before - floor
        if lead <= 0.0 or self.before_error is None or self.after_error is None:
            return None
        left = (self.after - floor) / lead
        return left, math.hypot(self.after_error, left * self.before_error) / lead


def changed(metric: Metric, before: Statistics, after: Statistics) -> Change | None:
    """The metric over two spans of days, each pooled; None where it is undefined in one of them."""
    sides = []
    for days in (before, after):
        found = measured(metric, days, len(days))
        value, error = float(found.value[0]), float(found.standard_error[0])
        if not math.isfinite(value):
            return None
        known = math.isfinite(error) and found.rows[0] >= LEAST
        if value == 0.0 and known:  # Wald's error of none among n is 0, yet up to 3 / n fit (rule of three)
            error = max(error, -math.log(0.05) / SURE / float(found.rows[0]))
        sides.append((value, error if known else None))
    (old, old_error), (new, new_error) = sides
    return Change(metric.name, old, new, old_error, new_error)


class LabelledScore(Mean):
    """Mean score of the labelled rows: what the truth of the same rows is compared with."""

    name = "labelled_score"
    tasks = BINARY
    direction = Direction.NEITHER
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        found = binary(statistics)
        rows, scores = found.histograms.sum(axis=(1, 2)), found.scores[:, :, 1:].sum(axis=(1, 2, 3))
        return np.stack([rows, scores, found.moments[:, :, 1:, 0].sum(axis=(1, 2))], axis=1)


class MeanActual(Mean):
    """Mean of what turned out true."""

    name = "mean_actual"
    tasks = REGRESSION
    direction = Direction.NEITHER
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).sums[:, [0, 4, 5]]


class LabelledPrediction(Mean):
    """Mean prediction of the labelled rows, its row error taken from the errors'."""

    name = "labelled_prediction"
    tasks = REGRESSION
    direction = Direction.NEITHER
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        sums = regression(statistics).sums
        # Σ prediction² is not kept of labelled rows: (actual + error)² is at most twice both squares.
        return np.stack([sums[:, 0], sums[:, 1] + sums[:, 4], 2.0 * (sums[:, 3] + sums[:, 5])], axis=1)


class ErrorSpread(Metric):
    """Standard deviation of prediction - actual: the error that is left once bias is taken away."""

    name = "error_spread"
    tasks = REGRESSION
    direction = Direction.LOWER
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).sums[:, [0, 1, 3]]

    def value(self, terms: Array) -> Array:
        rows, total, squares = terms.T
        mean = divide(total, rows)
        return np.sqrt(np.maximum(divide(squares, rows) - mean * mean, 0.0))

    def row_error(self, terms: Array) -> Array:
        """As of normal errors; days that differ widen it."""
        return self.value(terms) / np.sqrt(np.maximum(2.0 * terms[:, 0], 1.0))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
