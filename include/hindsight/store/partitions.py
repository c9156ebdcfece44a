"""What is computed of windows: states, statistics, snapshots, detections; replaced whole, never edited."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from hindsight.domain.records import Detection, Snapshot, StatisticRow, WindowState
from hindsight.domain.values import ALL, Horizon, Span, Verdict
from hindsight.store.bulk import replace
from hindsight.store.queries import rows as rows_of
from hindsight.store.queries import select
from hindsight.store.rows import DETECTIONS, SNAPSHOTS, STATISTICS, WINDOW_STATES

BY_WINDOW = ("window_start", "horizon")
STATISTIC_ORDER = ("window_start", "horizon", "version", "segment", "monitor")
SNAPSHOT_ORDER = ("window_start", "window", "horizon", "version", "segment", "metric", "monitor")
SNAPSHOT_KEY = ("monitor", "version", "segment", "window", "window_start", "metric")
"""What a snapshot is of, whatever its age."""
DETECTION_ORDER = ("as_of", "version", "segment", "detector", "window_start", "horizon", "monitor")


class Place(NamedTuple):
    """That a window is there at a horizon, and which specification made it; all that tasks ask of most."""

    window_start: datetime
    window_end: datetime
    horizon: Horizon
    spec_hash: str


def replace_windows(
    conn: sa.Connection, monitor: str, states: Sequence[WindowState], statistics: Iterable[StatisticRow]
) -> None:
    """Put states and statistics in the place of all there was of the days and horizons of `states`."""
    partitions = {(state.window_start, state.horizon) for state in states}
    replace(conn, WINDOW_STATES, monitor, BY_WINDOW, partitions, states)
    replace(conn, STATISTICS, monitor, BY_WINDOW, partitions, statistics)


def replace_states(conn: sa.Connection, monitor: str, states: Sequence[WindowState]) -> None:
    """Put states in the place of those of the same days and horizons, and leave their statistics alone."""
    partitions = {(state.window_start, state.horizon) for state in states}
    replace(conn, WINDOW_STATES, monitor, BY_WINDOW, partitions, states)


def window_states(
    conn: sa.Connection,
    monitor: str,
    start: datetime | None = None,
    end: datetime | None = None,
    horizons: Collection[Horizon] | None = None,
) -> list[WindowState]:
    """The states of windows that start in [start, end), by start and horizon."""
    return rows_of(conn, WINDOW_STATES, monitor, BY_WINDOW, start=start, end=end, horizon=horizons)


def state_places(
    conn: sa.Connection,
    monitor: str,
    start: datetime | None = None,
    end: datetime | None = None,
    horizons: Collection[Horizon] | None = None,
) -> list[Place]:
    """Which windows that start in [start, end) have a state, in no order."""
    return _places(conn, select(WINDOW_STATES, monitor, (), start=start, end=end, horizon=horizons), False)


def snapshot_places(conn: sa.Connection, monitor: str, metric: Collection[str], window: Span) -> list[Place]:
    """Which windows of this length have one of these metrics for all segments together, in no order."""
    return _places(conn, select(SNAPSHOTS, monitor, (), metric=metric, window=window, segment=ALL))


def detection_places(conn: sa.Connection, monitor: str, detector: str) -> list[Place]:
    """Which windows a detector has judged, in no order."""
    return _places(conn, select(DETECTIONS, monitor, (), detector=detector))


def _places(conn: sa.Connection, query: sa.Select[Any], repeated: bool = True) -> list[Place]:
    """The different places of the rows that a query gives, without the rest of them."""
    columns = [query.selected_columns[name] for name in Place._fields]
    parsed = cache(Horizon.parse)
    places = query.with_only_columns(*columns)
    found = conn.execute(places.distinct() if repeated else places)
    return [Place(start, end, parsed(horizon), made_by) for start, end, horizon, made_by in found]


def statistics(
    conn: sa.Connection,
    monitor: str,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    horizons: Collection[Horizon] | None = None,
    segments: Collection[str] | None = None,
    version: str | None = None,
) -> list[StatisticRow]:
    """The statistics of windows that start in [start, end), by start, horizon, version, segment."""
    return rows_of(
        conn,
        STATISTICS,
        monitor,
        STATISTIC_ORDER,
        start=start,
        end=end,
        horizon=horizons,
        segment=segments,
        version=version,
    )


def replace_snapshots(
    conn: sa.Connection,
    monitor: str,
    partitions: Collection[tuple[Span, datetime, Horizon]],
    rows: Iterable[Snapshot],
) -> int:
    """Put snapshots in the place of all there was of these (window, window_start, horizon); says how many."""
    return replace(conn, SNAPSHOTS, monitor, ("window", "window_start", "horizon"), partitions, rows)


def snapshots(
    conn: sa.Connection,
    monitor: str,
    *,
    metric: str | Collection[str] | None = None,
    horizon: Horizon | Collection[Horizon] | None = None,
    window: Span | Collection[Span] | None = None,
    version: str | Collection[str] | None = None,
    segment: str | Collection[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Snapshot]:
    """Snapshots, by window_start, window, horizon, version, segment, metric.

    Each filter is a value or a collection of them; `start` and `end` bound window_start, half-open.
    """
    return rows_of(
        conn,
        SNAPSHOTS,
        monitor,
        SNAPSHOT_ORDER,
        metric=metric,
        horizon=horizon,
        window=window,
        version=version,
        segment=segment,
        start=start,
        end=end,
    )


def replace_detections(
    conn: sa.Connection,
    monitor: str,
    partitions: Collection[tuple[str, datetime, Horizon]],
    rows: Iterable[Detection],
) -> None:
    """Put detections in the place of all there was of these (detector, window_start, horizon)."""
    replace(conn, DETECTIONS, monitor, ("detector", "window_start", "horizon"), partitions, rows)


def detections(
    conn: sa.Connection,
    monitor: str,
    *,
    detector: str | Collection[str] | None = None,
    metric: str | Collection[str] | None = None,
    horizon: Horizon | Collection[Horizon] | None = None,
    version: str | Collection[str] | None = None,
    segment: str | Collection[str] | None = None,
    verdict: Verdict | Collection[Verdict] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Detection]:
    """Detections, by as_of and then key; filters as for snapshots."""
    return rows_of(
        conn,
        DETECTIONS,
        monitor,
        DETECTION_ORDER,
        detector=detector,
        metric=metric,
        horizon=horizon,
        version=version,
        segment=segment,
        verdict=verdict,
        start=start,
        end=end,
    )
