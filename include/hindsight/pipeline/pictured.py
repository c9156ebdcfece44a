"""What the chart beside a message shows: the last weeks of what is worst, from snapshots and detections."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, Grain, Horizon, Span
from hindsight.incidents import Case
from hindsight.message import Chart
from hindsight.message.chart import MOST_POINTS as MOST_POINTS
from hindsight.message.chart import Past
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Decision, Kind
from hindsight.windows import end_of, shift, start_of

LOGGER = logging.getLogger(__name__)

BACK: Final[Mapping[Grain, int]] = {Grain.DAY: 60, Grain.HOUR: 7}
"""Days up to the message's that a chart shows."""

PATIENCE: Final = 10.0
"""Seconds that one of its statements may take while a message waits."""

Place = tuple[str, Horizon, Span, str]
"""Metric, horizon, window and segment of a snapshot."""


def charts(
    spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection
) -> tuple[Chart, ...]:
    """A chart of the gravest incident's worst member, or none.

    It costs two bounded queries.  Whatever goes wrong is logged and never holds the message back.
    """
    if decision.kind is Kind.REVISED or not decision.cases:
        return ()
    try:
        with runtime.store.apart(connection, PATIENCE):  # an error of the database ends no more than this
            return drawn(spec, decision, runtime, connection)
    except Exception:
        LOGGER.exception("No chart could be made for the message of %s on %s", spec.monitor, decision.day)
        return ()


def drawn(
    spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection
) -> tuple[Chart, ...]:
    """The same, for who sees to it that an error does no harm."""
    if decision.kind is Kind.REVISED or not decision.cases:
        return ()
    found = _read(spec, decision.cases[0], decision.day, runtime, connection).chart()
    return () if found is None else (found,)


def _read(spec: MonitorSpec, case: Case, day: date, runtime: Runtime, connection: sa.Connection) -> Past:
    """What the store holds of the worst member's last weeks."""
    worst, until = case.evidence[0], end_of(day, zone(spec))
    length = worst.window_end - worst.window_start
    start = start_of(shift(day, -BACK[spec.grain]), zone(spec)) - length
    own = worst.metric, worst.horizon, worst.window, worst.segment
    volume = "volume", NO_LABELS, spec.unit_span, ALL
    stored = runtime.store.snapshots(
        connection,
        spec.monitor,
        metric=sorted({own[0], volume[0]}),
        horizon=sorted({own[1], volume[1]}),
        window=sorted({own[2], volume[2]}),
        segment=sorted({own[3], volume[3]}),
        start=start,
        end=until,
    )
    kept: dict[Place, list[Snapshot]] = {own: [], volume: []}
    for each in stored:
        place = each.metric, each.horizon, each.window, each.segment
        if place in kept and each.as_of <= until:
            kept[place].append(each)
    judged = runtime.store.detections(
        connection,
        spec.monitor,
        detector=worst.detector,
        horizon=worst.horizon,
        version=worst.version,
        segment=worst.segment,
        start=start,
        end=until,
    )
    return Past(
        spec.monitor,
        zone(spec),
        case,
        day,
        {each.window_end: each for each in kept[own] if each.version == worst.version},
        {each.window_end: each for each in judged if each.as_of <= until and each.window == worst.window},
        kept[volume],
    )
