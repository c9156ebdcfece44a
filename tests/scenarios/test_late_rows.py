"""A source that changes after a day was computed: growth is taken and flagged, loss takes nothing away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, OnConflict, Span, Task
from worlds import Bench, Logs, Row, at, label, local, monitor, odd_logs, prediction, watched, written

DAY = date(2013, 3, 8)
ROWS = [prediction(f"r{i}", DAY, 0.1 * i) for i in range(8)]
LABELS = [label(f"r{i}", DAY + timedelta(days=1), float(i % 2)) for i in range(6)]


def place(
    bench: Bench, rows: list[Row], labels: list[Row], policy: OnConflict = OnConflict.LAST
) -> MonitorSpec:
    spec = monitor(segments=("origin",))
    spec = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    return at(spec, written(Logs(rows, labels), "parquet", bench.folder))


def run(bench: Bench, spec: MonitorSpec) -> WindowState:
    """Run the day on which DAY is 3 days old; its state at that age."""
    bench.run(spec, DAY + timedelta(days=3))
    with bench.store.transaction() as connection:
        (state,) = bench.store.window_states(connection, "odd", horizons=[Horizon(3)])
    return state


def test_an_unchanged_source_changes_nothing(bench: Bench) -> None:
    state = run(bench, place(bench, ROWS, LABELS))
    assert (state.predictions, state.labelled, state.late_landed, state.source_rewritten) == (
        8,
        6,
        False,
        False,
    )
    before = bench.dump()
    run(bench, place(bench, ROWS[::-1], LABELS[::-1]))
    assert bench.dump() == before


def test_rows_that_land_late_are_counted_and_the_window_says_so(bench: Bench) -> None:
    run(bench, place(bench, ROWS[:7], LABELS[:4]))
    state = run(bench, place(bench, ROWS, LABELS))
    assert (state.predictions, state.labelled, state.late_landed) == (8, 6, True)
    # It was so once and stays so.
    assert run(bench, place(bench, ROWS, LABELS)).late_landed


def test_labels_learnt_after_the_window_was_judged_are_not_late(bench: Bench) -> None:
    first = run(bench, place(bench, ROWS, LABELS))
    later = [label("r6", DAY + timedelta(days=4)), label("r0", DAY + timedelta(days=5), 1.0)]
    assert run(bench, place(bench, ROWS, LABELS + later)) == first


@pytest.mark.parametrize("rows, labels", [(ROWS[:5], LABELS), (ROWS, LABELS[:3])])
def test_a_source_that_shrank_is_flagged_and_takes_nothing_away(
    bench: Bench, rows: list[Row], labels: list[Row]
) -> None:
    whole = run(bench, place(bench, ROWS, LABELS))
    before = bench.dump()
    state = run(bench, place(bench, rows, labels))
    assert state == replace(whole, source_rewritten=True)
    assert bench.dump().partition("# window_state")[0] == before.partition("# window_state")[0]
    assert bench.dump().partition("# snapshot")[2] == before.partition("# snapshot")[2]
    # What was lost comes back.
    assert run(bench, place(bench, ROWS, LABELS)) == whole


def test_a_contradiction_that_lands_late_is_growth_although_labels_get_fewer(bench: Bench) -> None:
    run(bench, place(bench, ROWS, LABELS, OnConflict.ERROR))
    contradiction = label("r0", DAY + timedelta(days=2), 1.0)
    state = run(bench, place(bench, ROWS, [*LABELS, contradiction], OnConflict.ERROR))
    assert (state.labelled, state.late_landed, state.source_rewritten) == (5, True, False)
    assert state.quality["contradicting_label"] == 1


def test_an_edited_monitor_starts_afresh(bench: Bench) -> None:
    run(bench, place(bench, ROWS, LABELS))
    edited = replace(place(bench, ROWS[:5], LABELS[:3]), hash="two")
    state = run(bench, edited)
    assert (state.predictions, state.labelled, state.spec_hash) == (5, 3, "two")
    assert not state.late_landed
    assert not state.source_rewritten


def test_days_of_an_edited_monitor_are_not_added_to_those_of_the_old_one(bench: Bench) -> None:
    days = [DAY + timedelta(days=i) for i in range(8)]
    rows = [prediction(f"r{day}", day, 30.0) for day in days]
    labels = [label(f"r{day}", day + timedelta(days=1), 20.0) for day in days]
    spec = at(monitor(Task.REGRESSION, segments=()), written(Logs(rows, labels), "parquet", bench.folder))
    bench.run(spec, days[0], days[-1])
    other_unit = replace(spec, hash="two", ground_truth=replace(spec.ground_truth, unit=60.0))
    bench.run(other_unit, days[-1] + timedelta(days=1))
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(connection, "odd", metric="mae", horizon=Horizon(1), window=Span(7))
    assert [s.value for s in found if s.value is not None] == pytest.approx([10.0, 10.0, 10.0])


@pytest.mark.parametrize("day", [date(2012, 2, 29), date(2016, 2, 29)])
def test_a_leap_day_is_just_a_day(bench: Bench, day: date) -> None:
    spec = replace(monitor(), timezone="UTC")
    rows, labels = [prediction("a", day)], [label("a", day + timedelta(days=1))]
    spec = at(spec, written(Logs(rows, labels), "parquet", bench.folder))
    bench.run(spec, day - timedelta(days=1), day + timedelta(days=1))
    assert bench.run(spec, day)["join_ground_truth"]["predictions"] == 1


def test_a_reference_that_grew_is_compared_with_anew(bench: Bench) -> None:
    """What was judged against the smaller reference is judged again, as if all had landed in time."""
    first, days = date(2013, 2, 18), 24
    spec = watched(monitor(segments=()), first, 5)
    logs = odd_logs(5, first, days, garbage=False)
    late = {
        row["request_id"]
        for row in logs.predictions
        if row["predicted_at"] < local(first + timedelta(days=2))
    }
    early = replace(logs, labels=[row for row in logs.labels if row["request_id"] not in late])
    last = first + timedelta(days=days - 1)

    bench.run(at(spec, written(early, "parquet", bench.folder)), first, last)
    small = bench.dump()
    bench.run(at(spec, written(logs, "parquet", bench.folder)), first, first + timedelta(days=12))
    grown = bench.dump()
    bench.clear()
    bench.run(at(spec, written(logs, "parquet", bench.folder)), first, last)
    assert small != grown
    assert detections(grown) == detections(bench.dump())


def detections(dump: str) -> str:
    """The part of a dump that holds the detections."""
    return dump.partition("# detection")[2].partition("# incident")[0]


def test_an_edited_monitor_leaves_nothing_of_the_old_one_in_the_windows_it_touches(bench: Bench) -> None:
    first, days = date(2013, 2, 18), 16
    spec = at(
        watched(monitor(segments=()), first, 5), written(odd_logs(6, first, days), "parquet", bench.folder)
    )
    last = first + timedelta(days=days - 1)
    edited = replace(spec, predictions=replace(spec.predictions, threshold=0.9), hash="edited")

    bench.run(spec, first, last - timedelta(days=1))
    bench.run(edited, last)
    after = bench.dump()
    bench.clear()
    bench.run(edited, first, last)
    assert after == bench.dump()
