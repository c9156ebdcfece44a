"""What is left of a monitor's results after retention, and so what can be made anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa

from hindsight.domain.records import Retained
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError
from hindsight.pipeline.plan import reference_days, zone
from hindsight.pipeline.present import unit_at
from hindsight.store import Store
from hindsight.windows import DayRange, shift, start_of, written


@dataclass(frozen=True, slots=True)
class Kept:
    """From which days on there are statistics and snapshots; None where nothing was removed.

    A window that holds a removed day cannot be made anew.  It stays as it was when all its days were there:
    what a run would put in its place is a window of which days were never computed.
    """

    statistics: date | None = None
    snapshots: date | None = None
    reference: DayRange | None = None

    def holds(self, day: date) -> bool:
        """Whether the statistics of a day are kept: of the reference they always are."""
        return self.statistics is None or day >= self.statistics or self._of_reference(day)

    def reads(self, window: DayRange) -> bool:
        """Whether the snapshots of a window can be made anew, and are kept if they are."""
        if self.snapshots is not None and window.end < self.snapshots:
            return self._of_reference(window.start) and self._of_reference(window.end)
        if self.statistics is None or window.start >= self.statistics:
            return True
        return all(map(self.holds, window))

    def judges(self, window: DayRange) -> bool:
        """Whether the detections of a window can be made anew, and are kept if they are."""
        return self.reads(window) and (self.snapshots is None or window.end >= self.snapshots)

    def _of_reference(self, day: date) -> bool:
        return self.reference is not None and day in self.reference


def kept_of(connection: sa.Connection, store: Store, spec: MonitorSpec) -> Kept:
    """What the store still holds of a monitor."""
    marks = store.retained(connection, spec.monitor)
    return Kept(
        unit_of(spec, marks.statistics_from), unit_of(spec, marks.snapshots_from), reference_days(spec)
    )


def unit_of(spec: MonitorSpec, mark: datetime | None) -> date | None:
    """The day, or hour, that begins at a mark."""
    return None if mark is None else unit_at(spec, mark)


def admitted(connection: sa.Connection, store: Store, spec: MonitorSpec, days: DayRange) -> Kept:
    """What a run of these days may compute; HindsightError if days before them were removed.

    A run that goes on to where every age of the kept days has been reached fills the gap, and moves the mark.
    """
    kept = kept_of(connection, store, spec)
    first = kept.statistics
    if first is None or days.start >= first or all(map(kept.holds, days)):
        return kept
    filled = shift(first, spec.last_horizon.count - 1)
    if days.end >= filled:
        marks = store.retained(connection, spec.monitor)
        store.keep_retained(connection, replace(marks, statistics_from=start_of(days.start, zone(spec))))
        return replace(kept, statistics=days.start)
    raise HindsightError(
        f"The results of {spec.monitor} are kept from {written(first, zone(spec))} on "
        f"(retention.statistics), and {written(days.start, zone(spec))} is older: choose a later day, or "
        f"fill the gap by one run of all days from there to {written(filled, zone(spec))}."
    )


def marks_of(spec: MonitorSpec, kept: Kept) -> Retained:
    """What to remember of what is kept."""
    first, second = (
        None if day is None else start_of(day, zone(spec)) for day in (kept.statistics, kept.snapshots)
    )
    return Retained(spec.monitor, first, second)
