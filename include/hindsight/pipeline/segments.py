"""Which segment values are kept apart on which day: the reference's most frequent ones, then the day's own.

A monitor keeps `segment_limit` values of each segment column; the others of a day are one group, `(other)`.
The reference's list is taken once, from what was known when its last day ended, and holds for all days after
it.  Where it has room, and on all other days, the most frequent values of the day itself come in.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NAMED_AT_ONCE, NO_LABELS, OTHER
from hindsight.pipeline.plan import REACH, calendar, reference_days, zone
from hindsight.sources import segments
from hindsight.sources.apart import Apart
from hindsight.sources.base import Source
from hindsight.sources.statement import Statement
from hindsight.statistics.base import canonical
from hindsight.store import Store
from hindsight.windows import Calendar, as_of, runs_of

Lists = Mapping[str, tuple[str, ...]]
"""By segment column: the values that the reference's list holds."""

NO_LISTS: Final[Lists] = MappingProxyType({})

ByDay = Mapping[str, Mapping[date, tuple[str, ...]]]
"""By segment column and day: the values kept apart, where those are not all that there are."""


def listed(
    spec: MonitorSpec,
    days: Collection[date],
    source: Source,
    statement: Statement,
    connection: sa.Connection,
    store: Store,
) -> Lists:
    """The reference's lists, from the store or, the first time, from its rows; none if no day needs them."""
    reference = reference_days(spec)
    if not spec.segments or reference is None or not any(day > reference.end for day in days):
        return {}
    basis = basis_of(spec)
    kept = {name: store.cut(connection, spec.monitor, f"segment:{name}", basis) for name in spec.segments}
    if None in kept.values():
        asked = calendar(spec, reference)
        found: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for column, _, place, value in source.fetch(
            segments.together(statement, asked, spec.segment_limit + 1)
        ):
            if value != OTHER:
                found[int(column)].append((int(place), value))
        if not found:  # the reference's rows may land yet
            return {}
        moment = as_of(reference.end, NO_LABELS, zone(spec))
        for i, name in enumerate(spec.segments):
            values = [value for _, value in sorted(found[i])][: spec.segment_limit]
            payload = canonical({"values": values})
            store.keep_cut(connection, spec.monitor, f"segment:{name}", basis, moment, payload)
        kept = {name: store.cut(connection, spec.monitor, f"segment:{name}", basis) for name in kept}
    return {name: tuple(json.loads(payload or "{}")["values"]) for name, payload in kept.items()}


def basis_of(spec: MonitorSpec) -> str:
    """What the reference's lists are taken from: another log, span, zone or limit makes other ones."""
    log = asdict(spec.predictions)
    place = {key: log[key] for key in ("connection", "table", "query", "files", "where", "timezone")}
    columns = {key: log["columns"][key] for key in ("time", "logged")}
    reference = [str(spec.reference.start), str(spec.reference.end), spec.timezone]
    content: dict[str, Any] = place | columns | {"reference": reference, "limit": spec.segment_limit}
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:16]


def apart_on(
    spec: MonitorSpec, days: Collection[date], lists: Lists, source: Source, statement: Statement
) -> ByDay:
    """By column and day the values kept apart, where those are not all that there are."""
    reference = reference_days(spec)
    limit = spec.segment_limit
    apart: dict[str, dict[date, tuple[str, ...]]] = {name: {} for name in spec.segments}
    open_days: set[date] = set()
    for name in spec.segments:
        for day in days:
            own = lists.get(name, ()) if reference is not None and day > reference.end else ()
            if len(own) == limit:
                apart[name][day] = own
            else:
                open_days.add(day)
    if not open_days:
        return apart
    # One place more tells that there are too many, and a value that is called (other) takes none.
    top = limit + max((len(values) for values in lists.values()), default=0) + 2
    found: dict[tuple[str, date], list[tuple[int, str]]] = defaultdict(list)
    for part in runs_of(sorted(open_days), REACH):
        asked = calendar(spec, part)
        for column, position, place, value in source.fetch(segments.by_day(statement, asked, top)):
            if value != OTHER:
                found[spec.segments[int(column)], asked.day(int(position))].append((int(place), value))
    for (name, day), values in found.items():
        if day in apart[name]:
            continue
        own = lists.get(name, ()) if reference is not None and day > reference.end else ()
        others = [value for _, value in sorted(values) if value not in own]
        if len(own) + len(others) > limit:
            apart[name][day] = (*own, *others[: limit - len(own)])
    return apart


def at_positions(spec: MonitorSpec, apart: ByDay, asked: Calendar) -> Apart:
    """The same as the statement takes it."""
    days = {asked.day(position): position for position in asked.asked}
    return {
        i: {days[day]: values for day, values in apart[name].items() if day in days}
        for i, name in enumerate(spec.segments)
        if apart.get(name)
    }


def lists_on(day: date, apart: ByDay) -> set[tuple[str, ...]]:
    """The lists of a day, each with its column's name before it; a list that other days share is the same."""
    return {(name, *by_day[day]) for name, by_day in apart.items() if day in by_day}


def too_many(lists: Collection[tuple[str, ...]]) -> bool:
    """Whether these lists name too many values for one statement."""
    return sum(map(len, lists)) > NAMED_AT_ONCE
