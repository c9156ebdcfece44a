from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest
from sqlalchemy import make_url

from hindsight.demo.flights import local_day
from hindsight.demo.logs import LABELS, PREDICTIONS, write_files, write_tables
from hindsight.demo.world import World


@pytest.fixture(scope="module")
def first_days(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    predictions = world.predictions[local_day(world.predictions["predicted_at"]) < "2013-03-04"]
    return predictions, world.labels[world.labels["request_id"].isin(predictions["request_id"])]


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False)) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]


def test_the_tables_hold_the_logs_to_the_last_bit(
    database: str, first_days: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    predictions, labels = first_days
    assert write_tables(database, predictions, labels, fingerprint="a")
    for table, columns, frame in (("predictions", PREDICTIONS, predictions), ("labels", LABELS, labels)):
        stored = pd.DataFrame(query(database, f"TABLE serving.{table}"), columns=list(columns))
        expected = frame.reset_index(drop=True)[list(columns)]
        for column in columns:
            left, right = stored[column], expected[column]
            if str(right.dtype).startswith("datetime"):
                left = pd.to_datetime(left, utc=True).dt.as_unit("us")
            pd.testing.assert_series_equal(left, right, check_dtype=False, check_exact=True)


def test_the_tables_have_the_types_and_indexes_that_were_promised(
    database: str, first_days: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    write_tables(database, *first_days, fingerprint="a")
    types = query(
        database,
        "SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, -1) FROM pg_attribute a"
        " WHERE a.attrelid IN ('serving.predictions'::regclass, 'serving.labels'::regclass) AND a.attnum > 0",
    )
    long_names = {"timestamptz": "timestamp with time zone"}
    assert {(table, name): kind for table, name, kind in types} == {
        (f"serving.{table}", name): long_names.get(kind, kind)
        for table, columns in (("predictions", PREDICTIONS), ("labels", LABELS))
        for name, kind in columns.items()
    }
    indexes = query(
        database,
        "SELECT tablename || substring(indexdef from ' USING btree (.*)$') FROM pg_indexes"
        " WHERE schemaname = 'serving'",
    )
    assert {text for (text,) in indexes} == {
        "predictions(predicted_at)",
        "predictions(request_id)",
        "labels(request_id)",
        "labels(label_at)",
    }


def test_writing_the_same_logs_again_does_nothing_and_other_logs_replace_them(
    database: str, first_days: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    predictions, labels = first_days
    assert write_tables(database, predictions, labels, fingerprint="a")
    assert not write_tables(database, predictions, labels, fingerprint="a")
    assert write_tables(database, predictions.head(10), labels.head(5), fingerprint="b")
    assert query(database, "SELECT count(*) FROM serving.predictions") == [(10,)]
    assert query(database, "SELECT count(*) FROM serving.labels") == [(5,)]


def test_two_worlds_live_side_by_side(database: str, first_days: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    predictions, labels = first_days
    write_tables(database, predictions, labels, fingerprint="a")
    write_tables(database, predictions.head(7), labels, fingerprint="b", schema="null v1")
    assert query(database, 'SELECT count(*) FROM "null v1".predictions') == [(7,)]
    assert query(database, "SELECT count(*) FROM serving.predictions") == [(len(predictions),)]


def test_a_failure_midway_leaves_the_tables_as_they_were(
    database: str, first_days: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    predictions, labels = first_days
    write_tables(database, predictions, labels, fingerprint="a")
    with pytest.raises(KeyError, match="label_at"):
        write_tables(database, predictions.head(3), labels.drop(columns="label_at"), fingerprint="b")
    assert query(database, "SELECT count(*) FROM serving.predictions") == [(len(predictions),)]
    assert not write_tables(database, predictions, labels, fingerprint="a")


@pytest.fixture(scope="module")
def delays(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    march = world.delay_predictions[local_day(world.delay_predictions["predicted_at"]) < "2013-03-11"]
    return march, world.delay_labels[world.delay_labels["request_id"].isin(march["request_id"])]


def read_back(folder: Path, columns: list[str], time: str) -> pd.DataFrame:
    """The files' rows; UTC is cut off the times, which DuckDB would give in the zone of this machine."""
    listed = ", ".join(f"{c}::TIMESTAMPTZ AT TIME ZONE 'UTC' AS {c}" if c == time else c for c in columns)
    with duckdb.connect() as engine:
        found = engine.execute(f"SELECT {listed} FROM read_parquet('{folder}/*.parquet')").df()
    found[time] = found[time].dt.tz_localize("UTC")
    return found.sort_values("request_id", ignore_index=True)


def test_the_daily_files_hold_the_logs_to_the_last_bit(
    tmp_path: Path, delays: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    assert write_files(tmp_path, *delays, fingerprint="a")
    for name, time_column, frame in zip(
        ("predictions", "labels"), ("predicted_at", "label_at"), delays, strict=True
    ):
        stored = read_back(tmp_path / name, list(frame.columns), time_column)
        expected = frame.sort_values("request_id", ignore_index=True)
        pd.testing.assert_frame_equal(stored, expected, check_dtype=False, check_exact=True)


def test_a_file_holds_one_new_york_day(tmp_path: Path, delays: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    write_files(tmp_path, *delays, fingerprint="a")
    names = sorted(path.stem for path in (tmp_path / "predictions").glob("*.parquet"))
    # The clock changes on the 10th.
    assert names == [f"2013-03-{day:02d}" for day in range(1, 11)]
    columns = ["request_id", "model_version", "predicted_at", "prediction", "carrier", "origin"]
    one = tmp_path / "one"
    one.mkdir()
    (tmp_path / "predictions" / "2013-03-10.parquet").rename(one / "2013-03-10.parquet")
    day = read_back(one, columns, "predicted_at")
    assert set(local_day(day["predicted_at"])) == {pd.Timestamp(2013, 3, 10)}
    assert (tmp_path / "labels" / "2013-03-02.parquet").exists()
    assert not (tmp_path / "labels" / "2013-03-01.parquet").exists()


def test_the_same_files_are_not_written_again_and_days_that_are_gone_go(
    tmp_path: Path, delays: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    predictions, labels = delays
    assert write_files(tmp_path, predictions, labels, fingerprint="a")
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert not write_files(tmp_path, predictions, labels, fingerprint="a")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == written
    assert write_files(tmp_path, predictions.head(5), labels, fingerprint="b")
    assert [path.name for path in (tmp_path / "predictions").glob("*.parquet")] == ["2013-03-01.parquet"]


def test_a_kill_midway_leaves_whole_files_and_the_next_start_finishes(
    tmp_path: Path, world: World, delays: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    folder = tmp_path / "log"
    world.delay_predictions.to_pickle(tmp_path / "predictions.pickle")
    delays[1].to_pickle(tmp_path / "labels.pickle")
    script = f"""
        import pandas as pd
        from pathlib import Path
        from hindsight.demo.logs import write_files
        here = Path({str(tmp_path)!r})
        frames = [pd.read_pickle(here / f"{{name}}.pickle") for name in ("predictions", "labels")]
        write_files(Path({str(folder)!r}), *frames, fingerprint="a")
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    deadline = time.monotonic() + 60
    while len(list(folder.glob("predictions/*.parquet"))) < 3 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "FINGERPRINT").exists()
    with duckdb.connect() as engine:
        counted = engine.execute(f"SELECT count(*) FROM '{folder}/predictions/*.parquet'").fetchone()
    assert counted is not None
    assert counted[0] > 0

    assert write_files(folder, *delays, fingerprint="a")
    assert not list(folder.rglob("*.part"))
    assert len(list(folder.glob("predictions/*.parquet"))) == 10
