"""Confidence sequences: intervals that hold at every look at once, so that looking early costs nothing.

An interval of 95 % holds at one look.  Looked at daily, one of thirty such intervals misses the truth in a
quarter of all experiments.  A confidence sequence is wider, and misses it at *any* look in 5 % at most.

This is the asymptotic sequence of the normal mixture: Robbins (1970); Howard, Ramdas, McAuliffe and Sekhon
(2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences"); Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas (2024, "Time-uniform central limit theory and asymptotic confidence sequences").
"Asymptotic" says that the estimate must be about normal at the first look: ask for a thousand rows or so.
"""

from __future__ import annotations

from math import exp, inf, isfinite, log, sqrt
from typing import Final

NEAR: Final = 37.0
"""Normal errors beyond which a probability is below what a float can tell from 0."""


def scale(alpha: float) -> float:
    """The mixture's variance, in units that make the sequence tightest when all that was planned is in.

    >>> round(scale(0.05), 3)
    7.936
    """
    twice = -2.0 * log(alpha)
    return twice + log(twice + 1.0)


def multiplier(progress: float, alpha: float) -> float:
    """How many standard errors the sequence reaches to either side.

    `progress` is the information so far as a share of what is planned.  What is planned must not depend on
    what the experiment has shown; how well it is guessed decides how tight the sequence is, and not whether
    it holds.

    >>> [round(multiplier(progress, 0.05), 2) for progress in (0.05, 0.25, 1.0, 4.0)]
    [4.72, 3.26, 3.04, 3.13]
    """
    mixed = progress * scale(alpha)
    if mixed <= 0.0:
        return inf
    return sqrt((mixed + 1.0) / mixed * log((mixed + 1.0) / alpha**2))


def anytime_p(z: float, progress: float, alpha: float) -> float:
    """The smallest error rate at which the sequence leaves 0 out, for an estimate of `z` standard errors.

    It is at most `alpha` exactly where the sequence at `alpha` leaves 0 out: an always-valid p-value (Johari,
    Koomen, Pekelis and Walsh, 2022).

    >>> round(anytime_p(multiplier(0.5, 0.05), 0.5, 0.05), 6), anytime_p(0.0, 0.5, 0.05)
    (0.05, 1.0)
    """
    mixed = progress * scale(alpha)
    if mixed <= 0.0:
        return 1.0
    return min(1.0, sqrt(mixed + 1.0) * exp(-0.5 * z * z * mixed / (mixed + 1.0)))


def student(errors: float, freedom: float) -> float:
    """As many errors as leave the same probability outside, where the error itself rests on few days.

    Of `freedom` degrees Student's t leaves beyond the result what the normal distribution leaves beyond
    `errors`; infinite where that cannot be told.

    >>> from hindsight.domain.values import Z95
    >>> round(student(Z95, 16), 3), round(student(3.035, 16), 2), student(3.035, 0)
    (2.12, 3.6, inf)
    """
    from scipy.special import ndtr, stdtrit  # a third of a second that the parsing of DAG files does not pay

    if freedom <= 0.0 or not isfinite(errors) or errors >= NEAR:
        return inf
    reach = float(-stdtrit(freedom, ndtr(-errors)))
    return max(reach, errors) if isfinite(reach) else inf


def normal(p_value: float) -> float:
    """The two-sided p-value as a number of normal errors, at most `NEAR`.

    >>> round(normal(0.05), 4), normal(1.0), normal(0.0)
    (1.96, 0.0, 37.0)
    """
    from scipy.special import ndtri

    if p_value <= 0.0:
        return NEAR
    return min(NEAR, max(0.0, float(-ndtri(min(p_value, 1.0) / 2.0))))
