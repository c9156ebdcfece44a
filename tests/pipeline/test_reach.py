"""Months of hours are asked for in parts, and what tasks ask of all history is little of each row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Convention, Grain, Horizon, Span
from hindsight.pipeline import detect_degradation, extract_predictions, join_ground_truth
from hindsight.pipeline.present import present_pairs
from hindsight.sources import feed, segments
from hindsight.windows import DayRange, Pair, shift
from worlds import Bench, Logs, at, label, monitor, prediction, written

BEGIN = datetime(2013, 4, 2, tzinfo=UTC)
LAST = Horizon(3, "h")


@pytest.fixture
def spec(bench: Bench) -> MonitorSpec:
    made = monitor(segments=("origin",), metrics=("recall",), grain=Grain.HOUR, windows=(Span(1, "h"),))
    truth = replace(
        made.ground_truth,
        convention=Convention.DEFAULT_NEGATIVE,
        silent_for=timedelta(hours=6),
        columns=replace(made.ground_truth.columns, landed="landed_at"),
    )
    rule = replace(made.maturity, horizons=(Horizon(1, "h"), LAST))
    day = BEGIN.date()
    rows = [prediction(f"p{n}", day + timedelta(days=n)) for n in range(8)]
    labels = [label(f"p{n}", day + timedelta(days=n), 1.0, 13) for n in range(8)]
    logs = Logs(rows, [row | {"landed_at": row["label_at"]} for row in labels])
    logs = replace(logs, label_types=logs.label_types | {"landed_at": "timestamptz"})
    return at(
        replace(made, ground_truth=truth, maturity=rule, segment_limit=1),
        written(logs, "parquet", bench.folder),
    )


def test_one_statement_reaches_over_so_many_hours_at_most(
    bench: Bench, spec: MonitorSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = DayRange(BEGIN, shift(BEGIN, 7 * 24 - 1))
    bench.run(spec, days.start, days.end)
    whole = bench.dump()
    bench.clear()
    reached: dict[str, list[int]] = {}

    def watched(place: Any, name: str) -> None:
        ask = getattr(place, name)

        def asking(statement: Any, calendar: Any, *more: Any) -> Any:
            reached.setdefault(name, []).append(len(calendar.midnights))
            return ask(statement, calendar, *more)

        monkeypatch.setattr(place, name, asking)

    for name in ("volume", "newest", "touched", "label_quality"):
        watched(feed, name)
    watched(segments, "by_day")
    for module in MODULES:
        monkeypatch.setattr(f"hindsight.pipeline.{module}.REACH", 20)
    for _ in range(2):  # the second time there are silent hours to ask for again
        extract_predictions(spec, days, bench.runtime())
        join_ground_truth(spec, days, bench.runtime())
    assert set(reached) == {"volume", "newest", "touched", "label_quality", "by_day"}
    # Besides the hours asked for there are the one before, the ages, and for labels the lookback.
    assert max(reached.pop("label_quality")) <= 20 + 2 * 24 + LAST.count + 2
    assert {name: max(sizes) <= 20 + LAST.count + 2 for name, sizes in reached.items()} == dict.fromkeys(
        reached, True
    )
    assert all(len(sizes) > 7 for sizes in reached.values())
    bench.run(spec, days.start, days.end)
    assert bench.dump() == whole


MODULES = ("extract", "join", "segments", "truth")


def test_a_run_does_not_read_what_it_does_not_need(
    bench: Bench, spec: MonitorSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(spec, BEGIN, shift(BEGIN, 5))

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("reads whole states")

    monkeypatch.setattr(bench.store, "window_states", never)
    with bench.store.transaction() as connection:
        found = present_pairs(connection, bench.store, spec)
    assert len(found) == 18
    assert found[Pair(LAST, BEGIN)] == spec.made_by
    detect_degradation(spec, DayRange(BEGIN, BEGIN), bench.runtime())
