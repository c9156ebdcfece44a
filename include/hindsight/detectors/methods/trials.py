"""Two arms of a trial: were rows shared out as meant, how far apart are they, and by what factor."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, erfc, sqrt
from typing import NamedTuple

from hindsight.detectors.methods.sequences import NEAR


class Outcome(NamedTuple):
    """A difference in standard errors, the degrees of freedom of those, and the two-sided p-value."""

    statistic: float
    freedom: float
    p_value: float


def ratio_p(control: int, treatment: int, split: float) -> float | None:
    """How likely chance alone shares rows out as unevenly as this, if `split` of them are for the treatment.

    Pearson's chi-square with one degree of freedom: the check for a sample-ratio mismatch (Fabijan et al.,
    2019, who find one in 6 % of trials at a large company).  None where fewer than 10 rows are expected in
    an arm.

    >>> round(ratio_p(5000, 5000, 0.5), 3), round(ratio_p(5200, 4800, 0.5), 6), ratio_p(9, 9, 0.5)
    (1.0, 6.3e-05, None)
    """
    total = control + treatment
    expected = total * (1.0 - split), total * split
    if min(expected) < 10.0:
        return None
    chi_square = (control - expected[0]) ** 2 / expected[0] + (treatment - expected[1]) ** 2 / expected[1]
    return erfc(sqrt(chi_square / 2.0))


def same_share_p(parts: Sequence[float], wholes: Sequence[float]) -> float | None:
    """How likely chance alone makes shares as unlike as these, if there is one share behind all of them.

    Pearson's chi-square of homogeneity, with a degree of freedom less than there are shares.  Those of which
    fewer than 5 rows are expected on a side are left out; None where less than two are left.

    >>> round(same_share_p((990, 900), (1000, 1000)), 6), same_share_p((1, 2), (2, 3))
    (0.0, None)
    """
    from scipy.special import chdtrc

    total, of_all = sum(parts), sum(wholes)
    share = total / of_all if of_all else 0.0
    side = min(share, 1.0 - share)
    kept = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if whole * side >= 5.0]
    if len(kept) < 2:
        return None
    share = sum(part for part, _ in kept) / sum(whole for _, whole in kept)
    if not 0.0 < share < 1.0:
        return 1.0
    chi_square = sum((part - whole * share) ** 2 / (whole * share * (1.0 - share)) for part, whole in kept)
    return float(chdtrc(len(kept) - 1, chi_square))


def student_test(difference: float, error: float, freedom: float) -> Outcome:
    """A difference held against its standard error of so many degrees of freedom.

    An error of 0 is taken at its word: any difference is then certain.
    """
    from scipy.special import stdtr  # a third of a second that the parsing of DAG files does not pay

    if error <= 0.0:
        sure = difference != 0.0
        return Outcome(copysign(NEAR, difference) if sure else 0.0, freedom, 0.0 if sure else 1.0)
    statistic = difference / error
    return Outcome(statistic, freedom, float(2.0 * stdtr(freedom, -abs(statistic))))


def welch(difference: float, errors: tuple[float, float], rows: tuple[int, int]) -> Outcome:
    """Welch's t-test (1947) of two estimates from so many rows each, with Satterthwaite's degrees of freedom.

    >>> test = welch(0.012, (0.0045223, 0.0047188), (5000, 5000))
    >>> round(test.statistic, 3), round(test.freedom), round(test.p_value, 4)
    (1.836, 9980, 0.0664)
    """
    control, treatment = (error * error for error in errors)
    variance = control + treatment
    degrees = [max(count - 1, 1) for count in rows]
    spread = control * control / degrees[0] + treatment * treatment / degrees[1]
    freedom = variance * variance / spread if spread > 0.0 else float(sum(degrees))
    return student_test(difference, sqrt(variance), max(freedom, 1.0))


def factor(
    control: float, treatment: float, variances: tuple[float, float, float], errors: float
) -> tuple[float, float] | None:
    """The interval of treatment / control that reaches so many standard errors to either side.

    Fieller's (1954): those factors f at which treatment - f * control is within `errors` of its errors of 0.
    So it holds 1 exactly where the interval of the difference holds 0.  `variances` are the control's, the
    treatment's and their covariance.  None where the control cannot be told from 0: then any factor will do.

    >>> low, high = factor(0.10, 0.12, (1e-6, 1e-6, 0.0), 1.96)
    >>> round(low, 4), round(high, 4)
    (1.1698, 1.2311)
    """
    of_control, of_treatment, together = variances
    square = errors * errors
    a = control * control - square * of_control
    b = control * treatment - square * together
    c = treatment * treatment - square * of_treatment
    under = b * b - a * c
    if not a > 0.0 or not under >= -1e-12 * b * b:
        return None
    root = sqrt(max(under, 0.0))
    return (b - root) / a, (b + root) / a
