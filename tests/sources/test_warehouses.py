"""What is particular about each database: SQLite for real, the others by what they say and are told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from hindsight.domain.spec import GroundTruth, LabelColumns, Location, PredictionColumns, PredictionLog
from hindsight.errors import SourceError
from hindsight.sources import DatabaseSource
from hindsight.sources.base import Kind
from hindsight.sources.database import leaves_its_brackets
from hindsight.sources.engines import EPOCH, microseconds
from hindsight.sources.warehouses import (
    FUNCTIONS,
    WAREHOUSES,
    BigQuery,
    ClickHouse,
    Snowflake,
    Spark,
    Trino,
    kind_of,
    read_time,
)

Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Make a SQLite file by statements."""

    def make(*statements: str) -> Path:
        path = tmp_path / "logs with a ? and a #.db"
        connection = sqlite3.connect(path)
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return path

    return make


def log(**options: Any) -> PredictionLog:
    columns = PredictionColumns(id="id", time="at", score="p", version="v")
    return PredictionLog(connection="lite", columns=columns, **options)


def opened(path: Path, location: Location) -> DatabaseSource:
    return DatabaseSource(location, lambda _: sa.URL.create("sqlite", database=str(path)), Path())


def read(path: Path, location: Location) -> tuple[list[tuple[Any, ...]], dict[str, Kind]]:
    with opened(path, location) as source:
        rows, kinds = source.relation(location, "predictions")
        return source.fetch(sa.select(*rows.c)), dict(kinds)


TABLE = "create table t (id text, at timestamp, p real, v varchar(9), served boolean)"


@pytest.mark.parametrize(
    "text, instant",
    [
        ("2024-03-01T12:30:00Z", "2024-03-01T12:30:00"),
        ("2024-03-01 12:30:00", "2024-03-01T11:30:00"),
        ("2024-03-01T12:30", "2024-03-01T11:30:00"),
        ("2024-03-01", "2024-02-29T23:00:00"),
        ("2024-03-01 12:30:00.5", "2024-03-01T11:30:00.500000"),
        ("2024-03-01T12:30:00.123456789+02:00", "2024-03-01T10:30:00.123456"),
        ("2024-03-01 12:30:00-0530", "2024-03-01T18:00:00"),
        (" 2024-03-01T12:30:00+00:00 ", "2024-03-01T12:30:00"),
        ("2024-10-27 02:30:00", "2024-10-27T01:30:00"),  # comes twice: the later
        ("2024-03-31 02:30:00", "2024-03-31T01:30:00"),  # never comes: the later
    ],
)
def test_iso_text_is_an_instant_and_without_an_offset_a_wall_clock(
    made: Made, text: str, instant: str
) -> None:
    path = made(TABLE, f"insert into t values ('a', '{text}', 0.5, 'v1', 1)")
    rows, kinds = read(path, log(table="t", timezone="Europe/Berlin"))
    assert rows == [("a", datetime.fromisoformat(instant).replace(tzinfo=UTC), 0.5, "v1", 1)]
    assert kinds == {
        "id": Kind.TEXT,
        "at": Kind.INSTANT,
        "p": Kind.NUMBER,
        "v": Kind.TEXT,
        "served": Kind.NUMBER,
    }


@given(st.datetimes(timezones=st.timezones()))
def test_any_instant_survives_its_text(moment: datetime) -> None:
    # Through UTC, for Python calls instants of two zones different where a wall clock comes twice.
    assert read_time(moment.isoformat(), "UTC").astimezone(UTC) == moment.astimezone(UTC)
    assert EPOCH + timedelta(microseconds=microseconds(moment)) == moment.astimezone(UTC)


@pytest.mark.parametrize("text", ["03/01/2024", "yesterday", "", "2024-13-01"])
def test_text_that_is_no_time_is_refused_with_the_text(made: Made, text: str) -> None:
    path = made(TABLE, f"insert into t values ('a', '{text}', 0.5, 'v1', 1)")
    with pytest.raises(SourceError) as caught:
        read(path, log(table="t"))
    assert str(caught.value) == (
        f"The query on connection 'lite' failed: {text!r} is no time that can be compared; SQLite's are "
        "read as ISO 8601 text, such as '2024-03-01T12:30:00Z'"
    )


@pytest.mark.parametrize("text", ["1709296200", "20240301", "20240301T123000Z", "2024-W09-5"])
def test_text_that_may_be_a_count_of_seconds_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_time(text, "UTC")


def test_epoch_seconds_are_made_times_by_a_query(made: Made) -> None:
    path = made("create table t (id text, at integer, p real)", "insert into t values ('a', 1709296200, 0.5)")
    assert read(path, log(table="t"))[1]["at"] is Kind.NUMBER
    query = "select id, datetime(at, 'unixepoch') || 'Z' as at, p from t"
    rows, kinds = read(path, log(query=query))
    assert kinds["at"] is Kind.INSTANT
    assert rows == [("a", datetime(2024, 3, 1, 12, 30, tzinfo=UTC), 0.5)]


def test_what_is_no_number_among_numbers_is_null(made: Made) -> None:
    path = made(
        "create table t (id, at, p)",
        *(f"insert into t values ('a', '2024-03-01', {p})" for p in ("0.5", "1", "null")),
        *(f"insert into t values ('filler{i}', '2024-03-01', 0.25)" for i in range(1000)),
        "insert into t values ('late', '2024-03-01', 'n/a')",
    )
    rows, kinds = read(path, log(table="t"))
    assert kinds["p"] is Kind.NUMBER
    assert [p for *_, p in rows[:3]] == [0.5, 1, None]
    assert rows[-1][2] is None


def test_columns_of_an_empty_table_are_what_it_declares_or_what_they_are_used_as(made: Made) -> None:
    path = made("create table t (id integer, at datetime, p, v, n decimal(3, 1), day date)")
    _, kinds = read(path, log(table="t"))
    assert {name: kind.name for name, kind in kinds.items()} == {
        "id": "NUMBER",
        "at": "INSTANT",
        "p": "NUMBER",
        "v": "TEXT",
        "n": "NUMBER",
        "day": "TEXT",
    }
    labels = GroundTruth(
        connection="lite",
        columns=LabelColumns(id="id", actual="p", time="at"),
        query="select id || '' as id, at || '' as at, p from t",
    )
    assert read(path, labels)[1] == {"id": Kind.TEXT, "at": Kind.INSTANT, "p": Kind.NUMBER}


@pytest.mark.parametrize(
    "query",
    [
        "delete from t returning *",
        "select 1 as x); delete from t; select * from (select 1 as x",
        "with gone as (select 1) insert into t select * from t returning *",
    ],
)
def test_sqlite_is_opened_for_reading_only(made: Made, query: str) -> None:
    path = made(TABLE, "insert into t values ('a', '2024-03-01', 0.5, 'v1', 1)")
    with pytest.raises(SourceError, match="'lite'"):
        read(path, log(query=query))
    source = opened(path, log(table="t"))
    with (
        source,
        source._engine.connect() as connection,
        pytest.raises(sa.exc.OperationalError, match="readonly"),
    ):
        connection.exec_driver_sql("delete from t")
    assert len(read(path, log(table="t"))[0]) == 1


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Table 't' on connection 'lite' cannot be read: unable to open"):
        read(tmp_path / "none.db", log(table="t"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_sqlite_may_lack_is_as_its_own(name: str) -> None:
    own, ours = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    ours.create_function(name, 1, FUNCTIONS[name], deterministic=True)
    for value in (0.5, 1e300, 2.0, -0.0, -1.5, None, 0.0, float("inf"), 7):
        if name == "ceil" and value == 7:
            continue  # an integer stays one only to SQLite
        asked = (f"select {name}(?)", (value,))
        assert ours.execute(*asked).fetchall() == own.execute(*asked).fetchall(), value
    own.close()
    ours.close()


def test_an_instant_is_computed_once_a_row(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(
        "create table t (id text, at text, p real)",
        "insert into t with recursive r(i) as (select 1 union all select i + 1 from r where i < 500) "
        "select 'r' || i, '2024-03-01T12:30:00Z', 0.5 from r",
    )
    asked = []
    from hindsight.sources import warehouses

    def counting(text: object, zone: str) -> datetime:
        asked.append(text)
        return read_time(text, zone)

    monkeypatch.setattr(warehouses, "read_time", counting)
    location = log(table="t")
    with opened(path, location) as source:
        rows, _ = source.relation(location, "predictions")
        moments = [datetime(2024, 3, day, tzinfo=UTC) for day in range(1, 9)]
        tree = sa.case(
            *((rows.c.at < sa.literal(m, sa.DateTime(timezone=True)), i) for i, m in enumerate(moments))
        )
        assert source.fetch(sa.select(tree, sa.func.count()).group_by(tree)) == [(1, 500)]
    assert len(asked) == 500


@pytest.mark.parametrize(
    "scheme, package",
    [
        ("snowflake", "snowflake-sqlalchemy"),
        ("bigquery", "sqlalchemy-bigquery"),
        ("databricks", "databricks-sqlalchemy"),
        ("trino", "trino[sqlalchemy]"),
        ("hive", "pyhive[hive-pure-sasl]"),
        ("clickhousedb", "clickhouse-connect[sqlalchemy]"),
    ],
)
def test_a_package_that_is_not_installed_is_named(scheme: str, package: str) -> None:
    url = sa.make_url(f"{scheme}://user:s3cr3t@host/db")
    with pytest.raises(SourceError) as caught:
        DatabaseSource(log(table="t"), lambda _: url, Path())
    start = f"Connection 'lite' is of type {scheme!r}, whose package is not installed: install {package} ("
    assert str(caught.value).startswith(start)
    assert "s3cr3t" not in str(caught.value)


def test_another_kind_of_database_is_refused_with_those_that_are_read() -> None:
    with pytest.raises(SourceError) as caught:
        DatabaseSource(log(table="t"), lambda _: sa.make_url("oracle://host/db"), Path())
    assert str(caught.value) == (
        "Connection 'lite' is of type 'oracle': logs are read from postgresql, sqlite, hive, databricks, "
        "snowflake, bigquery, trino, clickhousedb, or from `files`."
    )


@pytest.mark.parametrize(
    "warehouse, code, kind",
    [
        (Snowflake, 0, Kind.NUMBER),
        (Snowflake, 2, Kind.TEXT),
        (Snowflake, 6, Kind.INSTANT),
        (Snowflake, 7, Kind.INSTANT),
        (Snowflake, 8, Kind.WALL_CLOCK),
        (Snowflake, 13, Kind.BOOLEAN),
        (Snowflake, 99, Kind.OTHER),
        (BigQuery, "TIMESTAMP", Kind.INSTANT),
        (BigQuery, "DATETIME", Kind.WALL_CLOCK),
        (BigQuery, "BIGNUMERIC", Kind.NUMBER),
        (Trino, "timestamp(3) with time zone", Kind.INSTANT),
        (Trino, "timestamp(3)", Kind.WALL_CLOCK),
        (Trino, "varchar(20)", Kind.TEXT),
        (Trino, "row(a bigint)", Kind.OTHER),
        (Spark, "timestamp", Kind.INSTANT),
        (Spark, "timestamp_ntz", Kind.WALL_CLOCK),
        (Spark, "decimal(10,2)", Kind.NUMBER),
        (Spark, "array<double>", Kind.OTHER),
        (ClickHouse, "DateTime", Kind.INSTANT),
        (ClickHouse, "DateTime64(6, 'UTC')", Kind.INSTANT),
        (ClickHouse, "LowCardinality(Nullable(String))", Kind.TEXT),
        (ClickHouse, "Nullable(Decimal(18, 4))", Kind.NUMBER),
        (ClickHouse, "Enum8('a' = 1)", Kind.TEXT),
        (ClickHouse, "Bool", Kind.BOOLEAN),
        (ClickHouse, "Date", Kind.OTHER),
    ],
)
def test_types_have_kinds_by_the_names_that_engines_give_them(
    warehouse: Any, code: object, kind: Kind
) -> None:
    assert warehouse().kind(code) is kind


def test_a_name_that_nobody_knows_is_something_else() -> None:
    assert kind_of("geography", frozenset()) is Kind.OTHER


@pytest.mark.parametrize(
    "query, leaves",
    [
        ("select 1", False),
        ("select 1;", False),
        ("select (1), ')' as x, \"a)b\" as y, `c)` as z -- )\n from t /* ; */", False),
        ("select 'it''s; )' as x", False),
        ("select 1; select 2", True),
        ("select 1) as x, (select 2", True),
    ],
)
def test_a_query_that_leaves_its_brackets_is_seen(query: str, leaves: bool) -> None:
    assert leaves_its_brackets(query) is leaves


def test_each_warehouse_says_whether_its_connection_is_read_only() -> None:
    assert {name for name, kind in WAREHOUSES.items() if kind.read_only} == {
        *("postgresql", "sqlite", "clickhousedb"),
    }
