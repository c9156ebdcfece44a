"""Taking away results that are older than a monitor keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS
from hindsight.incidents import replay
from hindsight.pipeline.kept import Kept, kept_of, marks_of
from hindsight.pipeline.plan import reference_days, zone
from hindsight.pipeline.present import present_pairs
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import end_of, local_days, midnight, shift, start_of, step


def remove_old(spec: MonitorSpec, runtime: Runtime) -> dict[str, Any]:
    """Remove what is older than `retention` says, counted back from the monitor's newest window.

    All of it or nothing, and where there was nothing to remove, older days may still be run.  The days of the
    reference stay, and so do the detections that an incident rests on which was open at the edge: incidents
    that ended before go with theirs, the others do not change.
    """
    faults.reach("remove_old.begin")
    with runtime.store.transaction(spec.monitor) as connection:
        before = kept_of(connection, runtime.store, spec)
        kept = due_to_stay(connection, spec, before, runtime)
        store, spared = runtime.store, span_of_reference(spec)
        removed = {"statistics": 0, "snapshots": 0, "detections": 0}
        if kept.statistics is not None:
            edge = start_of(kept.statistics, zone(spec))
            removed["statistics"] = store.remove_statistics(connection, spec.monitor, edge, spared)
        faults.reach("remove_old.statistics_removed")
        if kept.snapshots is not None:
            edge = start_of(kept.snapshots, zone(spec))
            removed["snapshots"] = store.remove_snapshots(connection, spec.monitor, edge, spared)
            removed["detections"] = remove_judgements(connection, spec, kept.snapshots, runtime)
        faults.reach("remove_old.snapshots_removed")
        store.keep_retained(connection, marks_of(spec, left(before, kept, removed)))
        faults.reach("remove_old.marked")
    faults.reach("remove_old.committed")
    return removed


def due_to_stay(connection: sa.Connection, spec: MonitorSpec, kept: Kept, runtime: Runtime) -> Kept:
    """From which days on statistics and snapshots are to stay, given what is kept by now.

    Statistics that were removed do not come back by a longer retention; snapshots do, as far as there are
    statistics to read them from.
    """
    days = [p.day for p in present_pairs(connection, runtime.store, spec) if p.horizon == NO_LABELS]
    if not days:
        return kept
    newest = max(days)
    edges = [edge for edge in (kept.statistics, edge_of(newest, spec.retention.statistics)) if edge]
    return Kept(max(edges, default=None), edge_of(newest, spec.retention.snapshots), kept.reference)


def left(before: Kept, kept: Kept, removed: Mapping[str, int]) -> Kept:
    """From which days on there is something: nothing was lost before an edge if nothing was removed.

    Only the edge of the snapshots can move back, where they are kept longer now.
    """
    statistics = kept.statistics if removed["statistics"] else before.statistics
    snapshots = kept.snapshots
    if snapshots is not None and not (removed["snapshots"] or removed["detections"]):
        snapshots = None if before.snapshots is None else min(before.snapshots, snapshots)
    return Kept(statistics, snapshots, kept.reference)


def edge_of(newest: date, length: timedelta | None) -> date | None:
    """The first day of so long a time that ends with the newest one.

    >>> str(edge_of(date(2013, 3, 31), timedelta(days=31)))
    '2013-03-01'
    """
    return None if length is None else shift(newest, 1 - -(-length // step(newest)))


def span_of_reference(spec: MonitorSpec) -> tuple[datetime, datetime] | None:
    """The UTC bounds of the reference, if it is a span of days."""
    days = reference_days(spec)
    return None if days is None else (start_of(days.start, zone(spec)), end_of(days.end, zone(spec)))


def remove_judgements(connection: sa.Connection, spec: MonitorSpec, first: date, runtime: Runtime) -> int:
    """Remove the detections of runs before a day, and the incidents that had ended by then.

    An incident is what its detections make it: of a class in which one was open at the edge, may have come
    back, or was resolved by hand while it breached, they are kept from its opening on.
    """
    store, edge = runtime.store, local_days([first], zone(spec)).start
    stored = store.incidents(connection, spec.monitor)
    at = {detector.name: detector.at for detector in spec.detectors}
    detections = store.detections(connection, spec.monitor, detector=list(at))
    actions = store.actions(connection, spec.monitor)
    history = replay(detections, stored, zone(spec), at=at, rule=spec.incidents, actions=actions)
    needed = history.needed(edge)
    before = {kind: midnight(day, zone(spec)) for kind, day in needed.items()}
    removed = store.remove_detections(connection, spec.monitor, before)
    lasting = [i for i in stored if i.resolved_on is None or i.resolved_on >= needed[i.incident_class]]
    store.replace_incidents(connection, spec.monitor, lasting)
    return removed
