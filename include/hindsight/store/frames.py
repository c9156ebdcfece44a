"""The store as typed pandas frames, and as CSV that comes back the same.

Texts are `string`, counts `Int64`, numbers `Float64`, times `datetime64[us, UTC]`: what is missing
is NA in each of them, never NaN.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import pandas as pd
import sqlalchemy as sa

from hindsight.domain.records import Snapshot
from hindsight.domain.values import Horizon, Span, Verdict
from hindsight.errors import StoreError
from hindsight.store.ledger import INCIDENT_ORDER
from hindsight.store.partitions import DETECTION_ORDER, SNAPSHOT_KEY, SNAPSHOT_ORDER
from hindsight.store.queries import newest, plain, select
from hindsight.store.rows import DETECTIONS, INCIDENTS, SNAPSHOTS, Codec
from hindsight.store.store import Store

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def snapshot_frame(
    store: Store,
    monitor: str | None = None,
    metric: str | None = None,
    at: Horizon | str | None = None,
    window: Span | str | None = None,
    segment: str | None = None,
    version: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Snapshots, one column per field, by window_start, window, horizon, version, segment, metric.

    `at` and `window` may be written `7d`; `start` and `end` bound window_start, half-open.  With `as_of`,
    of each metric of each window only the newest that was known by then.
    """
    filters: dict[str, Any] = {
        "metric": metric,
        "horizon": _length(Horizon, at),
        "window": _length(Span, window),
        "segment": segment,
        "version": version,
        "start": start,
        "end": end,
    }
    if as_of is None:
        query = select(SNAPSHOTS, monitor, SNAPSHOT_ORDER, **filters)
    else:
        query = newest(SNAPSHOTS, monitor, SNAPSHOT_KEY, SNAPSHOT_ORDER, as_of, **filters)
    return _frame(store, SNAPSHOTS, query)


def frame_of(snapshots: Sequence[Snapshot]) -> pd.DataFrame:
    """Snapshots that were never stored as such a frame."""
    rows = [[plain(getattr(each, name)) for name in SNAPSHOTS.dtypes] for each in snapshots]
    return _framed(SNAPSHOTS, rows)


def detection_frame(
    store: Store,
    monitor: str | None = None,
    detector: str | None = None,
    metric: str | None = None,
    at: Horizon | str | None = None,
    verdict: Verdict | str | None = None,
    segment: str | None = None,
    version: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pd.DataFrame:
    """Detections, one column per field, by as_of and then key; filters as for snapshots."""
    query = select(
        DETECTIONS,
        monitor,
        DETECTION_ORDER,
        detector=detector,
        metric=metric,
        horizon=_length(Horizon, at),
        verdict=verdict,
        segment=segment,
        version=version,
        start=start,
        end=end,
    )
    return _frame(store, DETECTIONS, query)


def incident_frame(store: Store, monitor: str | None = None) -> pd.DataFrame:
    """Incidents, oldest first, one column per field; members as `detector (version, segment)`."""
    return _frame(store, INCIDENTS, select(INCIDENTS, monitor, INCIDENT_ORDER))


def write_csv(frame: pd.DataFrame, target: str | Path | TextIO) -> None:
    """Write a frame as CSV that a spreadsheet takes for data only.

    A text that a spreadsheet would take for a formula gets a leading apostrophe, as has a text that
    already begins with one and an empty text; an empty cell is NA.  `read_snapshot_csv` undoes it.
    """
    guarded = frame.copy()
    bare = False
    for name in frame.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz"]):
        guarded[name] = frame[name].map(_guard, na_action="ignore")
        bare = bare or any("\r" in str(cell) for cell in guarded[name])
    # Python's csv leaves a carriage return unquoted, and then it reads as the end of a line.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL
    guarded.to_csv(target, index=False, lineterminator="\n", encoding="utf-8", quoting=quoting)


def read_snapshot_csv(path: str | Path) -> pd.DataFrame:
    """A frame of snapshots that `write_csv` wrote, equal to the one it was given."""
    try:
        texts = pd.read_csv(path, dtype=str, na_filter=False, encoding="utf-8")
    except ValueError as error:
        raise StoreError(f"{path} cannot be read as CSV: {error}.") from error
    missing = [name for name in SNAPSHOTS.dtypes if name not in texts.columns]
    if missing:
        raise StoreError(f"{path} holds no exported snapshots: it lacks the columns {', '.join(missing)}.")
    columns = {}
    for name, dtype in SNAPSHOTS.dtypes.items():
        try:
            columns[name] = _parsed(texts[name], dtype)
        except ValueError as error:
            raise StoreError(f"{path}: the column {name!r} holds no {dtype}: {error}.") from error
    return pd.DataFrame(columns)


def _frame(store: Store, codec: Codec[Any], query: sa.Select[Any]) -> pd.DataFrame:
    with store.transaction() as conn:
        rows = conn.execute(query).all()
    return _framed(codec, rows)


def _framed(codec: Codec[Any], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(codec.columns)
    return pd.DataFrame(
        {
            name: pd.Series([_member_list(v) for v in values] if name in _MEMBERS else values, dtype=dtype)
            for (name, dtype), values in zip(codec.dtypes.items(), columns, strict=True)
        }
    )


_MEMBERS = {"members", "breaching"}


def _member_list(values: list[dict[str, str]]) -> str:
    return "; ".join(f"{v['detector']} ({v['version']}, {v['segment']})" for v in values)


def _parsed(texts: pd.Series[str], dtype: str) -> pd.Series[Any]:
    if dtype.startswith("datetime"):
        return pd.Series(pd.to_datetime(texts, utc=True, format="ISO8601"), dtype=dtype)
    readers: dict[str, Callable[[str], Any]] = {"string": _unguard, "Int64": int, "Float64": float}
    read = readers[dtype]
    return pd.Series([read(text) if text else None for text in texts], dtype=dtype)


def _guard(cell: object) -> object:
    guarded = isinstance(cell, str) and (not cell or cell.startswith(_FORMULA))
    return f"'{cell}" if guarded else cell


def _unguard(text: str) -> str:
    return text.removeprefix("'")


def _length(
    kind: type[Horizon] | type[Span], value: Horizon | Span | str | None
) -> list[Horizon | Span] | None:
    """A length as a daily and as an hourly monitor writes it: 7d is 168h."""
    if value is None:
        return None
    length = kind.parse(value) if isinstance(value, str) else value
    return [length, length.in_hours()]
