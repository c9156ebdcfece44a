"""The dump: equal for stores that hold the same, however it came in; different for the last bit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hindsight.domain.values import Span
from hindsight.store import Store
from store.examples import DETECTION, FIRST, INCIDENT, MONITOR, SNAPSHOT, STATE, STATISTIC, WEEK, on_day

STATES = [on_day(STATE, day) for day in range(3)]
STATISTICS = [on_day(STATISTIC, day, version=v) for day in range(3) for v in ("v1", "v2")]
SNAPSHOTS = [on_day(SNAPSHOT, day, metric=m) for day in range(3) for m in ("f1", "recall")]


def fill(store: Store, order: int = 1, snapshot: float | None = SNAPSHOT.value) -> str:
    """Write one day after another, forwards or backwards, and dump."""
    for state in STATES[::order]:
        day = state.window_start
        with store.transaction(MONITOR) as conn:
            statistics = [row for row in STATISTICS[::order] if row.window_start == day]
            snapshots = [
                replace(row, value=snapshot) for row in SNAPSHOTS[::order] if row.window_start == day
            ]
            store.replace_windows(conn, MONITOR, [state], statistics)
            store.replace_snapshots(conn, MONITOR, [(Span(1), day, WEEK)], snapshots)
    with store.transaction(MONITOR) as conn:
        store.replace_detections(conn, MONITOR, [("recall.threshold", FIRST, WEEK)], [DETECTION])
        store.replace_incidents(conn, MONITOR, [INCIDENT])
        return store.dump(conn, MONITOR)


def test_the_order_of_writing_leaves_no_trace(store: Store) -> None:
    assert fill(store) == fill(store, order=-1)


def test_the_last_bit_of_a_number_shows(store: Store) -> None:
    assert SNAPSHOT.value is not None
    assert fill(store) != fill(store, snapshot=math.nextafter(SNAPSHOT.value, 1))


def test_who_was_told_when_is_left_out(store: Store) -> None:
    before = fill(store)
    with store.transaction(MONITOR) as conn:
        store.replace_incidents(conn, MONITOR, [replace(INCIDENT, told_on=None)])
        assert store.dump(conn, MONITOR) == before


def test_other_monitors_are_left_out(store: Store) -> None:
    before = fill(store)
    with store.transaction() as conn:
        store.replace_incidents(conn, "arrival_delay", [replace(INCIDENT, monitor="arrival_delay")])
        assert store.dump(conn, MONITOR) == before


@pytest.mark.parametrize(
    "line",
    [
        "# statistic: monitor, version, segment, window_start, window_end, horizon, as_of, payload",
        (
            '["flight_delay", "v1", "ALL", "2013-03-01T05:00:00+00:00", "2013-03-02T05:00:00+00:00", "7d", '
            '"2013-03-09T05:00:00+00:00", "{\\"cells\\":[[0,1,2],[1,0,5]]}"]'
        ),
        (
            '["flight_delay", "v1", "ALL", "1d", "2013-03-01T05:00:00+00:00", "2013-03-02T05:00:00+00:00", '
            '"2013-03-09T05:00:00+00:00", "7d", "recall", 0.30000000000000004, 0.3333333333333333, 123, '
            'null, 0.98, "mature", "ok", null, "a1b2"]'
        ),
    ],
)
def test_a_line_is_a_row_as_json(store: Store, line: str) -> None:
    assert line in fill(store).splitlines()
