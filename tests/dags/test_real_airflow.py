"""A real Airflow with its scheduler: its backfill, a window run and the command line give the same rows.

The only test that starts an Airflow; it takes a minute or two.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from hindsight.demo.airflow import Airflow
from hindsight.embedded import EmbeddedPostgres
from hindsight.store import Store
from hindsight.windows import DayRange
from worlds import odd_logs, written

ROOT = Path(__file__).parents[2]
FIRST = date(2013, 2, 18)
DAYS = DayRange(date(2013, 3, 2), date(2013, 3, 15))
"""Fourteen days with the one of 23 hours among them."""

TASK = re.compile("airflow worker -- [0-9a-f]{8}-")
"""What a process that works on a task calls itself; the executor's own workers do not."""

MONITOR = """
monitor: odd
owner: ml
task: binary_classification
timezone: America/New_York
predictions:
  files: "{folder}/predictions.parquet"
  columns: {{id: request_id, time: predicted_at, logged: logged_at, score: score, version: version}}
ground_truth:
  files: "{folder}/labels.parquet"
  columns: {{id: request_id, actual: actual, time: label_at}}
segments: [origin]
maturity: {{horizons: [1d, 3d, 7d], min_coverage: 0.3, wait: 6h}}
airflow: {{retries: 3, retry_delay: 0m}}
reference: {{start: 2013-02-18, end: 2013-02-24}}
metrics: [recall, roc_auc, brier, mean_score]
detectors:
  - {{type: threshold, metric: recall, relative: -0.05, adjust: score_mix, window: 7d, at: 1d, evidence: 0.5}}
  - {{type: threshold, metric: coverage, min: 0.5, window: 1d, at: 3d}}
  - {{type: threshold, metric: volume, min: 60, window: 1d, at: 0d}}
"""


@pytest.fixture(scope="module")
def monitors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one monitor of a small made-up world, in files."""
    folder = tmp_path_factory.mktemp("airflow-world")
    written(odd_logs(11, FIRST, 40), "parquet", folder)
    found = {path.stem: path for path in folder.rglob("*.parquet")}
    assert {"predictions", "labels"} <= set(found), sorted(folder.rglob("*"))
    (folder / "monitors").mkdir()
    text = MONITOR.format(folder=found["predictions"].parent)
    (folder / "monitors" / "odd.yaml").write_text(text, encoding="utf-8")
    return folder / "monitors"


@pytest.fixture(scope="module")
def airflow(
    postgres: EmbeddedPostgres, monitors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    """A running Airflow that knows the monitor and writes to the database `real_store`."""
    postgres.ensure_database("real_airflow")
    store = Store(postgres.ensure_database("real_store"))
    store.upgrade()
    store.dispose()
    variables = {
        "HINDSIGHT_STORE": postgres.url("real_store"),
        "HINDSIGHT_MONITORS": str(monitors),
        "HINDSIGHT_LAST_DAY": str(DAYS.end),
    }
    home = tmp_path_factory.mktemp("airflow-home")
    with Airflow(ROOT, home, postgres.url("real_airflow", "psycopg2"), variables) as started:
        started.wait_until_ready()
        started.wait_for_dag("monitor__odd")
        yield started
        parts = psutil.Process(started.group).children(recursive=True)
    left = [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"Airflow left processes behind: {left}"
    postgres.drop_database("real_airflow")
    postgres.drop_database("real_store")


def rows(url: str) -> str:
    """Everything a monitor has in a store, as text to compare."""
    store = Store(url)
    with store.transaction() as connection:
        text = store.dump(connection, "odd")
    store.dispose()
    return text


def clear(url: str) -> None:
    """Empty the store."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table in ("window_state", "statistic", "snapshot", "detection", "incident", "notification"):
            connection.execute(sa.text(f"truncate hindsight.{table}"))
    engine.dispose()


def on_the_command_line(postgres: EmbeddedPostgres, monitors: Path, name: str) -> str:
    """The rows that `hindsight run` gives for the same days."""
    url = postgres.ensure_database(name)
    store = Store(url)
    store.upgrade()
    store.dispose()
    command = [
        sys.executable,
        "-m",
        "hindsight",
        "run",
        "odd",
        "--start",
        str(DAYS.start),
        "--end",
        str(DAYS.end),
        "--json",
    ]
    environment = os.environ | {"HINDSIGHT_STORE": url, "HINDSIGHT_MONITORS": str(monitors)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["join_ground_truth"]["pairs"] > 4 * len(DAYS)
    text = rows(url)
    postgres.drop_database(name)
    return text


@pytest.mark.timeout(420)
def test_backfill_window_run_and_command_line_give_identical_rows(
    airflow: Airflow, postgres: EmbeddedPostgres, monitors: Path
) -> None:
    url = postgres.url("real_store")
    expected = on_the_command_line(postgres, monitors, "real_command_line")
    assert expected.count("BREACH") > 0, "a world without a breach would show too little"

    airflow.backfill("monitor__odd", DAYS.start, DAYS.end, {"notify": "none"}, 4)
    killed = kill_a_task(airflow)
    runs = airflow.wait_for_backfill("monitor__odd", len(DAYS), lambda done: None, patience=200)
    assert killed, "no task was seen to be killed"
    assert len(runs) == len(DAYS)
    days = {date.fromisoformat(run["data_interval_start"][:10]) for run in runs}
    assert days == set(DAYS)
    assert rows(url) == expected

    clear(url)
    conf = {"start": str(DAYS.start), "end": str(DAYS.end)}
    airflow.wait_for_run("monitor__odd", airflow.trigger("monitor__odd", conf), lambda task: None)
    assert rows(url) == expected


def kill_a_task(airflow: Airflow, patience: float = 90.0) -> bool:
    """Kill -9 a worker in the middle of its work; the scheduler must see to it that the task runs again."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for process in psutil.Process(airflow.group).children(recursive=True):
            try:
                if TASK.search(" ".join(process.cmdline())):
                    process.send_signal(signal.SIGKILL)
                    return True
            except psutil.Error:
                continue
        time.sleep(0.1)
    return False


def test_a_day_that_is_not_over_is_refused_by_the_trigger_form(airflow: Airflow) -> None:
    tomorrow = date.today() + timedelta(days=1)  # noqa: DTZ011  any zone's tomorrow will do
    run = airflow.trigger("monitor__odd", {"start": str(tomorrow), "end": str(tomorrow)})
    with pytest.raises(Exception, match="failed in extract_predictions"):
        airflow.wait_for_run("monitor__odd", run, lambda task: None, patience=120)
