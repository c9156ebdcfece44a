"""One metric of two arms: how far apart they are, and between which bounds the difference surely lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from math import copysign, inf, isfinite, sqrt
from typing import Any, Final, Self

from hindsight.detectors.base import Point
from hindsight.detectors.methods.sequences import anytime_p, multiplier, normal, student
from hindsight.detectors.methods.trials import factor, same_share_p, student_test, welch
from hindsight.domain.values import Direction, Maturity

FEW: Final = 30
"""Rows that may agree by accident: an error of 0 from fewer is no certainty."""

PAIRED_DAYS: Final = 7
"""Shared days from which the days of paired arms say how much they differ: rows say nothing of it there."""

UNLIKELY: Final = 0.001
"""A probability at which what was meant to be alike in both arms is not: tested at every look."""

APART: Final = 0.01
"""By how much the labelled shares of the arms may differ for the labels to be those of like rows."""

LARGE: Final = 1e100
"""Figures beyond it cannot be squared."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A metric of both arms, each pooled over the days that they share.

    The points' errors are those of independent rows.  `spread` are the variances from day to day of the
    control and the treatment, and their covariance, by leaving out one shared day at a time (Efron and
    Stein, 1981), unwidened; None where they are not known.
    """

    direction: Direction
    control: Point
    treatment: Point
    days: int
    spread: tuple[float, float, float] | None

    @property
    def of_days(self) -> float | None:
        """The difference's error from day to day."""
        if self.spread is None or not all(abs(each) < LARGE for each in self.spread):
            return None
        of_control, of_treatment, together = self.spread
        return sqrt(max(of_control + of_treatment - 2.0 * together, 0.0))

    def lacking(self, names: tuple[str, str], minimum: int, rows: tuple[int, int]) -> str | None:
        """Why the arms cannot be compared by it yet, as a clause; `rows` are all that the arms have."""
        for name, point in zip(names, (self.control, self.treatment), strict=True):
            if point.value is None:
                return f"it has no value in {name}: {point.reason}"
            if point.maturity is not Maturity.MATURE:
                return f"{point.reason or 'too little of the truth is known'} in {name}"
            if point.n < minimum:
                return f"{name} has {point.n:,} of the {minimum:,} rows that are asked for"
            if point.standard_error is None:
                return f"its error is not known in {name}"
            if point.standard_error == 0.0 and point.n < FEW:
                return f"{point.n} rows of {name} agree, which may be by accident"
            if not (abs(point.value) < LARGE and point.standard_error < LARGE):
                return f"it is out of all bounds in {name}"
        return self._labels_apart(names, rows)

    def _labels_apart(self, names: tuple[str, str], rows: tuple[int, int]) -> str | None:
        """That one arm's truth is known sooner: then it is known of other rows, say of the easy ones."""
        control, treatment = self.control.coverage, self.treatment.coverage
        if control is None or treatment is None or not all(rows):
            return None
        shares = control, treatment
        known = [share * count for share, count in zip(shares, rows, strict=True)]
        p_value = same_share_p(known, rows)
        if abs(shares[1] - shares[0]) <= APART or p_value is None or p_value >= UNLIKELY:
            return None
        late = int(shares[1] < shares[0])
        told = f"{shares[late]:.1%} of its rows have one against {shares[1 - late]:.1%}"
        return f"labels of {names[late]} come later, or not at all: {told}"


@dataclass(frozen=True, slots=True)
class Gap:
    """A contrast in figures, treatment minus control.

    `lower` and `upper` are the ends of a confidence sequence: what this look and the earlier ones leave
    together.  `reach` is how many of `error` this look alone goes to either side, infinite where days cannot
    say how they differ.  `p_value` is of a single look that was planned before, `anytime` of any look.
    `better` is the sign of an improvement, 0 where none is.  `since` is the day from which it is sure which
    arm is better, `changed` the day on which the difference left what earlier looks allowed.
    """

    better: int
    control: float
    treatment: float
    error: float
    reach: float
    lower: float
    upper: float
    p_value: float
    anytime: float
    lift: float | None
    lifts: tuple[float, float] | None
    since: date | None = None
    changed: date | None = None

    @property
    def difference(self) -> float:
        return self.treatment - self.control

    @property
    def half(self) -> float:
        """How far this look alone reaches to either side."""
        return half_of(self.error, self.reach)

    @property
    def towards(self) -> int:
        """Which arm the figures favour: 1 the treatment, -1 the control."""
        return self.better * (int(self.difference > 0.0) - int(self.difference < 0.0))

    @property
    def surely(self) -> int:
        """Which arm is better by all looks together: 1 the treatment, -1 the control, 0 not known."""
        return self.better * (int(self.lower > 0.0) - int(self.upper < 0.0))

    @property
    def harm(self) -> tuple[float, float, float]:
        """By how much the treatment is worse: at least, by the figures, and at most."""
        least, most = sorted((-self.better * self.lower, -self.better * self.upper))
        return least, -self.better * self.difference, most

    @property
    def alone(self) -> Self:
        """What this look says without the earlier ones."""
        return replace(self, lower=self.difference - self.half, upper=self.difference + self.half)

    def after(self, before: Gap | None, on: date) -> Self:
        """What this look of a day leaves of what the earlier ones left: the intersection of them all.

        For the true difference is in all of them at once, as surely as the sequence says.  A figure beyond
        what the earlier looks left says that there is no one difference: from then on each look stands alone.
        """
        found = self
        if before is not None and (before.changed or not before.lower <= self.difference <= before.upper):
            found = replace(self, changed=before.changed or on)
        elif before is not None:
            found = replace(
                self,
                lower=max(self.lower, before.lower),
                upper=min(self.upper, before.upper),
                lifts=_narrowed(self.lifts, before.lifts),
                anytime=min(self.anytime, before.anytime),
            )
        if not found.surely:
            return found
        kept = before is not None and before.surely == found.surely
        return replace(found, since=before.since if before is not None and kept else on)

    def told(self) -> dict[str, Any]:
        """These figures by name; None for what has no end."""
        ends = [self.lower, self.upper]
        return {
            "control_value": self.control,
            "treatment_value": self.treatment,
            "difference": finite(self.difference),
            "interval": ends if all(isfinite(end) for end in ends) else None,
            "lift_percent": finite(self.lift),
            "lift_interval": None if self.lifts is None else list(self.lifts),
            "p_value": finite(self.p_value),
            "p_value_any_look": finite(self.anytime),
            "surely": {1: "better", -1: "worse", 0: "not known"}[self.surely],
            "changed_on": None if self.changed is None else self.changed.isoformat(),
        }


def gap_of(contrast: Contrast, progress: float, alpha: float, *, paired: bool) -> Gap:
    """The figures of a contrast that lacks nothing.

    Two errors are held against it, and the one that leaves more open counts: that of independent rows, by
    Welch's test, and that of days, with a degree of freedom less than there are days.  Arms that answer the
    same requests have dependent rows, and only the second: from a week of days, if these differ at all, and
    never less than two rows of chance would make it.
    """
    control, treatment = contrast.control, contrast.treatment
    assert control.value is not None
    assert treatment.value is not None
    values = control.value, treatment.value
    errors = control.standard_error or 0.0, treatment.standard_error or 0.0
    normal_reach, difference = multiplier(progress, alpha), values[1] - values[0]
    of_rows = welch(difference, errors, (control.n, treatment.n))
    held = [] if paired else [(sqrt(errors[0] * errors[0] + errors[1] * errors[1]), of_rows.freedom)]
    squares = [] if paired else [(errors[0] * errors[0], errors[1] * errors[1], 0.0)]
    p_values = [] if paired else [of_rows.p_value]
    of_days = contrast.of_days
    known = of_days is not None and contrast.days > 1
    if paired and of_days is not None:
        rounding = 1e-9 * max(abs(value) for value in values)
        known = contrast.days >= PAIRED_DAYS and (of_days > rounding or difference == 0.0)
        of_days = max(of_days, sqrt(2.0 / max(control.n, treatment.n, 1)) * max(errors))
    if known and of_days is not None and contrast.spread is not None:
        held.append((of_days, contrast.days - 1.0))
        squares.append(contrast.spread)
        p_values.append(student_test(difference, of_days, contrast.days - 1.0).p_value)
    reaches = [student(normal_reach, freedom) for _, freedom in held]
    error, reach = max(
        ((each, far) for (each, _), far in zip(held, reaches, strict=True)),
        key=lambda pair: pair[0] * pair[1] if pair[0] > 0.0 else 0.0,
        default=(0.0, inf),
    )
    p_value = max(p_values, default=1.0)
    reach = reach if known else inf
    half = half_of(error, reach)
    return Gap(
        better={Direction.HIGHER: 1, Direction.LOWER: -1, Direction.NEITHER: 0}[contrast.direction],
        control=values[0],
        treatment=values[1],
        error=error,
        reach=reach,
        lower=difference - half,
        upper=difference + half,
        p_value=p_value,
        anytime=anytime_p(normal(p_value), progress, alpha) if known else 1.0,
        lift=100.0 * difference / abs(values[0]) if values[0] else None,
        lifts=_lifts(values, list(zip(squares, reaches, strict=True))) if known else None,
    )


def half_of(error: float, reach: float) -> float:
    """So many errors; no error is none, unless nothing is known of it."""
    return reach * error if error > 0.0 else 0.0 if isfinite(reach) else inf


def _lifts(
    values: tuple[float, float], held: list[tuple[tuple[float, float, float], float]]
) -> tuple[float, float] | None:
    """The interval of the lift in percent, the widest of those that each of the variances leaves."""
    found = [factor(*values, variances, reach) if isfinite(reach) else None for variances, reach in held]
    factors = [each for each in found if each is not None]
    if not factors or len(factors) < len(found) or not values[0]:
        return None
    sign = copysign(1.0, values[0])
    ends = [sign * 100.0 * (end - 1.0) for each in factors for end in each]
    low, high = min(ends), max(ends)
    return (low, high) if isfinite(low) and isfinite(high) else None


def _narrowed(
    now: tuple[float, float] | None, before: tuple[float, float] | None
) -> tuple[float, float] | None:
    """What two intervals have in common, or the one that is known."""
    if now is None or before is None:
        return now or before
    low, high = max(now[0], before[0]), min(now[1], before[1])
    return (low, high) if low <= high else None


def finite(value: float | None) -> float | None:
    """The number, or None where it is none."""
    return value if value is not None and isfinite(value) else None
