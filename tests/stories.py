"""Monitors whose judgements are written by hand, run day by day in a real store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from episodes import CLEAR, ZONE, detection
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Delivery, Detection, Notification, Telling
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Notify, Span
from hindsight.notifiers import Log, channel_key
from hindsight.pipeline.notify import notify
from hindsight.windows import DayRange, run_day
from worlds import Bench, monitor

RULES = ("recall threshold", "skill", "coverage threshold")


def judged(**changes: Any) -> MonitorSpec:
    """A monitor with these rules, which tells the log."""
    detectors = tuple(
        Threshold(metric="recall", min=0.1, window=Span(28), at=Horizon(7), name=n) for n in RULES
    )
    plain = replace(monitor(), timezone=str(ZONE), detectors=detectors, notify=(Log(),))
    return replace(plain, **changes)


def land(bench: Bench, spec: MonitorSpec, rows: Iterable[Detection]) -> None:
    """Write judgements as the task before would have."""
    rows = [replace(row, monitor=spec.monitor) for row in rows]
    partitions = {(d.detector, d.window_start, d.horizon) for d in rows}
    with bench.store.transaction(spec.monitor) as connection:
        bench.store.replace_detections(connection, spec.monitor, sorted(partitions, key=str), rows)


def live(
    bench: Bench,
    spec: MonitorSpec,
    days: Iterable[date],
    rows: Iterable[Detection],
    mode: Notify = Notify.LIVE,
) -> None:
    """Runs of these days, one by one, each with what is judged on its day."""
    rows = list(rows)
    for day in days:
        land(bench, spec, [d for d in rows if run_day(d.as_of, ZONE) == day])
        notify(spec, DayRange(day, day), bench.runtime(), mode)


def rows_of(bench: Bench, spec: MonitorSpec) -> list[Notification]:
    with bench.store.transaction() as connection:
        return bench.store.notifications(connection, spec.monitor)


def said(bench: Bench, spec: MonitorSpec) -> list[tuple[date, str, str]]:
    """What went out: day, kind and reason of each message."""
    found = [row for row in rows_of(bench, spec) if row.state is not Delivery.SUPPRESSED]
    return [(row.day, row.kind.partition(":")[0], row.reason) for row in found]


def withheld(bench: Bench, spec: MonitorSpec) -> list[tuple[date, str, str]]:
    """What did not go out on purpose."""
    found = [row for row in rows_of(bench, spec) if row.state is Delivery.SUPPRESSED]
    return [(row.day, row.kind, row.reason) for row in found]


def tellings(bench: Bench, spec: MonitorSpec) -> set[Telling]:
    with bench.store.transaction() as connection:
        return bench.store.tellings(connection, spec.monitor)


def quiet(day: int, **fields: Any) -> Detection:
    """A judgement that finds nothing."""
    return detection(day, CLEAR, **fields)


LOG = channel_key(Log())
