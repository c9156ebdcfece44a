r"""Records as rows and rows as records, exactly.

A `Codec` ties a record to its table.  Out go lines of PostgreSQL's COPY text format, which leaves
the driver nothing to guess; numbers are written by `repr`, so that each float comes back to the
last bit.  What the store must not hold never leaves the process: NaN and infinity, times without
a zone, characters that PostgreSQL has no place for.

>>> text("a\tb\\N") == r"a\tb\\N"
True
>>> number(float("nan"))
Traceback (most recent call last):
...
ValueError: nan is not a finite number
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache, cached_property, partial
from itertools import islice
from math import isfinite
from operator import attrgetter
from types import NoneType
from typing import Any, Generic, Self, TypeVar, get_args, get_type_hints

import sqlalchemy as sa

from hindsight.domain.records import (
    Action,
    Detection,
    Incident,
    Member,
    Notification,
    Retained,
    Silence,
    Snapshot,
    StatisticRow,
    Telling,
    Thread,
    WindowState,
)
from hindsight.domain.values import Horizon, Span
from hindsight.errors import StoreError
from hindsight.store.tables import SCHEMA, metadata

Record = TypeVar("Record")
Encode = Callable[[Any], str]
Decode = Callable[[Any], Any]

NULL = r"\N"
_BLOCK = 500  # rows: enough to forget the cost of a call, few enough for payloads of some kilobytes


@dataclass(frozen=True)
class Codec(Generic[Record]):
    """How a record becomes a row of its table, and back: field for column, in the order of the fields."""

    record: type[Record]
    table: sa.Table

    @classmethod
    def of(cls, record: type[Record], table: str) -> Self:
        return cls(record, metadata.tables[f"{SCHEMA}.{table}"])

    @cached_property
    def columns(self) -> tuple[sa.Column[Any], ...]:
        return tuple(self.table.columns[name] for name in self._kinds)

    @property
    def dtypes(self) -> dict[str, str]:
        """The pandas type of each column."""
        return {name: kind.dtype for name, kind in self._kinds.items()}

    @cached_property
    def _kinds(self) -> dict[str, _Kind]:
        return {name: _kind(hint) for name, hint in get_type_hints(self.record).items()}

    def blocks(self, rows: Iterable[Record]) -> Iterator[str]:
        """The rows in COPY's text format, some hundreds at a time.

        A value that the store must not hold raises StoreError, which names it.
        """
        values = attrgetter(*self._kinds)
        encoders = [kind.encoder() for kind in self._kinds.values()]
        waiting = iter(rows)
        while block := list(islice(waiting, _BLOCK)):
            try:
                columns = zip(*map(values, block), strict=True)
                encoded = [encode(column) for encode, column in zip(encoders, columns, strict=True)]
                yield "\n".join(map("\t".join, zip(*encoded, strict=True))) + "\n"
            except (AttributeError, TypeError, ValueError) as error:
                raise StoreError(self._fault(block)) from error

    def records(self, rows: Iterable[Sequence[Any]]) -> list[Record]:
        """Rows of `columns`, as the driver gives them, as records."""
        decoders = [(place, kind.decode) for place, kind in enumerate(self._kinds.values()) if kind.decode]
        found = []
        for row in rows:
            values = list(row)
            for place, decode in decoders:
                values[place] = decode(values[place])
            found.append(self.record(*values))
        return found

    def _fault(self, rows: Iterable[Record]) -> str:
        """The sentence on the first value that cannot be written."""
        for row in rows:
            for name, kind in self._kinds.items():
                try:
                    list(kind.encoder()([getattr(row, name)]))
                except (AttributeError, TypeError, ValueError) as error:
                    return (
                        f"The store does not take a {self.table.name} whose {name} is such: {error}.  "
                        f"It is {_short(repr(row), 1000)}"
                    )
        raise AssertionError("no row is at fault")


@dataclass(frozen=True)
class _Kind:
    """How one type of field is written, read and framed."""

    encode: Encode
    decode: Decode | None = None
    dtype: str = "string"
    repeats: bool = True

    def encoder(self) -> Callable[[Sequence[Any]], Iterable[str]]:
        """The encoder of one copy's columns: what repeats from row to row is encoded once."""
        if not self.repeats:
            return partial(map, self.encode)
        memo = _Memo(self.encode)

        def encoded(column: Sequence[Any]) -> Iterable[str]:
            first = column[0]
            if column.count(first) == len(column):  # as most of what names a row is, all over a block
                return [memo[first]] * len(column)
            return map(memo.__getitem__, column)

        return encoded


class _Memo(dict[Any, str]):
    """Remembers short texts; the long ones, such as payloads, hardly come twice."""

    def __init__(self, encode: Encode) -> None:
        super().__init__({None: NULL})
        self._encode = encode

    def __missing__(self, value: Any) -> str:
        line = self._encode(value)
        if len(line) < 256 and len(self) < 100_000:
            self[value] = line
        return line


def text(value: str) -> str:
    """A text as COPY reads it: what ends fields and lines is escaped; no NUL, no half characters."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    if "\0" in value:
        raise ValueError(f"{_short(repr(value))} holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{_short(repr(value))} holds half a character at position {error.start}") from None
    return value.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def number(value: float | None) -> str:
    """A finite float, to the last bit, or null."""
    if value is None:
        return NULL
    if not isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return repr(float(value))


def integer(value: int | None) -> str:
    """A whole number, or null."""
    return NULL if value is None else str(value)


def instant(value: datetime) -> str:
    """A time with its zone, in UTC."""
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone")
    return value.astimezone(UTC).isoformat()


def _json(value: Any) -> str:
    return text(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False))


def _members(values: Iterable[Member]) -> str:
    return _json([asdict(value) for value in values])


def _array(values: Iterable[str]) -> str:
    quoted = ('"' + value.replace("\\", r"\\").replace('"', r"\"") + '"' for value in values)
    return text("{" + ",".join(quoted) + "}")


def _short(value: str, length: int = 80) -> str:
    return value if len(value) <= length else value[:length] + "…"


_KINDS: Mapping[Any, _Kind] = {
    str: _Kind(text),
    bool: _Kind(lambda value: "t" if value else "f", dtype="boolean"),
    int: _Kind(integer, dtype="Int64", repeats=False),
    float: _Kind(number, dtype="Float64", repeats=False),
    date: _Kind(date.isoformat, dtype="datetime64[us]"),
    datetime: _Kind(instant, dtype="datetime64[us, UTC]"),
    Span: _Kind(str, cache(Span.parse)),
    Horizon: _Kind(str, cache(Horizon.parse)),
    Mapping[str, int]: _Kind(_json, repeats=False),
    Mapping[str, Any]: _Kind(_json, repeats=False),
    tuple[Member, ...]: _Kind(_members, lambda values: tuple(Member(**value) for value in values)),
    tuple[str, ...]: _Kind(_array, tuple),
}


def _kind(hint: Any) -> _Kind:
    """The kind of a field's type, such as `float | None`."""
    if hint in _KINDS:
        return _KINDS[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Kind(text, cache(hint))
    (inner,) = (kind for kind in get_args(hint) if kind is not NoneType)
    kind = _kind(inner)
    return kind if kind.decode is None else replace(kind, decode=partial(_or_null, kind.decode))


def _or_null(decode: Decode, value: Any) -> Any:
    return None if value is None else decode(value)


WINDOW_STATES = Codec.of(WindowState, "window_state")
STATISTICS = Codec.of(StatisticRow, "statistic")
SNAPSHOTS = Codec.of(Snapshot, "snapshot")
DETECTIONS = Codec.of(Detection, "detection")
INCIDENTS = Codec.of(Incident, "incident")
NOTIFICATIONS = Codec.of(Notification, "notification")
TELLINGS = Codec.of(Telling, "telling")
THREADS = Codec.of(Thread, "thread")
ACTIONS = Codec.of(Action, "action")
SILENCES = Codec.of(Silence, "silence")
RETAINED = Codec.of(Retained, "retained")
