"""The stored statistics of one version, unit by unit, as whoever explains something reads them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, Horizon
from hindsight.pipeline.inputs import cuts_of
from hindsight.pipeline.plan import zone
from hindsight.pipeline.present import unit_at
from hindsight.pipeline.runtime import Runtime
from hindsight.statistics import Statistics, layout_of
from hindsight.statistics.inputs import InputLayout, InputStatistics
from hindsight.windows import DayRange, distance, end_of, start_of

Payloads = list[Mapping[str, Any] | None]
"""What is stored of each unit, None where nothing is."""


@dataclass(frozen=True)
class Shelf:
    """What the store holds of a version; what is asked for twice is read once."""

    spec: MonitorSpec
    version: str
    connection: sa.Connection
    runtime: Runtime
    _read: dict[tuple[DayRange, Horizon, str], Statistics] = field(default_factory=dict)

    def outcomes(self, days: DayRange, horizon: Horizon, segment: str = ALL) -> Statistics:
        """The statistics of these units in one segment."""
        key = days, horizon, segment
        if key not in self._read:
            self._read[key] = layout_of(self.spec).parse(self.payloads(days, horizon, [segment])[segment])
        return self._read[key]

    def inputs(self, days: DayRange, segment: str = ALL) -> InputStatistics:
        """What came in on these units; features are kept of all segments together only."""
        stored = self.payloads(days, NO_LABELS, [segment])[segment]
        return self._layout.parse(stored, features=segment == ALL)

    @cached_property
    def _layout(self) -> InputLayout:
        return InputLayout(self.spec, cuts_of(self.spec, self.connection, self.runtime.store))

    def volumes(self, days: DayRange) -> dict[str, dict[date, float]]:
        """Predictions by version and unit, of all versions."""
        found: dict[str, dict[date, float]] = defaultdict(dict)
        for row in self.runtime.store.snapshots(
            self.connection,
            self.spec.monitor,
            metric="volume",
            horizon=NO_LABELS,
            window=self.spec.unit_span,
            segment=ALL,
            start=start_of(days.start, zone(self.spec)),
            end=end_of(days.end, zone(self.spec)),
        ):
            found[row.version][unit_at(self.spec, row.window_start)] = row.value or 0.0
        return found

    def computed(self, days: DayRange, horizon: Horizon) -> set[datetime]:
        """Where the units begin that this specification made: others do not add to them."""
        places = self.runtime.store.state_places(
            self.connection,
            self.spec.monitor,
            start_of(days.start, zone(self.spec)),
            end_of(days.end, zone(self.spec)),
            horizons=[horizon],
        )
        return {place.window_start for place in places if place.spec_hash == self.spec.made_by}

    def payloads(self, days: DayRange, horizon: Horizon, segments: Sequence[str]) -> dict[str, Payloads]:
        """The stored payloads by segment, unit by unit."""
        found: dict[str, Payloads] = {segment: [None] * len(days) for segment in segments}
        own = self.computed(days, horizon)
        if not own:
            return found
        for row in self.runtime.store.statistics(
            self.connection,
            self.spec.monitor,
            start_of(days.start, zone(self.spec)),
            end_of(days.end, zone(self.spec)),
            horizons=[horizon],
            segments=segments,
            version=self.version,
        ):
            if row.window_start in own:
                at = distance(days.start, unit_at(self.spec, row.window_start))
                found[row.segment][at] = json.loads(row.payload)
        return found
