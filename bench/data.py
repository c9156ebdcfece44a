"""Predictions and labels to measure on: drawn by a seeded generator and kept as Parquet for the next run.

Ids are texts of 32 characters, which is what joins are slow with.  Rows lie in the order of time, as logs
do; a model has 3 versions and 5 segments; nine of ten predictions get a label, one hour and an
exponential time of 3 days on average later.  Beside the plain parts lie rows that make work: 2 % of the
predictions logged again within seconds, and 5 % of the labels revised, half of them to the contrary.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

GENERATOR = 1
"""To be raised when what is drawn changes: files of another number are not used."""

LAST_HORIZON = 30
"""The age in days at which the monitors' truth is due."""

START = date(2026, 1, 1)
PART = 10_000_000
"""Predictions per file and per step of the generator, so that it needs no more memory for more of them."""

BYTES = 140
"""Disc that a prediction takes with its labels, all variants together."""

PREDICTIONS = """
select md5({seed} || '/' || i) as id,
  timestamptz '{start}' + to_microseconds(cast(floor((i + 0.9 * u1) * {step}) as bigint)) as ts,
  1 / (1 + exp(1.5 - 3.2 * (u2 + u3 + u4 - 1.5))) as score,
  'v' || (1 + hash(i, {seed}, 5) % 3) as version, 's' || (1 + hash(i, {seed}, 6) % 5) as segment,
  exp(3 + 1.2 * (u7 + u8 - 1)) as latency_ms,
  50 * u9 as f1, ln(1 + 1e6 * u10) as f2, 'c' || (hash(i, {seed}, 11) % 12) as f3
from (select i, {uniforms} from range({first}, {last}) t(i))
"""
LABELS = """
select id, cast({u20} < score as int) as actual,
  ts + interval 1 hour + to_microseconds(cast(-ln(1 - {u21}) * 3 * 86400e6 as bigint)) as learnt
from '{predictions}' where hash(id, 22) % 10 < 9 order by learnt
"""
REPEATED = """
select * replace (ts + to_microseconds(cast(1 + hash(id, 41) % 5000000 as bigint)) as ts)
from '{predictions}' where hash(id, 40) % 50 = 0
"""
REVISED = """
select id, if(hash(id, 31) % 2 = 0, 1 - actual, actual) as actual,
  learnt + interval 1 hour + to_microseconds(cast(-ln(1 - {u32}) * 5 * 86400e6 as bigint)) as learnt
from '{labels}' where hash(id, 30) % 20 = 0 order by learnt
"""
JOINED = """
select p.ts::timestamp as ts, p.version, p.segment, p.score,
  cast(p.score >= 0.5 as int) as predicted, l.actual
from '{predictions}' p left join '{labels}' l using (id) order by p.ts
"""


@dataclass(frozen=True, slots=True)
class Data:
    """The files of one size, with globs that choose the plain ones or all."""

    folder: Path
    predictions: int
    days: int
    seed: int

    def said(self, repeated: bool = False) -> str:
        """The prediction logs, as a glob."""
        return str(self.folder / "predictions" / ("*.parquet" if repeated else "part-*.parquet"))

    def learnt(self, revised: bool = False) -> str:
        """The labels, as a glob."""
        return str(self.folder / "labels" / ("*.parquet" if revised else "part-*.parquet"))

    def joined(self) -> str:
        """Predictions beside their labels, as rivals take them: a folder."""
        return str(self.folder / "joined")

    def day(self, number: int) -> date:
        """A day of the log, counted from 0."""
        return START + timedelta(days=number)

    def between(self, first: int, last: int) -> dict[str, Any]:
        """These days, and the time in which the labels are learnt that a statement has to look at."""
        return {
            "first": str(self.day(first)),
            "last": str(self.day(last)),
            "after": str(self.day(last + 1)),
            "start": str(instant(self.day(first))),
            "end": str(instant(self.day(last + 1))),
            "learnt": str(instant(self.day(first - 1))),
            "known": str(instant(self.day(last + 1 + LAST_HORIZON))),
        }

    @property
    def size(self) -> int:
        """Bytes on disc."""
        return sum(file.stat().st_size for file in self.folder.rglob("*.parquet"))


def instant(day: date) -> datetime:
    """The midnight, in UTC, that a day begins with."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def generated(home: Path, predictions: int, days: int, seed: int = 1, *, joined: bool = True) -> Data:
    """The files, made if they are not there yet, all or none."""
    name = f"{predictions}x{days}-seed{seed}-{GENERATOR}-duckdb{duckdb.__version__}"
    data = Data(home / "data" / name, predictions, days, seed)
    if data.folder.exists():
        return data
    free, needed = shutil.disk_usage(home).free, predictions * BYTES
    if free < 1.5 * needed:
        raise SystemExit(f"{home} has {free / 2**30:.1f} GiB free; the data need {needed / 2**30:.1f}.")
    shutil.rmtree(fresh := data.folder.with_name(name + ".new"), ignore_errors=True)
    for kind in ("predictions", "labels", "joined")[: 3 if joined else 2]:
        (fresh / kind).mkdir(parents=True)
    with written(fresh) as write:
        for part, first in enumerate(range(0, predictions, PART)):
            last = min(first + PART, predictions)
            said, learnt = f"predictions/part-{part:03}.parquet", f"labels/part-{part:03}.parquet"
            write(PREDICTIONS, said, seed, first=first, last=last, step=days * 86400e6 / predictions)
            paths = {"predictions": fresh / said, "labels": fresh / learnt}
            write(LABELS, learnt, seed, **paths)
            write(REPEATED, f"predictions/repeated-{part:03}.parquet", seed, **paths)
            write(REVISED, f"labels/revised-{part:03}.parquet", seed, **paths)
            if joined:
                write(JOINED, f"joined/part-{part:03}.parquet", seed, **paths)
    fresh.rename(data.folder)
    return data


class Writer:
    """Runs a query of this module into a file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection, self.folder = connection, folder

    def __call__(self, query: str, name: str, seed: int, **values: object) -> None:
        of_row = ", ".join(f"hash(i, {seed}, {k}) % 1000000 / 1e6 as u{k}" for k in (1, 2, 3, 4, 7, 8, 9, 10))
        of_id = {f"u{k}": f"(hash(id, {k}) % 1000000 / 1e6)" for k in (20, 21, 32)}
        filled = query.format(seed=seed, start=instant(START), uniforms=of_row, **of_id, **values)
        self.connection.execute(
            f"COPY ({filled}) TO '{self.folder / name}' (FORMAT parquet, ROW_GROUP_SIZE 122880)"
        )


@contextmanager
def written(folder: Path) -> Iterator[Writer]:
    """A writer into this folder, with a database of its own that may spill there."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"SET TimeZone = 'UTC'; SET temp_directory = '{folder / 'spill'}'")
        yield Writer(connection, folder)
    shutil.rmtree(folder / "spill", ignore_errors=True)
