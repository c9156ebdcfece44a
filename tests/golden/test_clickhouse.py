"""ClickHouse itself, in-process behind its own dialect, against DuckDB on the same files: every cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hindsight.domain.spec import Location, PredictionLog
from hindsight.errors import SourceError
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import DatabaseSource
from hindsight.sources.base import Kind
from hindsight.sources.warehouses import ClickHouse
from warehouses import SPECS, agree, answers, cells, logs_of
from worlds import Logs, at, monitor, odd_logs, written

FIRST = date(2013, 3, 7)
DAYS = [FIRST + timedelta(days=i) for i in range(6)]


@dataclass(frozen=True)
class Place:
    """A ClickHouse without a server, and a folder for files."""

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

    def tables(self, files: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        """Tables of what lies in files; `strict` means that no column of theirs is nullable."""
        self.run("CREATE DATABASE IF NOT EXISTS logs")
        for name, where in files.items():
            rows = f"file('{where['files']}', Parquet)"
            columns = [column for column, *_ in self.run(f"DESCRIBE TABLE {rows}")]
            shown = ", ".join(f"assumeNotNull({c}) AS {c}" if strict else c for c in columns)
            engine = "ENGINE = MergeTree ORDER BY tuple()"
            self.run(
                f"DROP TABLE IF EXISTS logs.{name}",
                f"CREATE TABLE logs.{name} {engine} AS SELECT {shown} FROM {rows}",
            )
        return {name: {"connection": "click", "table": f"logs.{name}"} for name in files}


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("clickhouse")
    return Place(sa.make_url(f"clickhousedb:///?interface=chdb&path={folder}/data"), folder)


def whole(logs: Logs) -> Logs:
    """The rows without a null."""
    return replace(
        logs,
        predictions=[row for row in logs.predictions if None not in row.values()],
        labels=[row for row in logs.labels if None not in row.values()],
    )


@pytest.mark.parametrize("strict", [False, True], ids=["nullable", "not nullable"])
@pytest.mark.parametrize("name", SPECS)
def test_clickhouse_counts_every_cell_as_duckdb_does(
    clickhouse: Place, tmp_path: Path, name: str, strict: bool
) -> None:
    spec = SPECS[name]
    logs = logs_of(spec.task, 31, FIRST, len(DAYS))
    files = written(whole(logs) if strict else logs, "parquet", tmp_path)
    here = cells(at(spec, files), DAYS, clickhouse.runtime())
    there = at(spec, clickhouse.tables(files, strict=strict))
    agree(here, cells(there, DAYS, clickhouse.runtime()), loss=1.0)


def test_without_the_setting_a_missing_label_would_become_a_zero(
    clickhouse: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap that `join_use_nulls` is set against: proof that the test above would see it."""
    files = written(whole(odd_logs(32, FIRST, len(DAYS))), "parquet", tmp_path)
    there = at(monitor(), clickhouse.tables(files, strict=True))
    right = cells(there, DAYS, clickhouse.runtime())
    monkeypatch.setattr(ClickHouse, "options", ClickHouse.options | {"ch_join_use_nulls": 0})
    wrong = cells(there, DAYS, clickhouse.runtime())
    with pytest.raises(AssertionError):
        agree(right, wrong, loss=1.0)


def test_what_is_asked_besides_the_join_has_the_same_answers(clickhouse: Place, tmp_path: Path) -> None:
    files = written(odd_logs(33, FIRST, len(DAYS)), "parquet", tmp_path)
    here = answers(at(monitor(), files), DAYS, clickhouse.runtime())
    there = answers(at(monitor(), clickhouse.tables(files, strict=False)), DAYS, clickhouse.runtime())
    for question in here:
        assert there[question] == here[question], question


def queried(query: str) -> PredictionLog:
    return replace(monitor().predictions, connection="click", query=query)


def source_of(place: Place, location: Location) -> DatabaseSource:
    return DatabaseSource(location, lambda _: place.url, place.folder)


def test_columns_have_their_kinds_and_times_are_in_utc(clickhouse: Place) -> None:
    location = queried(
        "select 'a:b 100%' as t, toInt32(1) as i, toNullable(1.5) as f, true as b, today() as day, "
        "toDateTime64('2024-03-01 12:30:00.25', 6, 'Asia/Kolkata') as at, toDateTime(0, 'UTC') as early -- ;"
    )
    with source_of(clickhouse, location) as source:
        rows, kinds = source.relation(location, "predictions")
        found = source.fetch(sa.select(rows.c.t, rows.c["at"], rows.c.early))
    assert found == [
        ("a:b 100%", datetime(2024, 3, 1, 7, 0, 0, 250000, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))
    ]
    assert kinds == {
        "t": Kind.TEXT,
        "i": Kind.NUMBER,
        "f": Kind.NUMBER,
        "b": Kind.BOOLEAN,
        "day": Kind.OTHER,
        "at": Kind.INSTANT,
        "early": Kind.INSTANT,
    }


@pytest.mark.parametrize(
    "query, said",
    [
        ("select * from gone", "Unknown table expression identifier 'gone'"),
        ("select 1 as x) as y; drop table logs.kept; select * from (select 1", "readonly mode"),
        ("insert into logs.kept values (2)", "Syntax error"),
    ],
)
def test_a_query_cannot_write_and_errors_are_told_in_one_line(
    clickhouse: Place, query: str, said: str
) -> None:
    clickhouse.run(
        "CREATE DATABASE IF NOT EXISTS logs",
        "CREATE OR REPLACE TABLE logs.kept (x Int8) ENGINE = MergeTree ORDER BY x",
        "INSERT INTO logs.kept SELECT 1",
    )
    location = queried(query)
    with source_of(clickhouse, location) as source, pytest.raises(SourceError) as caught:
        source.relation(location, "predictions")
    assert str(caught.value).startswith("The query on connection 'click' cannot be read: Code: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert clickhouse.run("SELECT x FROM logs.kept") == [(1,)]
