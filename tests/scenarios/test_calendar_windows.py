"""Weeks and months: sums of their days, made once the last of them is computed, in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Maturity, Span, Status, Verdict
from hindsight.windows import DayRange
from worlds import ZONE, Bench, Logs, at, label, local, monitor, prediction, written

WEEK, MONTH = Span.parse("week"), Span.parse("month")
LATER = Horizon(1)
FIRST, LAST = date(2013, 2, 1), date(2013, 4, 1)
"""February, and March with its day of 23 hours; the run of the 1st of April judges it one day later."""

EVERY_DAY = list(DayRange(FIRST, LAST))


def world() -> tuple[Logs, dict[date, list[bool]]]:
    """Rows of every day, and whether each was right; the week from the 18th of February is a bad one."""
    draw = random.Random(8)
    predictions, labels = [], []
    right: dict[date, list[bool]] = {}
    for day in EVERY_DAY:
        for i in range(draw.randint(2, 7)):
            request_id, score = f"r{day}-{i}", draw.random()
            hit = draw.random() < (0.2 if date(2013, 2, 18) <= day <= date(2013, 2, 24) else 0.95)
            predictions.append(prediction(request_id, day, score, draw.choice([0.0, 12.0, 22.9])))
            actual = float((score >= 0.5) == hit)
            labels.append(label(request_id, day + timedelta(days=1), actual))
            right.setdefault(day, []).append(hit)
    return Logs(predictions, labels), right


@pytest.fixture
def spec(bench: Bench) -> MonitorSpec:
    made = monitor(segments=("origin",), metrics=("accuracy", "roc_auc"), windows=(WEEK, MONTH))
    made = replace(
        made,
        maturity=replace(made.maturity, horizons=(Horizon(1),)),
        detectors=(Threshold(metric="accuracy", min=0.6, window=WEEK, at=Horizon(1)),),
    )
    return at(made, written(world()[0], "parquet", bench.folder))


def seen(bench: Bench, window: Span, metric: str, horizon: Horizon = LATER) -> list[Snapshot]:
    with bench.store.transaction() as connection:
        return sorted(
            bench.store.snapshots(
                connection, "odd", window=window, metric=metric, horizon=horizon, segment="ALL"
            ),
            key=lambda snapshot: snapshot.window_start,
        )


def test_a_month_and_a_week_are_the_sums_of_their_days(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    _, right = world()
    january, february, march = seen(bench, MONTH, "accuracy")
    assert (january.window_end, january.status) == (local(FIRST, 0), Status.UNDEFINED)
    assert january.reason == "30 of 31 days were not computed at 1d, the first is 2013-01-01"
    for snapshot, first, after in (
        (february, FIRST, date(2013, 3, 1)),
        (march, date(2013, 3, 1), LAST),
    ):
        assert (snapshot.window_start, snapshot.window_end) == (local(first, 0), local(after, 0))
        rows = [hit for day in DayRange(first, after - timedelta(days=1)) for hit in right[day]]
        assert (snapshot.value, snapshot.n) == (pytest.approx(sum(rows) / len(rows), abs=1e-12), len(rows))
        assert (snapshot.status, snapshot.maturity) == (Status.OK, Maturity.MATURE)
    assert march.window_end - march.window_start == timedelta(days=31, hours=-1)

    weeks = seen(bench, WEEK, "accuracy")
    starts = [snapshot.window_start.astimezone(ZONE).date() for snapshot in weeks]
    assert starts == [date(2013, 1, 28) + timedelta(weeks=i) for i in range(9)]
    # Of the first week three days were never computed, and it says so.
    assert (weeks[0].status, weeks[0].maturity) == (Status.UNDEFINED, Maturity.PENDING)
    assert "3 of 7 days were not computed" in str(weeks[0].reason)
    for start, snapshot in zip(starts[1:], weeks[1:], strict=True):
        rows = [hit for day in DayRange(start, start + timedelta(days=6)) for hit in right[day]]
        assert (snapshot.value, snapshot.n) == (pytest.approx(sum(rows) / len(rows), abs=1e-12), len(rows))


def test_a_month_appears_with_its_last_day(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, date(2013, 2, 27))
    assert seen(bench, MONTH, "volume", NO_LABELS) == []
    bench.run(spec, date(2013, 2, 28))
    (volume,) = seen(bench, MONTH, "volume", NO_LABELS)
    assert volume.value == sum(len(rows) for day, rows in world()[1].items() if day.month == 2)
    ends = [local(FIRST, 0)]
    assert [snapshot.window_end for snapshot in seen(bench, MONTH, "accuracy")] == ends
    bench.run(spec, date(2013, 3, 1))
    ends.append(local(date(2013, 3, 1), 0))
    assert [snapshot.window_end for snapshot in seen(bench, MONTH, "accuracy")] == ends
    assert len(seen(bench, MONTH, "volume", NO_LABELS)) == 1


def test_a_detector_looks_at_a_week_when_it_is_over(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd")
    whole = [d for d in found if d.segment == "ALL"]
    assert {d.window for d in whole} == {WEEK}
    starts = [d.window_start.astimezone(ZONE).date() for d in whole]
    assert {start.weekday() for start in starts} == {0}
    assert len(set(starts)) == len(starts) == 9
    breaches = [d for d in whole if d.verdict is Verdict.BREACH]
    assert [d.window_start for d in breaches] == [local(date(2013, 2, 18), 0)]


def test_any_order_of_days_leaves_the_same_bytes(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    whole = bench.dump()
    cuts = [0, 11, 24, 28, 29, 41, len(EVERY_DAY)]
    parts = [EVERY_DAY[start:end] for start, end in pairwise(cuts)]
    for order in (parts[::-1], random.Random(2).sample(parts, len(parts))):
        bench.clear()
        for part in order:
            bench.run(spec, part[0], part[-1])
        assert bench.dump() == whole
