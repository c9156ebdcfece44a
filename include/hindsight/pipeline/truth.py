"""What is known of the truth besides its values: was its feed alive, how late did it come, what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Convention, Horizon, Maturity, OnConflict, Task
from hindsight.pipeline.plan import REACH, calendar, lookback, zone
from hindsight.pipeline.present import unit_at
from hindsight.sources import feed
from hindsight.sources.base import Source
from hindsight.sources.statement import Statement
from hindsight.statistics import Layout
from hindsight.statistics.lines import Lines, counting, unlearnt
from hindsight.statistics.reasons import DEFAULTED, SILENT
from hindsight.store import Store
from hindsight.windows import Calendar, DayRange, Pair, end_of, runs_of, shift, start_of

NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)

CHANGES: Final = 100
"""Kinds of change that a ledger names; those of rarer kinds are counted together."""

OTHER_CHANGE: Final = "(other)"
"""What the rarer kinds of change are counted as."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of the labels of some days, for any of their pairs.

    `by_age` are (position, age, known, predictions) by the age of the first label, `changes` (known, learnt,
    until, change, predictions) by position; `known`, `learnt` and `until` are buckets.  `silence` says by
    position what became of those without a label at the last horizon, None under explicit labels.
    """

    by_age: Mapping[int, Sequence[tuple[int, int, int]]]
    changes: Mapping[int, Sequence[tuple[int, int, int, str, int]]]
    silence: Mapping[int, Mapping[str, int]] | None

    def delays(self, position: int, horizon: int, bucket: int) -> dict[str, int]:
        """Predictions by the age of their first label, as known at a horizon."""
        found: dict[int, int] = defaultdict(int)
        for age, known, count in self.by_age.get(position, ()):
            if age <= horizon and known <= bucket:
                found[age] += count
        return {str(age): found[age] for age in sorted(found)}

    def ledger(self, position: int, bucket: int) -> dict[str, int]:
        """Predictions whose label was changed, by its first and its last value, as known at a horizon."""
        found: dict[str, int] = defaultdict(int)
        for known, learnt, until, change, count in self.changes.get(position, ()):
            if known <= bucket and learnt <= bucket < until:
                found[change] += count
        often = sorted(found, key=lambda change: (-found[change], change))
        kept = {change: found[change] for change in sorted(often[:CHANGES])}
        rest = sum(found[change] for change in often[CHANGES:])
        return kept | ({OTHER_CHANGE: rest} if rest else {})


def truths(
    spec: MonitorSpec,
    source: Source,
    statement: Statement,
    asked: Calendar,
    lines: Lines,
    layout: Layout,
    alive: Collection[int] | None,
) -> Truth:
    """What is known of the labels of these days; asks the source only about days whose labels changed."""
    by_age: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for position, age, known, count in lines.delays:
        by_age[position].append((age, known, count))
    return Truth(
        by_age, changes_of(spec, source, statement, asked, lines), silence(lines, layout, asked, alive)
    )


def changes_of(
    spec: MonitorSpec, source: Source, statement: Statement, asked: Calendar, lines: Lines
) -> dict[int, list[tuple[int, int, int, str, int]]]:
    """The changes of labels by position."""
    odd = lines.contradicted(len(asked.horizons))
    found: dict[int, list[tuple[int, int, int, str, int]]] = defaultdict(list)
    if not odd or spec.ground_truth.unique:
        return found
    days = replace(asked, asked=tuple(sorted(odd)))
    for position, known, first, last, learnt, until, count in source.fetch(feed.changed(statement, days)):
        found[position].append((known, learnt, until, change(spec, first, last), count))
    return found


def change(spec: MonitorSpec, first: int, last: int) -> str:
    """The name of a change, from the codes of the first and the last value."""
    if spec.task is Task.BINARY:
        return f"{first}->{last}"
    if spec.task is Task.MULTICLASS:
        names = [spec.classes[code].replace("->", r"-\>") for code in (first, last)]
        return "->".join(names)
    return "up" if last > first else "down"


def revived(
    spec: MonitorSpec,
    days: DayRange,
    source: Source,
    statement: Statement,
    connection: sa.Connection,
    store: Store,
) -> set[Pair]:
    """The stored pairs whose feed was silent, and which labels that landed on these days prove alive.

    A run looks back as far as for rows that landed late.
    """
    truth, last = spec.ground_truth, spec.last_horizon
    if truth.convention is Convention.EXPLICIT or truth.columns.landed is None:
        return set()
    back, _ = lookback(spec)
    first, after = start_of(shift(days.start, -back), zone(spec)), end_of(days.end, zone(spec))
    states = store.window_states(connection, spec.monitor, first, after, horizons=[last])
    silent = sorted(unit_at(spec, state.window_start) for state in states if SILENT in state.quality)
    landed = start_of(days.start, zone(spec)), after
    found: set[Pair] = set()
    for part in runs_of(silent, REACH):
        asked = calendar(spec, part)
        alive = feed_alive(spec, source, statement, asked, landed)
        found |= {Pair(last, asked.day(position)) for position in alive or ()}
    return found


def feed_alive(
    spec: MonitorSpec,
    source: Source,
    statement: Statement,
    asked: Calendar,
    landed: tuple[datetime, datetime] | None = None,
) -> frozenset[int] | None:
    """The positions of days whose feed is proven alive at the last horizon; None under explicit labels.

    The proof is a label, of any id and usable or not, learnt within `silent_for` before that as-of; with
    `landed` one that landed in this span.
    """
    truth, last = spec.ground_truth, spec.last_horizon.count
    if truth.convention is Convention.EXPLICIT:
        return None
    as_ofs = {position: asked.as_of(position, last) for position in asked.asked}
    start = min(as_ofs.values()) - truth.silent_for
    found = source.fetch(feed.newest(statement, asked, start, landed))
    newest = {position: time.astimezone(UTC) for position, time in found}
    # What was learnt after an as-of proves nothing of then: `until[i]` is the newest label before midnight i.
    until = [newest.get(-1, NEVER)]
    for position in range(len(asked.midnights) - 1):
        until.append(max(until[-1], newest.get(position, NEVER)))
    return frozenset(
        position
        for position, as_of in as_ofs.items()
        if until[position + 1 + last] >= as_of - truth.silent_for
    )


def not_due(spec: MonitorSpec, horizon: Horizon, as_of: datetime, share: float | None) -> str | None:
    """Why nothing can be said of a window under `default_negative`, if so; `share` of it has a label.

    Before the last horizon silence says nothing, and the labels that are there are mostly positives: a metric
    of them would be praise.  At the last one it is the same for a feed that is not proven alive.
    """
    truth = spec.ground_truth
    if truth.convention is Convention.EXPLICIT:
        return None
    if horizon < spec.last_horizon:
        return f'a missing label is a "no" only at {spec.last_horizon}, and until then it says nothing'
    if share is None or share > 0:
        return None
    until = f"{as_of.astimezone(zone(spec)):%Y-%m-%d %H:%M}"
    if truth.on_conflict is OnConflict.ERROR:
        return (
            f"no label was learnt in the {lasting(truth.silent_for)} before {until}, or all were contradicted"
        )
    return f"no label was learnt in the {lasting(truth.silent_for)} before {until}: the feed may have stopped"


def maturity_of(spec: MonitorSpec, share: float | None, silent: str | None) -> Maturity:
    """Whether enough truth is known of a window to judge what rests on its labels.

    `share` of its predictions has a label, None without a prediction; `silent` says why nothing can be said.
    """
    if share is None:
        return Maturity.PROVISIONAL
    if silent is not None:
        return Maturity.PENDING
    return Maturity.MATURE if share >= spec.maturity.min_coverage else Maturity.PROVISIONAL


def lasting(span: timedelta) -> str:
    """A span of time as a monitor's file writes it.

    >>> lasting(timedelta(days=3)), lasting(timedelta(hours=36))
    ('3d', '36h')
    """
    minutes = span // timedelta(minutes=1)
    size, unit = next(
        (size, unit) for size, unit in ((1440, "d"), (60, "h"), (1, "m")) if minutes % size == 0
    )
    return f"{minutes // size}{unit}"


def silence(
    lines: Lines, layout: Layout, asked: Calendar, alive: Collection[int] | None
) -> dict[int, dict[str, int]] | None:
    """What became, at the last horizon, of the predictions without a label in time, by position."""
    if alive is None:
        return None
    horizons, of_rows = len(asked.horizons), lines.fields["said"] < layout.rows_said
    defaulted = lines.by_position(unlearnt(lines.fields, horizons) & of_rows)
    counted = lines.by_position(counting(lines.fields, horizons) & of_rows)
    return {
        position: {DEFAULTED: defaulted.get(position, 0)}
        if position in alive
        else {SILENT: counted.get(position, 0)}
        for position in asked.asked
    }
