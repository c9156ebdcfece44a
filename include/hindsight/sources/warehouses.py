"""The databases that logs are read from: how each is opened, for reading only, and what its columns hold.

A warehouse is one class and one line in `WAREHOUSES`; the key is the name of its SQLAlchemy dialect.  What is
odd about an engine's values is put right here, at the door: times that a driver gives without a zone,
column types by their many names, and in SQLite times that are text.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, ClassVar, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event

from hindsight.domain.spec import Location
from hindsight.errors import SourceError
from hindsight.sources import engines
from hindsight.sources.base import Kind
from hindsight.sources.engines import EPOCH, Engine, microseconds, plain_division, taught
from hindsight.sources.roles import number_columns, time_columns

Kinds = Mapping[str, Kind]


CAREFUL: Final[Mapping[str, Any]] = {
    "pool_pre_ping": True,
    "hide_parameters": True,
    "enable_from_linting": False,  # a row for each horizon is a product that is meant
}
"""How every engine is made."""


class Warehouse:
    """A kind of database.  This one suits engines whose drivers name types and whose times are in UTC."""

    engine: ClassVar[Engine]
    package: ClassVar[str]
    """What to install for its SQLAlchemy dialect."""
    read_only: ClassVar[bool] = False
    """Whether the connection itself refuses to write; where not, the user's rights must."""
    settings: ClassVar[Sequence[str]] = ()
    """Statements that begin each new session."""
    options: ClassVar[Mapping[str, Any]] = {}
    """What the driver is told when it connects."""
    instants: ClassVar[frozenset[str]] = frozenset({"timestamptz", "timestamp_tz", "timestamp_ltz"})
    """Names of types besides `timestamp with time zone` whose values are instants."""

    def open(self, url: sa.URL) -> sa.Engine:
        """An engine on the URL, whose sessions are in UTC."""
        opened = sa.create_engine(url, connect_args=dict(self.options), **CAREFUL)
        taught(opened.dialect, self.engine)
        event.listen(opened, "connect", self.begin)
        # Instants are written into the text of a statement: what was compiled for others must not be used.
        return opened.execution_options(compiled_cache=None)

    def begin(self, connection: Any, _record: object) -> None:
        """Settle a new session of the driver."""
        if self.settings:
            with closing(connection.cursor()) as cursor:
                for setting in self.settings:
                    cursor.execute(setting)

    def before(self, connection: sa.Connection) -> None:
        """Settle a transaction before a statement."""

    def faults(self) -> tuple[type[Exception], ...]:
        """What the driver raises besides the errors that SQLAlchemy knows."""
        return (OSError,)

    def said(self, error: BaseException) -> str:
        """The database's own first line, without the statement and its parameters."""
        cause = getattr(error, "orig", None) or error
        lines = str(cause).strip().splitlines()
        return lines[0] if lines else type(cause).__name__

    def kinds(self, connection: sa.Connection, rows: sa.FromClause, location: Location) -> Kinds:
        """The kind of each column; no row is read."""
        look = sa.select(sa.text("*")).select_from(rows).where(sa.false())
        cursor = connection.execute(look).cursor
        assert cursor is not None
        normal = connection.dialect.normalize_name if connection.dialect.requires_name_normalize else str
        return {str(normal(name)): self.kind(code) for name, code, *_ in cursor.description or ()}

    def kind(self, code: object) -> Kind:
        """The kind of a type as the driver reports it."""
        return kind_of(str(code), self.instants)

    def shaped(
        self, rows: sa.FromClause, kinds: Kinds, location: Location, name: str
    ) -> tuple[sa.FromClause, Kinds]:
        """The rows under an alias, with values as the statement expects them."""
        return rows, kinds

    def value(self, value: Any) -> Any:
        """A value of the answer: times are aware and in UTC."""
        if not isinstance(value, datetime):
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PostgreSQL(Warehouse):
    """Statements run in read-only transactions, so that a `query` in a YAML file cannot write."""

    engine = engines.POSTGRESQL
    package = "psycopg"
    read_only = True

    def open(self, url: sa.URL) -> sa.Engine:
        opened = sa.create_engine(url, **CAREFUL)
        plain_division(opened.dialect)
        return opened.execution_options(postgresql_readonly=True)

    def before(self, connection: sa.Connection) -> None:
        # For our own transactions only: a hash join over whole logs beats random reads along two indexes.
        plans = ("enable_mergejoin = off", "enable_sort = off", "work_mem = '256MB'", "jit = off")
        for setting in ("TIME ZONE 'UTC'", *plans):
            connection.exec_driver_sql(f"SET LOCAL {setting}")

    def kinds(self, connection: sa.Connection, rows: sa.FromClause, location: Location) -> Kinds:
        cursor = connection.execute(sa.select(sa.text("*")).select_from(rows).limit(0)).cursor
        assert cursor is not None
        return {name: POSTGRES_KINDS.get(code, Kind.OTHER) for name, code, *_ in cursor.description or ()}

    def value(self, value: Any) -> Any:
        return value


POSTGRES_KINDS: Final[Mapping[object, Kind]] = {
    16: Kind.BOOLEAN,
    **dict.fromkeys((20, 21, 23, 700, 701, 1700), Kind.NUMBER),
    **dict.fromkeys((25, 1042, 1043, 2950), Kind.TEXT),
    1114: Kind.WALL_CLOCK,
    1184: Kind.INSTANT,
}
"""PostgreSQL's type numbers (pg_type.oid), as its drivers report them."""


class Instant(sa.types.TypeDecorator[datetime]):
    """Whole microseconds since 1970 as an aware time."""

    impl = sa.BigInteger
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class SQLite(Warehouse):
    """A file, opened for reading only.

    SQLite has no type for times: the columns that a monitor names as times hold ISO 8601 text, such as
    `2024-03-01T12:30:00.25Z`, `2024-03-01 12:30:00+01:00` or, as a wall clock of the location's zone,
    `2024-03-01 12:30`.  Any other text is refused.  A column's kind is that of its first values, for
    SQLite lets any value into any column; among numbers, what is no number counts as null.
    """

    engine = engines.SQLITE
    package = "sqlite3"
    read_only = True
    SAMPLE: Final = 1000

    def __init__(self) -> None:
        self._refused: str | None = None

    def open(self, url: sa.URL) -> sa.Engine:
        if not str(url.database or "").startswith("file:"):
            url = sa.URL.create("sqlite", database=f"file:{quote(url.database or '')}")
        return super().open(url.set(query={"mode": "ro", "uri": "true"}))

    def begin(self, connection: Any, _record: object) -> None:
        connection.execute("PRAGMA query_only = ON")
        connection.create_function("hindsight_instant", 2, self._instant, deterministic=True)
        for name, function in FUNCTIONS.items():
            try:
                connection.execute(f"SELECT {name}(1.5)")
            except sqlite3.OperationalError:
                connection.create_function(name, 1, function, deterministic=True)

    def _instant(self, text: object, zone: str) -> int | None:
        if text is None:
            return None
        try:
            return microseconds(read_time(text, zone))
        except (TypeError, ValueError):
            self._refused = repr(text)
            raise

    def said(self, error: BaseException) -> str:
        if self._refused is None:
            return super().said(error)
        refused, self._refused = self._refused, None
        return (
            f"{refused} is no time that can be compared; SQLite's are read as ISO 8601 text, such as "
            "'2024-03-01T12:30:00Z'"
        )

    def kinds(self, connection: sa.Connection, rows: sa.FromClause, location: Location) -> Kinds:
        cursor = connection.execute(sa.select(sa.text("*")).select_from(rows).limit(self.SAMPLE)).cursor
        assert cursor is not None
        names = [column[0] for column in cursor.description or ()]
        sample = cursor.fetchall()
        declared = self._declared(connection, location)
        found = {}
        for i, name in enumerate(names):
            held = {held_kind(row[i]) for row in sample if row[i] is not None}
            used_as = Kind.NUMBER if name in number_columns(location) else Kind.TEXT
            unknown = declared.get(name, used_as)
            found[name] = unknown if not held else held.pop() if len(held) == 1 else Kind.OTHER
        return found

    def _declared(self, connection: sa.Connection, location: Location) -> Kinds:
        """The kinds that a table's declaration names, for columns that hold nothing yet."""
        if location.table is None:
            return {}
        schema, _, table = location.table.rpartition(".")
        asked = sa.text("select name, type from pragma_table_info(:table, :schema)")
        found = connection.execute(asked, {"table": table, "schema": schema or "main"})
        kinds = {name: kind_of(str(declared), frozenset()) for name, declared in found}
        # A declared time is text, and a declared boolean 0 or 1.
        as_held = {Kind.WALL_CLOCK: Kind.TEXT, Kind.INSTANT: Kind.TEXT, Kind.BOOLEAN: Kind.NUMBER}
        return {name: as_held.get(kind, kind) for name, kind in kinds.items() if kind is not Kind.OTHER}

    def shaped(
        self, rows: sa.FromClause, kinds: Kinds, location: Location, name: str
    ) -> tuple[sa.FromClause, Kinds]:
        times = time_columns(location) & {column for column, kind in kinds.items() if kind is Kind.TEXT}
        kinds = {column: Kind.INSTANT if column in times else kind for column, kind in kinds.items()}
        shown: list[sa.ColumnElement[Any]] = []
        for column, kind in kinds.items():
            held: sa.ColumnElement[Any] = rows.c[column]
            if column in times:
                held = sa.func.hindsight_instant(held, location.timezone, type_=Instant())
            elif kind is Kind.NUMBER:
                a_number = sa.func.typeof(held).in_(sa.literal_column(f"'{t}'") for t in ("integer", "real"))
                held = sa.case((a_number, held), else_=sa.null())
            shown.append(held.label(column))
        # Rows behind a limit are made once; else SQLite computes an instant anew for each comparison.
        return sa.select(*shown).limit(sa.literal_column("-1")).subquery(name), kinds

    def value(self, value: Any) -> Any:
        return value


def ln(value: float | None) -> float | None:
    """The natural logarithm, null where there is none."""
    return math.log(value) if value is not None and value > 0 else None


def ceil(value: float | None) -> float | None:
    """The least whole number above, as a float."""
    return value if value is None or math.isinf(value) else float(math.ceil(value))


FUNCTIONS: Final = {"ln": ln, "ceil": ceil}
"""What SQLite lacks where it was built without its mathematical functions."""


DATED: Final = re.compile(r"\s*\d{4}-\d\d-\d\d(?!\d)")
"""How ISO 8601 text begins, but for its forms without dashes, which a count of seconds may look like."""


def read_time(text: object, zone: str) -> datetime:
    """ISO 8601 text as an instant; a wall clock that comes twice, or never, is the later of the two.

    >>> read_time("2024-03-01T12:30:00.25+01:00", "UTC").astimezone(UTC).isoformat()
    '2024-03-01T11:30:00.250000+00:00'
    >>> read_time("2024-11-03 01:30", "America/New_York").isoformat()
    '2024-11-03T06:30:00+00:00'
    """
    if not isinstance(text, str):
        raise TypeError(text)
    if not DATED.match(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is not None:
        return moment
    there = moment.replace(tzinfo=ZoneInfo(zone))
    return max(there.astimezone(UTC), there.replace(fold=1).astimezone(UTC))


def held_kind(value: object) -> Kind:
    """The kind of one value of SQLite's."""
    if isinstance(value, int | float):
        return Kind.NUMBER
    return Kind.TEXT if isinstance(value, str) else Kind.OTHER


class Spark(Warehouse):
    """Spark through its Thrift server, with PyHive's dialect `hive`; sums that overflow are an error."""

    engine = engines.SPARK
    package = "pyhive[hive-pure-sasl]"
    settings: ClassVar[Sequence[str]] = (
        "SET TIME ZONE 'UTC'",
        "SET spark.sql.ansi.enabled = true",
        "SET spark.sql.timestampType = TIMESTAMP_LTZ",
    )
    instants = frozenset({"timestamp", "timestamp_ltz"})

    def kinds(self, connection: sa.Connection, rows: sa.FromClause, location: Location) -> Kinds:
        # The driver's own description does not tell instants from wall clocks.
        look = sa.select(sa.text("*")).select_from(rows).compile(connection)
        described = connection.exec_driver_sql(f"DESCRIBE QUERY {look}")
        return {name: self.kind(type_name) for name, type_name, *_ in described}

    def faults(self) -> tuple[type[Exception], ...]:
        return (OSError, *of_module("thrift.Thrift", "TException"))

    def said(self, error: BaseException) -> str:
        cause = getattr(error, "orig", None) or error
        status = getattr(cause.args[0] if cause.args else None, "status", None)
        told = getattr(status, "errorMessage", None) or super().said(error)
        # "Error running query: [CLASS] org.apache.spark.SomeException: [CLASS] what is wrong", then a plan.
        words = re.split(r"Exception:\s*", str(told), maxsplit=1)[-1].strip()
        return words.splitlines()[0] if words else type(cause).__name__


class Databricks(Spark):
    """A SQL warehouse or a cluster of Databricks."""

    package = "databricks-sqlalchemy"
    settings: ClassVar[Sequence[str]] = ("SET TIME ZONE 'UTC'", "SET ANSI_MODE = true")

    def faults(self) -> tuple[type[Exception], ...]:
        return (OSError, *of_module("databricks.sql.exc", "Error"))


class Snowflake(Warehouse):
    """Snowflake; columns of a monitor are written in lower case, as SQLAlchemy names them."""

    engine = engines.SNOWFLAKE
    package = "snowflake-sqlalchemy"
    settings = ("ALTER SESSION SET TIMEZONE = 'UTC'",)
    KINDS: Final = (
        *("number", "double", "text", "date", "timestamp", "variant", "timestamp_ltz", "timestamp_tz"),
        *("timestamp_ntz", "object", "array", "binary", "time", "boolean"),
    )
    """Type names by the number that the connector reports."""

    def kind(self, code: object) -> Kind:
        known = isinstance(code, int) and code < len(self.KINDS)
        return super().kind(self.KINDS[code] if known and isinstance(code, int) else code)


class BigQuery(Warehouse):
    """BigQuery, where TIMESTAMP is an instant and DATETIME a wall clock."""

    engine = engines.BIGQUERY
    package = "sqlalchemy-bigquery"
    instants = frozenset({"timestamp"})


class Trino(Warehouse):
    """Trino, and with it what its connectors reach."""

    engine = engines.TRINO
    package = "trino[sqlalchemy]"
    options: ClassVar[Mapping[str, Any]] = {"timezone": "UTC"}


class ClickHouse(Warehouse):
    """ClickHouse, told to follow the SQL standard where it would put a 0 for what is unknown."""

    engine = engines.CLICKHOUSE
    package = "clickhouse-connect[sqlalchemy]"
    read_only = True
    SETTINGS: Final[Mapping[str, int]] = {
        "readonly": 2,
        "join_use_nulls": 1,
        "group_by_use_nulls": 1,
        "cast_keep_nullable": 1,
    }
    options: ClassVar[Mapping[str, Any]] = {f"ch_{name}": value for name, value in SETTINGS.items()}
    instants = frozenset({"datetime", "datetime64"})


WAREHOUSES: Final[Mapping[str, type[Warehouse]]] = {
    "postgresql": PostgreSQL,
    "sqlite": SQLite,
    "hive": Spark,
    "databricks": Databricks,
    "snowflake": Snowflake,
    "bigquery": BigQuery,
    "trino": Trino,
    "clickhousedb": ClickHouse,
}

NUMBERS: Final = frozenset(
    (
        *("number", "numeric", "decimal", "dec", "bignumeric", "int", "integer", "bigint", "smallint"),
        *("tinyint", "mediumint", "byteint", "hugeint", "long", "short", "byte", "float", "float4", "float8"),
        *("float32", "float64", "bfloat16", "double", "double_precision", "real", "int2", "int4", "int8"),
        *("int16", "int32", "int64", "int128", "int256", "uint8", "uint16", "uint32", "uint64", "uint128"),
        "uint256",
    )
)
TEXTS: Final = frozenset(
    (
        *("text", "string", "varchar", "nvarchar", "char", "nchar", "character", "character_varying"),
        *("clob", "uuid"),
    )
)
TEXTS_BY_START: Final = ("fixedstring", "enum")
WALL_CLOCKS: Final = frozenset(("timestamp", "timestamp_ntz", "datetime", "timestamp_without_time_zone"))
INSTANT_NAMES: Final = frozenset({"timestamp_with_time_zone"})


def kind_of(type_name: str, instants: frozenset[str]) -> Kind:
    """The kind of a type by the name an engine gives it; `instants` are names that mean one there.

    >>> kind_of("LowCardinality(Nullable(String))", frozenset()), kind_of("decimal(10, 2)", frozenset())
    (<Kind.TEXT: 'text'>, <Kind.NUMBER: 'number'>)
    >>> kind_of("timestamp(6) with time zone", frozenset()), kind_of("timestamp(6)", frozenset())
    (<Kind.INSTANT: 'timestamp with time zone'>, <Kind.WALL_CLOCK: 'timestamp without time zone'>)
    """
    name = type_name.strip().lower()
    while wrapped := re.fullmatch(r"(?:nullable|lowcardinality)\((.*)\)", name):
        name = wrapped[1]
    name = re.sub(r"\s+", "_", re.sub(r"\([^()]*\)", "", name).strip())
    if name in instants or name in INSTANT_NAMES:
        return Kind.INSTANT
    for kind, names in ((Kind.WALL_CLOCK, WALL_CLOCKS), (Kind.NUMBER, NUMBERS), (Kind.TEXT, TEXTS)):
        if name in names:
            return kind
    if name in {"bool", "boolean"}:
        return Kind.BOOLEAN
    return Kind.TEXT if name.startswith(TEXTS_BY_START) else Kind.OTHER


def of_module(module: str, name: str) -> tuple[type[Exception], ...]:
    """An exception of a driver, if that is installed."""
    try:
        return (getattr(import_module(module), name),)
    except ImportError:
        return ()


def warehouse_of(url: sa.URL, name: str) -> Warehouse:
    """The kind of database behind a connection; SourceError names those that are read."""
    kind = WAREHOUSES.get(url.get_backend_name())
    if kind is None:
        raise SourceError(
            f"Connection {name!r} is of type {url.get_backend_name()!r}: logs are read from "
            f"{', '.join(WAREHOUSES)}, or from `files`."
        )
    return kind()
