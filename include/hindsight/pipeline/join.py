"""Third task: join what was said with what turned out true, and keep the statistics."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final, TypeGuard

import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.records import StatisticRow, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, OTHER, Grain, Span
from hindsight.errors import SourceError
from hindsight.pipeline.announce import written_again
from hindsight.pipeline.extract import opened, verify_ids, verify_labels
from hindsight.pipeline.inputs import NO_CUTS, Payloads, profiled, taken
from hindsight.pipeline.kept import Kept, admitted
from hindsight.pipeline.plan import (
    REACH,
    calendar,
    computed,
    due_in,
    lookback,
    outdated,
    reference_days,
    refuse_unfinished,
    touched,
    zone,
)
from hindsight.pipeline.present import present_pairs, states_of, unit_at, unit_before
from hindsight.pipeline.quality import refuse
from hindsight.pipeline.runtime import Runtime, uncollected
from hindsight.pipeline.segments import (
    NO_LISTS,
    ByDay,
    Lists,
    apart_on,
    at_positions,
    listed,
    lists_on,
    too_many,
)
from hindsight.pipeline.truth import Truth, feed_alive, revived, truths
from hindsight.sources import clusters, feed
from hindsight.sources.base import Source
from hindsight.sources.statement import Statement
from hindsight.statistics import Layout, layout_of
from hindsight.statistics.base import canonical
from hindsight.statistics.binary import CLUSTERS
from hindsight.statistics.inputs import Cuts
from hindsight.statistics.lines import Group, Key, Lines, payloads, read
from hindsight.statistics.quality import LABELS, OTHER_SEGMENT, SET_ASIDE
from hindsight.statistics.reasons import CONTRADICTING, DEFAULTED, SILENT
from hindsight.store import Store
from hindsight.windows import Calendar, DayRange, Pair, days_of, distance, end_of, runs_of, shift, start_of

MANY: Final = 4_000_000
"""Predictions that one statement reads at most, but for a day that has more."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A pair's state and statistics, not yet written."""

    state: WindowState
    rows: tuple[StatisticRow, ...]


def join_ground_truth(
    spec: MonitorSpec, days: DayRange, runtime: Runtime, *, accept_rewritten: bool = False
) -> dict[str, Any]:
    """Compute the statistics of every pair due in these days, in one pass, and replace them in the store.

    A source that holds less than it did when a pair was first computed, or other values, does not take
    anything away: the older statistics stay, and their state says `source_rewritten`.  They stay until the
    source is again what it was, or until somebody accepts what it is now: with `accept_rewritten` the pairs
    due are taken as they are, and so are all that were kept of these days.
    """
    refuse_unfinished(spec, days, runtime)
    faults.reach("join_ground_truth.begin")
    # The rows are read under the monitor's lock, too: who reads later also writes later.
    with runtime.store.transaction(spec.monitor) as connection, opened(spec, runtime) as (source, statement):
        faults.reach("join_ground_truth.locked")
        present = present_pairs(connection, runtime.store, spec)
        kept = admitted(connection, runtime.store, spec, days)
        wanted = computed(spec, days, [pair for pair, made_by in present.items() if made_by == spec.made_by])
        wanted |= landed_late(spec, days, present, source, statement)
        wanted |= revived(spec, days, source, statement, connection, runtime.store)
        wanted |= outdated(spec, wanted, present)
        accepted: set[Pair] = set()
        if accept_rewritten:
            accepted = due_in(spec, days) | rewritten_on(spec, days, connection, runtime.store)
        wanted |= accepted
        pairs = sorted(pair for pair in wanted if kept.holds(pair.day))
        done, changed, known = join_pairs(spec, pairs, source, statement, connection, runtime.store, accepted)
        put_behind(connection, runtime.store, spec, days, changed, known, kept)
        done["again"] = written_again(known.intersection(changed) - due_in(spec, days))
        faults.reach("join_ground_truth.put_behind")
    faults.reach("join_ground_truth.committed")
    return done


def join_pairs(
    spec: MonitorSpec,
    pairs: Sequence[Pair],
    source: Source,
    statement: Statement,
    connection: sa.Connection,
    store: Store,
    accepted: Collection[Pair] = (),
) -> tuple[dict[str, Any], list[Pair], set[Pair]]:
    """Replace these pairs: what was counted, the pairs that changed, and those that were there before.

    Those `accepted` are replaced even if their source was rewritten.
    """
    asked = {pair.day for pair in pairs}
    lists = listed(spec, asked, source, statement, connection, store)
    faults.reach("join_ground_truth.lists_kept")
    # What a day's features are binned by is taken once, when the reference is over.
    at_zero = {pair.day for pair in pairs if pair.horizon == NO_LABELS}
    cuts = taken(spec, at_zero, source, statement, connection, store)
    faults.reach("join_ground_truth.cuts_kept")
    made = compute(spec, pairs, source, statement, lists, cuts)
    refuse(spec, (each.state for each in made.values()))
    faults.reach("join_ground_truth.computed")
    old = states_of(connection, store, spec, pairs)
    written = states_to_write(spec, old, made, accepted)
    kept = [pair for pair in pairs if written[pair].source_rewritten]
    if kept:
        store.replace_states(connection, spec.monitor, [written[pair] for pair in kept])
    fresh = [pair for pair in pairs if not written[pair].source_rewritten]
    store.replace_windows(
        connection,
        spec.monitor,
        [written[pair] for pair in fresh],
        [row for pair in fresh for row in made[pair].rows],
    )
    faults.reach("join_ground_truth.replaced")
    changed = [pair for pair in fresh if pair not in old or differs(old[pair], written[pair])]
    states = written.values()
    done = {
        "pairs": len(pairs),
        "statistics": sum(len(made[pair].rows) for pair in fresh),
        "predictions": sum(made[pair].state.predictions for pair in pairs if pair.horizon == NO_LABELS),
        "late_landed": sum(state.late_landed for state in states),
        "source_rewritten": len(kept),
        "set_aside": {key: count for key, count in sorted(totals(states).items()) if count},
    }
    return done, changed, set(old)


def totals(states: Any) -> dict[str, int]:
    """Rows set aside or remarked on, over the pairs of horizon 0 and, for labels, the oldest."""
    found: dict[str, int] = defaultdict(int)
    for state in states:
        for reason, count in state.quality.items():
            found[reason] = found[reason] + count if state.horizon == NO_LABELS else max(found[reason], count)
    return dict(found)


def landed_late(
    spec: MonitorSpec, days: DayRange, present: Collection[Pair], source: Source, statement: Statement
) -> set[Pair]:
    """The stored pairs that rows landing on these days have changed, where the logs say when a row landed.

    A run looks back as far as for the predictions of labels: twice the last horizon.
    """
    back, _ = lookback(spec)
    first = shift(days.start, -back)
    there = {pair.day for pair in present if first <= pair.day <= days.end}
    start, end = start_of(days.start, zone(spec)), end_of(days.end, zone(spec))
    found: set[Pair] = set()
    for part in runs_of(sorted(there), REACH):
        asked = calendar(spec, part)
        query = feed.touched(statement, asked, start, end)
        found |= {
            Pair(horizon, asked.day(position))
            for position, bucket in (() if query is None else source.fetch(query))
            for horizon in spec.horizons[bucket:]
        }
    return found & set(present)


@uncollected()
def compute(
    spec: MonitorSpec,
    pairs: Sequence[Pair],
    source: Source,
    statement: Statement,
    lists: Lists = NO_LISTS,
    cuts: Cuts = NO_CUTS,
) -> dict[Pair, Computed]:
    """The statistics of these pairs, from one pass over the rows of their days and one over what came in.

    `lists` are the segment values that the reference has chosen to be kept apart, `cuts` its features' bins.
    """
    layout = layout_of(spec)
    made: dict[Pair, Computed] = {}
    apart = apart_on(spec, {pair.day for pair in pairs}, lists, source, statement)
    for part, said in portions(spec, pairs, source, statement, apart):
        asked = calendar(spec, {pair.day for pair in part})
        verify_ids(spec, source, statement, asked)
        capped = kept_apart(spec, statement, apart, asked)
        answer = source.columns(capped.statistics(asked))
        lines = read(answer, layout, Key.of(spec, layout, asked), spec.segments)
        verify_labels(spec, source, statement, asked, multiplied=lines.predictions(layout) != said)
        zero = sorted(pair.day for pair in part if pair.horizon == NO_LABELS)
        of_labels: dict[date, dict[str, int]] = defaultdict(dict)
        for consecutive in unbroken(zero):
            days, feed_days = feed_of(spec, consecutive)
            for position, reason, count in source.fetch(feed.label_quality(statement, days, *feed_days)):
                of_labels[days.day(position)][reason] = int(count)
        alive = feed_alive(spec, source, statement, asked)
        found = payloads(lines, layout, len(asked.horizons), spec.ground_truth.on_conflict, alive)
        if spec.predictions.columns.cluster is not None:
            add_clusters(spec, source, capped, asked, lines, found, alive)
        truth = truths(spec, source, statement, asked, lines, layout, alive)
        keeping = partial(kept_apart, spec, statement, apart)
        came_in = profiled(spec, zero, source, keeping, cuts)
        made |= computed_of(spec, part, asked, lines, layout, found, of_labels, apart, came_in, truth)
    return made


def portions(
    spec: MonitorSpec, pairs: Sequence[Pair], source: Source, statement: Statement, apart: ByDay
) -> Iterator[tuple[list[Pair], int]]:
    """Pairs by day, and how many predictions they hold: as many days at once as hold `MANY` predictions and
    reach over `REACH` units.

    So memory does not grow with history, nor a statement with the segment values that it names.
    """
    for days in runs_of(sorted({pair.day for pair in pairs}), REACH):
        asked = calendar(spec, days)
        volume = dict(source.fetch(feed.volume(statement, asked)))
        part: set[date] = set()
        named: set[tuple[str, ...]] = set()
        rows = 0
        for day in days:
            count, lists = volume.get(asked.position(day), 0), lists_on(day, apart)
            if part and (rows + count > MANY or too_many(named | lists)):
                yield [pair for pair in pairs if pair.day in part], rows
                part, named, rows = set(), set(), 0
            part.add(day)
            named |= lists
            rows += count
        yield [pair for pair in pairs if pair.day in part], rows


def add_clusters(
    spec: MonitorSpec,
    source: Source,
    statement: Statement,
    asked: Calendar,
    lines: Lines,
    found: Sequence[Sequence[dict[str, Any]]],
    alive: Collection[int] | None,
) -> None:
    """Put the sums over clusters into the payloads; SourceError names a cluster that lies on two days."""
    reach = spec.spans[-1].count
    days = {shift(asked.day(position), -i) for position in asked.asked for i in range(reach)}
    split = source.fetch(clusters.shared(statement, calendar(spec, days), reach))
    if split:
        one = "an hour" if spec.grain is Grain.HOUR else "a day"
        raise SourceError(
            f"The cluster {split[0][0]!r} has predictions on more than one {spec.grain} of a window, so "
            f"{spec.grain}s do not add up: choose a `cluster` that lies within {one}, such as a session, "
            "or remove it."
        )
    rows = source.fetch(clusters.moments(statement, asked, alive))
    sums = clusters.read(rows, spec.segments, len(asked.horizons))
    for number, group in enumerate(lines.groups):
        of_group = sums.get((group.position, group.version, group.segment), [])
        for payload, numbers in zip(found, of_group, strict=False):
            if payload[number] and any(numbers):
                payload[number][CLUSTERS] = numbers


def computed_of(
    spec: MonitorSpec,
    pairs: Sequence[Pair],
    asked: Calendar,
    lines: Lines,
    layout: Layout,
    found: Sequence[Sequence[Mapping[str, Any]]],
    of_labels: Mapping[date, Mapping[str, int]],
    apart: ByDay,
    came_in: Payloads,
    truth: Truth,
) -> dict[Pair, Computed]:
    """The pairs' states and rows from the lines and `found`, their payloads by horizon and group."""
    groups_of: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(lines.groups):
        groups_of[group.position].append(number)
    remarks: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for number, bucket, reason, count in lines.remarks():
        group = lines.groups[number]
        if group.segment == ALL:
            for later in range(bucket, len(asked.horizons)):
                remarks[group.position, later][reason] += count
    inputs_of: dict[date, dict[tuple[str, str], Mapping[str, Any]]] = defaultdict(dict)
    for (day, version, segment), told in came_in.items():
        inputs_of[day][version, segment] = told
    made = {}
    for pair in pairs:
        position, bucket = asked.position(pair.day), asked.horizons.index(pair.horizon.count)
        mine = [
            (lines.groups[number], found[bucket][number])
            for number in groups_of[position]
            if found[bucket][number]
        ]
        quality = dict(remarks[position, bucket])
        if pair.horizon == NO_LABELS:
            quality |= of_labels.get(pair.day, {})
        others = [f"{name}={OTHER}" for name, by_day in apart.items() if pair.day in by_day]
        together = [[payload for group, payload in mine if group.segment == other] for other in others]
        if any(together):  # a row may be other in several columns: the column that has most says how many
            quality[OTHER_SEGMENT] = max(
                int(layout.parse(payloads).predictions.sum()) for payloads in together if payloads
            )
        if pair.horizon == NO_LABELS:
            mine = with_inputs(mine, position, inputs_of.get(pair.day, {}))
        if pair.horizon == spec.last_horizon and truth.silence is not None:
            quality |= truth.silence.get(position, {})
        computed = pair_of(spec, pair, asked, layout, mine, quality)
        delays, ledger = truth.delays(position, pair.horizon.count, bucket), truth.ledger(position, bucket)
        made[pair] = replace(computed, state=replace(computed.state, delays=delays, ledger=ledger))
    return made


def with_inputs(
    found: Sequence[tuple[Group, Mapping[str, Any]]],
    position: int,
    came_in: Mapping[tuple[str, str], Mapping[str, Any]],
) -> list[tuple[Group, Mapping[str, Any]]]:
    """A day's payloads together with what came in; a group may have only that."""
    known = {(group.version, group.segment): payload for group, payload in found}
    for key, told in came_in.items():
        known[key] = {"cell": []} | dict(known.get(key, {})) | {"inputs": told}
    return [(Group(position, *key), payload) for key, payload in known.items()]


def kept_apart(spec: MonitorSpec, statement: Statement, apart: ByDay, asked: Calendar) -> Statement:
    """The statement for these days, with the segment values that are kept apart on each."""
    return statement.keeping(at_positions(spec, apart, asked))


def unbroken(days: Sequence[date]) -> list[DayRange]:
    """Ascending days as runs of consecutive ones."""
    runs: list[DayRange] = []
    for day in days:
        if runs and distance(runs[-1].end, day) == 1:
            runs[-1] = DayRange(runs[-1].start, day)
        else:
            runs.append(DayRange(day, day))
    return runs


def feed_of(spec: MonitorSpec, days: DayRange) -> tuple[Calendar, tuple[int, int]]:
    """The days on which the predictions of labels learnt in these are looked for."""
    back, last = lookback(spec)
    return calendar(spec, DayRange(shift(days.start, -back), days.end)), (back, last)


def pair_of(
    spec: MonitorSpec,
    pair: Pair,
    asked: Calendar,
    layout: Layout,
    found: Sequence[tuple[Any, Mapping[str, Any]]],
    quality: Mapping[str, int],
) -> Computed:
    """One pair's state and rows, in the order of their key."""
    position = asked.position(pair.day)
    start, end = asked.midnights[position], asked.midnights[position + 1]
    as_of = asked.as_of(position, pair.horizon.count)
    rows = tuple(
        StatisticRow(
            monitor=spec.monitor,
            version=group.version,
            segment=group.segment,
            window_start=start,
            window_end=end,
            horizon=pair.horizon,
            as_of=as_of,
            payload=canonical(payload),
        )
        for group, payload in sorted(found, key=lambda item: (item[0].version, item[0].segment))
    )
    whole = layout.parse([payload for group, payload in found if group.segment == ALL] or [None])
    digest = hashlib.sha256("\n".join(f"{r.version}\t{r.segment}\t{r.payload}" for r in rows).encode())
    state = WindowState(
        monitor=spec.monitor,
        window_start=start,
        window_end=end,
        horizon=pair.horizon,
        as_of=as_of,
        predictions=int(whole.predictions.sum()),
        labelled=int(whole.labelled.sum()),
        quality=dict(sorted(quality.items())),
        spec_hash=spec.made_by,
        digest=digest.hexdigest()[:16],
    )
    return Computed(state, rows)


def rewritten_on(spec: MonitorSpec, days: DayRange, connection: sa.Connection, store: Store) -> set[Pair]:
    """The pairs of these days that were kept as they were because their source was rewritten."""
    states = states_of(connection, store, spec, [Pair(NO_LABELS, day) for day in (days.start, days.end)])
    return {
        pair for pair, state in states.items() if state.source_rewritten and pair.horizon in spec.horizons
    }


def states_to_write(
    spec: MonitorSpec,
    old: Mapping[Pair, WindowState],
    made: Mapping[Pair, Computed],
    accepted: Collection[Pair] = (),
) -> dict[Pair, WindowState]:
    """The states of pairs, given what was there; those `accepted` are never kept as they were.

    Where one pair of a day is kept, so is what else changed of it, lest a day be of two logs.
    """
    found = {pair: settle(spec, old.get(pair), each.state) for pair, each in made.items()}
    found |= {pair: made[pair].state for pair in accepted if pair in found and found[pair].source_rewritten}
    days = {pair.day for pair, state in found.items() if state.source_rewritten}
    for pair, state in found.items():
        before = old.get(pair)
        if pair.day in days and pair not in accepted and comparable(before, state) and differs(before, state):
            found[pair] = replace(before, source_rewritten=True)
    return found


def comparable(old: WindowState | None, new: WindowState) -> TypeGuard[WindowState]:
    """Whether there was a state that the same specification made.

    An edited monitor starts afresh: what another specification made says nothing of the source.
    """
    return old is not None and old.spec_hash == new.spec_hash


def settle(spec: MonitorSpec, old: WindowState | None, new: WindowState) -> WindowState:
    """The state to write, given what was there: grown is `late_landed`; what holds less than it did, or as
    much of other values, is `source_rewritten`, until the source is again what it was.

    What landed since cannot be told from what was rewritten, so then it is not taken either.
    """
    if not comparable(old, new):
        return new
    if not differs(old, new):
        return replace(new, late_landed=old.late_landed)
    if old.source_rewritten or shrunk(old, new) or overwritten(spec, old, new):
        return replace(old, source_rewritten=True)
    return replace(new, late_landed=True)


def shrunk(old: WindowState, new: WindowState) -> bool:
    """Whether less is known of a window than was: fewer rows, less truth, or no proof of a live feed."""
    silenced = DEFAULTED in old.quality and SILENT in new.quality
    return silenced or any(now < before for now, before in zip(held(new), held(old), strict=True))


def held(state: WindowState) -> tuple[int, ...]:
    """Sizes that never fall as rows land: predictions, rows logged, truth, labelled ones by any age, labels.

    Labels are counted on the day on which they were learnt, at its horizon 0.
    """
    logged = state.predictions + sum(state.quality.get(reason, 0) for reason in SET_ASIDE)
    learnt = sum(state.quality.get(reason, 0) for reason in LABELS)
    return state.predictions, logged, truth_in(state), sum(state.delays.values()), learnt


def overwritten(spec: MonitorSpec, old: WindowState, new: WindowState) -> bool:
    """Whether values were changed in place: there are other ones, but not a row more than before.

    A row that landed since would be counted: as a prediction, a label, a contradiction or a duplicate.  Not
    counted are a new weight of an old value and, at horizon 0, that features have come to be binned.
    """
    weighted = spec.ground_truth.columns.weight is not None
    binned = old.horizon == NO_LABELS and bool(spec.predictions.features)
    if weighted or binned or old.digest == new.digest:
        return False
    return rows_in(old) == rows_in(new)


def rows_in(state: WindowState) -> tuple[Any, ...]:
    """All that was counted of a window's rows."""
    return state.predictions, state.labelled, state.quality, state.delays, state.ledger


def differs(old: WindowState, new: WindowState) -> bool:
    """Whether what is read from a pair's statistics, or from what was counted besides, may have changed."""
    return told(old) != told(new)


def told(state: WindowState) -> tuple[Any, ...]:
    """What a state says besides its times and flags."""
    return state.digest, state.spec_hash, state.quality, state.delays, state.ledger


def put_behind(
    connection: sa.Connection,
    store: Store,
    spec: MonitorSpec,
    days: DayRange,
    changed: Sequence[Pair],
    known: Collection[Pair],
    kept: Kept,
) -> None:
    """Remove what rests on pairs that changed besides those due, so that the next tasks make it anew.

    A pair that is due has its windows read and judged anyway.  Another one changes because the monitor was
    edited; and when the reference itself changes, every window compared with it is judged again.
    """
    besides = set(changed) - due_in(spec, days)
    present = present_pairs(connection, store, spec)
    for span in spec.spans:
        edited = windows_with(spec, besides & set(known), present, span, kept.reads)
        if edited:
            starts = [
                (span, start_of(days_of(pair.day, span).start, zone(spec)), pair.horizon) for pair in edited
            ]
            store.replace_snapshots(connection, spec.monitor, starts, [])
    for detector in spec.detectors:
        reach, length = detector.reach, detector.window
        judged = [
            (detector.name, start_of(days_of(pair.day, length).start, zone(spec)), pair.horizon)
            for pair in windows_with(spec, besides, present, reach, kept.judges)
        ]
        if judged:
            store.replace_detections(connection, spec.monitor, judged, [])
    reference = reference_days(spec) or ()
    ages = {pair.horizon for pair in changed if pair.day in reference}
    compared = [detector.name for detector in spec.detectors if detector.needs_reference]
    if ages and compared:
        found = store.detections(connection, spec.monitor, detector=compared, horizon=ages)
        rests = {
            (each.detector, each.window_start, each.horizon)
            for each in found
            if kept.judges(DayRange(unit_at(spec, each.window_start), unit_before(spec, each.window_end)))
        }
        store.replace_detections(connection, spec.monitor, rests, [])


def windows_with(
    spec: MonitorSpec,
    pairs: Collection[Pair],
    present: Mapping[Pair, str],
    span: Span,
    allowed: Callable[[DayRange], bool],
) -> list[Pair]:
    """The stored windows of this length that hold one of these pairs: their age and last day."""
    return [
        Pair(horizon, end)
        for horizon, ends in touched(spec, pairs, present, span, allowed).items()
        for end in ends
        # What holds a day of another specification cannot be made anew, so it stays.
        if all(present.get(Pair(horizon, day), spec.made_by) == spec.made_by for day in days_of(end, span))
    ]


def truth_in(state: WindowState) -> int:
    """How much was learnt of a window; it never falls as labels land, not even as they contradict others."""
    said = state.labelled - state.quality.get(DEFAULTED, 0)  # silence was not learnt
    return said + state.quality.get(CONTRADICTING, 0)
