"""One metric of two arms: how far apart they are, and between which bounds the difference surely lies."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, inf, isfinite, sqrt
from typing import Any, Final

from hindsight.detectors.base import Point
from hindsight.detectors.methods.sequences import anytime_p, multiplier, normal, student
from hindsight.detectors.methods.trials import factor, student_test, welch
from hindsight.domain.values import Direction, Maturity

FEW: Final = 30
"""Rows that may agree by accident: an error of 0 from fewer is no certainty."""

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

    def lacking(self, names: tuple[str, str], minimum: int) -> str | None:
        """Why the arms cannot be compared by it yet, as a clause."""
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
        return None


@dataclass(frozen=True, slots=True)
class Gap:
    """A contrast in figures, treatment minus control.

    `lower` and `upper` are those of a confidence sequence: they hold at every look.  `reach` is how many of
    `error` that is, infinite where one day says nothing of how days differ.  `p_value` is of a single look
    that was planned before, `anytime` of any look.  `better` is the sign of an improvement, 0 where none is.
    """

    better: int
    control: float
    treatment: float
    error: float
    reach: float
    p_value: float
    anytime: float
    lift: float | None
    lifts: tuple[float, float] | None
    rows: tuple[int, int]

    @property
    def difference(self) -> float:
        return self.treatment - self.control

    @property
    def half(self) -> float:
        """How far the sequence reaches to either side."""
        return self.reach * self.error if self.error > 0.0 else 0.0 if isfinite(self.reach) else inf

    @property
    def towards(self) -> int:
        """Which arm the figures favour: 1 the treatment, -1 the control."""
        return self.better * (int(self.difference > 0.0) - int(self.difference < 0.0))

    @property
    def surely(self) -> int:
        """Which arm is better at every look: 1 the treatment, -1 the control, 0 not known."""
        return self.towards if abs(self.difference) > self.half else 0

    @property
    def harm(self) -> tuple[float, float, float]:
        """By how much the treatment is worse: at least, by the figures, and at most."""
        worse = -self.better * self.difference
        return worse - self.half, worse, worse + self.half

    def told(self) -> dict[str, Any]:
        """These figures by name; None for what has no end."""
        interval = [self.difference - self.half, self.difference + self.half]
        return {
            "control_value": self.control,
            "treatment_value": self.treatment,
            "difference": finite(self.difference),
            "interval": interval if isfinite(self.half) else None,
            "lift_percent": finite(self.lift),
            "lift_interval": None if self.lifts is None else list(self.lifts),
            "p_value": finite(self.p_value),
            "p_value_any_look": finite(self.anytime),
            "surely": {1: "better", -1: "worse", 0: "not known"}[self.surely],
        }


def gap_of(contrast: Contrast, progress: float, alpha: float, *, paired: bool) -> Gap:
    """The figures of a contrast that lacks nothing.

    Two errors are held against it, and the one that leaves more open counts: that of independent rows, by
    Welch's test, and that of days, with a degree of freedom less than there are days.  Arms that answer the
    same requests have dependent rows, and only the second.
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
    of_days, known = contrast.of_days, contrast.of_days is not None and contrast.days > 1
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
    return Gap(
        better={Direction.HIGHER: 1, Direction.LOWER: -1, Direction.NEITHER: 0}[contrast.direction],
        control=values[0],
        treatment=values[1],
        error=error,
        reach=reach if known else inf,
        p_value=p_value,
        anytime=anytime_p(normal(p_value), progress, alpha) if known else 1.0,
        lift=100.0 * difference / abs(values[0]) if values[0] else None,
        lifts=_lifts(values, list(zip(squares, reaches, strict=True))) if known else None,
        rows=(control.n, treatment.n),
    )


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


def finite(value: float | None) -> float | None:
    """The number, or None where it is none."""
    return value if value is not None and isfinite(value) else None
