"""What a trial can find: the power it has, the smallest effect in its reach, and how long it would take.

"Not significant" is no finding of "no difference".  What a trial of this size would have missed is told by
the smallest effect that it finds in four of five such trials.
"""

from __future__ import annotations

from math import ceil, isfinite, log, sqrt
from typing import Final

from hindsight.detectors.methods.sequences import multiplier, normal

POWER: Final = 0.8
"""The share of trials in which an effect is to be found, by custom."""

MOST: Final = 1e4
"""Times the present size up to which is looked for one that suffices."""


def power_of(effect: float, error: float, reach: float) -> float:
    """The share of trials that find an effect, with an interval of so many standard errors to either side.

    >>> round(power_of(2.8, 1.0, 1.96), 2), round(power_of(0.0, 1.0, 1.96), 3)
    (0.8, 0.025)
    """
    from scipy.special import ndtr  # a third of a second that the parsing of DAG files does not pay

    if error <= 0.0:
        return 1.0 if effect > 0.0 else 0.0
    return float(ndtr(effect / error - reach)) if isfinite(reach) else 0.0


def smallest_effect(error: float, reach: float, power: float = POWER) -> float | None:
    """The effect found in a share `power` of trials; None where the interval has no end.

    >>> round(smallest_effect(1.0, 1.96), 2)
    2.8
    """
    found = (reach + _quantile(power)) * error
    return found if isfinite(found) else None


def times_needed(
    effect: float, error: float, progress: float, alpha: float, power: float = POWER
) -> float | None:
    """How many times the present information finds an effect by a confidence sequence; None beyond `MOST`.

    The error falls with the square root of the information.  1 or less says that the present one suffices.

    >>> round(times_needed(3.0, 1.0, 1.0, 0.05), 2), round(times_needed(8.0, 1.0, 1.0, 0.05), 2)
    (1.68, 0.26)
    """
    if error <= 0.0:
        return 0.0
    if not effect > 0.0:
        return None
    quantile = _quantile(power)

    def short(times: float) -> bool:
        return (multiplier(progress * times, alpha) + quantile) * error / sqrt(times) > effect

    low, high = 1.0 / MOST, MOST
    if short(high):
        return None
    while log(high / low) > 1e-9:
        middle = sqrt(low * high)
        low, high = (middle, high) if short(middle) else (low, middle)
    return high


def rows_needed(share: float, lift: float, alpha: float = 0.05, power: float = POWER, *, looks: str) -> int:
    """Independent rows a side that find a relative change of a share, such as +5 % of a rate of 0.10.

    `looks` is `one` for a test at the end, planned before and looked at once (the textbook's formula: Fleiss,
    Levin and Paik, 2003, 4.14, without the correction), or `daily` for a confidence sequence.

    >>> rows_needed(0.10, 0.10, looks="one"), rows_needed(0.10, 0.10, looks="daily")
    (14749, 28242)
    """
    other = share * (1.0 + lift)
    if not (0.0 < share < 1.0 and 0.0 < other < 1.0 and lift):
        raise ValueError(f"there is no share {share} that changes by {lift:+.0%}")
    reach = normal(alpha) if looks == "one" else multiplier(1.0, alpha)
    variance = share * (1.0 - share) + other * (1.0 - other)
    return ceil(((reach + _quantile(power)) / (other - share)) ** 2 * variance)


def _quantile(power: float) -> float:
    """The normal quantile of a share above one half."""
    return normal(2.0 * (1.0 - power))
