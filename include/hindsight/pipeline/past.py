"""What was read of a monitor's reference, kept for the detectors and ages that are judged next.

Every detector is held to the same frozen days, so a run reads them once per age, not once per detector and
age.  It lives as long as one run within one transaction: nothing in it can become stale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon
from hindsight.pipeline.plan import reference_days
from hindsight.pipeline.quality import quality_of
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import History, history
from hindsight.statistics import QualityStatistics
from hindsight.windows import DayRange

KEPT: Final = 16_384
"""Days of version and segment that are kept; of more the longest unused are read again."""


@dataclass
class Past:
    """The reference's days of one monitor, read as far as anybody asked."""

    spec: MonitorSpec
    connection: sa.Connection
    runtime: Runtime
    _known: dict[tuple[Horizon, bool], History] = field(default_factory=dict)
    """By age and whether segments are in it, the last used at the end."""
    _counted: dict[Horizon, QualityStatistics] = field(default_factory=dict)

    @property
    def days(self) -> DayRange | None:
        """The reference's days, if it has any."""
        return reference_days(self.spec)

    def history(self, horizon: Horizon, *, segments: bool) -> History:
        """Their statistics at an age: those of all rows, and of segments where they are asked for."""
        assert self.days is not None
        key = horizon, segments or (horizon, True) in self._known
        known = self._known.pop(key, None)
        if known is None:
            only = None if segments else [ALL]
            known = history(self.spec, self.days, horizon, self.connection, self.runtime, only)
        self._known[key] = known
        self._forget(key)
        return known

    def counted(self, horizon: Horizon) -> QualityStatistics:
        """What was odd about the logs on them, as known at an age."""
        assert self.days is not None
        if horizon not in self._counted:
            self._counted[horizon] = quality_of(self.spec, self.days, horizon, self.connection, self.runtime)
        return self._counted[horizon]

    def _forget(self, used: tuple[Horizon, bool]) -> None:
        """Drop the longest unused until the rest is small enough, but never what is used now."""
        sizes = {key: len(known.groups) * len(known.days) for key, known in self._known.items()}
        for key in list(self._known):
            if key != used and sum(sizes.values()) > KEPT:
                del self._known[key], sizes[key]
