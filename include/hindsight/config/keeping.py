"""How long results must be kept, so that no run needs what was removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final

from hindsight.config.tree import Path
from hindsight.detectors.base import BaseDetector
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain

HOUR: Final = timedelta(hours=1)

SHORTEST_LOOKBACK: Final = timedelta(days=7)
"""As far back a run looks for labels that land late, even where the last horizon is younger."""


def behind(spec: MonitorSpec) -> timedelta:
    """How long ago a window may have ended that a run comes back to."""
    least = SHORTEST_LOOKBACK if spec.grain is Grain.DAY else 24 * HOUR
    return 2 * max(spec.last_horizon.hours * HOUR, least)


def fitting(spec: MonitorSpec, rules: Iterable[BaseDetector]) -> Iterator[BaseDetector]:
    """Of rules that nobody wrote those that what is kept allows, looking back no further than it does."""
    kept = [each for field in fields(spec.retention) if (each := getattr(spec.retention, field.name))]
    for rule in rules:
        if not kept or rule.reach.hours * HOUR <= min(kept) - behind(spec):
            yield rule
        elif hasattr(rule, "past"):
            room = max((min(kept) - behind(spec)) // (spec.unit_span.hours * HOUR), 1)
            shorter: dict[str, Any] = {"past": replace(spec.unit_span, count=room)}
            short: BaseDetector = replace(rule, **shorter)
            if not list(short.problems()):
                yield short


def faults(spec: MonitorSpec) -> Iterator[tuple[Path, str]]:
    """A retention that is shorter than what runs come back to.

    Labels that land late change windows of as long ago as twice the last horizon, and each is judged with all
    the days of the longest window, or of the longest look-back of a detector, that holds it.
    """
    longest, last = max((*spec.spans, *(d.reach for d in spec.detectors))), spec.last_horizon
    needed = longest.hours * HOUR + behind(spec)
    for field in fields(spec.retention):
        kept = getattr(spec.retention, field.name)
        if kept is not None and kept < needed:
            why = f"the longest window or look-back, {longest}, and twice the last horizon, {last}"
            cure = f"keep {-(-needed // (24 * HOUR))}d or more"
            short = f"{_days(kept)} is too short: runs come back to windows of {_days(needed)} ago"
            yield ("retention", field.name), f"{short} ({why}); {cure}"


def _days(length: timedelta) -> str:
    """A length in days, or in hours where it is no whole number of them.

    >>> _days(timedelta(days=1)), _days(timedelta(hours=36))
    ('1 day', '36 hours')
    """
    hours = length // timedelta(hours=1)
    count, unit = (hours, "hour") if hours % 24 else (hours // 24, "day")
    return f"{count} {unit}" + "s" * (count != 1)
