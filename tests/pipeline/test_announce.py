"""What a run says of the windows that fell due in it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from hindsight.domain.values import ALL, Convention, Horizon, Span
from hindsight.pipeline import announce, announced
from hindsight.pipeline.announce import unwritten, written_again
from hindsight.windows import DayRange, Pair
from worlds import ZONE, Bench, Logs, at, label, local, monitor, odd_logs, prediction, written

FIRST = date(2013, 3, 5)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def test_a_run_of_one_day_tells_of_that_day_and_of_those_that_come_of_age(bench: Bench) -> None:
    rows = [prediction(f"r{day}-{i}", on(day)) for day in range(10) for i in range(10)]
    late = [label(f"r{day}-{i}", on(day + 1), hour=20) for day in range(8) for i in range(day)]
    logs = odd_logs(1, FIRST, 1)
    logs = replace(logs, predictions=rows, labels=late)
    spec = at(monitor(segments=()), written(logs, "parquet", bench.folder))
    bench.run(spec, on(9))
    assert announced(spec, DayRange(on(9), on(9)), bench.runtime()) == {
        str(on(2)): {"7d": {"maturity": "provisional", "coverage": 0.2}},
        str(on(6)): {"3d": {"maturity": "mature", "coverage": 0.6}},
        str(on(8)): {"1d": {"maturity": "provisional", "coverage": 0.0}},
        str(on(9)): {"0d": {"maturity": "mature", "coverage": None}},
    }
    bench.run(spec, on(0))
    assert announced(spec, DayRange(on(0), on(0)), bench.runtime())[str(on(-7))] == {
        "7d": {"maturity": "provisional", "coverage": None}
    }


def test_what_is_told_is_what_the_snapshots_say(bench: Bench) -> None:
    spec = at(monitor(segments=()), written(odd_logs(4, FIRST, 8), "parquet", bench.folder))
    days = DayRange(on(0), on(7))
    bench.run(spec, days.start, days.end)
    told = announced(spec, days, bench.runtime())
    assert list(told) == sorted(told)
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(
            connection, "odd", metric="coverage", window=Span(1), segment=ALL, horizon=Horizon(1)
        )
    for row in found:
        day = str((row.window_end - timedelta(hours=12)).date())
        if day in told and "1d" in told[day] and row.version == "v1" and day < str(on(4)):
            assert told[day]["1d"] == {"maturity": row.maturity, "coverage": round(row.coverage or 0, 4)}


def test_a_run_over_long_history_tells_of_its_newest_windows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "MOST", 3)
    spec = at(monitor(segments=()), written(odd_logs(4, FIRST, 8), "parquet", bench.folder))
    bench.run(spec, on(0), on(7))
    told = announced(spec, DayRange(on(0), on(7)), bench.runtime())
    assert list(told) == [str(on(5)), str(on(6)), str(on(7))]
    assert list(told[str(on(6))]) == ["0d", "1d"]


def landing(logs: Logs) -> Logs:
    """The same logs, whose labels say that they landed when they were learnt, unless they say otherwise."""
    labels = [{"landed_at": row["label_at"]} | row for row in logs.labels]
    return replace(logs, labels=labels, label_types=logs.label_types | {"landed_at": "timestamptz"})


def test_what_changes_besides_is_told_again_also_by_a_second_try(bench: Bench) -> None:
    rows = [prediction(f"r{day}-{i}", on(day)) for day in range(12) for i in range(10)]
    soon = [label(f"r{day}-{i}", on(day + 1)) for day in range(10) for i in range(4)]
    logs = replace(odd_logs(1, FIRST, 1), predictions=rows, labels=soon)
    spec = at(monitor(segments=()), written(landing(logs), "parquet", bench.folder))
    columns = replace(spec.ground_truth.columns, landed="landed_at")
    spec = replace(spec, ground_truth=replace(spec.ground_truth, columns=columns))
    assert bench.run(spec, on(0), on(10))["join_ground_truth"]["again"] == {}
    # Learnt before the third midnight, and it lands on the eleventh day.
    late = [label(f"r0-{i}", on(2)) | {"landed_at": local(on(11), 3)} for i in range(4, 6)]
    written(landing(replace(logs, labels=[*soon, *late])), "parquet", bench.folder)
    again = bench.run(spec, on(11))["join_ground_truth"]["again"]
    assert again == {str(on(0)): ["3d", "7d"]}
    assert json.loads(json.dumps(again)) == again, "it goes through XCom"
    due = announced(spec, DayRange(on(11), on(11)), bench.runtime())
    told = announced(spec, DayRange(on(11), on(11)), bench.runtime(), again)
    revised = {age: {"maturity": "mature", "coverage": 0.6} for age in ("3d", "7d")}
    assert told == {str(on(0)): revised} | due
    assert list(told) == sorted(told)
    assert bench.run(spec, on(11))["join_ground_truth"]["again"] == {}, "told once"


def test_hours_that_change_besides_keep_their_key() -> None:
    hour = datetime(2013, 3, 10, 7, tzinfo=UTC)  # after the change of the clock
    pairs = {Pair(Horizon(age, "h"), hour) for age in (0, 3)}
    again = written_again(pairs)
    assert again == {"2013-03-10T07:00Z": ["0d", "3h"]}
    assert unwritten(again) == pairs


@pytest.mark.parametrize("silent", [False, True])
def test_where_a_missing_label_is_a_no_a_window_is_pending_until_the_last_age(
    bench: Bench, silent: bool
) -> None:
    rows = [prediction(f"r{day}-{i}", on(day)) for day in range(10) if day != 1 for i in range(10)]
    until = 2 if silent else 10
    labels = [label(f"r{day}-{i}", on(day + 1)) for day in range(until) for i in range(8)]
    logs = replace(odd_logs(1, FIRST, 1), predictions=rows, labels=labels)
    spec = at(monitor(segments=()), written(logs, "parquet", bench.folder))
    spec = replace(spec, ground_truth=replace(spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE))
    days = DayRange(on(0), on(9))
    bench.run(spec, days.start, days.end)
    told = announced(spec, days, bench.runtime())
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(connection, "odd", metric="coverage", window=Span(1), segment=ALL)
    seen = {
        (str(row.window_end.astimezone(ZONE).date() - timedelta(days=1)), str(row.horizon)): row
        for row in found
    }
    compared = Counter(
        (age, said["maturity"], row.maturity.value)
        for day, ages in told.items()
        for age, said in ages.items()
        if age != "0d" and (row := seen.get((day, age)))
    )
    assert compared
    assert all(said == stored for _, said, stored in compared), compared
    last = "pending" if silent else "mature"
    assert (told[str(on(2))]["1d"]["maturity"], told[str(on(2))]["7d"]["maturity"]) == ("pending", last)
    assert told[str(on(1))]["7d"]["maturity"] == "provisional", "a day without a prediction waits for nothing"
