"""What differs from engine to engine in the statements that Hindsight makes.

An `Engine` gives the statement its few words that SQL has no common form for; `taught` makes a SQLAlchemy
dialect write the rest of them: instants as literals of the engine's own type, and functions whose meaning
differs.  Drivers bind times in too many ways (as text, without their zone) to leave that to them.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Column = sa.ColumnElement[Any]


@dataclass(frozen=True)
class Engine:
    """An engine's ways of saying what SQL has no common words for.

    `collation` orders text by code point, where the engine's default may not.  With `fence` a subquery is
    kept from being merged into the one around it, which would work out its expressions at every mention.
    `hash` names a function to 64-bit integers, where the engine runs in this process, for telling ids apart
    cheaply; without one they are compared as they are.
    """

    name: str
    collation: str | None = None
    grouping_sets: bool = True
    fence: bool = False
    hash: str | None = None

    def utc(self, column: Column, zone: str) -> Column:
        """A wall clock of a zone as an instant; of two possible ones, or of none, the later."""
        return sa.func.timezone(zone, column)

    def instant(self, column: Column) -> Column:
        """An instant, however the engine holds it, as something that compares with bound instants."""
        return column

    def element(self, array: Column, position: int) -> Column:
        """An element of an array column; the first one is 1."""
        return sa.type_coerce(array, postgresql.ARRAY(sa.Double))[position]

    def fenced(self, rows: sa.Select[Any]) -> sa.Select[Any]:
        """A subquery whose expressions are worked out once a row."""
        return rows.offset(sa.literal_column("0")) if self.fence else rows

    def ordered(self, text: Column) -> Column:
        """Text in an order that is the same everywhere."""
        return sa.collate(text, self.collation) if self.collation else text

    def literal(self, moment: datetime) -> str | None:
        """An instant (aware) or a wall clock (naive) as the engine writes it; None where it is bound."""
        return None


class SQLite(Engine):
    """Instants are whole microseconds since 1970: `hindsight.sources.warehouses` turns text into them."""

    def element(self, array: Column, position: int) -> Column:
        return sa.func.json_extract(array, f"$[{position - 1}]")

    def literal(self, moment: datetime) -> str:
        return str(microseconds(moment))


class Spark(Engine):
    """Spark and Databricks, in sessions whose zone is UTC."""

    def utc(self, column: Column, zone: str) -> Column:
        hour: Column = sa.literal_column("INTERVAL 1 HOUR")
        # Spark takes the first of two possible instants; the other engines of this file the later.
        return sa.func.greatest(
            sa.func.to_utc_timestamp(column, zone), sa.func.to_utc_timestamp(column + hour, zone) - hour
        )

    def element(self, array: Column, position: int) -> Column:
        return sa.func.try_element_at(array, sa.literal_column(str(position)))

    def literal(self, moment: datetime) -> str:
        if moment.tzinfo is None:
            return f"TIMESTAMP_NTZ '{written(moment)}'"
        return f"TIMESTAMP_LTZ '{written(moment)}Z'"


class Snowflake(Engine):
    """Sessions are in UTC, so that timestamps with and without a zone compare as UTC."""

    def utc(self, column: Column, zone: str) -> Column:
        return sa.func.convert_timezone(zone, "UTC", sa.cast(column, sa.TIMESTAMP))

    def element(self, array: Column, position: int) -> Column:
        return sa.func.get(array, sa.literal_column(str(position - 1)))

    def literal(self, moment: datetime) -> str:
        if moment.tzinfo is None:
            return f"CAST('{written(moment)}' AS TIMESTAMP_NTZ)"
        return f"CAST('{written(moment)} +00:00' AS TIMESTAMP_TZ)"


class BigQuery(Engine):
    """A TIMESTAMP is an instant, a DATETIME a wall clock."""

    def utc(self, column: Column, zone: str) -> Column:
        return sa.func.timestamp(column, zone)

    def element(self, array: Column, position: int) -> Column:
        return sa.type_coerce(array, sa.ARRAY(sa.Double))[
            sa.func.safe_ordinal(sa.literal_column(str(position)))
        ]

    def literal(self, moment: datetime) -> str:
        if moment.tzinfo is None:
            return f"DATETIME '{written(moment)}'"
        return f"TIMESTAMP '{written(moment)}+00:00'"


class Trino(Engine):
    """Instants are of the type TIMESTAMP WITH TIME ZONE."""

    def utc(self, column: Column, zone: str) -> Column:
        return sa.func.with_timezone(column, zone)

    def element(self, array: Column, position: int) -> Column:
        return sa.func.element_at(array, sa.literal_column(str(position)))

    def literal(self, moment: datetime) -> str:
        return f"TIMESTAMP '{written(moment)}{'' if moment.tzinfo is None else ' UTC'}'"


class ClickHouse(Engine):
    """Every DateTime is an instant; its zone is only how it is shown."""

    def element(self, array: Column, position: int) -> Column:
        return sa.func.arrayElementOrNull(array, sa.literal_column(str(position)))

    def literal(self, moment: datetime) -> str:
        return f"toDateTime64('{written(moment)}', 6, 'UTC')"


POSTGRESQL: Final = Engine("postgresql", collation="C", fence=True)
DUCKDB: Final = Engine("duckdb", hash="hash")
SQLITE: Final = SQLite("sqlite", grouping_sets=False)
SPARK: Final = Spark("spark")
SNOWFLAKE: Final = Snowflake("snowflake")
BIGQUERY: Final = BigQuery("bigquery")
TRINO: Final = Trino("trino")
CLICKHOUSE: Final = ClickHouse("clickhouse")


def written(moment: datetime) -> str:
    """A time with all its microseconds and without its zone; an instant in UTC.

    >>> written(datetime(2024, 3, 1, 12, 30, tzinfo=UTC))
    '2024-03-01 12:30:00.000000'
    """
    plain = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return plain.isoformat(sep=" ", timespec="microseconds")


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970, exactly.

    >>> microseconds(datetime(1970, 1, 2, microsecond=7, tzinfo=UTC))
    86400000007
    """
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def plain_division(dialect: sa.Dialect) -> sa.Dialect:
    """The dialect itself, from now on dividing without a cast: everything that we divide is a double.

    SQLAlchemy would cast what it does not know to be one to NUMERIC, and DuckDB's has three decimals.
    """
    dialect.div_is_floordiv = False
    return dialect


def wide_sum(clause: Any) -> Column | None:
    """A sum of integers, or its `coalesce`, in 128 bits; None for anything else."""
    name = getattr(clause, "name", "")
    if name == "sum":
        return sa.func.sum(sa.func.toInt128(*clause.clauses))
    if name != "coalesce":
        return None
    first, *others = clause.clauses
    summed = wide_sum(first)
    return None if summed is None else sa.func.coalesce(summed, *others)


def taught(dialect: sa.Dialect, engine: Engine) -> sa.Dialect:
    """The dialect itself, from now on writing what the engine needs; do not cache what it compiles."""
    plain_division(dialect)
    compiler: Any = dialect.statement_compiler

    class Compiler(compiler):  # type: ignore[misc]
        """The dialect's own compiler, in the engine's words."""

        def visit_bindparam(self, bindparam: sa.BindParameter[Any], **options: Any) -> str:
            value = bindparam.value
            literal = engine.literal(value) if isinstance(value, datetime) else None
            if literal is not None:
                return literal
            found: str = super().visit_bindparam(bindparam, **options)
            return found

        if engine is SQLITE:
            # SQLAlchemy puts Python's floor before SQLite's own, and that one fails for null and infinities.

            def visit_floor_func(self, function: sa.FunctionElement[Any], **options: Any) -> str:
                return f"-ceil(-{self.function_argspec(function, **options)})"

        if engine is CLICKHOUSE:
            # Without a row before or after, ClickHouse gives 0 for a column that cannot be null.  Its casts
            # also look at the number behind a null, which may be NaN; and its sums overflow in silence.

            def visit_over(self, over: sa.Over[Any], **options: Any) -> str:
                function: Any = over.element
                if getattr(function, "name", "") in {"lag", "lead"}:
                    over = copy(over)
                    over.element = getattr(sa.func, function.name)(sa.func.toNullable(*function.clauses))
                found: str = super().visit_over(over, **options)
                return found

            def visit_cast(self, cast: sa.Cast[Any], **options: Any) -> str:
                if isinstance(cast.type, sa.Integer):
                    if getattr(cast.clause, "name", "") == "floor":
                        return f"accurateCastOrNull({self.process(cast.clause, **options)}, 'Int64')"
                    if (summed := wide_sum(cast.clause)) is not None:
                        return f"accurateCast({self.process(summed, **options)}, 'Nullable(Int64)')"
                found: str = super().visit_cast(cast, **options)
                return found

    dialect.statement_compiler = Compiler
    return dialect
