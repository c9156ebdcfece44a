"""A monitor on a real distributed engine, against DuckDB on the same files: every cell."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psutil
import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from cluster import cluster, logs_of_workers

from hindsight.domain.spec import PredictionLog
from hindsight.errors import SourceError
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import DatabaseSource
from hindsight.sources.base import Kind
from warehouses import SPECS, agree, answers, cells, logs_of
from worlds import Logs, at, monitor, odd_logs, write_parquet

FIRST = date(2013, 3, 7)
DAYS = [FIRST + timedelta(days=i) for i in range(6)]
NUMBERS = count()
FILES = 4


@dataclass(frozen=True)
class Spark:
    """A running cluster, and a folder that it and we can read."""

    url: sa.URL
    folder: Path

    def runtime(self) -> Runtime:
        return Runtime(None, lambda _: self.url, lambda _: None, self.folder)  # type: ignore[arg-type]

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Statements of a user who may do more than read; the rows of the last."""
        engine = sa.create_engine(self.url)
        with engine.connect() as connection:
            for statement in statements:
                found = connection.exec_driver_sql(statement)
                rows = [tuple(row) for row in found] if found.returns_rows else []
        engine.dispose()
        return rows

    def tables(self, folders: Mapping[str, Path]) -> dict[str, Any]:
        """Tables on folders of Parquet files; says where they are."""
        schema = f"logs_{next(NUMBERS)}"
        self.run(
            f"CREATE SCHEMA {schema}",
            *(f"CREATE TABLE {schema}.{name} USING PARQUET LOCATION '{at}'" for name, at in folders.items()),
        )
        return {name: {"connection": "lake", "table": f"{schema}.{name}"} for name in folders}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    folder = tmp_path_factory.mktemp("spark")
    before = perf_counter()
    with cluster(folder) as port:
        print(f"\nSpark's Thrift server took connections after {perf_counter() - before:.0f} s")
        yield Spark(sa.make_url(f"hive://hindsight@127.0.0.1:{port}/default"), folder)


def spread(logs: Logs, folder: Path) -> dict[str, Path]:
    """Both logs as folders of several Parquet files, so that there is something to distribute."""
    place = folder / f"files{next(NUMBERS)}"
    for name, types, rows in (
        ("predictions", logs.prediction_types, logs.predictions),
        ("labels", logs.label_types, logs.labels),
    ):
        (place / name).mkdir(parents=True)
        for i in range(FILES):
            write_parquet(place / name / f"part{i}.parquet", types, rows[i::FILES])
    return {name: place / name for name in ("predictions", "labels")}


def on_files(folders: Mapping[str, Path]) -> dict[str, Any]:
    return {name: {"files": f"{folder}/*.parquet"} for name, folder in folders.items()}


def queried(query: str) -> PredictionLog:
    return replace(monitor().predictions, connection="lake", query=query)


def executors() -> list[psutil.Process]:
    """The worker processes below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it may end while we look
            if "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.mark.parametrize("name", SPECS)
def test_spark_counts_every_cell_as_duckdb_does(spark: Spark, name: str) -> None:
    spec = SPECS[name]
    folders = spread(logs_of(spec.task, 21, FIRST, len(DAYS)), spark.folder)
    here = cells(at(spec, on_files(folders)), DAYS, spark.runtime())
    there = cells(at(spec, spark.tables(folders)), DAYS, spark.runtime())
    agree(here, there, loss=1.0)
    assert sum(n for n, *_ in there.values()) > 500


def test_wall_clocks_are_read_as_duckdb_reads_them(spark: Spark) -> None:
    zone, first = "America/New_York", date(2013, 11, 1)
    days = [first + timedelta(days=i) for i in range(5)]
    logs = odd_logs(22, first, len(days))

    def wall(moment: datetime | None) -> datetime | None:
        return None if moment is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    times = {"predicted_at": "timestamp", "logged_at": "timestamp"}
    logs = Logs(
        [row | {name: wall(row[name]) for name in times} for row in logs.predictions],
        [row | {"label_at": wall(row["label_at"])} for row in logs.labels],
        logs.prediction_types | times,
        logs.label_types | {"label_at": "timestamp"},
    )
    folders = spread(logs, spark.folder)
    spec = monitor(
        predictions=replace(monitor().predictions, timezone=zone),
        ground_truth=replace(monitor().ground_truth, timezone=zone),
    )
    here = cells(at(spec, on_files(folders)), days, spark.runtime())
    agree(here, cells(at(spec, spark.tables(folders)), days, spark.runtime()), loss=1.0)


def test_what_is_asked_besides_the_join_has_the_same_answers(spark: Spark) -> None:
    folders = spread(odd_logs(23, FIRST, len(DAYS)), spark.folder)
    here = answers(at(monitor(), on_files(folders)), DAYS, spark.runtime())
    there = answers(at(monitor(), spark.tables(folders)), DAYS, spark.runtime())
    for question in here:
        assert there[question] == here[question], question


def test_a_hundred_thousand_predictions_on_two_workers(spark: Spark) -> None:
    """Made by DuckDB: late and revised labels, duplicates, five segments, three versions."""
    folders = {name: spark.folder / "many" / name for name in ("predictions", "labels")}
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute("SELECT setseed(0.5)")
        engine.execute(
            """CREATE TABLE predictions AS
            SELECT md5((i - (i % 50 = 0)::INT)::TEXT) AS request_id,
              TIMESTAMPTZ '2013-03-07 05:00:00+00'
                + to_microseconds((random() * 86400e6 * 4)::BIGINT) AS predicted_at,
              random() AS score, 'v' || i % 3 AS version,
              ['JFK', 'LGA', 'EWR', 'BOS', NULL][1 + i % 5] AS origin, ['UA', 'B6'][1 + i % 2] AS carrier
            FROM range(100000) t(i)"""
        )
        engine.execute("ALTER TABLE predictions ADD COLUMN logged_at TIMESTAMPTZ")
        engine.execute("UPDATE predictions SET logged_at = predicted_at + INTERVAL 1 SECOND")
        engine.execute(
            """CREATE TABLE labels AS
            SELECT request_id, (random() < score)::INT::DOUBLE AS actual,
              predicted_at + to_microseconds((3600e6 - ln(1 - random()) * 86400e6 * 2)::BIGINT) AS label_at
            FROM predictions, range(2) WHERE random() < 0.5"""
        )
        for name, folder in folders.items():
            folder.mkdir(parents=True)
            for i in range(FILES):
                chosen = f"SELECT * FROM {name} WHERE hash(request_id) % {FILES} = {i}"
                engine.execute(f"COPY ({chosen}) TO '{folder}/part{i}.parquet' (FORMAT PARQUET)")
    spec, days = monitor(), DAYS[:4]
    before = perf_counter()
    here = cells(at(spec, on_files(folders)), days, spark.runtime())
    alone = perf_counter() - before
    place = spark.tables(folders)
    took = []
    for _ in range(2):
        before = perf_counter()
        there = cells(at(spec, place), days, spark.runtime())
        took.append(perf_counter() - before)
        agree(here, there, loss=1.0)
    rows = sum(n for (*_, carrier, _key), (n, *_) in there.items() if carrier is None)
    seconds = f"{took[0]:.1f} s, again {took[1]:.1f} s; DuckDB {alone:.1f} s"
    print(f"\n{len(there)} cells of {rows} joined rows: {seconds}")
    assert len(executors()) == 2
    logs = logs_of_workers(spark.folder)
    assert len(logs) == 2
    assert all("Finished task" in log for log in logs)


def test_columns_have_their_kinds(spark: Spark) -> None:
    query = (
        "select 'x' as t, 1 as i, cast(1 as decimal(10, 2)) as d, 1.5e0 as f, true as b, "
        "current_timestamp() as at, cast(current_timestamp() as timestamp_ntz) as wall, "
        "current_date() as day, array(1.0) as many"
    )
    location = queried(query)
    with DatabaseSource(location, lambda _: spark.url, spark.folder) as source:
        _, kinds = source.relation(location, "predictions")
    assert kinds == {
        "t": Kind.TEXT,
        "i": Kind.NUMBER,
        "d": Kind.NUMBER,
        "f": Kind.NUMBER,
        "b": Kind.BOOLEAN,
        "at": Kind.INSTANT,
        "wall": Kind.WALL_CLOCK,
        "day": Kind.OTHER,
        "many": Kind.OTHER,
    }


@pytest.mark.parametrize(
    "query, said",
    [
        (
            "select * from gone",
            "The query on connection 'lake' cannot be read: [TABLE_OR_VIEW_NOT_FOUND] The table or ",
        ),
        (
            "select 1) as x; drop schema default; select * from (select 1",
            "The query on connection 'lake' is more than one SELECT",
        ),
        (
            "insert into logs values (1)",
            "The query on connection 'lake' cannot be read: [PARSE_SYNTAX_ERROR]",
        ),
    ],
)
def test_what_spark_refuses_is_told_in_its_own_words(spark: Spark, query: str, said: str) -> None:
    location = queried(query)
    with (
        DatabaseSource(location, lambda _: spark.url, spark.folder) as source,
        pytest.raises(SourceError) as caught,
    ):
        source.relation(location, "predictions")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_query_is_run_as_it_is_written(spark: Spark) -> None:
    query = "select 'a:b' as x, '100%' as y, '%(z)s' as z, timestamp '2024-03-01 12:30:00' as at -- all;"
    location = queried(query)
    with DatabaseSource(location, lambda _: spark.url, spark.folder) as source:
        rows, _ = source.relation(location, "predictions")
        found = source.fetch(sa.select(*rows.c))
    assert found == [("a:b", "100%", "%(z)s", datetime(2024, 3, 1, 12, 30, tzinfo=UTC))]


def test_a_server_that_does_not_answer_is_a_source_error() -> None:
    location = replace(monitor().predictions, connection="lake", table="t")
    url = sa.make_url("hive://hindsight@127.0.0.1:1/default")
    with DatabaseSource(location, lambda _: url, Path()) as source, pytest.raises(SourceError) as caught:
        source.relation(location, "predictions")
    assert str(caught.value).startswith("Table 't' on connection 'lake' cannot be read: ")
