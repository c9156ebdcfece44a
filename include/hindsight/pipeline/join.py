"""Third task: join what was said with what turned out true, and keep the statistics."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hindsight.domain.records import StatisticRow, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, Horizon, Span
from hindsight.pipeline.extract import opened, verify_unique
from hindsight.pipeline.plan import (
    bounds,
    computed,
    outdated,
    reference_days,
    refuse_unfinished,
    touched,
    zone,
)
from hindsight.pipeline.present import present_pairs, states_of
from hindsight.pipeline.runtime import Runtime
from hindsight.sources.statement import Statement, WindowBounds
from hindsight.statistics import STATISTICS
from hindsight.statistics.base import canonical
from hindsight.statistics.lines import CONTRADICTING, read
from hindsight.store import Store
from hindsight.windows import DayRange, Pair, days_of, due, midnight


@dataclass(frozen=True, slots=True)
class Computed:
    """A pair's state and statistics, not yet written."""

    state: WindowState
    rows: tuple[StatisticRow, ...]


def join_ground_truth(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> dict[str, Any]:
    """Compute the statistics of every pair due in these days, in one pass, and replace them in the store.

    A source that holds less than it did when a pair was first computed does not take anything away:
    the older statistics stay, and their state says `source_rewritten`.
    """
    refuse_unfinished(spec, days, runtime)
    # The rows are read under the monitor's lock, too: who reads later also writes later.
    with runtime.store.transaction(spec.monitor) as connection:
        present = present_pairs(connection, runtime.store, spec)
        wanted = computed(spec, days, [pair for pair, made_by in present.items() if made_by == spec.hash])
        pairs = sorted(wanted | outdated(spec, wanted, present))
        made = compute(spec, pairs, runtime)
        old = {
            Pair(state.horizon, day): state
            for day, state in states_of(connection, runtime.store, spec, pairs)
        }
        settled = {pair: settle(old.get(pair), made[pair]) for pair in pairs}
        kept = [pair for pair in pairs if settled[pair].source_rewritten]
        if kept:
            runtime.store.replace_states(connection, spec.monitor, [settled[pair] for pair in kept])
        fresh = [pair for pair in pairs if not settled[pair].source_rewritten]
        runtime.store.replace_windows(
            connection,
            spec.monitor,
            [settled[pair] for pair in fresh],
            [row for pair in fresh for row in made[pair].rows],
        )
        changed = [pair for pair in fresh if pair not in old or differs(old[pair], settled[pair])]
        put_behind(connection, runtime.store, spec, days, changed, set(old))
    states = settled.values()
    return {
        "pairs": len(pairs),
        "statistics": sum(len(made[pair].rows) for pair in fresh),
        "predictions": sum(made[pair].state.predictions for pair in pairs if pair.horizon == NO_LABELS),
        "late_landed": sum(state.late_landed for state in states),
        "source_rewritten": len(kept),
        "set_aside": {key: count for key, count in sorted(totals(states).items()) if count},
    }


def totals(states: Any) -> dict[str, int]:
    """Rows set aside or remarked on, over the pairs of horizon 0 and, for labels, the oldest."""
    found: dict[str, int] = defaultdict(int)
    for state in states:
        for reason, count in state.quality.items():
            found[reason] = found[reason] + count if state.horizon == NO_LABELS else max(found[reason], count)
    return dict(found)


def compute(spec: MonitorSpec, pairs: Sequence[Pair], runtime: Runtime) -> dict[Pair, Computed]:
    """The statistics of these pairs, from one pass over the rows of their days."""
    days = sorted({pair.day for pair in pairs})
    windows = [bounds(spec, day) for day in days]
    with opened(spec, runtime) as (source, statement):
        verify_unique(spec, source, statement, windows)
        rows = source.fetch(statement.statistics(windows))
        zero = [pair.day for pair in pairs if pair.horizon == NO_LABELS]
        label_remarks: dict[date, dict[str, int]] = defaultdict(dict)
        for stretch in stretches(zero):
            for position, reason, count in source.fetch(feed_of(spec, statement, stretch)):
                label_remarks[stretch.start + timedelta(days=position)][reason] = int(count)
    kind = STATISTICS[spec.task]
    lines = read(rows, spec.segments, len(kind.TERMS), spec.ground_truth.on_conflict)
    payloads = kind.payloads(lines.events, len(lines.groups), len(spec.horizons))
    groups_of: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(lines.groups):
        groups_of[group.position].append(number)
    remarks: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for number, bucket, reason, count in lines.remarks:
        group = lines.groups[number]
        if group.segment == ALL:
            for later in range(bucket, len(spec.horizons)):
                remarks[group.position, later][reason] += count

    made = {}
    for pair in pairs:
        position, bucket = days.index(pair.day), spec.horizons.index(pair.horizon)
        found = [
            (lines.groups[number], payloads[bucket][number])
            for number in groups_of[position]
            if payloads[bucket][number]
        ]
        quality = dict(remarks[position, bucket])
        if pair.horizon == NO_LABELS:
            quality |= label_remarks[pair.day]
        made[pair] = pair_of(spec, pair, windows[position], bucket, found, quality)
    return made


def stretches(days: Sequence[date]) -> list[DayRange]:
    """Ascending days as runs of consecutive ones."""
    runs: list[DayRange] = []
    for day in days:
        if runs and day - runs[-1].end == timedelta(days=1):
            runs[-1] = DayRange(runs[-1].start, day)
        else:
            runs.append(DayRange(day, day))
    return runs


def feed_of(spec: MonitorSpec, statement: Statement, days: DayRange) -> sa.Select[Any]:
    """What is odd about the labels learnt on these days; ids are looked for twice the last horizon back."""
    last = spec.last_horizon.count
    lookback = 2 * max(last, 7)
    first = days.start - timedelta(days=lookback)
    return statement.label_quality([bounds(spec, day) for day in DayRange(first, days.end)], lookback, last)


def pair_of(
    spec: MonitorSpec,
    pair: Pair,
    window: WindowBounds,
    bucket: int,
    found: Sequence[tuple[Any, Mapping[str, Any]]],
    quality: Mapping[str, int],
) -> Computed:
    """One pair's state and rows, in the order of their key."""
    rows = tuple(
        StatisticRow(
            monitor=spec.monitor,
            version=group.version,
            segment=group.segment,
            window_start=window.start,
            window_end=window.end,
            horizon=pair.horizon,
            as_of=window.known[bucket],
            payload=canonical(payload),
        )
        for group, payload in sorted(found, key=lambda item: (item[0].version, item[0].segment))
    )
    whole = STATISTICS[spec.task].parse(
        [payload for group, payload in found if group.segment == ALL] or [None]
    )
    digest = hashlib.sha256("\n".join(f"{r.version}\t{r.segment}\t{r.payload}" for r in rows).encode())
    state = WindowState(
        monitor=spec.monitor,
        window_start=window.start,
        window_end=window.end,
        horizon=pair.horizon,
        as_of=window.known[bucket],
        predictions=int(whole.predictions.sum()),
        labelled=int(whole.labelled.sum()),
        quality=dict(sorted(quality.items())),
        spec_hash=spec.hash,
        digest=digest.hexdigest()[:16],
    )
    return Computed(state, rows)


def settle(old: WindowState | None, new: Computed) -> WindowState:
    """The state to write, given what was there: grown is `late_landed`, shrunk is `source_rewritten`.

    An edited monitor starts afresh: what another specification made says nothing of the source.
    """
    state = new.state
    if old is None or old.spec_hash != state.spec_hash:
        return state
    if state.predictions < old.predictions or truth_in(state) < truth_in(old):
        return replace(old, source_rewritten=True)
    changed = state.digest != old.digest
    return replace(state, late_landed=old.late_landed or changed)


def differs(old: WindowState, new: WindowState) -> bool:
    """Whether what is read from a pair's statistics may have changed."""
    return (old.digest, old.spec_hash) != (new.digest, new.spec_hash)


def put_behind(
    connection: sa.Connection,
    store: Store,
    spec: MonitorSpec,
    days: DayRange,
    changed: Sequence[Pair],
    known: Collection[Pair],
) -> None:
    """Remove what rests on pairs that changed besides those due, so that the next tasks make it anew.

    A pair that is due has its windows read and judged anyway.  Another one changes because the monitor was
    edited; and when the reference itself changes, every window compared with it is judged again.
    """
    besides = set(changed) - set(due(days, spec.horizons))
    present = present_pairs(connection, store, spec)
    for span in spec.spans:
        edited = windows_with(spec, besides & set(known), present, span)
        if edited:
            store.replace_snapshots(connection, spec.monitor, [(span, *window) for window in edited], [])
        judged = windows_with(spec, besides, present, span)
        partitions = [(d.name, *window) for d in spec.detectors if d.window == span for window in judged]
        if partitions:
            store.replace_detections(connection, spec.monitor, partitions, [])
    reference = reference_days(spec) or ()
    ages = {pair.horizon for pair in changed if pair.day in reference}
    compared = [detector.name for detector in spec.detectors if detector.needs_reference]
    if ages and compared:
        found = store.detections(connection, spec.monitor, detector=compared, horizon=ages)
        rests = {(each.detector, each.window_start, each.horizon) for each in found}
        store.replace_detections(connection, spec.monitor, rests, [])


def windows_with(
    spec: MonitorSpec, pairs: Collection[Pair], present: Collection[Pair], span: Span
) -> list[tuple[datetime, Horizon]]:
    """The stored windows of this length that hold one of these pairs: their start and age."""
    return [
        (midnight(days_of(end, span).start, zone(spec)), horizon)
        for horizon, ends in touched(pairs, present, span).items()
        for end in ends
    ]


def truth_in(state: WindowState) -> int:
    """How much was learnt of a window; it never falls as labels land, not even as they contradict others."""
    return state.labelled + state.quality.get(CONTRADICTING, 0)
