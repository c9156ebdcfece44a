"""What came in on the days computed, and the cuts that features are binned by."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS
from hindsight.errors import SourceError
from hindsight.pipeline.plan import calendar, reference_days, zone
from hindsight.sources.base import Source
from hindsight.sources.profile import Profile, culprit, wanted
from hindsight.sources.statement import Statement
from hindsight.statistics.base import canonical
from hindsight.statistics.cuts import NOTHING, SUMS, Cut, category_cut, number_cut, read_cut, summed
from hindsight.statistics.inputs import Cuts
from hindsight.statistics.profiled import Asked, read
from hindsight.store import Store
from hindsight.windows import Calendar, as_of

UNRELATED: Final = {"latency_ms", "error", "landed", "cluster"}
"""Columns of the prediction log that have no say in what a feature's values are."""

NO_CUTS: Final[Cuts] = MappingProxyType({})

Payloads = Mapping[tuple[date, str, str], Mapping[str, Any]]
"""What came in, by day, version and segment."""

Keeping = Callable[[Calendar], Statement]
"""The statement for these days, knowing which segment values are kept apart on each."""


def basis_of(spec: MonitorSpec, feature: str) -> str:
    """What a feature's cut is taken from: another log, span or zone makes another one."""
    log = asdict(spec.predictions)
    place = {key: log[key] for key in ("connection", "table", "query", "files", "where", "timezone")}
    columns = {key: value for key, value in log["columns"].items() if key not in UNRELATED}
    content = place | {
        "feature": feature,
        "columns": columns,
        "classes": spec.classes,
        "task": spec.task.value,
        "reference": [str(spec.reference.start), str(spec.reference.end), spec.timezone],
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:16]


def cuts_of(spec: MonitorSpec, connection: sa.Connection, store: Store) -> Cuts:
    """The cuts that the store has of the monitor's features."""
    if reference_days(spec) is None:
        return {}
    found = {}
    for name in spec.predictions.features:
        basis = basis_of(spec, name)
        payload = store.cut(connection, spec.monitor, f"input:{name}", basis)
        if payload is not None:
            found[name] = basis, read_cut(payload)
    return found


def taken(
    spec: MonitorSpec,
    days: Collection[date],
    source: Source,
    statement: Statement,
    connection: sa.Connection,
    store: Store,
) -> Cuts:
    """The cuts for these days; what lacks is taken from the reference and kept, if a day comes after it.

    While the reference has no row at all, nothing is kept.
    """
    reference = reference_days(spec)
    if reference is None or not any(day > reference.end for day in days):
        return {}
    there = cuts_of(spec, connection, store)
    lacking = [name for name in spec.predictions.features if name not in there]
    if lacking:
        # All that a day reads is read, for it also says which one of duplicates counts.
        moment = as_of(reference.end, NO_LABELS, zone(spec))
        for name, cut in from_reference(spec, source, statement).items():
            # Another feature's cut stays, though its rows may be gone.
            if name in lacking:
                store.keep_cut(
                    connection, spec.monitor, f"input:{name}", basis_of(spec, name), moment, cut.written()
                )
        there = cuts_of(spec, connection, store)
    return there


def from_reference(spec: MonitorSpec, source: Source, statement: Statement) -> dict[str, Cut]:
    """The cuts of all features, from the rows of the reference; none if it has no row."""
    days = reference_days(spec)
    assert days is not None
    asked = calendar(spec, days)
    reading = Statement(spec, statement.log, statement.truth)
    profile = Profile(reading, {})
    names = spec.predictions.features
    cuts: dict[str, Cut] = dict.fromkeys(names, NOTHING)
    tiles: dict[int, list[tuple[float, float]]] = defaultdict(list)
    query = profile.tiles(asked)
    for feature, _, greatest, least in source.fetch(query) if query is not None else []:
        tiles[int(feature)].append((float(greatest), float(least)))
    for i, ends in tiles.items():
        cuts[names[i]] = number_cut([top for top, _ in ends], min(least for _, least in ends))
    for i in profile.categories():
        values = [str(value) for (value,) in source.fetch(profile.values(asked, i))]
        if values:
            cuts[names[i]] = category_cut(values)
    by_name = {name: ("", cut) for name, cut in cuts.items()}
    found = answer(reading, source, asked, by_name)
    of_days: dict[str, dict[date, list[Mapping[str, Any]]]] = {name: defaultdict(list) for name in names}
    for (day, _, segment), payload in found.items():
        for name, told in payload.get("features", {}).items():
            if segment == ALL and "bin" in told:
                of_days[name][day].append(told)
    if not found:
        return {}
    return {name: counted(cut, of_days[name]) for name, cut in cuts.items()}


def counted(cut: Cut, days: Mapping[date, list[Mapping[str, Any]]]) -> Cut:
    """The cut with what the reference's days had of it, all versions together; sums in its own unit."""
    there = sorted(days)
    counts, sums = np.zeros((len(there), cut.bins)), np.zeros((len(there), SUMS))
    for i, day in enumerate(there):
        totals = [0] * SUMS
        for told in days[day]:
            counts[i, told["bin"]] += told["n"]
            totals = [a + b for a, b in zip(totals, told.get("sums", [0] * SUMS), strict=True)]
        sums[i] = summed(totals)
    return replace(cut, counts=counts, sums=sums)


def profiled(
    spec: MonitorSpec, days: Collection[date], source: Source, statement: Keeping, cuts: Cuts
) -> Payloads:
    """What came in on these days; a day that the reference does not precede is not binned."""
    reference = reference_days(spec)
    after = {day for day in days if reference is not None and day > reference.end}
    found: dict[tuple[date, str, str], Mapping[str, Any]] = {}
    for part, known in ((set(days) - after, {}), (after, cuts)):
        if part:
            asked = calendar(spec, part)
            reading = statement(asked)
            if wanted(reading):
                found |= answer(reading, source, asked, known)
    return found


def answer(
    statement: Statement, source: Source, asked: Calendar, cuts: Cuts
) -> dict[tuple[date, str, str], dict[str, Any]]:
    """What the statement says of these days."""
    spec = statement.spec
    profile = Profile(statement, {name: cut for name, (_, cut) in cuts.items()})
    try:
        columns = source.columns(profile.lines(asked))
    except SourceError as error:
        raise culprit(profile, source.fetch, asked, error) from error
    ends = zip(asked.midnights, asked.midnights[1:], strict=False)
    told = Asked(
        features=spec.predictions.features,
        custom=tuple(spec.custom),
        segments=spec.segments,
        latency=spec.predictions.columns.latency_ms is not None,
        error=spec.predictions.columns.error is not None,
        cuts=cuts,
        seconds=[*(int((end - start).total_seconds()) for start, end in ends), 0],
    )
    found = read(columns, told)
    return {(asked.day(day), version, segment): told for (day, version, segment), told in found.items()}
