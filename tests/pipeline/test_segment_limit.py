"""However many values a segment column has: few are kept apart, nothing is lost, any order gives the same."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, OTHER, Horizon, Span
from hindsight.pipeline import segments
from hindsight.statistics import layout_of
from samples import write_parquet
from worlds import Bench, Logs, Row, at, in_a_row, local, monitor, odd_logs, prediction, watched, written

FIRST, DAYS = date(2013, 3, 7), 5
LAST = FIRST + timedelta(days=DAYS + 2)
RUN_DAYS = [FIRST + timedelta(days=i) for i in range(DAYS + 3)]
HOSTILE = ["it's", '"; drop table x; --', "(other)", "%s $1 :x {y}", "(null)", "東京"]


def crowded(seed: int = 11) -> Logs:
    """The odd world with an origin of some fifty values, some hostile, and other ones as time goes by."""
    draw = random.Random(seed)
    logs = odd_logs(seed, FIRST, DAYS)
    for row in logs.predictions:
        number = (row["predicted_at"] - local(FIRST, 0)).days
        drawn = min(int(draw.paretovariate(0.7)), 40)
        usual = f"s{(drawn + number // 3) % 50}"
        row["origin"] = draw.choice([*HOSTILE, None]) if draw.random() < 0.2 else usual
    return logs


def limited(limit: int = 6, **changes: Any) -> MonitorSpec:
    maturity = replace(monitor().maturity, horizons=(Horizon(1), Horizon(3)))
    changes = {"segments": ("origin", "carrier"), "metrics": ("recall", "roc_auc")} | changes
    return replace(monitor(segment_limit=limit, maturity=maturity), **changes)


def cells(bench: Bench, spec: MonitorSpec) -> dict[tuple[datetime, Horizon, str, str], str]:
    with bench.store.transaction() as connection:
        rows = bench.store.statistics(connection, "odd")
    return {(row.window_start, row.horizon, row.version, row.segment): row.payload for row in rows}


def added(payloads: Iterable[str]) -> dict[int, tuple[int, ...]]:
    """What several payloads hold together: by cell the sums of each number."""
    total: dict[int, list[int]] = {}
    for payload in map(json.loads, payloads):
        names = sorted(name for name in payload if name != "cell")
        for i, cell in enumerate(payload["cell"]):
            held = total.setdefault(cell, [0] * len(names))
            for j, name in enumerate(names):
                held[j] += payload[name][i]
    return {cell: tuple(numbers) for cell, numbers in total.items() if any(numbers)}


@pytest.mark.parametrize("kind, reference", [("parquet", False), ("table", True)])
def test_what_is_not_kept_apart_is_together_and_all_is_unchanged(
    bench: Bench, kind: str, reference: bool
) -> None:
    place = written(crowded(), kind, bench.folder, bench.url)
    spec, free = (at(limited(limit), place) for limit in (6, 1000))
    if reference:
        spec, free = watched(spec, FIRST, 3), watched(free, FIRST, 3)
    bench.run(free, FIRST, LAST)
    apart = cells(bench, free)
    bench.clear()
    bench.run(spec, FIRST, LAST)
    found = cells(bench, spec)
    by_group: dict[Any, list[str]] = defaultdict(list)
    counts: Counter[Any] = Counter()
    for (start, horizon, version, segment), payload in found.items():
        column = segment.partition("=")[0]
        if segment == ALL or column == "carrier":
            assert payload == apart[start, horizon, version, segment]
        by_group[start, horizon, version, column].append(payload)
        if column == "origin":
            counts[start, horizon, version] += segment != f"origin={OTHER}"
            if segment != f"origin={OTHER}":
                assert payload == apart[start, horizon, version, segment]
    for (start, horizon, version, column), payloads in by_group.items():
        if column == "origin":
            assert added(payloads) == added([found[start, horizon, version, ALL]])
    assert max(counts.values()) == 6, "as many as are allowed are kept apart"
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, "odd")
        snapshots = bench.store.snapshots(connection, "odd", segment=f"origin={OTHER}", window=Span(1))
    for state in states:
        group = [
            payload
            for (start, horizon, _, segment), payload in found.items()
            if (start, horizon, segment) == (state.window_start, state.horizon, f"origin={OTHER}")
        ]
        rows = layout_of(spec).parse([json.loads(payload) for payload in group] or [None])
        assert state.quality.get("other_segment", 0) == rows.predictions.sum()
    assert any(state.quality.get("other_segment") for state in states)
    assert snapshots


def test_values_kept_apart_are_the_most_frequent_ones_known_when_the_day_ended(bench: Bench) -> None:
    def rows(origin: str | None, count: int, **more: Any) -> list[Row]:
        return [prediction(f"{origin}-{i}", FIRST, origin=origin, **more) for i in range(count)]

    late = rows("late", 9, logged_at=local(FIRST + timedelta(days=1), 2))
    logged = [*rows("b", 2), *rows("a", 2), *rows("c", 2), *rows("most", 3), *rows(None, 2), *late]
    spec = at(limited(3, segments=("origin",)), written(Logs(logged, []), "table", bench.folder, bench.url))
    bench.run(spec, FIRST, RUN_DAYS[1])
    found = Counter((horizon.count, segment) for _, horizon, _, segment in cells(bench, spec))
    kept = {ALL, "origin=most", "origin=(null)", "origin=a", "origin=(other)"}
    assert set(found) == {(horizon, segment) for horizon in (0, 1) for segment in kept}
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, "odd", local(FIRST, 0), local(FIRST, 1))
    assert [state.quality["other_segment"] for state in states] == [4, 13]


def test_the_references_list_is_taken_once_and_has_room_for_the_days_own(bench: Bench) -> None:
    def rows(day: date, **origins: int) -> list[Row]:
        return [
            prediction(f"{day}-{name}-{i}", day, origin=name)
            for name, count in origins.items()
            for i in range(count)
        ]

    spec = replace(watched(limited(3, segments=("origin",)), FIRST, 2), detectors=())
    before = rows(RUN_DAYS[0], a=1, b=5) + rows(RUN_DAYS[1], a=5, x=1)
    after = rows(RUN_DAYS[2], x=1, n=9, m=8, a=1) + rows(RUN_DAYS[3], n=1)

    def kept(limit: int) -> list[set[str]]:
        """The origins kept apart on each day."""
        logs = Logs(before + after, [])
        chosen = at(replace(spec, segment_limit=limit), written(logs, "parquet", bench.folder))
        bench.clear()
        bench.run(chosen, FIRST, RUN_DAYS[3])
        found: dict[datetime, set[str]] = defaultdict(set)
        for start, _, _, segment in cells(bench, chosen):
            found[start].add(segment.removeprefix("origin="))
        return [names - {ALL} for _, names in sorted(found.items())]

    assert kept(3) == [{"a", "b"}, {"a", "x"}, {"a", "x", OTHER}, {OTHER}]
    assert kept(4) == [{"a", "b"}, {"a", "x"}, {"a", "x", "n", OTHER}, {"n"}]
    assert kept(2) == [{"a", "b"}, {"a", "x"}, {"a", OTHER}, {OTHER}]
    # The same monitor again, whose reference now holds other rows: the list stays as it was taken.
    grown = rows(RUN_DAYS[0], n=50, m=50)
    place = written(Logs(before + grown + after, []), "parquet", bench.folder)
    bench.run(at(replace(spec, segment_limit=2), place), RUN_DAYS[2])
    with bench.store.transaction() as connection:
        found = bench.store.statistics(connection, "odd", local(RUN_DAYS[2], 0), local(RUN_DAYS[2], 1))
    assert {row.segment for row in found} == {ALL, "origin=a", "origin=(other)"}


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda b, s: in_a_row(b, s, RUN_DAYS[::-1]), id="in reverse"),
        pytest.param(lambda b, s: in_a_row(b, s, random.Random(3).sample(RUN_DAYS, 8)), id="shuffled"),
        pytest.param(lambda b, s: (b.run(s, RUN_DAYS[3], LAST), b.run(s, FIRST, RUN_DAYS[4])), id="halves"),
    ],
)
def test_any_order_of_days_keeps_the_same_values_apart(
    bench: Bench, way: Callable[[Bench, MonitorSpec], Any]
) -> None:
    spec = watched(at(limited(), written(crowded(), "parquet", bench.folder)), FIRST, 3)
    bench.run(spec, FIRST, LAST)
    whole = bench.dump()
    assert OTHER in whole
    bench.clear()
    way(bench, spec)
    assert bench.dump() == whole


@pytest.mark.parametrize("reference", [False, True])
def test_a_backfill_keeps_apart_what_the_live_runs_did(bench: Bench, reference: bool) -> None:
    """A live run starts some hours after its day and sees what was logged since, and nothing later."""
    logs = crowded(5)
    spec = watched(limited(), FIRST, 3) if reference else limited()
    for day in RUN_DAYS:
        known = logs.known_before(local(day + timedelta(days=1), 9))
        bench.run(at(spec, written(known, "parquet", bench.folder)), day)
    live = bench.dump()
    assert OTHER in live
    bench.clear()
    bench.run(at(spec, written(logs, "parquet", bench.folder)), FIRST, LAST)
    assert bench.dump() == live


def test_a_long_history_is_asked_in_parts_that_name_few_values(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = at(limited(), written(crowded(), "parquet", bench.folder))
    bench.run(spec, FIRST, LAST)
    whole = bench.dump()
    bench.clear()
    monkeypatch.setattr(segments, "NAMED_AT_ONCE", 13)
    bench.run(spec, FIRST, LAST)
    assert bench.dump() == whole
    days, values = RUN_DAYS[:4], ("a", "b", "c", "d", "e", "f")
    same = {"origin": dict.fromkeys(days, values)}
    other = {"origin": {day: (*values[:5], str(day)) for day in days}}
    assert not segments.too_many(set().union(*(segments.lists_on(day, same) for day in days)))
    assert segments.too_many(set().union(*(segments.lists_on(day, other) for day in days)))


def test_which_duplicate_counts_does_not_depend_on_what_is_kept_apart(bench: Bench) -> None:
    rows = [prediction(f"r{i}", FIRST, 0.5, origin="k") for i in range(3)]
    rows += [prediction("twice", FIRST, 0.1, origin="k"), prediction("twice", FIRST, 0.9, origin="z")]
    found = []
    for limit in (1, 2):
        spec = at(limited(limit), written(Logs(rows, []), "parquet", bench.folder))
        bench.run(spec, FIRST)
        found.append({key: payload for key, payload in cells(bench, spec).items() if key[-1] == ALL})
        bench.clear()
    assert found[0] == found[1]


def test_a_hundred_thousand_values_make_few_lines(bench: Bench) -> None:
    rng = np.random.default_rng(1)
    count, many = 240_000, 100_000
    start = pd.Timestamp(local(FIRST, 0))
    frame = pd.DataFrame(
        {
            "request_id": [f"r{i}" for i in range(count)],
            "predicted_at": start + pd.to_timedelta(rng.integers(0, 2 * 86_400, count), unit="s"),
            "score": rng.random(count),
            "version": "v1",
            "origin": [f"user{i % many}" if i < 2 * many else f"top{i % 20:02d}" for i in range(count)],
            "carrier": rng.choice(["UA", "B6"], count),
        }
    )
    frame["logged_at"] = frame.predicted_at
    labels = frame[["request_id"]].sample(50_000, random_state=1)
    labels = labels.assign(actual=1.0, label_at=start + pd.Timedelta(days=2, hours=3))
    write_parquet(frame, bench.folder / "many.parquet")
    write_parquet(labels, bench.folder / "of_many.parquet")
    place = {
        "predictions": {"files": str(bench.folder / "many.parquet")},
        "labels": {"files": str(bench.folder / "of_many.parquet")},
    }
    spec = at(limited(20), place)
    bench.run(spec, FIRST, RUN_DAYS[2])
    found = cells(bench, spec)
    for day, after in pairwise(RUN_DAYS[:3]):
        segments_of = {
            segment
            for start, _, _, segment in found
            if local(day, 0) <= start < local(after, 0) and segment.startswith("origin")
        }
        assert segments_of == {f"origin=top{i:02d}" for i in range(20)} | {"origin=(other)"}
        mine = [
            payload
            for (start, horizon, _, segment), payload in found.items()
            if start == local(day, 0) and horizon == Horizon(1) and segment.startswith("origin")
        ]
        assert added(mine) == added([found[local(day, 0), Horizon(1), "v1", ALL]])
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, "odd", local(FIRST, 0), local(RUN_DAYS[1], 1))
    of_users = frame.origin.str.startswith("user")
    assert sum(s.quality["other_segment"] for s in states if s.horizon == Horizon(0)) == of_users.sum()
    whole = bench.dump()
    bench.clear()
    in_a_row(bench, spec, RUN_DAYS[2::-1])
    assert bench.dump() == whole
