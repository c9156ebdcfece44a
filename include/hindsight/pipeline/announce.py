"""What a run says of the windows it judged, for whoever waits for them outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Maturity
from hindsight.pipeline.plan import due_in
from hindsight.pipeline.present import states_of
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.truth import maturity_of, not_due
from hindsight.windows import DayRange, Pair

MOST: Final = 400
"""Windows that a run speaks of at most, the newest: a year of days, with the days before that come of age."""


def announced(
    spec: MonitorSpec, days: DayRange, runtime: Runtime, again: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Any]:
    """The windows that fell due in these days, oldest first: maturity and coverage at each new age.

    With them those that the run has changed besides, `again`: their ages by key, as joining returned them.
    """
    pairs = due_in(spec, days) | unwritten(again or {})
    with runtime.store.transaction() as connection:
        states = states_of(connection, runtime.store, spec, pairs)
    there = pairs & states.keys()
    told: dict[str, Any] = {}
    for day in sorted({pair.day for pair in there})[-MOST:]:
        ages = [horizon for horizon in spec.horizons if Pair(horizon, day) in there]
        told[partition(day)] = {str(age): judged(spec, states[Pair(age, day)]) for age in ages}
    return told


def written_again(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """The newest of these windows, their ages by key: what goes from one task to the other."""
    ages: dict[date, list[str]] = {}
    for day, horizon in sorted((pair.day, pair.horizon) for pair in pairs):
        ages.setdefault(day, []).append(str(horizon))
    return {partition(day): ages[day] for day in sorted(ages)[-MOST:]}


def unwritten(again: Mapping[str, Iterable[str]]) -> set[Pair]:
    """The pairs that were written so.

    >>> unwritten({"2013-07-01": ["7d"]})
    {Pair(horizon=Horizon(count=7, unit='d'), day=datetime.date(2013, 7, 1))}
    """
    return {Pair(Horizon.parse(age), named(key)) for key, ages in again.items() for age in ages}


def named(key: str) -> date:
    """The local day, or the hour, whose key this is."""
    return datetime.fromisoformat(key) if "T" in key else date.fromisoformat(key)


def partition(day: date) -> str:
    """The key of a window: its local day, or the UTC instant at which its hour begins.

    >>> partition(date(2013, 7, 1)), partition(datetime(2013, 7, 1, 5, tzinfo=UTC))
    ('2013-07-01', '2013-07-01T05:00Z')
    """
    return f"{day.astimezone(UTC):%Y-%m-%dT%H:%MZ}" if isinstance(day, datetime) else day.isoformat()


def judged(spec: MonitorSpec, state: WindowState) -> dict[str, Any]:
    """How mature a window is at an age, over all its rows, and which part of them has a label.

    As its snapshots say it: where a missing label is a "no", it is pending until the last age.
    """
    if state.horizon == NO_LABELS:
        return {"maturity": str(Maturity.MATURE), "coverage": None}
    coverage = state.labelled / state.predictions if state.predictions else None
    maturity = maturity_of(spec, coverage, not_due(spec, state.horizon, state.as_of, coverage))
    return {"maturity": str(maturity), "coverage": None if coverage is None else round(coverage, 4)}
