"""The same rows in every place give the same cells: what is counted does not depend on who counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hindsight.domain.spec import MonitorSpec
from warehouses import SPECS, Cells, agree, answers, cells, in_sqlite, logs_of, sqlite_url
from worlds import ZONE, Bench, Logs, at, monitor, odd_logs, written

FIRST = date(2013, 3, 7)
DAYS = [FIRST + timedelta(days=i) for i in range(6)]
"""With the 10th of March, a day of 23 hours."""

PLACES = ("table", "parquet", "csv", "jsonl", "sqlite")


def counted(bench: Bench, place: str, logs: Logs, spec: MonitorSpec, days: Sequence[date]) -> Cells:
    """What a monitor counts of logs in a place."""
    if place == "sqlite":
        file = bench.folder / "same.db"
        asked = replace(bench, url=sqlite_url(file).render_as_string())
        return cells(at(spec, in_sqlite(logs, file)), days, asked.runtime())
    return cells(at(spec, written(logs, place, bench.folder, bench.url)), days, bench.runtime())


@pytest.mark.parametrize("name", SPECS)
def test_every_place_gives_the_same_cells(bench: Bench, name: str) -> None:
    spec = SPECS[name]
    # NaN and infinities are garbage that not every place can hold.
    logs = logs_of(spec.task, 11, FIRST, len(DAYS), garbage=False)
    logs = replace(logs, labels=[row for row in logs.labels if row["actual"] == row["actual"]])
    found = {place: counted(bench, place, logs, spec, DAYS) for place in PLACES}
    assert sum(count for count, *_ in found["table"].values()) >= len(logs.predictions)
    for place in PLACES:
        agree(found["table"], found[place], loss=1.0)
    # Where an engine takes its logarithm from the machine, not a bit is apart.
    agree(found["parquet"], found["csv"])
    agree(found["parquet"], found["jsonl"])
    agree(found["table"], found["sqlite"])


def test_what_is_asked_besides_the_join_has_the_same_answers(bench: Bench) -> None:
    logs = odd_logs(16, FIRST, len(DAYS))
    told = answers(at(monitor(), written(logs, "table", bench.folder, bench.url)), DAYS, bench.runtime())
    assert all(told.values())
    file = bench.folder / "answers.db"
    here = {
        "parquet": answers(at(monitor(), written(logs, "parquet", bench.folder)), DAYS, bench.runtime()),
        "sqlite": answers(
            at(monitor(), in_sqlite(logs, file)),
            DAYS,
            replace(bench, url=sqlite_url(file).render_as_string()).runtime(),
        ),
    }
    for place, found in here.items():
        for question in told:
            assert found[question] == told[question], (place, question)


def test_what_is_no_number_is_set_aside_alike(bench: Bench) -> None:
    logs = odd_logs(12, FIRST, len(DAYS))
    found = {place: counted(bench, place, logs, monitor(), DAYS) for place in ("table", "parquet", "sqlite")}
    agree(found["table"], found["parquet"], loss=1.0)
    agree(found["table"], found["sqlite"])


@pytest.mark.parametrize("place", ["csv", "jsonl", "parquet", "sqlite"])
def test_names_that_look_like_numbers_stay_names(bench: Bench, place: str) -> None:
    logs = odd_logs(15, FIRST, len(DAYS), garbage=False)
    logs = replace(logs, labels=[row for row in logs.labels if row["actual"] == row["actual"]])
    spelt = {"JFK": "007", "LGA": "7", "EWR": "7.0", None: None}
    rows = [row | {"origin": spelt[row["origin"]], "version": "1.10"} for row in logs.predictions]
    logs = replace(logs, predictions=rows)
    found = counted(bench, place, logs, monitor(), DAYS)
    agree(counted(bench, "table", logs, monitor(), DAYS), found, loss=1.0)
    assert {"007", "7", "7.0"} <= {origin for _, origin, *_ in found}


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
def test_wall_clocks_are_read_alike_also_where_one_comes_twice_or_never(bench: Bench, zone: str) -> None:
    """A wall clock in a gap, or one that comes twice, is the later instant everywhere."""
    first = date(2013, 11, 1)  # the clocks of New York go back on the 3rd
    days = [first + timedelta(days=i) for i in range(5)]
    logs = odd_logs(13, first, len(days), garbage=False)

    def wall(moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    times = {"predicted_at": "timestamp", "logged_at": "timestamp"}
    logs = Logs(
        [row | {name: wall(row[name]) for name in times} for row in logs.predictions],
        [row | {"label_at": wall(row["label_at"])} for row in logs.labels if row["actual"] == row["actual"]],
        logs.prediction_types | times,
        logs.label_types | {"label_at": "timestamp"},
    )
    spec = monitor(
        timezone=str(ZONE),
        predictions=replace(monitor().predictions, timezone=zone),
        ground_truth=replace(monitor().ground_truth, timezone=zone),
    )
    found = {place: counted(bench, place, logs, spec, days) for place in ("table", "parquet", "csv")}
    agree(found["table"], found["parquet"], loss=1.0)
    agree(found["parquet"], found["csv"])
    file = bench.folder / "wall.db"
    place = in_sqlite(logs, file, lambda moment: moment.isoformat())
    asked = replace(bench, url=sqlite_url(file).render_as_string())
    agree(found["table"], cells(at(spec, place), days, asked.runtime()))


def test_the_whole_pipeline_writes_the_same_rows_from_sqlite(bench: Bench) -> None:
    logs = odd_logs(14, FIRST, len(DAYS))
    spec = monitor(predictions=replace(monitor().predictions, features=("carrier", "origin", "score")))
    bench.run(at(spec, written(logs, "table", bench.folder, bench.url)), DAYS[0], DAYS[-1])
    told = bench.dump()
    assert told.count("\n") > 1000
    bench.clear()
    file = bench.folder / "pipeline.db"
    place = in_sqlite(logs, file)
    replace(bench, url=sqlite_url(file).render_as_string()).run(at(spec, place), DAYS[0], DAYS[-1])
    assert bench.dump() == told
