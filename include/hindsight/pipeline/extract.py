"""First task: see whether the logs can be read as the monitor says, and what they hold for these days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from hindsight import faults
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import SourceError
from hindsight.pipeline.plan import REACH, calendar, refuse_unfinished, zone
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import feed, kind_of
from hindsight.sources.base import Source
from hindsight.sources.relation import open_relation
from hindsight.sources.statement import Statement
from hindsight.windows import Calendar, DayRange, runs_of, written

AT_ONCE: Final = 31
"""Days whose ids are compared together."""


@contextmanager
def opened(spec: MonitorSpec, runtime: Runtime) -> Iterator[tuple[Source, Statement]]:
    """The monitor's source, with its statement checked against the columns that are there."""
    with kind_of(spec.predictions)(spec.predictions, runtime.database_url, runtime.root) as source:
        statement = Statement(
            spec,
            open_relation(source, spec.predictions, "predictions", spec.segments),
            open_relation(source, spec.ground_truth, "labels"),
        )
        statement.check(calendar(spec, [date(2000, 1, 1)]))
        yield source, statement


def extract_predictions(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> dict[str, Any]:
    """Check both logs and count the predictions of these days; SourceError says what is wrong with them.

    Nothing is copied: the rows stay where they are and the join runs there.
    """
    refuse_unfinished(spec, days, runtime)
    faults.reach("extract_predictions.begin")
    counts: dict[date, int] = {}
    with opened(spec, runtime) as (source, statement):
        for part in runs_of(days, REACH):
            asked = calendar(spec, part)
            found = source.fetch(feed.volume(statement, asked))
            counts |= {asked.day(position): count for position, count in found}
        for first in range(0, len(days), AT_ONCE):
            verify_ids(spec, source, statement, calendar(spec, list(days)[first : first + AT_ONCE]))
    faults.reach("extract_predictions.read")
    return {
        "start": written(days.start, zone(spec)),
        "end": written(days.end, zone(spec)),
        "predictions": sum(counts.values()),
        "empty_days": [written(day, zone(spec)) for day in days if not counts.get(day)][:31],
    }


def verify_ids(spec: MonitorSpec, source: Source, statement: Statement, asked: Calendar) -> None:
    """Hold the prediction log to `unique: true`: SourceError names an id that a day holds twice.

    The join asks again, for it reads older days than its own.
    """
    if not spec.predictions.unique or differ(source, statement, asked):
        return
    repeated = source.fetch(feed.repeated(statement, asked))
    if repeated:
        raise SourceError(
            f"{spec.predictions} is declared unique, but id {repeated[0][0]!r} occurs "
            f"{repeated[0][1]} times in a day: remove `unique: true`, and duplicates are resolved "
            "and counted."
        )


def verify_labels(
    spec: MonitorSpec, source: Source, statement: Statement, asked: Calendar, multiplied: bool = True
) -> None:
    """Hold the ground truth to `unique: true`, for a second label would count its prediction twice.

    A join that has as many rows as there are predictions is `multiplied` by nothing, and proves it.
    """
    if not spec.ground_truth.unique or not multiplied:
        return
    repeated = source.fetch(feed.repeated_label(statement, asked))
    if repeated:
        raise SourceError(
            f"{spec.ground_truth} is declared unique, but id {repeated[0][0]!r} has {repeated[0][1]} "
            "labels: remove `unique: true`, and `on_conflict` says which one counts."
        )


def differ(source: Source, statement: Statement, asked: Calendar) -> bool:
    """Whether the ids of these days are surely all different; if not, they must be looked at one by one."""
    query = feed.hashes(statement, asked)
    if query is None:
        return False
    hashes = source.columns(query)["hash"]
    hashes.sort()
    return not bool((hashes[1:] == hashes[:-1]).any())
