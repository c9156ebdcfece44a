"""Frames: typed, with NA for what is missing, and the same after a way through CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import fields, replace
from datetime import UTC
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from hindsight.domain.records import Incident, Snapshot
from hindsight.domain.values import Horizon, Maturity, Span, Status, Verdict
from hindsight.errors import StoreError
from hindsight.store import Store
from hindsight.store.frames import (
    detection_frame,
    incident_frame,
    read_snapshot_csv,
    snapshot_frame,
    write_csv,
)
from store.examples import DAY, DETECTION, FIRST, INCIDENT, MONITOR, SNAPSHOT, WEEK, on_day

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
CELLS = TEXTS | st.sampled_from(
    ["", "'", "=1+1", "+1", "-1", "@x", "\t=1", "\r", "\r\n", '"', ",", "NA", "nan", "1", " "]
)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
EMPTY = replace(
    SNAPSHOT,
    metric="roc_auc",
    value=None,
    standard_error=None,
    coverage=None,
    maturity=Maturity.PENDING,
    status=Status.UNDEFINED,
    reason="only one class, so no rank",
)


def write(store: Store, *rows: Snapshot) -> None:
    with store.transaction(MONITOR) as conn:
        places = {(row.window, row.window_start, row.horizon) for row in rows}
        store.replace_snapshots(conn, MONITOR, places, rows)


def test_columns_are_typed_and_the_fields_of_a_snapshot(store: Store) -> None:
    write(store, SNAPSHOT, EMPTY)
    frame = snapshot_frame(store, MONITOR)
    assert list(frame) == [field.name for field in fields(Snapshot)]
    kinds = {str(kind): list(frame.columns[frame.dtypes == kind]) for kind in frame.dtypes.unique()}
    assert kinds == {
        "string": [
            "monitor",
            "version",
            "segment",
            "window",
            "horizon",
            "metric",
            "maturity",
            "status",
            "reason",
            "spec_hash",
        ],
        "datetime64[us, UTC]": ["window_start", "window_end", "as_of"],
        "Float64": ["value", "standard_error", "bound", "coverage"],
        "Int64": ["n"],
    }


def test_what_is_missing_is_na(store: Store) -> None:
    write(store, SNAPSHOT, EMPTY)
    frame = snapshot_frame(store, MONITOR)
    recall, auc = frame.iloc[0], frame.iloc[1]
    assert (recall["value"], auc["reason"]) == (SNAPSHOT.value, EMPTY.reason)
    assert recall["reason"] is auc["value"] is pd.NA
    assert recall["window_start"].to_pydatetime() == FIRST
    assert recall["window_start"].tzinfo is UTC


def test_a_frame_without_rows_has_the_same_types(store: Store) -> None:
    empty = snapshot_frame(store, MONITOR)
    assert len(empty) == len(detection_frame(store, MONITOR)) == len(incident_frame(store)) == 0
    write(store, SNAPSHOT)
    assert_frame_equal(empty, snapshot_frame(store, MONITOR).iloc[:0])


def test_filters_choose_rows(store: Store) -> None:
    other = on_day(
        SNAPSHOT, 1, metric="f1", horizon=Horizon(30), window=Span(28), version="v2", segment="origin=JFK"
    )
    write(store, SNAPSHOT, other)
    expected = snapshot_frame(store).iloc[1:].reset_index(drop=True)
    for wanted in (
        {"metric": "f1"},
        {"at": "30d"},
        {"at": Horizon(30)},
        {"window": "28d"},
        {"version": "v2"},
        {"segment": "origin=JFK"},
        {"start": FIRST + DAY},
    ):
        assert_frame_equal(snapshot_frame(store, MONITOR, **wanted), expected)
    assert len(snapshot_frame(store, end=FIRST + DAY)) == 1


def test_detections_and_incidents_are_frames_too(store: Store) -> None:
    with store.transaction(MONITOR) as conn:
        clear = replace(DETECTION, version="v2", verdict=Verdict.CLEAR, p_value=None)
        store.replace_detections(conn, MONITOR, [("recall.threshold", FIRST, WEEK)], [DETECTION, clear])
        store.replace_incidents(conn, MONITOR, [INCIDENT])
    detections = detection_frame(store, MONITOR)
    assert list(detections.verdict) == ["BREACH", "CLEAR"]
    assert list(detections.p_value) == [1e-12, pd.NA]
    assert list(detection_frame(store, MONITOR, verdict="CLEAR").version) == ["v2"]
    incidents = incident_frame(store, MONITOR)
    assert list(incidents) == [field.name for field in fields(Incident)]
    assert incidents.members[0] == "recall.threshold (v1, ALL); recall.trend (v1, ALL)"
    assert incidents.opened_on[0].date() == INCIDENT.opened_on
    assert incidents.resolved_on.isna().all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.tuples(CELLS, CELLS, st.none() | CELLS, NUMBERS),
        min_size=1,
        max_size=8,
        unique_by=lambda cell: cell[:2],
    )
)
def test_a_frame_comes_back_from_csv_as_it_was(
    store: Store, tmp_path: Path, cells: list[tuple[str, str, str | None, float | None]]
) -> None:
    write(
        store,
        *(
            replace(SNAPSHOT, version=version, segment=segment, reason=reason, value=value)
            for version, segment, reason, value in cells
        ),
    )
    frame = snapshot_frame(store, MONITOR)
    write_csv(frame, tmp_path / "snapshots.csv")
    assert_frame_equal(read_snapshot_csv(tmp_path / "snapshots.csv"), frame, check_exact=True)


def test_an_empty_frame_comes_back_from_csv(store: Store, tmp_path: Path) -> None:
    frame = snapshot_frame(store, MONITOR)
    write_csv(frame, tmp_path / "empty.csv")
    assert_frame_equal(read_snapshot_csv(tmp_path / "empty.csv"), frame)


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_text_that_looks_like_a_formula_is_no_formula_in_a_spreadsheet(store: Store, start: str) -> None:
    write(store, replace(SNAPSHOT, segment=f"{start}HYPERLINK('http://evil')", value=-0.5))
    target = io.StringIO()
    write_csv(snapshot_frame(store, MONITOR), target)
    (row,) = csv.DictReader(io.StringIO(target.getvalue()))
    assert row["segment"] == f"'{start}HYPERLINK('http://evil')"
    assert row["value"] == "-0.5"


def test_texts_of_any_frame_are_guarded() -> None:
    target = io.StringIO()
    plain = pd.DataFrame(
        {"a": ["=1", None], "b": pd.Series(["@x", 3], dtype=object), "c": pd.Categorical(["+1", "y"])}
    )
    write_csv(plain, target)
    assert target.getvalue() == "a,b,c\n'=1,'@x,'+1\n,3,y\n"


def test_numbers_and_times_are_written_plainly(store: Store) -> None:
    write(store, SNAPSHOT)
    target = io.StringIO()
    write_csv(snapshot_frame(store, MONITOR), target)
    assert target.getvalue().splitlines()[1] == (
        "flight_delay,v1,ALL,1d,2013-03-01 05:00:00+00:00,2013-03-02 05:00:00+00:00,"
        "2013-03-09 05:00:00+00:00,7d,recall,0.30000000000000004,0.3333333333333333,123,,0.98,mature,ok,,a1b2"
    )


def test_a_csv_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("monitor,version\na,b\n")
    with pytest.raises(
        StoreError, match=r"other\.csv holds no exported snapshots: it lacks the columns segment, window"
    ):
        read_snapshot_csv(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"open'], ids=["empty", "binary", "torn"])
def test_what_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"other\.csv (cannot be read as CSV|holds no exported snapshots)"):
        read_snapshot_csv(path)


def test_a_csv_with_a_wrong_cell_is_refused_by_column(store: Store, tmp_path: Path) -> None:
    write(store, SNAPSHOT)
    path = tmp_path / "snapshots.csv"
    write_csv(snapshot_frame(store, MONITOR), path)
    path.write_text(path.read_text().replace(",123,", ",many,"))
    with pytest.raises(StoreError, match="the column 'n' holds no Int64"):
        read_snapshot_csv(path)
