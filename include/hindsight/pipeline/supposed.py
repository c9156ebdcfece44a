"""What detectors would say that nobody has run yet: judged from what is stored, and written nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from hindsight.detectors.base import BaseDetector
from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Span
from hindsight.metrics import find
from hindsight.pipeline.detect import horizons_of, judge, made_from, rules
from hindsight.pipeline.kept import Kept, kept_of
from hindsight.pipeline.past import Past
from hindsight.pipeline.plan import begins, touched, zone
from hindsight.pipeline.present import own_pairs, unit_before
from hindsight.pipeline.runtime import Runtime, uncollected
from hindsight.pipeline.series import age_of
from hindsight.pipeline.snapshots import (
    by_length,
    frame,
    history,
    oddities_of,
    rows_of_log,
    together,
    windows_of,
)
from hindsight.store import Store
from hindsight.windows import Pair, as_of, days_of, ends_of

Kind = tuple[str, Span, Horizon]
"""A metric over windows of one length at one horizon."""


class Lens(Store):
    """A store that also shows snapshots which are not in it; all else lies in the real one."""

    def __init__(self, made: Mapping[Kind, Sequence[Snapshot]]) -> None:
        self._made = made

    def snapshots(self, conn: sa.Connection, monitor: str, **filters: Any) -> list[Snapshot]:
        """As of the store; of a metric that was made here these rows and no stored ones."""
        rows = self._made.get((filters["metric"], filters["window"], filters["horizon"]))
        if rows is None:
            return Store.snapshots(conn, monitor, **filters)
        start, end = filters["start"], filters["end"]
        asked = {name: filters.get(name) for name in ("version", "segment")}
        only = {name: {each} if isinstance(each, str) else each for name, each in asked.items()}
        return [
            row
            for row in rows
            if start <= row.window_start < end
            and all(each is None or getattr(row, name) in each for name, each in only.items())
        ]


@uncollected()
def supposed(
    spec: MonitorSpec, connection: sa.Connection, runtime: Runtime, until: datetime
) -> tuple[list[Detection], Runtime]:
    """What the monitor's rules say of every stored window that is judged by then, at every age; and the
    runtime whose store shows what they looked at.

    What is stored and made by these very rules is taken as it is; the rest is judged here.  A snapshot that
    a rule needs and that is not stored is read from the stored statistics.
    """
    present = own_pairs(connection, runtime.store, spec)
    kept = kept_of(connection, runtime.store, spec)
    detectors = rules(spec)
    lens = Lens(unstored(spec, detectors, present, kept, connection, runtime))
    seen, past = replace(runtime, store=lens), Past(spec, connection, runtime)
    found: list[Detection] = []
    for detector in detectors:
        stored: dict[Horizon, list[Detection]] = defaultdict(list)
        for row in runtime.store.detections(connection, spec.monitor, detector=detector.name):
            if row.spec_hash == made_from(spec, detector) and row.as_of <= until:
                stored[row.horizon].append(row)
        for horizon in horizons_of(spec, detector):
            ends = judged_ends(spec, detector, horizon, present, kept, until)
            known = {unit_before(spec, row.window_end) for row in stored[horizon]}
            found += [row for row in stored[horizon] if unit_before(spec, row.window_end) in ends]
            if lacking := sorted(ends - known):
                found += judge(spec, detector, horizon, lacking, connection, seen, past)
    return found, seen


def judged_ends(
    spec: MonitorSpec,
    detector: BaseDetector,
    horizon: Horizon,
    present: Mapping[Pair, str],
    kept: Kept,
    until: datetime,
) -> set[date]:
    """The last days of the windows that a detector judges at a horizon up to then."""
    return {
        pair.day
        for pair in present
        if pair.horizon == horizon
        and begins(spec, pair.day, detector.window)
        and (not detector.window.calendar or pair.day in ends_of(pair.day, detector.window))
        and kept.judges(days_of(pair.day, detector.reach))
        and as_of(pair.day, horizon, zone(spec)) <= until
    }


def unstored(
    spec: MonitorSpec,
    detectors: Sequence[BaseDetector],
    present: Mapping[Pair, str],
    kept: Kept,
    connection: sa.Connection,
    runtime: Runtime,
) -> dict[Kind, list[Snapshot]]:
    """The snapshots that these detectors look at and that are not stored, or were read otherwise."""
    needed = {
        (name, span, age_of(find(name), horizon))
        for detector in detectors
        for name in (detector.carrier, *detector.others(spec))
        for span in ({detector.window, spec.unit_span} if detector.judges_days else {detector.window})
        for horizon in horizons_of(spec, detector)
    }
    lacking: dict[tuple[Span, Horizon], list[str]] = defaultdict(list)
    for name, span, horizon in sorted(needed):
        pairs = [pair for pair in present if pair.horizon == horizon]
        ends = touched(spec, pairs, present, span, kept.reads).get(horizon, [])
        there = {
            unit_before(spec, place.window_end)
            for place in runtime.store.snapshot_places(connection, spec.monitor, [name], span)
            if place.horizon == horizon and place.spec_hash == spec.read_by
        }
        if not there.issuperset(ends):
            lacking[span, horizon].append(name)
    made: dict[Kind, list[Snapshot]] = {}
    for (span, horizon), names in lacking.items():
        asked = replace(spec, metrics=tuple(names), windows=(span,), detectors=())
        pairs = [pair for pair in present if pair.horizon == horizon]
        ends = touched(spec, pairs, present, span, kept.reads).get(horizon, [])
        rows = sorted(snapshots_of(asked, span, horizon, ends, present, connection, runtime), key=by_metric)
        made |= {(name, span, horizon): list(found) for name, found in groupby(rows, key=by_metric)}
        made |= {(name, span, horizon): [] for name in names if (name, span, horizon) not in made}
    return made


def by_metric(row: Snapshot) -> str:
    """What snapshots are grouped by."""
    return row.metric


def snapshots_of(
    spec: MonitorSpec,
    span: Span,
    horizon: Horizon,
    ends: Sequence[date],
    present: Mapping[Pair, str],
    connection: sa.Connection,
    runtime: Runtime,
) -> Iterator[Snapshot]:
    """The monitor's metrics in the windows of a length that end on these days, from the stored statistics."""
    for needed, part in together(ends, span.count):
        known = history(spec, needed, horizon, connection, runtime)
        oddities = oddities_of(spec, needed, horizon, connection, runtime)
        frames = [frame(spec, span, horizon, end, needed, present) for end in part]
        for same in by_length(frames):
            yield from windows_of(spec, span, horizon, same, known)
            yield from rows_of_log(spec, span, horizon, same, oddities)
