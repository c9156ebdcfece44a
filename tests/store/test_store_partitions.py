"""Partitions are replaced whole: what is stale goes, what is next to it stays, and reading is ordered."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from hindsight.domain.values import Horizon, Span, Verdict
from hindsight.errors import StoreError
from hindsight.store import Store
from store.examples import DAY, DETECTION, FIRST, INCIDENT, MONITOR, SNAPSHOT, STATE, STATISTIC, WEEK, on_day

MONTH = Horizon(30)
NOW = Horizon(0)


def test_replacing_a_day_takes_its_stale_statistics_away(store: Store) -> None:
    old, gone = replace(STATISTIC, version="v1"), replace(STATISTIC, version="v2")
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [STATE], [old, gone])
    new = replace(old, payload='{"cells":[]}')
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [replace(STATE, predictions=901)], [new])
    with store.transaction() as conn:
        assert store.statistics(conn, MONITOR) == [new]
        assert store.window_states(conn, MONITOR) == [replace(STATE, predictions=901)]


def test_neighbours_of_a_replaced_day_stay(store: Store) -> None:
    neighbours = [
        on_day(STATE, 1),
        replace(STATE, horizon=MONTH),
        replace(STATE, monitor="arrival_delay"),
    ]
    kept = [
        on_day(STATISTIC, 1),
        replace(STATISTIC, horizon=MONTH),
        replace(STATISTIC, monitor="arrival_delay"),
    ]
    with store.transaction() as conn:
        for state, statistic in zip(neighbours, kept, strict=True):
            store.replace_windows(conn, state.monitor, [state], [statistic])
        store.replace_windows(conn, MONITOR, [STATE], [STATISTIC])
        store.replace_windows(conn, MONITOR, [STATE], [])
        assert store.window_states(conn, MONITOR) == [STATE, neighbours[1], neighbours[0]]
        assert store.statistics(conn, MONITOR) == [kept[1], kept[0]]
        assert store.statistics(conn, "arrival_delay") == [kept[2]]


def test_replacing_the_state_of_a_day_leaves_its_statistics(store: Store) -> None:
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [STATE], [STATISTIC])
        flagged = replace(STATE, source_rewritten=True)
        store.replace_states(conn, MONITOR, [flagged])
        assert store.window_states(conn, MONITOR) == [flagged]
        assert store.statistics(conn, MONITOR) == [STATISTIC]


def test_days_and_horizons_are_chosen_by_half_open_bounds(store: Store) -> None:
    states = [on_day(STATE, day, horizon=horizon) for day in range(4) for horizon in (NOW, WEEK, MONTH)]
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, states, [])
        found = store.window_states(conn, MONITOR, FIRST + DAY, FIRST + 3 * DAY, horizons=[MONTH, NOW])
    assert [(state.window_start, state.horizon) for state in found] == [
        (FIRST + DAY, NOW),
        (FIRST + DAY, MONTH),
        (FIRST + 2 * DAY, NOW),
        (FIRST + 2 * DAY, MONTH),
    ]


def test_statistics_come_in_the_order_of_code_points(store: Store) -> None:
    segments = ["ALL", "carrier=AA", "carrier=Zz", "carrier=aa", "carrier=Ä", "carrier=é", "carrier=🛫"]
    rows = [replace(STATISTIC, segment=segment) for segment in segments]
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [STATE], reversed(rows))
        found = [row.segment for row in store.statistics(conn, MONITOR)]
        some = store.statistics(conn, MONITOR, segments=["carrier=Ä", "ALL"])
    assert found == sorted(segments)
    assert [row.segment for row in some] == ["ALL", "carrier=Ä"]


def test_no_horizons_are_not_all_horizons(store: Store) -> None:
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [STATE], [STATISTIC])
        assert store.window_states(conn, MONITOR, horizons=[]) == []
        assert store.statistics(conn, MONITOR, segments=[]) == []


def test_snapshots_replace_partitions_of_window_start_and_horizon(store: Store) -> None:
    daily = [replace(SNAPSHOT, metric=metric) for metric in ("f1", "recall")]
    weekly = replace(SNAPSHOT, window=Span(7), window_end=FIRST + 7 * DAY)
    later = on_day(SNAPSHOT, 1)
    older = replace(SNAPSHOT, horizon=MONTH, as_of=FIRST + 31 * DAY)
    everything = [*daily, weekly, later, older]
    places = [(row.window, row.window_start, row.horizon) for row in everything]
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, places, everything)
        new = replace(SNAPSHOT, metric="precision")
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], iter([new]))
        assert store.snapshots(conn, MONITOR) == [new, older, weekly, later]


def test_an_emptied_partition_is_empty(store: Store) -> None:
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], [SNAPSHOT])
        store.replace_snapshots(conn, MONITOR, [], [])
        assert store.snapshots(conn, MONITOR) == [SNAPSHOT]
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], [])
        assert store.snapshots(conn, MONITOR) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"metric": "f1"},
        {"horizon": MONTH},
        {"window": Span(7)},
        {"version": "v2"},
        {"segment": "origin=JFK"},
        {"start": FIRST + DAY, "end": FIRST + 2 * DAY},
    ],
    ids=lambda wanted: next(iter(wanted)),
)
def test_each_filter_of_snapshots_finds_its_own(store: Store, wanted: dict[str, object]) -> None:
    changes = {"window_start": wanted["start"]} if "start" in wanted else wanted
    other = replace(SNAPSHOT, **changes)  # type: ignore[arg-type]
    places = [(row.window, row.window_start, row.horizon) for row in (SNAPSHOT, other)]
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, places, [SNAPSHOT, other])
        assert store.snapshots(conn, MONITOR, **wanted) == [other]  # type: ignore[arg-type]
        assert len(store.snapshots(conn, MONITOR)) == 2


def test_a_filter_takes_a_collection(store: Store) -> None:
    rows = [replace(SNAPSHOT, metric=metric) for metric in ("f1", "precision", "recall")]
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], rows)
        assert store.snapshots(conn, MONITOR, metric={"f1", "recall"}) == [rows[0], rows[2]]


@pytest.mark.parametrize(
    "astray",
    [on_day(SNAPSHOT, 1), replace(SNAPSHOT, horizon=MONTH), replace(SNAPSHOT, monitor="arrival_delay")],
    ids=["day", "horizon", "monitor"],
)
def test_a_row_outside_the_replaced_partitions_is_refused(store: Store, astray: object) -> None:
    with (
        pytest.raises(StoreError, match=r"A snapshot of \(.*\) lies in none of the 1 partitions"),
        store.transaction(MONITOR) as conn,
    ):
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], [SNAPSHOT, astray])  # type: ignore[list-item]
    with store.transaction() as conn:
        assert store.snapshots(conn, MONITOR) == []


def test_two_rows_of_one_key_are_refused(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="duplicate key value violates unique constraint"),
        store.transaction(MONITOR) as conn,
    ):
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], [SNAPSHOT, SNAPSHOT])


def test_latest_snapshot_is_the_one_of_the_greatest_horizon(store: Store) -> None:
    rows = [
        replace(SNAPSHOT, horizon=Horizon(days), value=float(days), as_of=FIRST + (days + 1) * DAY)
        for days in (1, 7, 30)
    ]
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, row.horizon) for row in rows], rows)
        view = conn.execute(sa.text("select horizon, value from hindsight.latest_snapshot")).all()
    assert view == [("30d", 30.0)]


def test_detections_replace_partitions_of_detector_start_and_horizon(store: Store) -> None:
    trend = replace(DETECTION, detector="recall.trend", verdict=Verdict.CLEAR)
    earlier = on_day(DETECTION, -1, version="v9")
    place = ("recall.threshold", FIRST, WEEK)
    with store.transaction(MONITOR) as conn:
        store.replace_detections(
            conn,
            MONITOR,
            [place, ("recall.trend", FIRST, WEEK), ("recall.threshold", FIRST - DAY, WEEK)],
            [DETECTION, trend, replace(DETECTION, version="v2"), earlier],
        )
        new = replace(DETECTION, verdict=Verdict.INSUFFICIENT)
        store.replace_detections(conn, MONITOR, [place], [new])
        assert store.detections(conn, MONITOR) == [earlier, new, trend]
        assert store.detections(conn, MONITOR, verdict=Verdict.CLEAR) == [trend]
        assert store.detections(conn, MONITOR, detector="recall.trend", start=FIRST, end=FIRST + DAY) == [
            trend
        ]


def test_incidents_of_a_monitor_are_replaced_as_a_whole(store: Store) -> None:
    resolved = replace(INCIDENT, id="performance-2013-03-20", resolved_on=INCIDENT.opened_on)
    other = replace(INCIDENT, monitor="arrival_delay")
    with store.transaction() as conn:
        store.replace_incidents(conn, MONITOR, [INCIDENT, resolved])
        store.replace_incidents(conn, "arrival_delay", [other])
        store.replace_incidents(conn, MONITOR, [INCIDENT])
        assert store.incidents(conn, MONITOR) == [INCIDENT]
        assert store.incidents(conn) == [other, INCIDENT]


def test_one_incident_of_each_class_may_be_open(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="incident_one_open_per_class"),
        store.transaction(MONITOR) as conn,
    ):
        store.replace_incidents(conn, MONITOR, [INCIDENT, replace(INCIDENT, id="another")])


def test_an_incident_of_another_monitor_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="is of 'arrival_delay' and not of"), store.transaction() as conn:
        store.replace_incidents(conn, MONITOR, [replace(INCIDENT, monitor="arrival_delay")])


def test_places_say_what_is_there_without_reading_it(store: Store) -> None:
    states = [on_day(STATE, day, horizon=horizon) for day in range(3) for horizon in (NOW, WEEK)]
    shown = [
        replace(SNAPSHOT, metric=metric, segment=part)
        for metric in ("f1", "recall")
        for part in ("ALL", "a=b")
    ]
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, states, [])
        store.replace_snapshots(conn, MONITOR, [(SNAPSHOT.window, SNAPSHOT.window_start, WEEK)], shown)
        key = (DETECTION.detector, DETECTION.window_start, DETECTION.horizon)
        store.replace_detections(conn, MONITOR, [key], [DETECTION])
        there = store.state_places(conn, MONITOR)
        some = store.state_places(conn, MONITOR, FIRST + DAY, FIRST + 2 * DAY, horizons=[WEEK])
        read = store.snapshot_places(conn, MONITOR, ["f1", "recall"], SNAPSHOT.window)
        nothing = store.snapshot_places(conn, MONITOR, ["f1"], Span(28))
        judged = store.detection_places(conn, MONITOR, DETECTION.detector)
    assert sorted(there) == sorted((s.window_start, s.window_end, s.horizon, s.spec_hash) for s in states)
    assert [(place.window_start, place.horizon) for place in some] == [(FIRST + DAY, WEEK)]
    assert read == [(SNAPSHOT.window_start, SNAPSHOT.window_end, SNAPSHOT.horizon, SNAPSHOT.spec_hash)]
    assert nothing == []
    assert judged == [(DETECTION.window_start, DETECTION.window_end, DETECTION.horizon, DETECTION.spec_hash)]
