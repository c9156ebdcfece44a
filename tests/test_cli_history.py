"""The commands that look back: what was known on a day, and what an edit made stale."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from commands import CHURN, project, refused, said
from hindsight import read_snapshots
from hindsight.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def root(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose monitor has run for twelve days."""
    url = postgres.ensure_database("history")
    with project(tmp_path_factory.mktemp("project"), url) as root:
        said("store", "upgrade")
        said("run", "churn", "--start", "2024-03-01", "--end", "2024-03-12")
        yield root
    postgres.drop_database("history")


@pytest.fixture
def monitor(root: Path) -> Iterator[Path]:
    """The monitor's file, put back after the test."""
    path = root / "monitors" / "churn.yaml"
    yield path
    path.write_text(CHURN, encoding="utf-8")
    said("run", "churn", "--stale")


def known(*arguments: str) -> list[dict[str, object]]:
    only = ("--metric", "recall", "--window", "1d", "--segment", "ALL", "--version", "v1")
    rows: list[dict[str, object]] = json.loads(said("snapshots", "churn", *only, *arguments, "--json"))
    return rows


DAY = ("--start", "2024-03-05", "--end", "2024-03-05")


@pytest.mark.parametrize(
    "as_of, horizon",
    [
        ("2024-03-06", None),
        ("2024-03-07", "1d"),
        ("2024-03-08", "1d"),
        ("2024-03-09", "3d"),
        ("2024-03-08T23:00+00:00", "3d"),
        ("2024-03-08T22:59:59.999999+00:00", "1d"),
    ],
)
def test_a_day_is_the_midnight_that_begins_it_in_berlin(root: Path, as_of: str, horizon: str | None) -> None:
    rows = known("--as-of", as_of, *DAY)
    assert [row["horizon"] for row in rows] == ([] if horizon is None else [horizon])


def test_exactly_what_was_known_between_two_horizons(root: Path) -> None:
    (row,) = known("--as-of", "2024-03-08", "--exact", *DAY)
    assert (row["horizon"], row["as_of"]) == ("2d", "2024-03-07T23:00:00+00:00")
    for as_of in ("2024-03-09", "2024-03-12"):
        assert known("--as-of", as_of, "--exact", *DAY) == known("--as-of", as_of, *DAY)


def test_what_was_known_is_exported_and_read_back(root: Path, tmp_path: Path) -> None:
    said("snapshots", "churn", "--as-of", "2024-03-09", "--csv", tmp_path / "known.csv")
    frame = read_snapshots("churn", as_of="2024-03-09")
    pd.testing.assert_frame_equal(read_snapshots(csv=tmp_path / "known.csv"), frame)
    said("snapshots", "churn", "--as-of", "2024-03-08", "--exact", *DAY, "--csv", tmp_path / "exact.csv")
    exact = read_snapshots(csv=tmp_path / "exact.csv")
    assert set(exact["horizon"]) == {"0d", "2d"}
    assert list(exact.dtypes) == list(frame.dtypes)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--as-of", "yesterday"), "'yesterday' is no as-of: write a day, such as 2013-07-14, or"),
        (("--as-of", "2024-03-08T10:00"), "has no offset, and no clock is presumed: write"),
        (("--exact", *DAY), "give --as-of and --start, and leave out --at"),
        (("--exact", "--as-of", "2024-03-08"), "give --as-of and --start"),
        (("--as-of", "2024-03-08", "--start", "2024-03-05", "--end", "2024-03-04"), "is before --start"),
        (("--as-of", "2024-03-08T10:00+01:00", "--exact", *DAY), "no day of Europe/Berlin begins"),
        (("--as-of", "2024-03-05", "--exact", *DAY), "was over by 2024-03-04T23:00:00"),
    ],
)
def test_what_cannot_be_asked_is_refused(root: Path, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in refused("snapshots", "churn", *arguments)


def test_after_an_edit_the_stale_is_told_and_made_anew(root: Path, monitor: Path) -> None:
    assert said("run", "churn", "--stale") == "Nothing of churn is stale.\n"
    monitor.write_text(CHURN.replace("min: 0.99", "min: 0.5").replace(", brier]", ", brier, f1]"))
    promised = said("run", "churn", "--stale", "--dry-run")
    assert "windows to read anew, by length: 1d 24, 7d 24, 28d 24" in promised
    assert "windows to judge anew, by detector: threshold:recall:7d@3d 12" in promised
    assert "days to compute anew, by age: none" in promised
    assert read_snapshots("churn", metric="f1").empty
    done = json.loads(said("run", "churn", "--stale", "--json"))
    assert done["detections"] == {"threshold:recall:7d@3d": 12}
    assert not read_snapshots("churn", metric="f1").empty
    assert said("run", "churn", "--stale") == "Nothing of churn is stale.\n"


def test_days_limit_it(root: Path, monitor: Path) -> None:
    monitor.write_text(CHURN.replace("min: 0.99", "min: 0.5"))
    done = json.loads(said("run", "churn", "--stale", "--start", "2024-03-12", "--json"))
    assert done["detections"] == {"threshold:recall:7d@3d": 1}


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ((), "--start is missing: name the first run day, or say --stale"),
        (("--dry-run", "--start", "2024-03-01"), "--dry-run goes with --stale"),
        (("--stale", "--notify", "live"), "does not go with --stale, which tells nobody"),
        (("--stale", "--end", "2024-03-01"), "is given without --start"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(root: Path, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in refused("run", "churn", *arguments)
