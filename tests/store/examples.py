"""Records to write: each function makes one, with what the test cares about as arguments."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from hindsight.domain.records import (
    Delivery,
    Detection,
    Incident,
    Member,
    Notification,
    Snapshot,
    StatisticRow,
    WindowState,
)
from hindsight.domain.values import (
    ALL,
    Horizon,
    IncidentClass,
    Maturity,
    Severity,
    Span,
    Status,
    Verdict,
)

Record = TypeVar("Record", StatisticRow, WindowState, Snapshot, Detection)

MONITOR = "flight_delay"
FIRST = datetime(2013, 3, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Horizon(7)

STATE = WindowState(
    monitor=MONITOR,
    window_start=FIRST,
    window_end=FIRST + DAY,
    horizon=WEEK,
    as_of=FIRST + 8 * DAY,
    predictions=900,
    labelled=880,
    quality={"orphan_label": 3, "duplicate": 1},
    spec_hash="a1b2",
    digest="c3d4",
)
STATISTIC = StatisticRow(
    monitor=MONITOR,
    version="v1",
    segment=ALL,
    window_start=FIRST,
    window_end=FIRST + DAY,
    horizon=WEEK,
    as_of=FIRST + 8 * DAY,
    payload='{"cells":[[0,1,2],[1,0,5]]}',
)
SNAPSHOT = Snapshot(
    monitor=MONITOR,
    version="v1",
    segment=ALL,
    window=Span(1),
    window_start=FIRST,
    window_end=FIRST + DAY,
    as_of=FIRST + 8 * DAY,
    horizon=WEEK,
    metric="recall",
    value=0.1 + 0.2,
    standard_error=1 / 3,
    n=123,
    bound=None,
    coverage=0.98,
    maturity=Maturity.MATURE,
    status=Status.OK,
    spec_hash="a1b2",
)
DETECTION = Detection(
    monitor=MONITOR,
    version="v1",
    segment=ALL,
    detector="recall.threshold",
    metric="recall",
    window=Span(28),
    window_start=FIRST,
    window_end=FIRST + 28 * DAY,
    as_of=FIRST + 35 * DAY,
    horizon=WEEK,
    incident_class=IncidentClass.PERFORMANCE,
    severity=Severity.CRITICAL,
    verdict=Verdict.BREACH,
    observed=0.55,
    expected=0.66,
    lower=0.6,
    upper=None,
    p_value=1e-12,
    n=2500,
    coverage=0.97,
    reason="recall fell by 17%",
)
INCIDENT = Incident(
    id="performance-2013-04-07",
    monitor=MONITOR,
    incident_class=IncidentClass.PERFORMANCE,
    severity=Severity.CRITICAL,
    since=date(2013, 4, 3),
    opened_on=date(2013, 4, 10),
    last_breach_on=date(2013, 4, 12),
    resolved_on=None,
    members=(Member("recall.threshold", "v1", ALL), Member("recall.trend", "v1", ALL)),
    breaching=(Member("recall.trend", "v1", ALL),),
    headline="recall of v1 is down",
    told_on=date(2013, 4, 10),
)
NOTIFICATION = Notification(
    monitor=MONITOR,
    day=date(2013, 4, 10),
    kind="daily",
    notifier="slack:1a2b3c",
    incidents=(INCIDENT.id,),
    severity=Severity.CRITICAL,
    document='{"headline": "recall of v1 is down"}',
    state=Delivery.PENDING,
    reason="an incident opened",
)


def on_day(record: Record, number: int, **changes: Any) -> Record:
    """The same a number of days later."""
    moved = {name: getattr(record, name) + number * DAY for name in ("window_start", "window_end", "as_of")}
    return replace(record, **(moved | changes))
