"""Parquet, CSV and JSONL files, read in-process by DuckDB.

DuckDB runs the statement that SQLAlchemy's PostgreSQL dialect compiles with numbered parameters: no
third dialect stands between.  The database is in memory; nothing is ever written.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from hindsight.domain.spec import Location
from hindsight.errors import SourceAbsent, SourceError
from hindsight.sources.base import Kind, Source
from hindsight.sources.engines import DUCKDB, plain_division
from hindsight.sources.roles import all_columns, number_columns, text_columns, time_columns

DIALECT = plain_division(postgresql.dialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]

READERS: Mapping[str, str] = {
    ".parquet": "read_parquet({files}, union_by_name=true{options})",
    ".csv": "read_csv({files}, union_by_name=true{options})",
    ".csv.gz": "read_csv({files}, union_by_name=true{options})",
    ".jsonl": "read_json({files}, format='newline_delimited', union_by_name=true{options})",
    ".jsonl.gz": "read_json({files}, format='newline_delimited', union_by_name=true{options})",
}
"""DuckDB's reader for the end of a file name."""

KINDS: Mapping[str, Kind] = {
    "TIMESTAMP WITH TIME ZONE": Kind.INSTANT,
    "TIMESTAMP": Kind.WALL_CLOCK,
    "TIMESTAMP_S": Kind.WALL_CLOCK,
    "TIMESTAMP_MS": Kind.WALL_CLOCK,
    "TIMESTAMP_NS": Kind.WALL_CLOCK,
    "BOOLEAN": Kind.BOOLEAN,
    "VARCHAR": Kind.TEXT,
    "UUID": Kind.TEXT,
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"),
        Kind.NUMBER,
    ),
    **dict.fromkeys(
        ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
        Kind.NUMBER,
    ),
}


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


BOUNDED = ("memory_limit = '1536MiB'", "preserve_insertion_order = false")
"""What is beyond goes to a temporary folder, so that a task's memory does not grow with its logs."""


class FileSource(Source):
    """Files by glob, local or on any filesystem that fsspec knows (`s3://…`, with its package installed).

    The reader follows the end of the name: `.parquet`, `.csv`, `.jsonl` (the latter two also gzipped).
    In CSV the columns of ids, versions and segments are always read as text, for `007` is not 7 and `1.10`
    not 1.1.  Folders named `column=value` are columns too, and those that `where` rules out are not opened.
    Where there is no row yet, a column is taken for what the monitor uses it as.
    """

    engine = DUCKDB

    def __init__(
        self,
        location: Location,
        database_url: Callable[[str], sa.URL],
        root: Path,
        *,
        threads: int | None = None,
    ) -> None:
        self._root = root
        self._connection = duckdb.connect(":memory:")
        self._spill = tempfile.TemporaryDirectory(prefix="hindsight-duckdb-")
        for setting in ("TimeZone = 'UTC'", *BOUNDED, f"temp_directory = {quoted(self._spill.name)}"):
            self._connection.execute(f"SET {setting}")
        if threads is not None:
            self._connection.execute(f"SET threads = {int(threads)}")

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    def relation(
        self, location: Location, name: str, texts: Collection[str] = ()
    ) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        assert location.files is not None
        files, reader = self._reader(location.files)
        try:
            types, rows = self._typed(files, reader, location, {*texts, *text_columns(location)})
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {rows}")
        except duckdb.IOException as error:
            raise SourceAbsent(
                f"No file matches {location.files!r} (looked below {self._root}), or one cannot be opened: "
                "write the first file before the monitor runs, or correct `files`."
            ) from error
        except duckdb.Error as error:
            raise SourceError(f"The files {location.files!r} cannot be read: {first_line(error)}") from error
        kinds = {column: kind_of(type_name) for column, type_name in types.items()}
        return sa.table(name, *(sa.column(column) for column in kinds)), kinds

    def _typed(
        self, files: str, reader: str, location: Location, texts: set[str]
    ) -> tuple[dict[str, str], str]:
        """The type of each column, and a SELECT that gives them so."""
        read = reader.format(options="")
        types = self._described(read)
        as_text = sorted(column for column in texts & set(types) if types[column] != "VARCHAR")
        parts = self._partitions(files) if as_text else set()
        options = ""
        if in_folders := [column for column in as_text if column in parts]:
            options += f", hive_types={typed(in_folders)}"
        if in_files := [column for column in as_text if column not in parts and "read_csv" in reader]:
            options += f", types={typed(in_files)}"
        if options:
            read = reader.format(options=options)
            types = self._described(read)
        if not all_columns(location) & set(types) and not self._holds(read):
            types = dict.fromkeys(sorted(texts | all_columns(location)), "VARCHAR") | self._used(location)
            nothing = ", ".join(f"CAST(NULL AS {held}) AS {identifier(c)}" for c, held in types.items())
            return types, f"SELECT {nothing} WHERE false"
        unknown = {
            column: held
            for column, held in self._used(location).items()
            if types.get(column) in UNTOLD and not self._holds(read, column)
        }
        names = {identifier(column): held for column, held in unknown.items()}
        casts = ", ".join(f"CAST({column} AS {held}) AS {column}" for column, held in names.items())
        replaced = f" REPLACE ({casts})" if casts else ""
        return types | unknown, f"SELECT *{replaced} FROM {read}"

    def _described(self, read: str) -> dict[str, str]:
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()
        return {str(column): str(type_name) for column, type_name, *_ in described}

    def _partitions(self, files: str) -> set[str]:
        """The columns that are written in the names of folders."""
        found = self._connection.execute(f"SELECT file FROM glob({files}) LIMIT 1").fetchone()
        folders = re.split(r"[/\\\\]", found[0])[:-1] if found else []
        return {folder.split("=", 1)[0] for folder in folders if "=" in folder}

    def _holds(self, read: str, column: str | None = None) -> bool:
        """Whether there is any row, or any value of a column."""
        condition = "" if column is None else f"WHERE {identifier(column)} IS NOT NULL"
        return bool(self._connection.execute(f"SELECT 1 FROM {read} {condition} LIMIT 1").fetchall())

    def _used(self, location: Location) -> dict[str, str]:
        """The types of columns that hold nothing, by what they are used as."""
        numbers = dict.fromkeys(sorted(number_columns(location)), "DOUBLE")
        return numbers | dict.fromkeys(sorted(time_columns(location)), "TIMESTAMP WITH TIME ZONE")

    def _reader(self, files: str) -> tuple[str, str]:
        """The files as a literal, and the call that reads them with `{options}` left open."""
        ending = next((end for end in READERS if files.endswith(end)), None)
        if ending is None:
            raise SourceError(
                f"The files {files!r} end in none of {', '.join(READERS)}: name files of one of these kinds."
            )
        if "://" in files:
            self._register(files.split("://", 1)[0])
        elif not Path(files).is_absolute():
            files = str(self._root / files)
        literal = quoted(files)
        return literal, READERS[ending].replace("{files}", literal.replace("{", "{{").replace("}", "}}"))

    def _register(self, protocol: str) -> None:
        import fsspec

        try:
            self._connection.register_filesystem(fsspec.filesystem(protocol))
        except (ImportError, ValueError) as error:
            raise SourceError(
                f"Files on {protocol}:// need an fsspec filesystem that is not installed: "
                f"install the package that provides it ({error})."
            ) from error

    def columns(self, statement: sa.Select[Any]) -> dict[str, npt.NDArray[Any]]:
        return {name: plain(values) for name, values in self._run(statement).fetchnumpy().items()}

    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        return self._run(statement).fetchall()

    def _run(self, statement: sa.Select[Any]) -> duckdb.DuckDBPyConnection:
        compiled = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        try:
            return self._connection.execute(str(compiled), values)
        except duckdb.OutOfRangeException as error:
            raise SourceError(
                "A sum of fixed-point terms left the range of a 64-bit integer: set `unit` of ground_truth "
                f"to the size of a typical value ({first_line(error)})."
            ) from error
        except duckdb.Error as error:
            raise SourceError(f"The files cannot be read as the monitor says: {first_line(error)}") from error


def plain(values: Any) -> npt.NDArray[Any]:
    """An array of DuckDB's without its mask: objects with None where something is null."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    if not values.mask.any():
        return np.asarray(values.data)
    whole = np.asarray(values.data).astype(object)
    whole[values.mask] = None
    return whole


UNTOLD: Final = ("VARCHAR", "JSON", '"NULL"')
"""The types that DuckDB gives a column of text files in which it sees no value."""


def identifier(column: str) -> str:
    """A quoted name."""
    return '"' + column.replace('"', '""') + '"'


def typed(texts: Sequence[str]) -> str:
    """A DuckDB struct that says which columns are text."""
    return "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in texts) + "}"


def kind_of(type_name: object) -> Kind:
    """The kind of a column by the name DuckDB gives its type."""
    text = str(type_name)
    return Kind.NUMBER if text.startswith("DECIMAL") else KINDS.get(text, Kind.OTHER)


def first_line(error: BaseException) -> str:
    """What an engine's error says, without its many-line illustration.

    An error of a remote filesystem comes as Python's traceback: the line after its last frame says it.
    """
    lines = str(error).strip().splitlines()
    headers = [i for i, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    told = [line for line in lines[headers[-1] + 1 :] if line[:1].strip()] if headers else lines
    return (told or lines)[0]
