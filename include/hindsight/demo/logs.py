"""The demo's logs where a monitor finds them: tables for the classifiers, daily files for the regression.

Both writers know by a fingerprint whether the same data is already there, and then do nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from hindsight.demo.flights import local_day
from hindsight.demo.writing import alone_in, replace_file, replacing

PREDICTIONS: Mapping[str, str] = {
    "request_id": "text",
    "model_name": "text",
    "model_version": "text",
    "predicted_at": "timestamptz",
    "score": "double precision",
    "prediction": "smallint",
    "served": "boolean",
    "latency_ms": "double precision",
    "dep_hour": "smallint",
    "distance": "integer",
    "temp": "double precision",
    "humid": "double precision",
    "wind_speed": "double precision",
    "precip": "double precision",
    "pressure": "double precision",
    "visib": "double precision",
    "carrier": "text",
    "origin": "text",
    "dow": "text",
}
LABELS: Mapping[str, str] = {
    "request_id": "text",
    "actual": "smallint",
    "arr_delay": "double precision",
    "label_at": "timestamptz",
    "source_file": "text",
}
_BLOCK = 1 << 20


def write_tables(
    url: str | URL,
    predictions: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    fingerprint: str,
    schema: str = "serving",
) -> bool:
    """Put both logs into `schema`, in one transaction; False if the same data is already there.

    Tables of these names are replaced, and readers see the old ones or the new ones.  The fingerprint is
    the tables' comment.  Takes a SQLAlchemy URL of a PostgreSQL database, which must exist.
    """
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo) as connection:
        # Two demos may start at once: the second waits here and then finds the work done.
        lock = f"hindsight demo {schema}"
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
        if all(_comment(connection, schema, table) == fingerprint for table in ("predictions", "labels")):
            return False
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        _replace(connection, schema, "predictions", PREDICTIONS, predictions, ("predicted_at", "request_id"))
        _replace(connection, schema, "labels", LABELS, labels, ("request_id", "label_at"))
        for table in ("predictions", "labels"):
            comment = sql.SQL("COMMENT ON TABLE {} IS {}")
            connection.execute(comment.format(sql.Identifier(schema, table), sql.Literal(fingerprint)))
    return True


def write_files(folder: Path, predictions: pd.DataFrame, labels: pd.DataFrame, *, fingerprint: str) -> bool:
    """Put both logs into daily Parquet files under `folder`; False if the same data is already there.

    `predictions/2013-03-01.parquet` holds a New York day of `predicted_at`, `labels/2013-03-02.parquet`
    what was published on a day.  Every file is whole or not there; a stamp is written last, so that
    what a kill interrupts is done again.
    """
    stamp = folder / "FINGERPRINT"
    with alone_in(folder):
        if stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint:
            return False
        stamp.unlink(missing_ok=True)
        _write_days(folder / "predictions", predictions, "predicted_at")
        _write_days(folder / "labels", labels, "label_at")
        replace_file(stamp, fingerprint.encode())
    return True


def _comment(connection: psycopg.Connection[Any], schema: str, table: str) -> str | None:
    query = "SELECT obj_description(to_regclass(format('%%I.%%I', %s::text, %s::text)), 'pg_class')"
    row = connection.execute(query, [schema, table]).fetchone()
    return row[0] if row else None


def _replace(
    connection: psycopg.Connection[Any],
    schema: str,
    table: str,
    columns: Mapping[str, str],
    rows: pd.DataFrame,
    indexed: tuple[str, ...],
) -> None:
    name = sql.Identifier(schema, table)
    fields = [sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in columns.items()]
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(fields)))
    _copy(connection, name, rows[list(columns)])
    for column in indexed:
        connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(name, sql.Identifier(column)))
    connection.execute(sql.SQL("ANALYZE {}").format(name))


def _copy(connection: psycopg.Connection[Any], table: sql.Identifier, rows: pd.DataFrame) -> None:
    # DuckDB writes CSV many times as fast as pandas, and its shortest decimals read back to the same double.
    with tempfile.TemporaryDirectory(prefix="hs") as scratch:
        csv = Path(scratch) / "rows.csv"
        with _duckdb(rows) as engine:
            engine.table("log").write_csv(str(csv), header=False)
        # The table is new in this transaction, so its rows can be frozen and are never rewritten.
        statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv, FREEZE)").format(table)
        with csv.open("rb") as file, connection.cursor().copy(statement) as copy:
            while block := file.read(_BLOCK):
                copy.write(block)


def _write_days(folder: Path, rows: pd.DataFrame, time: str) -> None:
    days = local_day(rows[time]).dt.strftime("%Y-%m-%d")
    wanted = set(days)
    for outdated in folder.glob("*.parquet"):
        if outdated.stem not in wanted:
            outdated.unlink()
    with _duckdb(rows.assign(day=days)) as engine:
        engine.execute("CREATE TABLE days AS SELECT * FROM log")
        for day in sorted(wanted):
            rows_of_day = engine.sql("SELECT * EXCLUDE (day) FROM days WHERE day = $day", params={"day": day})
            with replacing(folder / f"{day}.parquet") as draft:
                rows_of_day.order(f"{time}, request_id").write_parquet(str(draft))


def _duckdb(log: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory DuckDB in which `log` is this frame; a context manager."""
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    engine.register("log", log)
    return engine
