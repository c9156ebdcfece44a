"""What a run says of the windows that fell due in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from hindsight.domain.values import ALL, Horizon, Span
from hindsight.pipeline import announce, announced
from hindsight.windows import DayRange
from worlds import Bench, at, label, monitor, odd_logs, prediction, written

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
