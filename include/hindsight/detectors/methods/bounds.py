"""Where a value lies to a bound: how far beyond it, how surely, and how that reads."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, floor, hypot, isclose, isfinite, log10, sqrt
from typing import Any, Final

from hindsight.metrics.base import Metric
from hindsight.metrics.expectation import Expected

FEW: Final = 30
"""Rows that may agree by accident: an error of 0 from fewer is no certainty."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a window is compared with, in words too, and its own error; `of_scores` if made for the window.

    `spread` is how much its rows differ, 0 where that is not known, and `between` how much windows of this
    length do beyond what their rows explain.
    """

    value: float
    what: str
    error: float | None
    of_scores: Expected | None = None
    spread: float = 0.0
    between: float = 0.0

    def gap_error(self, own: float | None, rows: int, share: float) -> float | None:
        """The standard error of the window's value - share * baseline; None where it is not known.

        A window's rows differ as those of the baseline do, though the few that it has may all agree: a
        hundred rows without a click have an error of 0 and do not say that nobody will click.
        """
        if self.of_scores is not None:
            error = self.of_scores.gap_error(share)
            return None if error is None else known(hypot(error, self.between))
        if own is None or self.error is None:
            return None
        least = self.spread / sqrt(rows) if rows > 0 else 0.0
        return known(hypot(max(own, least), share * self.error, self.between))


@dataclass(frozen=True, slots=True)
class Bound:
    """One side's bound: `way` is -1 for a lower one and 1 for an upper one, `error` that of the gap to it."""

    way: int
    value: float
    error: float | None

    def gap(self, value: float, scale: float) -> float:
        """How far a value lies beyond it: 0 on the bound itself, up to the noise of floating point."""
        on = isclose(value, self.value, rel_tol=1e-9, abs_tol=max(1e-12, 1e-9 * abs(scale)))
        return 0.0 if on else self.way * (value - self.value)

    def p_value(self, gap: float, rows: int) -> float | None:
        """The p-value of "the true value is not beyond the bound"; None where the error is not known."""
        if self.error is None or (self.error == 0 and rows < FEW):
            return None
        return 0.5 * erfc(gap / self.error / sqrt(2.0)) if self.error else float(gap <= 0)


def error_at(metric: Metric, bound: float, value: float, error: float | None) -> float | None:
    """The error of a window were its true value on the bound: that of a ratio grows with it.

    A ratio of 1.6 ± 0.24 is 1.25 ± 0.19 there, and 1.9 errors away.
    """
    grows = metric.error_grows and value > 0 and bound > 0
    return known(error * bound / value) if grows and error is not None else error


def known(error: float | None) -> float | None:
    """A number if it is one, and finite."""
    return error if error is not None and isfinite(error) else None


def familiar(current: float, threshold: float, baseline: float | None) -> dict[str, Any]:
    """The numbers that plain rules give; a drop is positive where the value fell, whichever way is good."""
    numbers: dict[str, Any] = {"current": current, "threshold": threshold}
    if baseline is not None:
        numbers["baseline"] = baseline
        drop = 100.0 * (baseline - current) / abs(baseline) if baseline else None
        numbers["drop_percent"] = known(drop)
    return numbers


def surely(p_value: float) -> str:
    """How sure a p-value makes of what it speaks against, as far as a normal approximation carries.

    >>> surely(0.0123), surely(0.0)
    ('98.8% sure', 'more than 99.9999% sure')
    """
    return f"{percent(1.0 - p_value)} sure" if p_value > 1e-6 else "more than 99.9999% sure"


def percent(share: float, below: float = 2.0) -> str:
    """A share in percent, with two digits of what it lacks to all; as shown it stays `below` the given one.

    >>> percent(0.95), percent(0.99876), percent(0.9496, below=0.95), percent(0.9999999)
    ('95%', '99.88%', '94.96%', '99.99999%')
    """
    lacks = 100.0 * (1.0 - share)
    least = max(1 - floor(log10(lacks)), 0) if lacks > 0 else 0
    for digits in range(least, least + 12):
        shown = f"{100.0 * share:.{digits}f}"
        if float(shown) < 100.0 * below:
            return f"{shown.rstrip('0').rstrip('.') if digits else shown}%"
    return f"{100.0 * share!r}%"
