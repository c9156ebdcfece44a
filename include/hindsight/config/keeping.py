"""How long results must be kept, so that no run needs what was removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Final

from hindsight.config.tree import Path
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain

SHORTEST_LOOKBACK: Final = timedelta(days=7)
"""As far back a run looks for labels that land late, even where the last horizon is younger."""


def faults(spec: MonitorSpec) -> Iterator[tuple[Path, str]]:
    """A retention that is shorter than what runs come back to.

    Labels that land late change windows of as long ago as twice the last horizon, and each is judged with all
    the days of the longest window, or of the longest look-back of a detector, that holds it.
    """
    hour = timedelta(hours=1)
    longest, last = max((*spec.spans, *(d.reach for d in spec.detectors))), spec.last_horizon
    back = 2 * max(last.hours * hour, SHORTEST_LOOKBACK if spec.grain is Grain.DAY else 24 * hour)
    needed = longest.hours * hour + back
    for field in fields(spec.retention):
        kept = getattr(spec.retention, field.name)
        if kept is not None and kept < needed:
            why = f"the longest window or look-back, {longest}, and twice the last horizon, {last}"
            cure = f"keep {-(-needed // (24 * hour))}d or more"
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
