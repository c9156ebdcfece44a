"""Judging many segments at once without crying wolf: the false-discovery rate of what is found in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nextafter
from typing import Any, Final

from hindsight.detectors.base import BaseDetector, Finding
from hindsight.domain.values import ALL, Severity, Verdict

RATE: Final = 0.05
"""The share of segments found that may be so by chance, where the detector asks for no other evidence."""

Group = tuple[str, str]
"""A version and a segment."""


def beyond_chance(detector: BaseDetector, found: Mapping[Group, Finding]) -> dict[Group, Finding]:
    """The findings of one window, by version and segment, with those of segments held to account together.

    Of each version's segments a breach stands only if Benjamini and Hochberg's procedure (1995) keeps it
    among all that were judged, at the rate that the detector's evidence leaves; else it is something to
    watch.  Segments share rows from column to column and so depend on each other positively, under which the
    procedure still holds (Benjamini and Yekutieli, 2001).  What stands is one severity below what the same
    finding would be for the whole model.  A rule without evidence takes points as they are, here too, and a
    breach without a p-value stands for itself: there is nothing to hold it to.  What could not be judged
    counts as little as a segment that is not there.
    """
    rate = rate_of(detector)
    families: dict[str, dict[str, float]] = defaultdict(dict)
    for (version, segment), finding in found.items():
        if segment != ALL and finding.p_value is not None and finding.verdict is not Verdict.INSUFFICIENT:
            breach = finding.verdict is Verdict.BREACH
            # What the detector itself does not take for a breach is none that others could lean on.
            families[version][segment] = finding.p_value if breach else max(finding.p_value, barely(rate))
    adjusted = {
        version: dict(zip(family, adjusted_p_values(list(family.values())), strict=True))
        for version, family in families.items()
    }
    return {
        (version, segment): finding
        if segment == ALL or finding.verdict is not Verdict.BREACH
        else _judged(detector, finding, rate, adjusted.get(version, {}), segment)
        for (version, segment), finding in found.items()
    }


def barely(rate: float) -> float:
    """The smallest p-value that is none for a breach at this rate."""
    return nextafter(rate, 1.0)


def rate_of(detector: BaseDetector) -> float:
    """The share of what is found that may be chance: what the detector's evidence leaves, 1 without any.

    Evidence that is no confidence, such as a number of spreads, says nothing of it.  A chart has none: what
    it finds on one day in thousands by chance may come no more often for all segments together.
    """
    by_chance = getattr(detector, "by_chance", None)
    if isinstance(by_chance, float):
        return by_chance
    evidence = getattr(detector, "evidence", None)
    evidence = 0.0 if evidence == "none" else evidence
    return 1.0 - evidence if isinstance(evidence, float | int) and 0 <= evidence < 1 else RATE


def adjusted_p_values(p_values: Sequence[float]) -> list[float]:
    """The smallest rate at which Benjamini and Hochberg's procedure rejects each of these hypotheses.

    Of m p-values the one that is k-th from below becomes p m / k, and none more than the next larger one.

    >>> adjusted_p_values([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    count, least = len(p_values), 1.0
    made = [1.0] * count
    for rank in sorted(range(count), key=lambda i: -p_values[i]):
        least = min(least, p_values[rank] * len(made) / count)
        made[rank], count = least, count - 1
    return made


def _judged(
    detector: BaseDetector, finding: Finding, rate: float, adjusted: Mapping[str, float], segment: str
) -> Finding:
    """A segment's breach as it stands among the others."""
    lower = detector.severity_of(finding).below
    if segment not in adjusted:
        return replace(finding, severity=lower)
    details: dict[str, Any] = {
        **finding.details,
        "segments_judged": len(adjusted),
        "adjusted_p_value": adjusted[segment],
    }
    if rate >= 1 or adjusted[segment] <= rate:
        return replace(finding, severity=lower, details=details)
    many = f"among {len(adjusted)} segments" if len(adjusted) > 1 else "of a single segment"
    rest = f"that is not beyond chance (false-discovery rate {100 * rate:.2g}%)"
    return replace(
        finding,
        verdict=Verdict.CLEAR,
        severity=Severity.WATCH,
        reason=f"{finding.reason.removesuffix('.')}; {many} {rest}.",
        details=details,
    )
