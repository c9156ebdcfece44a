"""Detections of many monitors folded into incidents, and what follows enqueued, as live runs do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from measure import Measurement, options, server_cpu

from hindsight import config
from hindsight.domain.records import Detection
from hindsight.domain.values import ALL, NO_LABELS, IncidentClass, Notify, Severity, Span, Verdict
from hindsight.notifiers import Email, Slack
from hindsight.pipeline.notify import enqueue
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.store import Store
from hindsight.windows import DayRange, as_of, midnight

given = options()
START, DAYS, MEMBERS = date(2013, 4, 1), 5, 4


def judged(monitor: str, day: date, place: int, bad: bool) -> Detection:
    """The judgement of one member on one day."""
    return Detection(
        monitor=monitor,
        version="v1",
        segment=ALL if place == 0 else f"country=c{place}",
        detector=rule.name,
        metric=rule.metric,
        window=Span(1),
        window_start=midnight(day, here),
        window_end=midnight(day + timedelta(days=1), here),
        as_of=as_of(day, NO_LABELS, here),
        horizon=NO_LABELS,
        incident_class=IncidentClass.PERFORMANCE,
        severity=Severity.WARNING if bad else Severity.OK,
        verdict=Verdict.BREACH if bad else Verdict.CLEAR,
        observed=0.4 if bad else 0.6,
        expected=0.6,
        lower=0.5,
        upper=None,
        p_value=0.0004 if bad else None,
        n=8_000,
        coverage=0.9,
        reason="recall is 10 % and more below the reference",
    )


def story(monitor: str, number: int) -> Iterator[Detection]:
    """Twenty judgements: it breaches somewhere on the last day, and in every third monitor before."""
    for ahead in range(DAYS):
        for place in range(MEMBERS):
            bad = ahead >= DAYS - 1 - number % 3 and place <= number % MEMBERS
            yield judged(monitor, START + timedelta(days=ahead), place, bad)


plain = config.load(Path(given["monitor"]))
here = zone(plain)
rule = replace(plain.detectors[0], metric="recall", at=NO_LABELS, window=Span(1))
channels = (
    Slack(connection="slack", channel="#ml"),
    Email(connection="smtp", to=("a@example.com", "b@example.com")),
)
specs = [
    replace(plain, monitor=f"bench_{number}", detectors=(rule,), notify=channels)
    for number in range(given["monitors"])
]
store = Store(given["store"])
store.upgrade()
runtime = Runtime(store, lambda _: sa.make_url(given["store"]), cast(Any, None), Path())
last = START + timedelta(days=DAYS - 1)
written = 0
with store.transaction() as connection:
    for table in ("detection", "incident", "notification", "telling"):
        connection.execute(sa.text(f"truncate hindsight.{table}"))
    for number, spec in enumerate(specs):
        rows = list(story(spec.monitor, number))
        partitions = {(row.detector, row.window_start, row.horizon) for row in rows}
        store.replace_detections(connection, spec.monitor, sorted(partitions, key=str), rows)
        written += len(rows)
measurement = Measurement(server_cpu(given["server"]))
with measurement.stage("enqueue"):
    for spec in specs:
        with store.transaction(spec.monitor) as connection:
            enqueue(spec, DayRange(last, last), runtime, Notify.LIVE, (), connection)
with store.transaction() as connection:
    found = {
        table: connection.scalar(sa.text(f"select count(*) from hindsight.{table}"))
        for table in ("incident", "notification", "telling")
    }
store.dispose()
measurement.report(detections=written, **found)
