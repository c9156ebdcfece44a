"""The same logs in PostgreSQL, on a server of the bench's own, loaded once and indexed as an owner would."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import sqlalchemy as sa
from data import Data
from psycopg import sql

from hindsight.embedded import EmbeddedPostgres, running

SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "8GB", "effective_cache_size": "8GB"}
TABLES = {
    "predictions": (
        "create table predictions (id text not null, ts timestamptz not null, score float8,"
        " version text, segment text, latency_ms float8, f1 float8, f2 float8, f3 text)"
    ),
    "labels": "create table labels (id text not null, actual int, learnt timestamptz not null)",
}
INDEXES = (
    "create unique index on predictions (id)",
    "create index on predictions (ts)",
    "create unique index on labels (id)",
    "create index on labels (learnt)",
)


@dataclass(frozen=True, slots=True)
class Database:
    """A loaded database: its address for SQLAlchemy and for psycopg, a store beside it, and the server."""

    url: str
    address: str
    store: str
    process: int
    version: str


@contextmanager
def loaded(home: Path, data: Data) -> Iterator[Database]:
    """A running server that holds the data's plain parts."""
    with running(home / "postgres", SETTINGS) as server:
        url = server.ensure_database(f"logs_{data.predictions}_{data.days}_{data.seed}")
        address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address) as connection:
            found = connection.execute("select to_regclass('labels') is not null, version()").fetchone()
            assert found is not None
            if not found[0]:
                fill(connection, data)
        if not found[0]:
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("vacuum analyze")
        yield Database(
            url,
            address,
            server.ensure_database("store"),
            process_of(server),
            " ".join(str(found[1]).split()[:2]),
        )


def fill(connection: psycopg.Connection[tuple[object, ...]], data: Data) -> None:
    """Load both tables in one transaction: they are there as a whole or not at all."""
    for table, files in (("predictions", data.said()), ("labels", data.learnt())):
        connection.execute(sql.SQL(TABLES[table]))
        with tempfile.TemporaryDirectory(dir=data.folder) as folder:
            text = Path(folder) / "rows.csv"
            with duckdb.connect(":memory:") as reader:
                reader.execute(f"SET TimeZone = 'UTC'; COPY (FROM '{files}') TO '{text}' (HEADER false)")
            with text.open("rb") as rows, connection.cursor() as cursor:
                copying = cursor.copy(
                    sql.SQL("copy {} from stdin (format csv)").format(sql.Identifier(table))
                )
                with copying as copy:
                    while block := rows.read(1 << 20):
                        copy.write(block)
    for index in INDEXES:
        connection.execute(sql.SQL(index))


def process_of(server: EmbeddedPostgres) -> int:
    """The server's first process, parent of all others."""
    return int((server.folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
