"""A canonical text of what the store knows of a monitor, to compare two stores byte for byte.

One line of JSON per row, in the order of the key; floats to the last bit.  It says what was found;
when it was computed, and who was told on which day, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from hindsight.domain.values import Length
from hindsight.store.ledger import INCIDENT_ORDER
from hindsight.store.partitions import BY_WINDOW, DETECTION_ORDER, SNAPSHOT_ORDER, STATISTIC_ORDER
from hindsight.store.queries import select
from hindsight.store.rows import DETECTIONS, INCIDENTS, SNAPSHOTS, STATISTICS, WINDOW_STATES, Codec

_PARTS: tuple[tuple[Codec[Any], tuple[str, ...]], ...] = (
    (STATISTICS, STATISTIC_ORDER),
    (WINDOW_STATES, BY_WINDOW),
    (SNAPSHOTS, SNAPSHOT_ORDER),
    (DETECTIONS, DETECTION_ORDER),
    (INCIDENTS, INCIDENT_ORDER),
)
_LEFT_OUT = {"told_on"}


def dump(conn: sa.Connection, monitor: str) -> str:
    """Statistics, window states, snapshots, detections and incidents of a monitor."""
    return "".join(line + "\n" for line in _lines(conn, monitor))


def _lines(conn: sa.Connection, monitor: str) -> Iterator[str]:
    for codec, order in _PARTS:
        names = [column.name for column in codec.columns if column.name not in _LEFT_OUT]
        yield f"# {codec.table.name}: {', '.join(names)}"
        for row in codec.records(conn.execute(select(codec, monitor, order))):
            yield json.dumps(
                [getattr(row, name) for name in names],
                ensure_ascii=False,
                sort_keys=True,
                allow_nan=False,
                default=_plain,
            )


def _plain(value: object) -> object:
    if isinstance(value, Length):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{value!r} has no canonical text")
