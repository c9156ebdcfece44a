"""Parquet, CSV and JSONL files, read in-process by DuckDB.

DuckDB runs the statement that SQLAlchemy's PostgreSQL dialect compiles with numbered parameters: no
third dialect stands between.  The database is in memory; nothing is ever written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from hindsight.domain.spec import GroundTruth, Location, PredictionLog
from hindsight.errors import SourceError
from hindsight.sources.base import Kind, Source

DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

READERS: Mapping[str, str] = {
    ".parquet": "read_parquet({files}, union_by_name=true)",
    ".csv": "read_csv({files}, union_by_name=true, types={types})",
    ".csv.gz": "read_csv({files}, union_by_name=true, types={types})",
    ".jsonl": "read_json({files}, format='newline_delimited', union_by_name=true)",
    ".jsonl.gz": "read_json({files}, format='newline_delimited', union_by_name=true)",
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


class FileSource(Source):
    """Files by glob, local or on any filesystem that fsspec knows (`s3://…`, with its package installed).

    The reader follows the end of the name: `.parquet`, `.csv`, `.jsonl` (the latter two also gzipped).
    In CSV the columns of id and version are always read as text, for `007` is not 7 and `1.10` not 1.1.
    """

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
        self._connection.execute("SET TimeZone = 'UTC'")
        if threads is not None:
            self._connection.execute(f"SET threads = {int(threads)}")

    def close(self) -> None:
        self._connection.close()

    def relation(self, location: Location, name: str) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        assert location.files is not None
        reader = self._reader(location.files)
        try:
            described = self._described(reader, [])
            texts = [column for column, *_ in described if column in text_columns(location)]
            if texts and "{types}" in reader:
                described = self._described(reader, texts)
            rows = reader.format(types=typed(texts))
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {rows}")
        except duckdb.IOException as error:
            raise SourceError(
                f"No file matches {location.files!r} (looked below {self._root}), or one cannot be opened: "
                "write the first file before the monitor runs, or correct `files`."
            ) from error
        except duckdb.Error as error:
            raise SourceError(f"The files {location.files!r} cannot be read: {first_line(error)}") from error
        kinds = {column: kind_of(type_name) for column, type_name, *_ in described}
        return sa.table(name, *(sa.column(column) for column in kinds)), kinds

    def _described(self, reader: str, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        rows = reader.format(types=typed(texts))
        return self._connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()

    def _reader(self, files: str) -> str:
        """The call that reads these files, with `{types}` left open where it can be told types."""
        ending = next((end for end in READERS if files.endswith(end)), None)
        if ending is None:
            raise SourceError(
                f"The files {files!r} end in none of {', '.join(READERS)}: name files of one of these kinds."
            )
        if "://" in files:
            self._register(files.split("://", 1)[0])
        elif not Path(files).is_absolute():
            files = str(self._root / files)
        return READERS[ending].replace("{files}", quoted(files).replace("{", "{{").replace("}", "}}"))

    def _register(self, protocol: str) -> None:
        import fsspec

        try:
            self._connection.register_filesystem(fsspec.filesystem(protocol))
        except (ImportError, ValueError) as error:
            raise SourceError(
                f"Files on {protocol}:// need an fsspec filesystem that is not installed: "
                f"install the package that provides it ({error})."
            ) from error

    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        compiled = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        try:
            return self._connection.execute(str(compiled), values).fetchall()
        except duckdb.OutOfRangeException as error:
            raise SourceError(
                "A sum of fixed-point terms left the range of a 38-digit integer: set `unit` of ground_truth "
                f"to the size of a typical value ({first_line(error)})."
            ) from error
        except duckdb.Error as error:
            raise SourceError(f"The files cannot be read as the monitor says: {first_line(error)}") from error


def text_columns(location: Location) -> set[str | None]:
    """The columns that name things, whatever their values look like."""
    if isinstance(location, PredictionLog):
        return {location.columns.id, location.columns.version}
    return {location.columns.id} if isinstance(location, GroundTruth) else set()


def typed(texts: Sequence[str]) -> str:
    """A DuckDB struct that says which columns are text."""
    return "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in texts) + "}"


def kind_of(type_name: object) -> Kind:
    """The kind of a column by the name DuckDB gives its type."""
    text = str(type_name)
    return Kind.NUMBER if text.startswith("DECIMAL") else KINDS.get(text, Kind.OTHER)


def first_line(error: BaseException) -> str:
    """What an engine's error says, without its many-line illustration."""
    return str(error).strip().splitlines()[0]
