"""Partitions replaced whole: the old rows deleted and the new ones copied in, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from hindsight import faults
from hindsight.errors import StoreError
from hindsight.store.queries import plain
from hindsight.store.rows import Codec

Record = TypeVar("Record")


def replace(
    conn: sa.Connection,
    codec: Codec[Record],
    monitor: str,
    names: tuple[str, ...],
    partitions: Collection[tuple[Any, ...]],
    rows: Iterable[Record],
) -> int:
    """Put `rows` in the place of all that these partitions of the monitor hold; returns how many they are.

    A partition is a value for each of `names`.  A row of another monitor or partition raises
    StoreError: it would meet the rows of somebody else.
    """
    _delete(conn, codec.table, monitor, names, partitions)
    faults.reach("store.deleted")
    count = copy(conn, codec, _within(codec, monitor, names, partitions, rows))
    faults.reach("store.copied")
    return count


def copy(conn: sa.Connection, codec: Codec[Record], rows: Iterable[Record]) -> int:
    """Append rows by COPY, some microseconds each; returns how many there were."""
    quote = conn.dialect.identifier_preparer
    columns = ", ".join(quote.format_column(column) for column in codec.columns)
    statement = f"copy {quote.format_table(codec.table)} ({columns}) from stdin"
    driver = cast(psycopg.Connection[Any], conn.connection.driver_connection)
    with driver.cursor() as cursor:
        with cursor.copy(statement) as stream:
            for block in codec.blocks(rows):
                stream.write(block)
        return cursor.rowcount


def _delete(
    conn: sa.Connection,
    table: sa.Table,
    monitor: str,
    names: tuple[str, ...],
    partitions: Collection[tuple[Any, ...]],
) -> None:
    if not partitions:
        return
    arrays = [
        sa.literal([plain(part) for part in parts], ARRAY(table.c[name].type))
        for name, parts in zip(names, zip(*partitions, strict=True), strict=True)
    ]
    gone = sa.func.unnest(*arrays).table_valued(*names, name="gone").render_derived()
    conn.execute(
        sa.delete(table).where(table.c.monitor == monitor, *(table.c[name] == gone.c[name] for name in names))
    )


def _within(
    codec: Codec[Record],
    monitor: str,
    names: tuple[str, ...],
    partitions: Collection[tuple[Any, ...]],
    rows: Iterable[Record],
) -> Iterator[Record]:
    allowed = {(monitor, *partition) for partition in partitions}
    place_of = attrgetter("monitor", *names)
    last: object = None
    for row in rows:
        place = place_of(row)
        if place != last:  # rows of a partition mostly come together
            if place not in allowed:
                raise StoreError(
                    f"A {codec.table.name} of ({', '.join(map(str, place))}) lies in none of the "
                    f"{len(partitions)} partitions of {monitor!r} that are replaced."
                )
            last = place
        yield row
