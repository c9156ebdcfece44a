"""The command `hindsight`, on a project and a store of its own."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from commands import BROKEN, CHURN, command, project, refused, said
from hindsight.domain.values import Span
from hindsight.embedded import EmbeddedPostgres
from hindsight.reading import read_snapshots
from hindsight.store import Store

ASKED = {
    "monitor",
    "version",
    "segment",
    "window_start",
    "window_end",
    "as_of",
    "horizon",
    "metric",
    "value",
    "standard_error",
    "n",
    "coverage",
    "maturity",
    "status",
}


@pytest.fixture(scope="module")
def root(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose monitor has run for twenty days."""
    url = postgres.ensure_database("cli")
    with project(tmp_path_factory.mktemp("project"), url) as root:
        assert said("store", "upgrade") == "The store is up to date.\n"
        assert "compute_snapshots: snapshots" in said(
            "run", "churn", "--start", "2024-03-01", "--end", "2024-03-20"
        )
        yield root
    postgres.drop_database("cli")


@pytest.fixture
def broken(root: Path) -> Iterator[Path]:
    """A second monitor, with three things wrong with it."""
    path = root / "monitors" / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    yield path
    path.unlink()


def records(*arguments: str) -> list[dict[str, Any]]:
    found = json.loads(said(*arguments, "--json"))
    assert isinstance(found, list)
    return found


def test_validate_names_every_valid_monitor(root: Path) -> None:
    path = root / "monitors" / "churn.yaml"
    assert said("validate").startswith(f"{path}: monitor churn is valid\n")
    assert said("validate", path) == said("validate")


def test_validate_tells_all_problems_with_their_place_and_ends_with_2(root: Path, broken: Path) -> None:
    result = command("validate")
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{root / 'monitors' / 'churn.yaml'}: monitor churn is valid\n")
    assert "broken" not in result.stdout
    assert "Traceback" not in result.stderr
    problems = result.stderr.splitlines()
    assert [re.sub(r":\d+:\d+: .*", "", problem) for problem in problems] == [str(broken)] * 2
    assert "did you mean 'recall'?" in result.stderr
    assert "'soon'" in result.stderr


def test_validate_of_some_files_judges_all_of_them(root: Path, broken: Path) -> None:
    result = command("validate", broken, root / "monitors" / "churn.yaml")
    assert result.exit_code == 2
    assert "monitor churn is valid" in result.stdout
    assert "recal" in result.stderr


def test_validate_of_a_file_that_is_not_there_says_so(root: Path) -> None:
    assert refused("validate", root / "gone.yaml").startswith(f"{root / 'gone.yaml'}: the file cannot be")


def test_validate_without_a_folder_of_monitors_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDSIGHT_MONITORS", "nowhere")
    assert refused("validate") == f"{root / 'nowhere'}: there is no such folder of monitors\n"


def test_the_schema_is_one_and_accepts_the_monitor() -> None:
    schema = json.loads(said("schema"))
    Draft202012Validator.check_schema(schema)
    document = YAML(typ="safe", pure=True).load(CHURN)
    document["reference"] = {"start": "2024-03-01", "end": "2024-03-07"}
    assert not list(Draft202012Validator(schema).iter_errors(document))


def test_a_run_says_what_each_step_did(root: Path) -> None:
    done = json.loads(said("run", "churn", "--start", "2024-03-20", "--json"))
    assert list(done) == [
        "extract_predictions",
        "join_ground_truth",
        "compute_snapshots",
        "detect_degradation",
        "notify",
    ]
    assert done["extract_predictions"]["start"] == done["extract_predictions"]["end"] == "2024-03-20"
    assert done["notify"]["mode"] == "none"


def test_snapshots_as_json_hold_what_a_reader_needs(root: Path) -> None:
    rows = records("snapshots", "churn")
    assert len(rows) > 500
    assert set(rows[0]) > ASKED
    ok = next(row for row in rows if row["metric"] == "recall" and row["status"] == "ok")
    assert ok["monitor"] == "churn"
    assert isinstance(ok["value"], float)
    assert isinstance(ok["n"], int)
    start, end = (datetime.fromisoformat(ok[name]) for name in ("window_start", "window_end"))
    assert start.utcoffset() == timedelta(0)
    assert start < end <= datetime.fromisoformat(ok["as_of"])


def test_json_floats_are_the_stores_to_the_last_bit_and_what_is_missing_is_null(root: Path) -> None:
    rows, frame = records("snapshots", "churn"), read_snapshots("churn")
    assert len(rows) == len(frame)
    nulls = 0
    for name in ("value", "standard_error", "bound", "coverage"):
        for row, value in zip(rows, frame[name], strict=True):
            if pd.isna(value):
                nulls += 1
                assert row[name] is None
            else:
                assert row[name] == value
                assert math.isfinite(row[name])
    assert nulls
    assert any(len(repr(row["value"])) > 17 for row in rows)  # more digits than 15
    for name in ("window_start", "window_end", "as_of"):
        assert [datetime.fromisoformat(row[name]) for row in rows] == list(frame[name])


@pytest.mark.parametrize(
    "option, value, column, found",
    [
        ("--metric", "recall", "metric", "recall"),
        ("--at", "3d", "horizon", "3d"),
        ("--window", "7d", "window", "7d"),
        ("--segment", "country=DE", "segment", "country=DE"),
        ("--version", "=v2", "version", "=v2"),
    ],
)
def test_snapshots_may_be_narrowed(root: Path, option: str, value: str, column: str, found: str) -> None:
    rows = records("snapshots", "churn", option, value)
    assert {row[column] for row in rows} == {found}
    assert len(rows) < len(records("snapshots", "churn"))


def test_a_table_shows_what_is_missing_as_a_dash(root: Path) -> None:
    table = said("snapshots", "churn", "--metric", "recall", "--window", "1d", "--at", "1d")
    assert "Snapshots of churn" in table
    assert "standard_error" in table
    assert re.search(r"│\s+-\s+│", table)


def test_detections_and_incidents_have_their_reasons(root: Path) -> None:
    rows = records("detections", "churn")
    assert {row["verdict"] for row in rows} >= {"BREACH", "INSUFFICIENT"}
    assert all(row["reason"].endswith(".") for row in rows)
    assert "not after the reference ends on 2024-03-07" in said("detections", "churn")
    for incidents in (records("incidents"), records("incidents", "churn")):
        assert {row["monitor"] for row in incidents} == {"churn"}
        assert all(datetime.fromisoformat(row["since"]) for row in incidents)
    assert "performance" in said("incidents")


def test_a_path_is_as_good_as_a_name(root: Path) -> None:
    assert records("detections", str(root / "monitors" / "churn.yaml")) == records("detections", "churn")


def test_csv_on_standard_output_is_read_back_equal(root: Path, tmp_path: Path) -> None:
    exported = tmp_path / "snapshots.csv"
    exported.write_text(said("snapshots", "churn", "--csv", "-"), encoding="utf-8")
    pd.testing.assert_frame_equal(read_snapshots(csv=exported), read_snapshots("churn"))


def test_csv_in_a_file_is_the_same(root: Path, tmp_path: Path) -> None:
    exported = tmp_path / "recall.csv"
    assert said("snapshots", "churn", "--metric", "recall", "--csv", str(exported)) == ""
    pd.testing.assert_frame_equal(read_snapshots(csv=exported), read_snapshots("churn", metric="recall"))


def test_a_monitor_that_never_ran_has_nothing_to_show(root: Path) -> None:
    quiet = root / "monitors" / "quiet.yaml"
    quiet.write_text(CHURN.replace("monitor: churn", "monitor: quiet"), encoding="utf-8")
    try:
        for name in ("snapshots", "detections", "incidents"):
            assert records(name, "quiet") == []
            assert "none. Run `hindsight run MONITOR --start DAY`" in said(name, "quiet")
    finally:
        quiet.unlink()


@pytest.mark.parametrize("name", ["snapshots", "detections", "incidents"])
def test_a_monitor_that_is_not_there_is_named(root: Path, name: str) -> None:
    assert refused(name, "chrn") == (
        f"{root / 'monitors'}: there is no monitor 'chrn' (did you mean 'churn'?)\n"
    )


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (
            ("snapshots", "churn", "--at", "soon"),
            "'soon' is not a number of days or hours such as '7d' or '6h'.",
        ),
        (
            ("run", "churn", "--start", "9999-12-31"),
            "There are no logs of the year 9999: name one from 1900 to 8999.",
        ),
        (
            ("snapshots", "churn", "--end", "9999-12-31"),
            "There are no logs of the year 9999: name one from 1900 to 8999.",
        ),
        (("snapshots", "churn", "--window", "7"), f"'7' is not {Span.WRITTEN}."),
        (
            ("run", "churn", "--start", "2024-03-02", "--end", "2024-03-01"),
            "--end 2024-03-01 is before --start 2024-03-02.",
        ),
        (
            ("run", "churn", "--start", "2024-03-02", "--notify", "loudly"),
            "--notify 'loudly' is none of none, summary, live.",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_with_a_sentence(
    root: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    assert refused(*arguments) == f"{sentence}\n"


def test_a_day_that_is_not_over_cannot_be_run(root: Path) -> None:
    assert "2999-01-01 is not over yet in Europe/Berlin" in refused("run", "churn", "--start", "2999-01-01")


def test_a_broken_monitor_is_not_run(root: Path, broken: Path) -> None:
    assert "did you mean 'recall'?" in refused("run", "broken", "--start", "2024-03-01")


def test_logs_that_are_not_there_are_named(root: Path) -> None:
    lost = root / "monitors" / "lost.yaml"
    text = CHURN.replace("monitor: churn", "monitor: lost").replace("landing/pre", "nowhere/pre")
    lost.write_text(text, encoding="utf-8")
    try:
        message = refused("run", "lost", "--start", "2024-03-01")
    finally:
        lost.unlink()
    assert message.startswith("No file matches 'nowhere/predictions.parquet' (looked below ")


def test_a_csv_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "gone" / "out.csv"
    message = refused("snapshots", "churn", "--csv", nowhere)
    assert message.startswith(f"{nowhere} cannot be written: ")
    assert refused("snapshots", "churn", "--csv", tmp_path) == (
        f"{tmp_path} cannot be written: Is a directory.\n"
    )


def test_a_store_that_was_never_made_names_the_command(
    root: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hindsight.orchestration import runtime

    monkeypatch.setenv("HINDSIGHT_STORE", database)
    try:
        assert "run `hindsight store upgrade`" in refused("snapshots", "churn")
    finally:
        runtime.close_stores()


def test_a_store_out_of_reach_is_named_without_its_password(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HINDSIGHT_STORE", "postgresql://ann:s3cr3t@127.0.0.1:1/warehouse")
    message = refused("incidents")
    assert "Cannot reach" in message
    assert "s3cr3t" not in message


def test_help_is_told_where_nothing_is_asked() -> None:
    assert "validate" in command("--help").stdout
    assert command().exit_code == 2


def test_the_store_alone_gives_frames_of_the_same_rows(root: Path, postgres: EmbeddedPostgres) -> None:
    store = Store(postgres.ensure_database("cli"))
    try:
        frame = read_snapshots("churn", store=store)
    finally:
        store.dispose()
    pd.testing.assert_frame_equal(frame, read_snapshots("churn"))


def test_a_rewritten_log_is_accepted_by_name(root: Path) -> None:
    said_no = refused("run", "churn", "--stale", "--accept-rewritten")
    assert said_no.startswith("--accept-rewritten does not go with --stale, which follows the monitor's file")
    done = json.loads(said("run", "churn", "--start", "2024-03-20", "--accept-rewritten", "--json"))
    assert done["join_ground_truth"]["source_rewritten"] == 0
    assert done["join_ground_truth"]["pairs"] > 0
