"""The figures of a regular summary: each metric as it is known by the summary's last day."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, Maturity, Span, Status
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import DayRange, end_of, midnight, shift

MOST: Final = 6
"""Metrics that a summary shows: the first ones that the monitor's file names."""


def figures(spec: MonitorSpec, days: DayRange, runtime: Runtime, connection: sa.Connection) -> list[Snapshot]:
    """The newest snapshot of each metric and version over all rows, of windows that ended by these days' end,
    and the one of the window before at the same age.

    Of the windows as long as these days, or the next shorter that is kept; with enough truth where there is
    such a one.  Those that were judged before these days began are left out.
    """
    first, after = midnight(days.start, zone(spec)), end_of(days.end, zone(spec))
    window = length(spec, days)
    back = spec.last_horizon.hours // 24 + 2 * (window.hours // 24) + 1
    found = runtime.store.snapshots(
        connection,
        spec.monitor,
        metric=spec.metrics[:MOST],
        window=window,
        segment=ALL,
        start=midnight(shift(days.start, -back), zone(spec)),
        end=after,
    )
    newest: dict[tuple[str, str], Snapshot] = {}
    for each in found:
        if not first < each.as_of <= after or each.status is not Status.OK:
            continue
        key = each.metric, each.version
        if key not in newest or rank(each) > rank(newest[key]):
            newest[key] = each
    order = {metric: place for place, metric in enumerate(spec.metrics)}
    shown = sorted(newest.values(), key=lambda s: (order[s.metric], s.version))
    ends = {(s.metric, s.version, s.horizon, s.window_start) for s in shown}
    before = [s for s in found if (s.metric, s.version, s.horizon, s.window_end) in ends]
    return [*shown, *before]


def length(spec: MonitorSpec, days: DayRange) -> Span:
    """The longest kept window that is no longer than these days."""
    hours = len(days) * 24
    sliding = [span for span in spec.spans if not span.calendar and span.hours <= hours]
    return max(sliding, default=spec.unit_span)


def rank(snapshot: Snapshot) -> tuple[bool, object, Horizon]:
    """By which of two snapshots a metric is shown: enough truth first, then the newer window, then the older
    labels.
    """
    return snapshot.maturity is Maturity.MATURE, snapshot.window_end, snapshot.horizon
