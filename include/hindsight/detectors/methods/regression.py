"""Least squares: a weighted fit of any design, and the line through days with their weekdays' effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from hindsight.detectors.base import Point
from hindsight.detectors.methods.bounds import known
from hindsight.statistics.base import Array

WEEK: Final = 7
HOURS: Final = 24
ONE_DAY: Final = timedelta(days=1)
CYCLES: Final = 2
"""How often each weekday must come, about, before it has an effect of its own."""

LEFT: Final = 5
"""Degrees of freedom that effects must leave to tell the days' scatter by."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Weighted least squares: coefficients, their covariance at unit dispersion, and what is left over.

    `chi_square` is the weighted sum of squared residuals and `freedom` its degrees of freedom.  Where the
    weights are 1 / variance the covariance is that of the coefficients; where they say only how the variances
    compare, it is so after a multiplication by `chi_square / freedom`.
    """

    coefficients: Array
    covariance: Array
    chi_square: float
    freedom: int

    @property
    def dispersion(self) -> float:
        """How much more the values scatter than their weights say; 1 where nothing is left to tell by."""
        return self.chi_square / self.freedom if self.freedom else 1.0


def least_squares(design: Array, values: Array, weights: Array | None = None) -> Fit:
    """The fit of `values` [rows] by the columns of `design` [rows, columns]; weights are 1 by default.

    By the singular values of the design with its columns scaled to length 1, which keeps nine digits and
    more of the certified ones even of Longley's data (1967), where the normal equations keep three.  Of
    columns that depend on each other it takes the solution of least length; what they say together stands.

    >>> fit = least_squares(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> [round(float(each), 12) for each in fit.coefficients], fit.freedom
    ([1.0, 2.0], 1)
    """
    root = np.ones(len(values)) if weights is None else np.sqrt(weights)
    weighed, target = design * root[:, None], values * root
    lengths = np.sqrt((weighed * weighed).sum(axis=0))
    lengths = np.where(lengths > 0, lengths, 1.0)
    left, singular, right = np.linalg.svd(weighed / lengths, full_matrices=False)
    kept = singular > np.finfo(np.float64).eps * max(design.shape) * singular[0]
    turned = right[kept].T / singular[kept] / lengths[:, None]
    coefficients = turned @ (left[:, kept].T @ target)
    rest = target - weighed @ coefficients
    return Fit(coefficients, turned @ turned.T, float(rest @ rest), len(values) - int(kept.sum()))


@dataclass(frozen=True, slots=True)
class Line:
    """A line through days: its slope a day with error and degrees of freedom, and where it leads.

    `next` is the fitted value one step after the last day, and `next_error` how far such a day may lie from
    it: the line's own error and a typical day's.
    """

    slope: float
    error: float
    freedom: int
    next: float
    next_error: float

    @property
    def known(self) -> bool:
        """Whether all of it is finite: values beyond all measure have no line."""
        return bool(np.isfinite([self.slope, self.error, self.next, self.next_error]).all())

    def chance(self, beyond: float) -> float:
        """The p-value of "the slope is not so far beyond", by Student's t; certain where it has no error."""
        from scipy.special import stdtr  # a third of a second that the parsing of DAG files does not pay

        return float(stdtr(self.freedom, -beyond / self.error)) if self.error > 0 else float(beyond <= 0)

    def numbers(self, values: Sequence[float]) -> dict[str, float | None]:
        """What there is to know of it by name: the plain rule's numbers, and where the line itself leads."""
        from scipy.special import stdtrit

        reach = float(stdtrit(self.freedom, 0.975)) * self.next_error
        found = {
            "latest": values[-1],
            "first": values[0],
            "slope": self.slope,
            "slope_error": self.error,
            "projected_next": values[-1] + self.slope,
            "projection": self.next,
            "projection_low": self.next - reach,
            "projection_high": self.next + reach,
        }
        return {name: known(number) for name, number in found.items()}


def levels(points: Sequence[Point], *, adjusted: bool) -> Array:
    """The values of points or, adjusted, what is left of them without what was expected."""
    return np.array(
        [
            (point.value or 0.0) - (point.expected.value if adjusted and point.expected else 0.0)
            for point in points
        ]
    )


def days_since(points: Sequence[Point]) -> Array:
    """How many days each point is after the first, whole hours being parts of a day."""
    return np.array([(point.end - points[0].end) / ONE_DAY for point in points], dtype=np.float64)


def phases(points: Sequence[Point]) -> tuple[Array, int]:
    """The weekday of each day, or the hour of each hour, and how many of them make a cycle."""
    if isinstance(points[0].end, datetime):
        return np.rint(days_since(points) * HOURS) % HOURS, HOURS
    return np.array([point.end.weekday() for point in points], dtype=np.float64), WEEK


def line(points: Sequence[Point], *, adjusted: bool, ahead_of: date | None = None) -> Line:
    """The weighted line through days, with effects of the weekday (or the hour) from two cycles on.

    It leads to the day after `ahead_of`, the last of these points by default.

    Each point counts by 1 / error².  The errors of what is fitted are multiplied by the square root of
    chi-square / degrees of freedom where that is above 1 (McCullagh and Nelder, 1989, section 4.5).
    """
    when, level = days_since(points), levels(points, adjusted=adjusted)
    errors = np.array([point.standard_error or np.inf for point in points])
    unit = errors.min()
    middle, step = when.mean(), 1.0 / HOURS if isinstance(points[0].end, datetime) else 1.0
    later = 0.0 if ahead_of is None else max((ahead_of - points[-1].end) / ONE_DAY, 0.0)
    columns, ahead = [when - middle, np.ones(len(when))], [when[-1] + later + step - middle, 1.0]
    phase, cycle = phases(points)
    if with_effects(len(when), len(set(phase.tolist())), cycle):
        after = (phase[-1] + round(later / step) + 1) % cycle
        for each in range(1, cycle):
            if np.any(phase == each):
                columns.append((phase == each).astype(np.float64))
                ahead.append(float(after == each))
    with np.errstate(all="ignore"):
        fit = least_squares(np.column_stack(columns), level, (unit / errors) ** 2)
        scatter = np.sqrt(max(unit * unit, fit.dispersion)) if fit.freedom else unit
        at = np.array(ahead)
        typical = np.median(errors) / unit
        return Line(
            slope=float(fit.coefficients[0]),
            error=float(np.sqrt(fit.covariance[0, 0]) * scatter),
            freedom=max(fit.freedom, 1),
            next=float(at @ fit.coefficients),
            next_error=float(np.sqrt(at @ fit.covariance @ at + typical * typical) * scatter),
        )


def with_effects(days: int, seen: int, cycle: int) -> bool:
    """Whether so many days, which see so many weekdays of a cycle, can have effects of these.

    >>> with_effects(14, 7, 7), with_effects(13, 7, 7), with_effects(48, 24, 24)
    (True, False, True)
    """
    return days >= CYCLES * cycle and days - seen - 1 >= LEFT


def simple_slope(values: Sequence[float]) -> float:
    """The least-squares slope of equally spaced values, a step: sum of centred x times y over that of x².

    In closed form, so that a slope that sits on a bound does so on every machine, whatever its libraries.

    >>> round(simple_slope([0.95, 0.94, 0.93, 0.92, 0.91, 0.90, 0.89]), 15)
    -0.01
    """
    middle = (len(values) - 1) / 2.0
    squares = sum((i - middle) ** 2 for i in range(len(values)))
    return sum((i - middle) * value for i, value in enumerate(values)) / squares


def plain_line(values: Sequence[float]) -> Line:
    """The line through equally spaced values that all count the same: its error is by their scatter alone.

    It leads one step beyond the last.
    """
    count, slope = len(values), simple_slope(values)
    middle = (count - 1) / 2.0
    with np.errstate(all="ignore"):
        level = np.array(values)
        mean, steps = level.mean(), np.arange(count) - middle
        rest = level - mean - slope * steps
        squares, freedom = float(steps @ steps), max(count - 2, 1)
        scatter = np.sqrt(rest @ rest / freedom)
        ahead = count - middle
        return Line(
            slope=slope,
            error=float(scatter / np.sqrt(squares)),
            freedom=freedom,
            next=float(mean + slope * ahead),
            next_error=float(scatter * np.sqrt(1.0 + 1.0 / count + ahead * ahead / squares)),
        )


@lru_cache(maxsize=64)
def overlap(count: int, cycle: int) -> float:
    """The correlation of the slopes of two windows of so many equal days, one a day after the other.

    A slope is a sum of the values times coefficients, so it is the sum of products of coefficients one day
    apart over that of their squares: 1 - 3 / count for a line alone, and for one with effects of a cycle
    whatever its design says.

    >>> round(overlap(13, 7), 4), round(1 - 3 / 13, 4), round(overlap(26, 7), 4)
    (0.7692, 0.7692, 0.8966)
    """
    when = np.arange(count, dtype=np.float64)
    columns = [when - when.mean(), np.ones(count)]
    if with_effects(count, cycle, cycle):
        columns += [(when % cycle == each).astype(np.float64) for each in range(1, cycle)]
    of_slope = np.linalg.pinv(np.column_stack(columns))[0]
    return float(of_slope[1:] @ of_slope[:-1] / (of_slope @ of_slope))
