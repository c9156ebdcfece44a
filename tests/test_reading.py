"""Frames for notebooks: from the store, or from an exported file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

import hindsight
from commands import project, said
from hindsight import read_detections, read_incidents, read_snapshots
from hindsight.embedded import EmbeddedPostgres
from hindsight.errors import HindsightError, StoreError
from hindsight.reading import write_csv


@pytest.fixture(scope="module")
def root(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose monitor has run for ten days."""
    url = postgres.ensure_database("reading")
    with project(tmp_path_factory.mktemp("project"), url) as root:
        said("store", "upgrade")
        said("run", "churn", "--start", "2024-03-01", "--end", "2024-03-12")
        yield root
    postgres.drop_database("reading")


def test_a_frame_of_snapshots_is_typed(root: Path) -> None:
    dtypes = read_snapshots("churn").dtypes.astype(str)
    assert dtypes["value"] == dtypes["standard_error"] == dtypes["coverage"] == "Float64"
    assert dtypes["n"] == "Int64"
    assert dtypes["metric"] == dtypes["horizon"] == dtypes["status"] == "string"
    assert dtypes["window_start"] == dtypes["as_of"] == "datetime64[us, UTC]"


def test_snapshots_are_narrowed_by_every_filter(root: Path) -> None:
    frame = read_snapshots(
        "churn",
        metric="recall",
        at="3d",
        window="7d",
        segment="country=DE",
        version="v1",
        start=datetime(2024, 3, 2, 23, tzinfo=UTC),
        end=datetime(2024, 3, 3, 23, tzinfo=UTC),
    )
    assert len(frame) == 1
    (row,) = frame.to_dict("records")
    assert (row["metric"], row["horizon"], row["window"]) == ("recall", "3d", "7d")
    assert (row["segment"], row["version"]) == ("country=DE", "v1")
    assert row["window_start"] == pd.Timestamp("2024-03-02 23:00", tz="UTC")  # midnight in Berlin
    assert read_snapshots("churn", at="0d", metric="recall").empty


def test_detections_and_incidents_are_frames_too(root: Path) -> None:
    detections = read_detections("churn")
    assert set(detections["verdict"]) >= {"BREACH", "INSUFFICIENT"}
    assert list(read_incidents("churn")["monitor"]) == list(read_incidents()["monitor"])
    assert read_detections("nobody").empty
    assert read_incidents("nobody").empty


def test_an_exported_frame_is_read_back_equal(root: Path, tmp_path: Path) -> None:
    frame = read_snapshots("churn")
    assert frame["value"].isna().any()
    assert "=v2" in set(frame["version"])  # what a spreadsheet would take for a formula
    write_csv(frame, tmp_path / "out.csv")
    pd.testing.assert_frame_equal(read_snapshots(csv=tmp_path / "out.csv"), frame)
    pd.testing.assert_frame_equal(read_snapshots(csv=str(tmp_path / "out.csv")), frame)
    stream = StringIO()
    write_csv(frame, stream)
    assert stream.getvalue() == (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_a_frame_without_rows_is_read_back_equal(root: Path, tmp_path: Path) -> None:
    frame = read_snapshots("nobody")
    write_csv(frame, tmp_path / "out.csv")
    pd.testing.assert_frame_equal(read_snapshots(csv=tmp_path / "out.csv"), frame)


def test_something_must_be_read() -> None:
    with pytest.raises(HindsightError, match="needs the name of a monitor, or a csv file"):
        read_snapshots()


@pytest.mark.parametrize("ages", [{"at": "a week"}, {"window": "0d"}])
def test_an_age_that_is_none_is_refused(root: Path, ages: dict[str, str]) -> None:
    with pytest.raises(HindsightError, match="is not a number of days or hours such as '7d' or '6h'"):
        read_snapshots("churn", **ages)  # type: ignore[arg-type]


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(StoreError, match="holds no exported snapshots"):
        read_snapshots(csv=other)


def test_the_package_offers_its_readers_and_nothing_else() -> None:
    readers = ["delay", "detections", "incidents", "maturity", "nowcast", "snapshots"]
    assert sorted(hindsight.__all__) == [f"read_{name}" for name in readers]
    with pytest.raises(AttributeError, match="has no attribute 'read_minds'"):
        _ = hindsight.read_minds


def test_importing_the_package_does_not_import_pandas() -> None:
    code = "import hindsight, sys; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
