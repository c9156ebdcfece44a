"""What goes in comes out: to the last bit, the last byte; and what cannot is refused at the door."""

from __future__ import annotations

import math
import struct
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hindsight.domain.records import Member
from hindsight.domain.values import Span
from hindsight.errors import StoreError
from hindsight.store import Store
from hindsight.store.bulk import copy
from hindsight.store.rows import NOTIFICATIONS
from store.examples import (
    DETECTION,
    FIRST,
    INCIDENT,
    MONITOR,
    NOTIFICATION,
    SNAPSHOT,
    STATE,
    STATISTIC,
    WEEK,
)

PLACE = [(Span(1), FIRST, WEEK)]
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -0.0, 0.1, 1 / 3, 2**53 + 2.0]
)
# PostgreSQL has no NUL and UTF-8 no half characters: both are refused, see below.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
HOSTILE = [
    r"\N",
    r"\.",
    "\\",
    r"a\tb",
    "tab\tnewline\nreturn\rboth\r\nend",
    "'); drop table hindsight.snapshot; --",
    'say "hi"',
    "{a,b}",
    "",
    " ",
    "NULL",
    "%s %(monitor)s :value",
    "é🛫\u202e\ufeff\x1a\x7f",
]


@MANY
@given(values=st.lists(FLOATS | st.none(), min_size=1, max_size=30))
def test_floats_come_back_to_the_last_bit(store: Store, values: list[float | None]) -> None:
    rows = [replace(SNAPSHOT, metric=f"m{i:03}", value=value) for i, value in enumerate(values)]
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, rows)
        found = [row.value for row in store.snapshots(conn, MONITOR)]
    assert [_bits(value) for value in found] == [_bits(value) for value in values]


@MANY
@given(texts=st.sets(TEXTS | st.sampled_from(HOSTILE), min_size=1, max_size=20))
def test_texts_come_back_to_the_last_byte(store: Store, texts: set[str]) -> None:
    rows = [replace(STATISTIC, segment=text, payload=f"{text}{text}") for text in texts]
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [STATE], rows)
        found = store.statistics(conn, MONITOR)
    assert found == sorted(rows, key=lambda row: row.segment)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_are_only_texts(store: Store, hostile: str) -> None:
    monitor = f"m{hostile}"
    snapshot = replace(
        SNAPSHOT, monitor=monitor, version=hostile, segment=hostile, metric=hostile, reason=hostile
    )
    detection = replace(DETECTION, monitor=monitor, detector=hostile, reason=hostile)
    state = replace(STATE, monitor=monitor, quality={hostile: 1, "b": 2}, spec_hash=hostile)
    incident = replace(
        INCIDENT, monitor=monitor, headline=hostile, members=(Member(hostile, hostile, hostile),)
    )
    with store.transaction(monitor) as conn:
        store.replace_snapshots(conn, monitor, PLACE, [snapshot])
        store.replace_detections(conn, monitor, [(hostile, FIRST, WEEK)], [detection])
        store.replace_windows(conn, monitor, [state], [])
        store.replace_incidents(conn, monitor, [incident])
        assert store.snapshots(conn, monitor, version=hostile, segment=hostile, metric=hostile) == [snapshot]
        assert store.detections(conn, monitor, detector=[hostile]) == [detection]
        assert store.window_states(conn, monitor) == [state]
        assert store.incidents(conn, monitor) == [incident]


def test_ids_of_incidents_are_copied_as_an_array(store: Store) -> None:
    row = replace(NOTIFICATION, incidents=tuple(HOSTILE), document="\\t\n")
    with store.transaction() as conn:
        copy(conn, NOTIFICATIONS, [row])
        assert store.notifications(conn) == [row]


@pytest.mark.parametrize(
    "record", [STATE, STATISTIC, SNAPSHOT, DETECTION, INCIDENT], ids=lambda r: type(r).__name__
)
def test_every_field_comes_back_as_the_type_it_was(store: Store, record: object) -> None:
    with store.transaction(MONITOR) as conn:
        store.replace_windows(conn, MONITOR, [STATE], [STATISTIC])
        store.replace_snapshots(conn, MONITOR, PLACE, [SNAPSHOT])
        store.replace_detections(conn, MONITOR, [("recall.threshold", FIRST, WEEK)], [DETECTION])
        store.replace_incidents(conn, MONITOR, [INCIDENT])
        reads = (
            store.window_states,
            store.statistics,
            store.snapshots,
            store.detections,
            store.incidents,
        )
        rows: list[object] = [row for read in reads for row in read(conn, MONITOR)]
    (found,) = (row for row in rows if type(row) is type(record))
    for field in fields(record):  # type: ignore[arg-type]
        value, expected = getattr(found, field.name), getattr(record, field.name)
        assert (type(value), value) == (type(expected), expected), field.name


def test_times_come_back_in_utc(store: Store) -> None:
    local = replace(SNAPSHOT, window_start=FIRST.astimezone(ZoneInfo("America/New_York")))
    odd = replace(
        SNAPSHOT,
        metric="odd",
        as_of=datetime(2013, 3, 9, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    )
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, [local, odd])
        found = store.snapshots(conn, MONITOR)
    assert found == [odd, SNAPSHOT]
    assert {time.tzinfo for row in found for time in (row.window_start, row.as_of)} == {UTC}


def test_numbers_of_numpy_are_numbers(store: Store) -> None:
    row = replace(SNAPSHOT, value=np.float64(0.1), standard_error=np.float32(0.1), n=np.int64(7))  # type: ignore[arg-type]
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, [row])
        (found,) = store.snapshots(conn, MONITOR)
    assert (found.value, found.standard_error, found.n) == (0.1, float(np.float32(0.1)), 7)


@pytest.mark.parametrize("name", ["value", "standard_error", "bound", "coverage"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(store: Store, name: str, bad: float) -> None:
    rows = [SNAPSHOT, replace(SNAPSHOT, metric="f1", **{name: bad})]  # type: ignore[arg-type]
    with (
        pytest.raises(
            StoreError, match=f"a snapshot whose {name} is such: {bad} is not a finite number.*metric='f1'"
        ),
        store.transaction(MONITOR) as conn,
    ):
        store.replace_snapshots(conn, MONITOR, PLACE, rows)
    with store.transaction() as conn:
        assert store.snapshots(conn, MONITOR) == []


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"version": "a\0b"}, r"version is such: 'a\\x00b' holds a NUL character"),
        ({"segment": "a\ud800"}, r"segment is such: 'a\\ud800' holds half a character at position 1"),
        ({"as_of": datetime(2013, 3, 1)}, "as_of is such: 2013-03-01T00:00:00 has no time zone"),  # noqa: DTZ001
        ({"metric": 3}, "metric is such: 3 is not a text"),
        ({"value": "0.5"}, "value is such: must be real number, not str"),
    ],
    ids=["nul", "surrogate", "naive", "number for text", "text for number"],
)
def test_what_the_store_cannot_hold_is_refused_by_name(
    store: Store, changes: dict[str, object], sentence: str
) -> None:
    row = replace(SNAPSHOT, **changes)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=sentence), store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, [row])


def test_null_is_refused_where_a_value_must_be(store: Store) -> None:
    row = replace(SNAPSHOT, version=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match='null value in column "version"'), store.transaction() as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, [row])


def test_a_bound_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="has no time zone"), store.transaction() as conn:
        store.snapshots(conn, MONITOR, start=datetime(2013, 3, 1))  # noqa: DTZ001


def _bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("d", value)
