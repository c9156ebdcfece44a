"""What is removed as too old, what stays, and that no later run writes anything else for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hindsight import faults
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Detection, Snapshot, WindowState
from hindsight.domain.spec import MonitorSpec, Reference, Retention
from hindsight.domain.values import NO_LABELS, Grain, Horizon, IncidentClass, Span
from hindsight.errors import HindsightError
from hindsight.pipeline.retention import remove_old
from hindsight.windows import DayRange
from worlds import Bench, Logs, at, local, monitor, odd_logs, written

FIRST = date(2013, 3, 1)
"""Nine days before a day of 23 hours."""

DAYS = 40
REFERENCE = DayRange(FIRST + timedelta(days=2), FIRST + timedelta(days=6))
HORIZONS = (Horizon(1), Horizon(3))


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def keeping(statistics: int | None = None, snapshots: int | None = None) -> Retention:
    return Retention(*(None if days is None else timedelta(days=days) for days in (statistics, snapshots)))


def landing(logs: Logs) -> Logs:
    """The same logs, whose rows say that they landed when they were known."""
    return replace(
        logs,
        predictions=[row | {"landed_at": row["logged_at"]} for row in logs.predictions],
        labels=[row | {"landed_at": row["label_at"]} for row in logs.labels],
        prediction_types=logs.prediction_types | {"landed_at": "timestamptz"},
        label_types=logs.label_types | {"landed_at": "timestamptz"},
    )


LOGS = landing(odd_logs(5, FIRST, DAYS))


@pytest.fixture
def spec(bench: Bench) -> MonitorSpec:
    """A monitor with a reference at the beginning, and detectors that need it; labels up to the 35th day."""
    spec = at(monitor(), written(LOGS, "parquet", bench.folder))
    sides = {
        side: replace(getattr(spec, side), columns=replace(getattr(spec, side).columns, landed="landed_at"))
        for side in ("predictions", "ground_truth")
    }
    return replace(
        spec,
        **sides,
        segments=(),
        metrics=("recall", "mean_score"),
        windows=(Span(5),),
        maturity=replace(spec.maturity, horizons=HORIZONS),
        reference=Reference(REFERENCE.start, REFERENCE.end),
        detectors=(
            Threshold(metric="recall", relative=-0.02, window=Span(5), at=Horizon(1), evidence=0.0),
            Threshold(
                metric="recall",
                relative=-0.02,
                adjust="score_mix",
                window=Span(3),
                at=Horizon(1),
                evidence=0.0,
                name="mix",
            ),
            Threshold(metric="volume", min=60, window=Span(1), at=NO_LABELS),
        ),
    )


def lines(bench: Bench) -> set[str]:
    return set(bench.dump().splitlines())


def records(bench: Bench) -> tuple[list[WindowState], list[Snapshot], list[Detection]]:
    with bench.store.transaction() as connection:
        return (
            bench.store.window_states(connection, "odd"),
            bench.store.snapshots(connection, "odd"),
            bench.store.detections(connection, "odd"),
        )


def incidents(bench: Bench) -> list[Any]:
    with bench.store.transaction() as connection:
        return bench.store.incidents(connection, "odd")


def test_without_retention_nothing_is_removed(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, on(0), on(9))
    before = bench.dump()
    assert remove_old(spec, bench.runtime()) == {"statistics": 0, "snapshots": 0, "detections": 0}
    assert bench.dump() == before


def test_a_monitor_that_never_ran_has_nothing_to_remove(bench: Bench, spec: MonitorSpec) -> None:
    remove_old(replace(spec, retention=keeping(20, 20)), bench.runtime())
    assert "odd" not in bench.dump().replace("# ", "")


def test_what_is_older_goes_and_the_reference_stays(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, on(0), on(34))
    before = lines(bench)
    remove_old(replace(spec, retention=keeping(20, 25)), bench.runtime())
    states, snapshots, detections = records(bench)
    days = {state.window_start.astimezone(local(on(0)).tzinfo) for state in states}
    there = {(day - timedelta(hours=4)).date() for day in days}
    assert there == {*REFERENCE, *(on(day) for day in range(15, 35))}
    first, reference = local(on(10), 0), (local(REFERENCE.start, 0), local(on(7), 0))
    for row in snapshots:
        within = reference[0] <= row.window_start and row.window_end <= reference[1]
        assert row.window_end > first or within, row
    assert {row.window_end for row in snapshots} >= {local(on(day), 0) for day in (11, 20, 35)}
    assert any(row.window_start == local(REFERENCE.start, 0) for row in snapshots)
    assert all(row.as_of > first for row in detections if row.incident_class is IncidentClass.DATA_QUALITY)
    assert lines(bench) <= before, "retention writes nothing"


def stays(bench: Bench, spec: MonitorSpec, keep: Retention, *later: tuple[int, int]) -> None:
    """Run days with retention between them, and hold what is left against the same days without it."""
    bench.run(spec, on(0), on(30))
    remove_old(replace(spec, retention=keep), bench.runtime())
    for first, last in later:
        bench.run(spec, on(first), on(last))
        once = bench.dump()
        bench.run(spec, on(first), on(last))
        assert bench.dump() == once, "a re-run changes nothing"
        remove_old(replace(spec, retention=keep), bench.runtime())
    kept, opened = lines(bench), incidents(bench)
    bench.clear()
    bench.run(spec, on(0), on(30))
    for first, last in later:
        bench.run(spec, on(first), on(last))
    everything = lines(bench)
    assert kept < everything
    assert '"pending"' not in "".join(kept - everything)
    remove_old(replace(spec, retention=keep), bench.runtime())
    assert lines(bench) == kept, "when it is removed does not matter"
    assert incidents(bench) == opened


@pytest.mark.parametrize("keep", [keeping(19, None), keeping(None, 19), keeping(19, 25), keeping(25, 19)])
def test_later_runs_neither_compute_it_anew_nor_write_pending_over_what_stays(
    bench: Bench, spec: MonitorSpec, keep: Retention
) -> None:
    stays(bench, spec, keep, (31, 31), (32, 34))


def test_a_run_of_an_older_day_near_the_edge_leaves_all_as_it_is(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, on(0), on(34))
    remove_old(replace(spec, retention=keeping(20, 25)), bench.runtime())
    before = bench.dump()
    for day in (15, 16, 20):
        bench.run(spec, on(day))
        assert bench.dump() == before, on(day)


def test_a_row_that_lands_late_near_the_edge_changes_its_windows_and_no_frozen_one(
    bench: Bench, spec: MonitorSpec
) -> None:
    bench.run(spec, on(0), on(30))
    remove_old(replace(spec, retention=keeping(19, 19)), bench.runtime())
    before = {row[:3]: row for row in keyed(bench)}
    told = next(
        row
        for row in LOGS.predictions
        if row["request_id"] and local(on(17), 1) <= row["predicted_at"] < local(on(17), 20)
    )
    late = {"request_id": told["request_id"], "actual": 1.0 - 0.0, "label_at": local(on(18), 1)}
    more = replace(LOGS, labels=[*LOGS.labels, late | {"landed_at": local(on(31), 3)}])
    written(more, "parquet", bench.folder)
    bench.run(spec, on(31))
    after = {row[:3]: row for row in keyed(bench)}
    changed = {key for key, row in before.items() if after.get(key) != row}
    assert all(local(on(13), 0) < key[1] for key in changed), "windows that hold the day, and none before"
    edge = local(on(12), 0)
    frozen = {key: row for key, row in before.items() if key[2] < edge}
    assert {key: after.get(key) for key in frozen} == frozen


def keyed(bench: Bench) -> list[tuple[Any, ...]]:
    """Snapshots as (what, end, start, row)."""
    return [
        ((row.window, row.horizon, row.metric, row.version), row.window_end, row.window_start, row)
        for row in records(bench)[1]
    ]


def test_a_day_that_was_removed_is_refused_and_a_run_over_the_whole_gap_fills_it(
    bench: Bench, spec: MonitorSpec
) -> None:
    bench.run(spec, on(0), on(34))
    whole = lines(bench)
    remove_old(replace(spec, retention=keeping(20)), bench.runtime())
    before = bench.dump()
    with pytest.raises(HindsightError) as refused:
        bench.run(spec, on(8), on(16))
    assert str(refused.value) == (
        "The results of odd are kept from 2013-03-16 on (retention.statistics), and 2013-03-09 is older: "
        "choose a later day, or fill the gap by one run of all days from there to 2013-03-18."
    )
    assert bench.dump() == before
    bench.run(spec, REFERENCE.start, REFERENCE.end)
    assert bench.dump() == before, "the reference can be run again"
    bench.run(spec, on(0), on(17))
    missing = whole - lines(bench)
    assert lines(bench) < whole
    starts = {moment for line in missing for moment in json.loads(line)[1:5] if moment.startswith("2013-02")}
    assert len(starts) == 3, "of days before the run only those of age 3d were there"


def test_snapshots_come_back_by_a_longer_retention_where_there_are_statistics(
    bench: Bench, spec: MonitorSpec
) -> None:
    bench.run(spec, on(0), on(34))
    whole = bench.dump()
    remove_old(replace(spec, retention=keeping(None, 20)), bench.runtime())
    assert bench.dump() != whole
    remove_old(replace(spec, retention=keeping(None, 99)), bench.runtime())
    bench.run(spec, on(34))
    assert bench.dump() == whole


def test_an_edit_leaves_windows_alone_of_which_days_were_removed(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, on(0), on(34))
    remove_old(replace(spec, retention=keeping(20, 30)), bench.runtime())
    frozen = [row for row in records(bench)[1] if local(on(7), 0) < row.window_start < local(on(15), 0)]
    assert frozen
    bench.run(replace(spec, hash="two"), on(35))
    after = records(bench)[1]
    assert [row for row in after if local(on(7), 0) < row.window_start < local(on(15), 0)] == frozen


def marks(bench: Bench) -> tuple[datetime | None, datetime | None]:
    with bench.store.transaction() as connection:
        found = bench.store.retained(connection, "odd")
    return found.statistics_from, found.snapshots_from


def test_where_nothing_was_removed_older_days_may_be_run(bench: Bench, spec: MonitorSpec) -> None:
    spec = replace(spec, reference=Reference(), detectors=(), retention=keeping(20, 25))
    bench.run(spec, on(30), on(34))
    assert remove_old(spec, bench.runtime()) == {"statistics": 0, "snapshots": 0, "detections": 0}
    assert marks(bench) == (None, None)
    bench.run(spec, on(2), on(29))
    assert min(state.window_start for state in records(bench)[0]) <= local(on(2), 0)
    removed = remove_old(spec, bench.runtime())
    assert removed["statistics"]
    assert removed["snapshots"]
    assert marks(bench) == (local(on(15), 0), local(on(10), 0))
    bench.run(spec, on(15), on(34))
    remove_old(spec, bench.runtime())
    assert marks(bench) == (local(on(15), 0), local(on(10), 0)), "they stay where something was removed"
    with pytest.raises(HindsightError, match="is older"):
        bench.run(spec, on(14))
    remove_old(replace(spec, retention=keeping(20, 30)), bench.runtime())
    assert marks(bench)[1] == local(on(5), 0), "snapshots come back where they are kept longer"
    remove_old(replace(spec, retention=keeping(20)), bench.runtime())
    assert marks(bench) == (local(on(15), 0), None)


DYING = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from hindsight import faults
from hindsight.domain.spec import Retention
from hindsight.pipeline.retention import remove_old
from hindsight.store import Store
from worlds import Bench, monitor
from dataclasses import replace
from datetime import date
from hindsight.domain.spec import Reference

def die(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

faults.hook = die
spec = replace(monitor(), retention=Retention(timedelta(days=20), timedelta(days=25)))
spec = replace(spec, reference=Reference(date(2013, 3, 3), date(2013, 3, 7)))
remove_old(spec, Bench(Store(sys.argv[1]), sys.argv[1], Path()).runtime())
"""


def test_killed_at_any_point_all_is_removed_or_nothing(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, on(0), on(34))
    before, seen = bench.dump(), []
    for point in faults.UPKEEP:
        command = [sys.executable, "-c", DYING, bench.url, point]
        paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        assert subprocess.run(command, env=paths, check=False).returncode == -signal.SIGKILL, point
        seen.append(bench.dump())
    remove_old(replace(spec, retention=keeping(20, 25), detectors=()), bench.runtime())
    after = bench.dump()
    assert set(seen[:-1]) == {before}, "nothing before the commit"
    assert seen[-1] == after != before


def test_hours_are_removed_by_the_hour(bench: Bench) -> None:
    first = datetime(2013, 3, 9, 5, tzinfo=UTC)
    hours = [first + timedelta(hours=i) for i in range(60)]  # over a change of the clock
    place = written(odd_logs(5, date(2013, 3, 9), 3), "parquet", bench.folder)
    spec = at(monitor(grain=Grain.HOUR, segments=(), metrics=("recall",), windows=(Span(3, "h"),)), place)
    spec = replace(spec, maturity=replace(spec.maturity, horizons=(Horizon(1, "h"),)))
    spec = replace(spec, retention=Retention(timedelta(hours=51), timedelta(hours=52)))
    bench.run(spec, hours[0], hours[58])
    remove_old(spec, bench.runtime())
    states, snapshots, _ = records(bench)
    assert {state.window_start for state in states} == set(hours[8:59])
    assert min(row.window_end for row in snapshots) == hours[8]
    bench.run(spec, hours[59])
    once = bench.dump()
    assert '"pending"' not in once
    bench.run(spec, hours[59])
    assert bench.dump() == once
    with pytest.raises(
        HindsightError, match=r"kept from 2013-03-09 08:00 on .* and 2013-03-09 05:00 is older"
    ):
        bench.run(spec, hours[5])
