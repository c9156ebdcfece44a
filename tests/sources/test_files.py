"""Files as they lie about: every ending, every way to be wrong."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
import sqlalchemy as sa

from hindsight.domain.spec import GroundTruth, LabelColumns, Location, PredictionColumns, PredictionLog
from hindsight.errors import SourceError
from hindsight.sources import SOURCES, FileSource
from hindsight.sources.base import Kind
from samples import write_parquet

TIME = pd.Timestamp("2024-03-01 12:00:00+00:00")
CSV = "id,at,p\n007,2024-03-01T12:00:00Z,0.25\n7,2024-03-01T13:00:00Z,0.75\n"
JSONL = (
    '{"id": "007", "at": "2024-03-01T12:00:00", "p": 0.25}\n'
    '{"id": "7", "at": "2024-03-01T13:00:00", "p": 0.75}\n'
)
FRAME = pd.DataFrame({"id": ["007", "7"], "at": [TIME, TIME + pd.Timedelta(hours=1)], "p": [0.25, 0.75]})


def log(files: str, **options: Any) -> PredictionLog:
    return PredictionLog(files=files, columns=PredictionColumns(id="id", time="at", score="p"), **options)


def no_database(_: str) -> sa.URL:
    raise AssertionError("files need no database")


def read(root: Path, location: Location) -> tuple[list[tuple[Any, ...]], Mapping[str, Kind]]:
    """All rows by id, and the kinds of the columns."""
    with FileSource(location, no_database, root) as source:
        rows, kinds = source.relation(location, "predictions")
        return sorted(source.fetch(sa.select(*rows.c))), kinds


def put_parquet(path: Path) -> None:
    write_parquet(FRAME, path)


def put_gzip(text: str) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(text)

    return put


def put_text(text: str) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return put


WAYS: dict[str, Callable[[Path], None]] = {
    "log.parquet": put_parquet,
    "log.csv": put_text(CSV),
    "log.csv.gz": put_gzip(CSV),
    "log.jsonl": put_text(JSONL),
    "log.jsonl.gz": put_gzip(JSONL),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_file_is_read_by_the_end_of_its_name_and_ids_stay_what_they_are(name: str, tmp_path: Path) -> None:
    WAYS[name](tmp_path / name)
    for files in (name, str(tmp_path / name), name.replace("log", "l*")):
        rows, kinds = read(tmp_path, log(files))
        assert [(row[0], row[2]) for row in rows] == [("007", 0.25), ("7", 0.75)]
        assert kinds["id"] is Kind.TEXT
        assert kinds["p"] is Kind.NUMBER
        assert kinds["at"] in {Kind.INSTANT, Kind.WALL_CLOCK}
        assert rows[0][1].replace(tzinfo=None) == datetime(2024, 3, 1, 12)  # noqa: DTZ001


def test_ids_of_labels_are_text_in_csv_too(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,y,at\n007,1,2024-03-01 00:00:00\n", encoding="utf-8")
    truth = GroundTruth(files="labels.csv", columns=LabelColumns(id="id", actual="y", time="at"))
    rows, kinds = read(tmp_path, truth)
    assert rows[0][0] == "007"
    assert kinds["id"] is Kind.TEXT


def test_several_files_may_have_different_columns(tmp_path: Path) -> None:
    write_parquet(FRAME, tmp_path / "a.parquet")
    write_parquet(FRAME.assign(id=["8", "9"], extra=1)[["extra", "p", "at", "id"]], tmp_path / "b.parquet")
    rows, kinds = read(tmp_path, log("*.parquet"))
    assert [row[list(kinds).index("id")] for row in rows] == ["007", "7", "8", "9"]
    assert "extra" in kinds


def test_a_folder_with_a_quote_in_its_name_is_just_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "it's; drop view"
    folder.mkdir()
    write_parquet(FRAME, folder / "log.parquet")
    assert len(read(folder, log("log.parquet"))[0]) == 2


def test_an_id_column_with_a_quote_in_its_name_is_text(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("it's,at\n007,2024-03-01 00:00:00\n", encoding="utf-8")
    location = PredictionLog(files="log.csv", columns=PredictionColumns(id="it's", time="at"))
    assert read(tmp_path, location)[0][0][0] == "007"


def test_no_such_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, log("landing/*.parquet"))
    assert str(caught.value) == (
        f"No file matches 'landing/*.parquet' (looked below {tmp_path}), or one cannot be opened: "
        "write the first file before the monitor runs, or correct `files`."
    )


@pytest.mark.parametrize("files", ["log.xlsx", "log", "log.parquet.zip", "log.gz"])
def test_an_unknown_ending_names_the_known_ones(files: str, tmp_path: Path) -> None:
    (tmp_path / files).write_text("x", encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        read(tmp_path, log(files))
    assert str(caught.value) == (
        f"The files {files!r} end in none of .parquet, .csv, .csv.gz, .jsonl, .jsonl.gz: "
        "name files of one of these kinds."
    )


@pytest.mark.parametrize("name", ["log.parquet", "log.jsonl", "log.csv.gz"])
def test_a_file_that_is_not_what_its_name_says_is_a_source_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x00\xff not it at all {{{")
    with pytest.raises(SourceError) as caught:
        read(tmp_path, log(name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_versions_in_csv_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,at,v\n1,2024-03-01 00:00:00,1.10\n", encoding="utf-8")
    location = PredictionLog(files="log.csv", columns=PredictionColumns(id="id", time="at", version="v"))
    assert read(tmp_path, location)[0][0][2] == "1.10"


def test_segments_in_csv_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,at,zip\n1,2024-03-01 00:00:00,00501\n", encoding="utf-8")
    location = PredictionLog(files="log.csv", columns=PredictionColumns(id="id", time="at"))
    with FileSource(location, no_database, tmp_path) as source:
        rows, kinds = source.relation(location, "predictions", ("zip", "not there"))
        assert source.fetch(sa.select(rows.c.zip)) == [("00501",)]
    assert kinds["zip"] is Kind.TEXT


@pytest.mark.parametrize("name, text", [("log.csv", "id,at,p,extra\n"), ("log.csv", ""), ("log.jsonl", "")])
def test_a_file_without_a_row_has_the_columns_that_the_monitor_reads(
    name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    location = log(name, features=("hour",))
    with FileSource(location, no_database, tmp_path) as source:
        rows, kinds = source.relation(location, "predictions", ("origin",))
        assert source.fetch(sa.select(rows.c.id, rows.c.at, rows.c.p)) == []
    assert {column: kinds[column] for column in ("id", "at", "p")} == {
        "id": Kind.TEXT,
        "at": Kind.INSTANT,
        "p": Kind.NUMBER,
    }
    assert ("origin" in kinds) == (text == "")
    assert ("extra" in kinds) == (text != "")


def test_a_missing_column_of_a_file_without_a_row_is_still_missing(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,at\n", encoding="utf-8")
    assert set(read(tmp_path, log("log.csv"))[1]) == {"id", "at"}


@pytest.mark.parametrize(
    "name, text", [("log.csv", "id,at,p\n1,,\n"), ("log.jsonl", '{"id": "1", "p": null}\n')]
)
def test_a_column_of_nulls_is_what_it_is_used_as(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    rows, kinds = read(tmp_path, log(name))
    assert rows[0][list(kinds).index("p")] is None
    assert kinds["p"] is Kind.NUMBER


def test_an_hour_without_rows_does_not_change_what_the_others_hold(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,at,p\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(CSV, encoding="utf-8")
    rows, kinds = read(tmp_path, log("*.csv"))
    assert [row[0] for row in rows] == ["007", "7"]
    assert kinds["p"] is Kind.NUMBER


def partitioned(root: Path) -> None:
    for model, version, zip_code in (("a", "1.10", "00501"), ("b", "1.9", "10001"), ("b", "7", "00501")):
        folder = (
            root / "landing" / f"model={model}" / f"version={version}" / f"zip={zip_code}" / "day=2024-03-01"
        )
        folder.mkdir(parents=True)
        write_parquet(FRAME.assign(id=[f"{model}{version}x", f"{model}{version}y"]), folder / "part.parquet")


def test_folders_of_partitions_are_columns_and_names_stay_text(tmp_path: Path) -> None:
    partitioned(tmp_path)
    columns = PredictionColumns(id="id", time="at", score="p", version="version")
    location = PredictionLog(files="landing/**/*.parquet", columns=columns)
    with FileSource(location, no_database, tmp_path) as source:
        rows, kinds = source.relation(location, "predictions", ("zip",))
        asked = sa.select(rows.c.version, rows.c.zip).distinct().order_by(rows.c.version, rows.c.zip)
        assert source.fetch(asked) == [("1.10", "00501"), ("1.9", "10001"), ("7", "00501")]
    assert (kinds["version"], kinds["zip"]) == (Kind.TEXT, Kind.TEXT)


@pytest.mark.parametrize(
    "where, files", [({"model": "b"}, 2), ({"version": "1.9"}, 1), ({"day": "2024-03-01"}, 3)]
)
def test_folders_that_where_rules_out_are_not_opened(
    where: dict[str, str], files: int, tmp_path: Path
) -> None:
    partitioned(tmp_path)
    columns = PredictionColumns(id="id", time="at", score="p", version="version")
    location = PredictionLog(files="landing/**/*.parquet", columns=columns, where=where)
    with FileSource(location, no_database, tmp_path) as source:
        rows, _ = source.relation(location, "predictions")
        ((name, value),) = where.items()
        assert len(source.fetch(sa.select(rows.c.id).where(rows.c[name] == value))) == 2 * files
        sql = f"explain analyze select count(id) from predictions where {name} = $1"
        plan = source._connection.execute(sql, [value]).fetchall()[0][1]
    assert re.findall(r"Total Files Read: (\d+)", plan) == [str(files)]


def test_a_csv_without_the_id_column_is_read_and_lacks_it(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("at,p\n2024-03-01 00:00:00,0.5\n", encoding="utf-8")
    assert set(read(tmp_path, log("log.csv"))[1]) == {"at", "p"}


@pytest.mark.parametrize("name", ["{types}.csv", "{0}.csv", "{.csv", "a}{b.csv"])
def test_braces_in_a_files_name_are_just_braces(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(CSV, encoding="utf-8")
    assert [row[0] for row in read(tmp_path, log(name))[0]] == ["007", "7"]


def test_files_may_lie_on_any_filesystem_that_fsspec_knows(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    local = tmp_path / "log.parquet"
    write_parquet(FRAME, local)
    memory.pipe("/hindsight/log-1.parquet", local.read_bytes())
    try:
        rows, _ = read(tmp_path, log("memory:///hindsight/log-*.parquet"))
    finally:
        memory.rm("/hindsight", recursive=True)
    assert [row[0] for row in rows] == ["007", "7"]


def test_a_local_file_may_be_named_by_its_address(tmp_path: Path) -> None:
    write_parquet(FRAME, tmp_path / "log.parquet")
    assert len(read(tmp_path, log(f"file://{tmp_path}/log.parquet"))[0]) == 2


def test_a_filesystem_that_nobody_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Files on nosuch:// need an fsspec filesystem that is not install"):
        read(tmp_path, log("nosuch://bucket/log.parquet"))


def test_kinds_are_those_that_parquet_declares(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.Series([1], dtype="int64"),
            "unsigned": pd.Series([1], dtype="uint8"),
            "float": pd.Series([1.0], dtype="float32"),
            "flag": [True],
            "text": ["a"],
            "instant": pd.Series([TIME]).astype("datetime64[us, UTC]"),
            "nanos": pd.Series([TIME.tz_localize(None)]).astype("datetime64[ns]"),
            "millis": pd.Series([TIME.tz_localize(None)]).astype("datetime64[ms]"),
            "day": [TIME.date()],
        }
    )
    write_parquet(frame, tmp_path / "log.parquet")
    kinds = read(tmp_path, Location(files="log.parquet"))[1]
    assert {name: kind.name for name, kind in kinds.items()} == {
        "whole": "NUMBER",
        "unsigned": "NUMBER",
        "float": "NUMBER",
        "flag": "BOOLEAN",
        "text": "TEXT",
        "instant": "INSTANT",
        "nanos": "WALL_CLOCK",
        "millis": "WALL_CLOCK",
        "day": "OTHER",
    }


def test_times_come_back_in_utc_wherever_the_machine_stands(tmp_path: Path) -> None:
    write_parquet(FRAME, tmp_path / "log.parquet")
    rows, _ = read(tmp_path, log("log.parquet"))
    assert rows[0][1].utcoffset() == timedelta(0)
    assert rows[0][1] == TIME.to_pydatetime() == datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_a_sum_out_of_range_names_the_unit(tmp_path: Path) -> None:
    write_parquet(pd.DataFrame({"id": range(20_000)}), tmp_path / "log.parquet")
    location = Location(files="log.parquet")
    with FileSource(location, no_database, tmp_path) as source:
        rows, _ = source.relation(location, "predictions")
        huge = sa.cast(sa.literal_column(str(10**37)), sa.Numeric(38, 0))
        with pytest.raises(SourceError, match="left the range of a 64-bit integer: set `unit` of ground_tr"):
            source.fetch(sa.select(sa.func.sum(huge)).select_from(rows))


def test_a_statement_that_the_engine_refuses_is_a_source_error(tmp_path: Path) -> None:
    write_parquet(FRAME, tmp_path / "log.parquet")
    location = log("log.parquet")
    with FileSource(location, no_database, tmp_path, threads=1) as source:
        rows, _ = source.relation(location, "predictions")
        with pytest.raises(SourceError, match="The files cannot be read as the monitor says: "):
            source.fetch(sa.select(sa.cast(rows.c.id, sa.Integer) + sa.column("gone")))


def test_each_key_of_the_file_that_selects_a_source_has_one() -> None:
    assert set(SOURCES) == {"connection", "files"}
    assert all(hasattr(Location(), key) for key in SOURCES)


class EndpointConnectionError(Exception):
    """What a client of a remote store raises: not an OSError."""


class Unreachable(fsspec.AbstractFileSystem):  # type: ignore[misc]
    protocol = "unreachable"

    def glob(self, *_: Any, **__: Any) -> Any:
        try:
            raise ValueError("no answer")
        except ValueError as error:
            raise EndpointConnectionError("Could not connect to the endpoint") from error


def test_an_error_of_a_remote_filesystem_is_told_in_its_own_words(tmp_path: Path) -> None:
    fsspec.register_implementation("unreachable", Unreachable, clobber=True)
    with pytest.raises(SourceError) as raised:
        read(tmp_path, log("unreachable://bucket/*.parquet"))
    assert str(raised.value).endswith("EndpointConnectionError: Could not connect to the endpoint")
