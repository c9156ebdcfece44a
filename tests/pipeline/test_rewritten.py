"""A source that was rewritten: what was known stays, one log a day, until somebody accepts the new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Convention, Horizon, OnConflict, Span, Task
from hindsight.pipeline import run_days
from hindsight.windows import DayRange
from worlds import Bench, Logs, Row, at, label, local, monitor, prediction, watched, written

DAY = date(2013, 4, 2)
METRICS = ("precision", "mean_score", "labels_learnt")


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def place(bench: Bench, rows: list[Row], labels: list[Row], spec: MonitorSpec | None = None) -> MonitorSpec:
    made = spec or monitor(segments=("origin",), metrics=METRICS)
    return at(made, written(Logs(rows, labels), "parquet", bench.folder))


def states(bench: Bench, of: date = DAY) -> dict[int, WindowState]:
    with bench.store.transaction() as connection:
        found = bench.store.window_states(connection, "odd", local(of, 0), local(of, 1))
    return {state.horizon.count: state for state in found}


def flagged(bench: Bench, of: date = DAY) -> set[int]:
    return {age for age, state in states(bench, of).items() if state.source_rewritten}


def value(bench: Bench, metric: str, age: int, of: date = DAY, days: int = 1) -> float | None:
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(
            connection,
            "odd",
            metric=metric,
            horizon=Horizon(age),
            window=Span(days),
            segment="ALL",
            start=local(of, 0),
            end=local(of, 1),
        )
    return found[0].value


def accept(bench: Bench, spec: MonitorSpec, first: date, last: date | None = None) -> dict[str, Any]:
    days = DayRange(first, last or first)
    return run_days(spec, days, bench.runtime(), accept_rewritten=True)["join_ground_truth"]


ROWS = [prediction(f"c{i}", DAY, 0.9) for i in range(20)]
LABELS = [label(f"c{i}", day(1), 1.0) for i in range(10)]
FLIPPED = [row | {"actual": 0.0} for row in LABELS]


def test_the_proof_of_a_live_feed_may_go_and_what_it_proved_stays(bench: Bench) -> None:
    spec = monitor(segments=(), metrics=("precision",))
    truth = replace(spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE)
    rows = [prediction(f"c{n}-{i}", day(n), 0.9) for n in range(10) for i in range(5)]
    spec = place(bench, rows, [label("nobody", day(6))], replace(spec, ground_truth=truth))
    bench.run(spec, DAY, day(9))
    before = states(bench)[7]
    assert before.quality == {"default_negative": 5}
    place(bench, rows, [label("nobody", day(40))])
    bench.run(spec, DAY, day(9))
    assert states(bench)[7] == replace(before, source_rewritten=True)
    assert value(bench, "precision", 7) == 0.0
    # The other way round silence is ended by what lands, as ever.
    accept(bench, spec, DAY, day(9))
    assert states(bench)[7].quality == {"silent_feed": 5}
    place(bench, rows, [label("nobody", day(6))])
    bench.run(spec, DAY, day(9))
    assert states(bench)[7] == replace(before, late_landed=True)


def test_a_prediction_that_lost_its_label_is_missed_though_silence_counts_it(bench: Bench) -> None:
    """A positive that becomes a "no" by rule leaves as many labelled predictions as there were."""
    spec = monitor(segments=(), metrics=("precision",))
    truth = replace(spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE)
    spec = place(bench, ROWS, LABELS, replace(spec, ground_truth=truth))
    more = [label("nobody", day(6))]
    place(bench, ROWS, LABELS + more)
    bench.run(spec, DAY, day(8))
    assert states(bench)[7].labelled == 20
    place(bench, ROWS, LABELS[:9] + more)
    bench.run(spec, DAY, day(8))
    assert 7 in flagged(bench)
    assert value(bench, "precision", 7) == 0.5


def test_what_lands_later_does_not_let_rewritten_values_in(bench: Bench) -> None:
    spec = place(bench, ROWS, LABELS)
    bench.run(spec, DAY, day(8))
    place(bench, ROWS, FLIPPED)
    bench.run(spec, DAY, day(8))
    kept = states(bench)
    assert flagged(bench) == {1, 3, 7}
    for lands in (label("c15", day(1)), label("c16", day(0), 1.0, 20)):
        place(bench, ROWS, [*FLIPPED, lands])
        bench.run(spec, DAY, day(8))
        assert flagged(bench) >= {1, 3, 7}
        assert states(bench)[7] == kept[7]
        assert value(bench, "precision", 7) == 1.0
    # What was there is there again: nothing happened.
    place(bench, ROWS, LABELS)
    bench.run(spec, DAY, day(8))
    assert flagged(bench) == set()
    assert value(bench, "precision", 7) == 1.0


def test_a_rewritten_log_can_be_accepted_and_then_it_is_as_if_it_had_always_been_so(bench: Bench) -> None:
    rows = [prediction(f"c{n}-{i}", day(n), 0.9) for n in range(10) for i in range(10)]
    labels = [label(f"c{n}-{i}", day(n + 1), 1.0) for n in range(10) for i in range(5)]
    flipped = [row | {"actual": 0.0} if row["request_id"] < "c3" else row for row in labels]
    spec = watched(monitor(segments=("origin",), metrics=(*METRICS, "recall")), DAY, 2)
    spec = place(bench, rows, labels, spec)
    bench.run(spec, DAY, day(9))
    place(bench, rows, flipped)
    bench.run(spec, DAY, day(9))
    assert [flagged(bench, day(n)) for n in range(4)] == [{1, 3, 7}, {1, 3, 7}, {1, 3, 7}, set()]
    # By the day itself: all its ages, also those that fell due later.
    done = accept(bench, spec, DAY)
    assert done["source_rewritten"] == 0
    assert flagged(bench) == set()
    assert flagged(bench, day(1)) == {1, 3, 7}
    assert (value(bench, "precision", 7), value(bench, "precision", 7, day(1))) == (0.0, 1.0)
    assert value(bench, "precision", 1, days=7) == pytest.approx(6 / 7), "the week that holds it, too"
    accept(bench, spec, day(1), day(9))
    accepted = bench.dump()
    bench.clear()
    bench.run(spec, DAY, day(9))
    assert bench.dump() == accepted


def test_a_segment_column_that_was_filled_later_is_accepted_like_any_edit(bench: Bench) -> None:
    spec = place(bench, [row | {"origin": None} for row in ROWS], LABELS)
    bench.run(spec, DAY, day(8))
    place(bench, ROWS, LABELS)
    bench.run(spec, DAY, day(8))
    assert flagged(bench) == {0, 1, 3, 7}
    accept(bench, spec, DAY, day(8))
    assert flagged(bench) == set()
    accepted = bench.dump()
    bench.clear()
    bench.run(spec, DAY, day(8))
    assert bench.dump() == accepted


def test_to_accept_takes_what_landed_late_as_late(bench: Bench) -> None:
    spec = place(bench, ROWS, LABELS)
    bench.run(spec, DAY, day(8))
    place(bench, ROWS, [*LABELS, label("c15", day(2))])
    accept(bench, spec, DAY, day(8))
    assert {age for age, state in states(bench).items() if state.late_landed} == {3, 7}


def test_labels_pruned_at_the_source_are_not_forgotten(bench: Bench) -> None:
    rows = [prediction(f"c{n}-{i}", day(n), 0.9) for n in range(6) for i in range(5)]
    labels = [label(f"c{n}-{i}", day(n + 1), 1.0) for n in range(6) for i in range(5)]
    spec = place(bench, rows, labels)
    bench.run(spec, DAY, day(5))
    assert value(bench, "labels_learnt", 0, day(2)) == 5.0
    place(bench, rows, [row for row in labels if row["label_at"] >= local(day(4), 0)])
    # The day alone: nothing else tells that the log is another one.
    bench.run(spec, day(2))
    assert value(bench, "labels_learnt", 0, day(2)) == 5.0
    assert 0 in flagged(bench, day(2))


def test_rows_that_were_set_aside_are_not_forgotten(bench: Bench) -> None:
    odd = [prediction("odd", DAY, float("nan")), prediction("c0", DAY, 0.9, 13)]
    spec = place(bench, ROWS + odd, LABELS)
    bench.run(spec, DAY)
    place(bench, ROWS, LABELS)
    bench.run(spec, DAY)
    assert flagged(bench) == {0}
    assert states(bench)[0].quality["duplicate"] == 1


@pytest.mark.parametrize("features", [(), ("carrier",)])
def test_a_day_is_of_one_log(bench: Bench, features: tuple[str, ...]) -> None:
    """Where the ages that need labels are kept, the scores at no age are, too."""
    spec = monitor(segments=(), metrics=METRICS)
    spec = replace(spec, predictions=replace(spec.predictions, features=features))
    spec = place(bench, ROWS, LABELS, spec)
    bench.run(spec, DAY, day(8))
    place(bench, [row | {"score": 0.1} for row in ROWS], LABELS)
    bench.run(spec, DAY, day(8))
    assert flagged(bench) == {0, 1, 3, 7}
    assert value(bench, "mean_score", 0) == pytest.approx(0.9)
    accept(bench, spec, DAY, day(8))
    assert value(bench, "mean_score", 0) == pytest.approx(0.1)


def test_scores_rewritten_in_place_are_seen_without_any_label(bench: Bench) -> None:
    spec = place(bench, ROWS, [])
    bench.run(spec, DAY)
    place(bench, [row | {"score": 0.1} for row in ROWS], [])
    bench.run(spec, DAY)
    assert flagged(bench) == {0}
    assert value(bench, "mean_score", 0) == pytest.approx(0.9)


def test_a_day_whose_oddities_alone_changed_says_that_rows_landed(bench: Bench) -> None:
    spec = place(bench, ROWS, LABELS)
    bench.run(spec, DAY)
    place(bench, [*ROWS, prediction("odd", DAY, float("nan"))], LABELS)
    bench.run(spec, DAY)
    assert states(bench)[0].late_landed


@pytest.mark.parametrize("policy", list(OnConflict))
def test_labels_that_land_late_are_growth_by_every_policy(bench: Bench, policy: OnConflict) -> None:
    spec = monitor(Task.REGRESSION, segments=(), metrics=("mae",))
    spec = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    spec = place(bench, ROWS, LABELS, spec)
    bench.run(spec, DAY, day(8))
    place(bench, ROWS, [*LABELS, label("c0", day(1), 3.0, 9), label("c12", day(2), 2.0)])
    bench.run(spec, DAY, day(8))
    assert flagged(bench) == set()
    assert states(bench)[7].late_landed
