"""First task: see whether the logs can be read as the monitor says, and what they hold for these days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hindsight.domain.spec import MonitorSpec
from hindsight.errors import SourceError
from hindsight.pipeline.plan import bounds, refuse_unfinished
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import SOURCES
from hindsight.sources.base import Source
from hindsight.sources.statement import Statement, WindowBounds, open_relation
from hindsight.windows import DayRange


@contextmanager
def opened(spec: MonitorSpec, runtime: Runtime) -> Iterator[tuple[Source, Statement]]:
    """The monitor's source, with its statement checked against the columns that are there."""
    kind = next(kind for key, kind in SOURCES.items() if getattr(spec.predictions, key) is not None)
    with kind(spec.predictions, runtime.database_url, runtime.root) as source:
        statement = Statement(
            spec,
            open_relation(source, spec.predictions, "predictions"),
            open_relation(source, spec.ground_truth, "labels"),
            source.text_collation,
        )
        statement.check()
        yield source, statement


def extract_predictions(spec: MonitorSpec, days: DayRange, runtime: Runtime) -> dict[str, Any]:
    """Check both logs and count the predictions of these days; SourceError says what is wrong with them.

    Nothing is copied: the rows stay where they are and the join runs there.
    """
    refuse_unfinished(spec, days, runtime)
    windows = [bounds(spec, day) for day in days]
    with opened(spec, runtime) as (source, statement):
        counts = dict(source.fetch(statement.volume(windows)))
        verify_unique(spec, source, statement, windows)
    return {
        "start": str(days.start),
        "end": str(days.end),
        "predictions": sum(counts.values()),
        "empty_days": [str(day) for position, day in enumerate(days) if not counts.get(position)][:31],
    }


def verify_unique(
    spec: MonitorSpec, source: Source, statement: Statement, windows: Sequence[WindowBounds]
) -> None:
    """Hold the logs to `unique: true`: SourceError names an id that occurs twice among what is joined.

    The join asks again, for labels land while a run waits, and it reads older days than its own.
    """
    if spec.predictions.unique:
        repeated = source.fetch(statement.repeated(windows))
        if repeated:
            raise SourceError(
                f"{spec.predictions} is declared unique, but id {repeated[0][0]!r} occurs "
                f"{repeated[0][1]} times in a day: remove `unique: true`, and duplicates are resolved "
                "and counted."
            )
    if spec.ground_truth.unique:
        # A second label would count its prediction twice.
        repeated = source.fetch(statement.repeated_label(max(window.known[-1] for window in windows)))
        if repeated:
            raise SourceError(
                f"{spec.ground_truth} is declared unique, but id {repeated[0][0]!r} has {repeated[0][1]} "
                "labels: remove `unique: true`, and `on_conflict` says which one counts."
            )
