"""What an edited monitor left behind: pairs, snapshots and detections that its file now makes differently.

Rows say what of the file made them, so what is stale is read off the store.  It is made anew and what nobody
asks for any more is removed, all in one transaction: readers see the old tables, then the new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from hindsight import faults
from hindsight.detectors.base import BaseDetector
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Notify, Span
from hindsight.metrics.base import Part
from hindsight.pipeline.detect import horizons_of, made_from, make_detections, rules
from hindsight.pipeline.extract import opened
from hindsight.pipeline.join import join_pairs
from hindsight.pipeline.kept import Kept, kept_of
from hindsight.pipeline.notify import enqueue
from hindsight.pipeline.past import Past
from hindsight.pipeline.plan import (
    by_horizon,
    due_in,
    outdated,
    reference_days,
    reference_pairs,
    touched,
    zone,
)
from hindsight.pipeline.present import own_pairs, present_pairs, unit_at
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import make_snapshots, metrics_at
from hindsight.store.made import count, made_detections, made_snapshots, remove, unasked
from hindsight.windows import DayRange, Pair, as_of, ends_of, shift

Ends = dict[Horizon, list[date]]
"""The last days of windows, by the age at which they are judged."""


@dataclass(frozen=True)
class Stale:
    """What is to be made anew, and the days whose runs it belongs to."""

    runs: tuple[date, ...]
    pairs: tuple[Pair, ...]
    windows: Mapping[Span, Ends]
    judged: Mapping[str, Ends]

    def counts(self) -> dict[str, Any]:
        """How many pairs at each age, windows of each length, and windows that each detector judges."""
        return {
            "pairs": {str(horizon): len(days) for horizon, days in by_horizon(self.pairs).items()},
            "windows": {str(span): total(ends) for span, ends in self.windows.items() if total(ends)},
            "detections": {name: total(ends) for name, ends in self.judged.items() if total(ends)},
        }


def total(ends: Ends) -> int:
    """How many windows these are."""
    return sum(map(len, ends.values()))


def run_stale(
    spec: MonitorSpec, runtime: Runtime, days: DayRange | None = None, *, dry_run: bool = False
) -> dict[str, Any]:
    """Make anew what an edit of the monitor's file made stale, and only that; tell nobody.

    Afterwards the store holds what runs of the same days with the edited file would have left.  With `days`
    only what falls due in their runs, and what that needs.  A dry run only says what would be done.
    """
    faults.reach("run_stale.begin")
    with runtime.store.transaction(spec.monitor) as connection:
        faults.reach("run_stale.locked")
        stale = stale_of(spec, connection, runtime, days)
        within = None if days is None else bounds_of(spec, days)
        removed = remove_unasked(spec, connection, within, dry_run=dry_run)
        done = stale.counts() | {"removed": {name: rows for name, rows in removed.items() if rows}}
        if dry_run or not any(done.values()):
            return done
        faults.reach("run_stale.removed")
        if stale.pairs:
            with opened(spec, runtime) as (source, statement):
                join_pairs(spec, stale.pairs, source, statement, connection, runtime.store)
        faults.reach("run_stale.joined")
        present = own_pairs(connection, runtime.store, spec)
        make_snapshots(spec, stale.windows, present, connection, runtime)
        faults.reach("run_stale.read")
        past = Past(spec, connection, runtime)
        for detector in rules(spec):
            make_detections(spec, detector, stale.judged[detector.name], connection, runtime, past)
        faults.reach("run_stale.judged")
        if stale.runs:
            told = DayRange(stale.runs[0], stale.runs[-1])
            enqueue(spec, told, runtime, Notify.NONE, (), connection)
        faults.reach("run_stale.written")
    faults.reach("run_stale.committed")
    return done


def stale_of(spec: MonitorSpec, connection: sa.Connection, runtime: Runtime, days: DayRange | None) -> Stale:
    """Compare what the store holds of a monitor with what its file asks for."""
    kept = kept_of(connection, runtime.store, spec)
    present = present_pairs(connection, runtime.store, spec)
    runs = [day for day in run_units(spec, present) if days is None or day in days]
    pairs = stale_pairs(spec, present, runs, kept, limited=days is not None)
    own = {pair for pair, made_by in present.items() if made_by == spec.made_by} | pairs
    asked = set(runs)
    windows: dict[Span, Ends] = {}
    lacking: dict[Span, dict[Pair, set[str]]] = {}
    found = lacking_names(spec, connection)
    for span in spec.spans:
        expected = pairs_of(touched(spec, own, own, span, kept.reads))
        again = pairs_of(touched(spec, pairs, own, span, kept.reads))
        lacking[span] = {
            pair: names
            for pair in expected
            if run_of(pair) in asked and (names := found.get((span, pair), names_at(spec, pair.horizon)))
        }
        windows[span] = by_horizon(again | set(lacking[span]))
    judged = {
        detector.name: stale_judgements(spec, detector, connection, pairs, own, lacking, asked, kept)
        for detector in rules(spec)
    }
    return Stale(tuple(runs), tuple(sorted(pairs)), windows, judged)


def run_units(spec: MonitorSpec, present: Collection[Pair]) -> list[date]:
    """The days whose runs the store has seen, ascending.

    A day of the reference may be there although it was never run, for what is compared with it needs it: it
    was run if a pair outside the reference fell due with it, and where none could, if the day before was.
    """
    reference = reference_days(spec) or ()
    ages = {pair.horizon for pair in present}
    runs: list[date] = []
    for day in sorted(pair.day for pair in present if pair.horizon == NO_LABELS):
        telling = {Pair(age, shift(day, -age.count)) for age in ages}
        telling = {pair for pair in telling if pair.day not in reference}
        before = bool(runs) and runs[-1] == shift(day, -1)
        if telling & set(present) or (not telling and before):
            runs.append(day)
    return runs


def stale_pairs(
    spec: MonitorSpec, present: Mapping[Pair, str], runs: Collection[date], kept: Kept, *, limited: bool
) -> set[Pair]:
    """The pairs that these runs would compute and the store lacks, or has from another file."""
    wanted = {pair for day in runs for pair in due_in(spec, DayRange(day, day))}
    if runs:
        wanted |= reference_pairs(spec, DayRange(min(runs), max(runs)))
    if not limited:
        wanted |= {pair for pair in present if pair.horizon in spec.horizons}
    pairs = {pair for pair in wanted if present.get(pair) != spec.made_by}
    pairs |= {pair for pair in outdated(spec, pairs, present) if pair.horizon in spec.horizons}
    return {pair for pair in pairs if kept.holds(pair.day)}


def names_at(spec: MonitorSpec, horizon: Horizon) -> set[str]:
    """The metrics that a window has at this age."""
    return {metric.name for part in Part for metric in metrics_at(spec, horizon, part)}


def lacking_names(spec: MonitorSpec, connection: sa.Connection) -> dict[tuple[Span, Pair], set[str]]:
    """By length and last day, the metrics that a window with snapshots lacks or has from another file."""
    found = {}
    for made in made_snapshots(connection, spec.monitor):
        names = names_at(spec, made.horizon)
        lacks = names - made.names if made.made_by == {spec.read_by} else names
        found[made.window, window_at(spec, made.window, made.window_start, made.horizon)] = lacks
    return found


def window_at(spec: MonitorSpec, span: Span, start: datetime, horizon: Horizon) -> Pair:
    """The last day of the window of this length that begins then."""
    return Pair(horizon, ends_of(unit_at(spec, start), span)[-1])


def stale_judgements(
    spec: MonitorSpec,
    detector: BaseDetector,
    connection: sa.Connection,
    pairs: Collection[Pair],
    own: Collection[Pair],
    lacking: Mapping[Span, Mapping[Pair, set[str]]],
    asked: Collection[date],
    kept: Kept,
) -> Ends:
    """The windows that a detector must judge anew: it, its snapshots or its reference are others now."""
    ages, window = horizons_of(spec, detector), detector.window

    def holding(changed: Iterable[Pair]) -> set[Pair]:
        there = [pair for pair in changed if pair.horizon in ages]
        return pairs_of(touched(spec, there, own, detector.reach, kept.judges))

    mine = frozenset({detector.name}), window, frozenset({made_from(spec, detector)})
    stored = {
        window_at(spec, made.window, made.window_start, made.horizon): made.made_by
        for made in made_detections(connection, spec.monitor)
        if (made.names, made.window) == mine[:2]
    }
    fresh = {pair for pair, made_by in stored.items() if made_by == mine[2]}
    again = {pair for pair in holding(own) - fresh if run_of(pair) in asked} | holding(pairs)
    asks = {detector.carrier, *detector.others(spec)}
    again |= {pair for pair, names in lacking[window].items() if asks & names} & holding(own)
    if detector.judges_days:
        again |= holding(p for p, names in lacking[spec.unit_span].items() if asks & names)
    if detector.needs_reference:
        changed = {pair.horizon for pair in pairs if pair.day in (reference_days(spec) or ())}
        again |= {pair for pair in holding(own) if pair.horizon in changed}
    # Judging a day that it judges no more removes what it once said of it.
    over = {pair for pair in stored if not detector.judges(pair.day)}
    return by_horizon({pair for pair in again if detector.judges(pair.day)} | over)


def pairs_of(ends: Mapping[Horizon, Iterable[date]]) -> set[Pair]:
    """Windows by their last day and age."""
    return {Pair(horizon, end) for horizon, found in ends.items() for end in found}


def run_of(pair: Pair) -> date:
    """The day in whose run a pair falls due."""
    return shift(pair.day, pair.horizon.count)


def bounds_of(spec: MonitorSpec, days: DayRange) -> tuple[datetime, datetime]:
    """The as-ofs of the first and the last run of these days."""
    return as_of(days.start, NO_LABELS, zone(spec)), as_of(days.end, NO_LABELS, zone(spec))


def remove_unasked(
    spec: MonitorSpec, connection: sa.Connection, within: tuple[datetime, datetime] | None, *, dry_run: bool
) -> dict[str, int]:
    """Remove the rows that nobody asks for any more; returns how many of each kind, in a dry run how many
    it would be.
    """
    gone = unasked(
        spec.horizons,
        [(horizon, names_at(spec, horizon)) for horizon in spec.horizons],
        spec.spans,
        [(detector.name, detector.window, horizons_of(spec, detector)) for detector in rules(spec)],
    )
    act = count if dry_run else remove
    return {name: act(connection, spec.monitor, rows, within) for name, rows in gone.items()}
