"""The false-alarm budget of a monitor, shared out among its detectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from hindsight.detectors.base import BaseDetector
from hindsight.domain.values import Budget


@lru_cache(maxsize=256)
def within(detectors: tuple[BaseDetector, ...], budget: Budget | None) -> tuple[BaseDetector, ...]:
    """The detectors with their bounds set so that together they keep to the budget, per version.

    Each of those that can say how often it is wrong gets an equal part, and what one of them does not need
    the others get: a budget makes rules stricter, never looser.  Several that are wrong at once make one
    incident, so the budget holds whatever they have in common.  One that cannot be made to keep to its part
    stays as near as it can, as `expected` tells.
    """
    if budget is None:
        return detectors
    rates = {i: rate for i, each in enumerate(detectors) if (rate := each.false_breaches()) is not None}
    made, left = list(detectors), budget.a_day
    for waiting, (i, rate) in enumerate(sorted(rates.items(), key=lambda item: (item[1], item[0]))):
        part = left / (len(rates) - waiting)
        if rate > part:
            made[i] = detectors[i].allowing(part)
        left -= min(rate, part)
    return tuple(made)


def expected(detectors: Sequence[BaseDetector]) -> tuple[float, tuple[BaseDetector, ...]]:
    """The expected false alarms a day and version, at most, and the detectors of which nothing is known."""
    rates = [detector.false_breaches() for detector in detectors]
    unknown = tuple(d for d, rate in zip(detectors, rates, strict=True) if rate is None)
    return sum(rate for rate in rates if rate is not None), unknown
