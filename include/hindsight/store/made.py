"""What was made of a monitor, and from what, told without reading it; and removing what nobody asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hindsight.domain.values import Horizon, Span
from hindsight.store.tables import detection, snapshot, statistic, window_state

Range = tuple[datetime, datetime] | None
"""As-ofs, both included; None is all."""

Gone = tuple[sa.Table, sa.ColumnElement[bool]]
"""Rows of a table."""


@dataclass(frozen=True, slots=True)
class Made:
    """Snapshots, or a detector's detections, of one window at one horizon: their names, and who made them.

    The names are those of metrics, or of the detector; `made_by` are the rows' `spec_hash`.
    """

    window: Span
    window_start: datetime
    horizon: Horizon
    names: frozenset[str]
    made_by: frozenset[str]


def made_snapshots(conn: sa.Connection, monitor: str) -> list[Made]:
    """The windows that have snapshots at a horizon."""
    return _made(conn, monitor, snapshot, snapshot.c.metric)


def made_detections(conn: sa.Connection, monitor: str) -> list[Made]:
    """The windows that have detections at a horizon: one entry for each detector."""
    return _made(conn, monitor, detection, detection.c.detector, detection.c.detector)


def _made(
    conn: sa.Connection, monitor: str, table: sa.Table, name: sa.Column[Any], *more: sa.Column[Any]
) -> list[Made]:
    columns = table.c
    keys = [columns.window, columns.window_start, columns.horizon]
    query = (
        sa.select(*keys, sa.func.array_agg(name.distinct()), sa.func.array_agg(columns.spec_hash.distinct()))
        .where(columns.monitor == monitor)
        .group_by(*keys, *more)
    )
    rows: list[Any] = list(conn.execute(query))
    return [
        Made(Span.parse(window), start, Horizon.parse(horizon), frozenset(names), frozenset(made_by))
        for window, start, horizon, names, made_by in rows
    ]


def unasked(
    horizons: Collection[Horizon],
    metrics: Collection[tuple[Horizon, Collection[str]]],
    spans: Collection[Span],
    detectors: Collection[tuple[str, Span, Collection[Horizon]]],
) -> dict[str, Gone]:
    """For each table what nobody asks for any more, given all that is asked for.

    Of snapshots that is the metrics kept at each horizon and the lengths of windows, of detections each
    detector's name, its window and where it judges.
    """
    ages = [str(each) for each in horizons]
    kept = [
        sa.and_(snapshot.c.horizon == str(horizon), snapshot.c.metric.in_(list(names)))
        for horizon, names in metrics
    ]
    judged = [
        sa.and_(
            detection.c.detector == name,
            detection.c.window == str(span),
            detection.c.horizon.in_([str(each) for each in at]),
        )
        for name, span, at in detectors
    ]
    other_length = snapshot.c.window.not_in([str(each) for each in spans])
    return {
        "statistics": (statistic, statistic.c.horizon.not_in(ages)),
        "window_states": (window_state, window_state.c.horizon.not_in(ages)),
        "snapshots": (snapshot, sa.or_(other_length, none_of(kept))),
        "detections": (detection, none_of(judged)),
    }


def none_of(conditions: Collection[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    """Rows of which none of these holds."""
    return sa.not_(sa.or_(sa.false(), *conditions))


def count(conn: sa.Connection, monitor: str, gone: Gone, within: Range) -> int:
    """How many rows these are."""
    query = sa.select(sa.func.count()).select_from(gone[0]).where(*_of(monitor, gone, within))
    return int(conn.execute(query).scalar_one())


def remove(conn: sa.Connection, monitor: str, gone: Gone, within: Range) -> int:
    """Remove these rows; returns how many there were."""
    return conn.execute(sa.delete(gone[0]).where(*_of(monitor, gone, within))).rowcount


def _of(monitor: str, gone: Gone, within: Range) -> Sequence[sa.ColumnElement[bool]]:
    table, condition = gone
    there = [table.c.monitor == monitor, condition]
    return there if within is None else [*there, table.c.as_of.between(*within)]
