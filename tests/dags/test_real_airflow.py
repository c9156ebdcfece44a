"""A real Airflow with its scheduler: its backfills, a window run and the command line give the same rows.

The only test that starts an Airflow; it takes some minutes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from hindsight.demo.airflow import Airflow
from hindsight.embedded import EmbeddedPostgres
from hindsight.errors import HindsightError
from hindsight.store import Store
from hindsight.windows import DayRange
from worlds import odd_logs, written

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "retrain_on_snapshots.py"
FIRST = date(2013, 2, 18)
DAYS = DayRange(date(2013, 3, 2), date(2013, 3, 15))
"""Fourteen days with the one of 23 hours among them."""

AGAIN = DayRange(date(2013, 3, 9), date(2013, 3, 12))
"""Four of them, around the same: what is run a second time."""

TASK = re.compile("airflow worker -- [0-9a-f]{8}-")
"""What a process that works on a task calls itself; the executor's own workers do not."""

TRIGGERER = re.compile("airflow triggerer")

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


WAITING = """
monitor: waiting
owner: ml
task: binary_classification
predictions:
  files: "{folder}/predictions.parquet"
  columns: {{id: request_id, time: predicted_at, score: score}}
ground_truth:
  files: "{folder}/labels.parquet"
  columns: {{id: request_id, actual: actual, time: label_at}}
maturity:
  horizons: [1d]
  wait: 30d
  marker: {{files: "{folder}/done/*.csv", time: upto}}
airflow: {{retries: 0}}
reference: {{recall: 0.9}}
metrics: [recall]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small made-up world, in files, two monitors of it, and the DAGs that Airflow reads."""
    folder = tmp_path_factory.mktemp("airflow-world")
    written(odd_logs(11, FIRST, 40), "parquet", folder)
    for part in ("monitors", "dags", "done"):
        (folder / part).mkdir()
    (folder / "monitors" / "odd.yaml").write_text(MONITOR.format(folder=folder), encoding="utf-8")
    (folder / "monitors" / "waiting.yaml").write_text(WAITING.format(folder=folder), encoding="utf-8")
    for path in (ROOT / "dags").glob("*.py"):
        shutil.copy(path, folder / "dags")
    example = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (('"flight_delay"', '"odd"'), ('"30d"', '"7d"')):
        assert old in example
        example = example.replace(old, new)
    (folder / "dags" / EXAMPLE.name).write_text(example, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def monitors(world: Path) -> Path:
    """The folder of the monitors."""
    return world / "monitors"


@pytest.fixture(scope="module")
def airflow(
    postgres: EmbeddedPostgres, world: Path, monitors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    """A running Airflow that knows the monitors and writes to the database `real_store`."""
    postgres.ensure_database("real_airflow")
    store = Store(postgres.ensure_database("real_store"))
    store.upgrade()
    store.dispose()
    variables = {
        "HINDSIGHT_STORE": postgres.url("real_store"),
        "HINDSIGHT_MONITORS": str(monitors),
        "HINDSIGHT_LAST_DAY": str(DAYS.end),
        "AIRFLOW__CORE__DAGS_FOLDER": str(world / "dags"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    }
    home = tmp_path_factory.mktemp("airflow-home")
    with Airflow(ROOT, home, postgres.url("real_airflow", "psycopg2"), variables) as started:
        started.wait_until_ready()
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
        for table in (
            "window_state",
            "statistic",
            "snapshot",
            "detection",
            "incident",
            "notification",
            "cut",
        ):
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


@pytest.mark.timeout(600)
def test_backfills_window_run_and_command_line_give_identical_rows_while_another_run_waits(
    airflow: Airflow, postgres: EmbeddedPostgres, world: Path, monitors: Path
) -> None:
    url = postgres.url("real_store")
    expected = on_the_command_line(postgres, monitors, "real_command_line")
    assert expected.count("BREACH") > 0, "a world without a breach would show too little"
    airflow.wait_for_dag("monitor__waiting")
    waiting = airflow.trigger("monitor__waiting", {})
    wait_until(lambda: waits(airflow, waiting), "the run waits for its labels")
    pool = airflow.ask("GET", "/pools/default_pool")
    assert (pool["deferred_slots"], pool["occupied_slots"]) == (1, 0)
    assert not parts(airflow, TASK), "a run that waits holds no worker"

    airflow.wait_for_dag("monitor__odd")
    airflow.backfill("monitor__odd", DAYS.start, DAYS.end, {"notify": "none"}, 4)
    assert kill_a_task(airflow), "no task was seen to be killed"
    with triggerer_killed_and_started_again(airflow):
        runs = airflow.wait_for_backfill("monitor__odd", len(DAYS), lambda done: None, patience=300)
        assert len(runs) == len(DAYS)
        days = {date.fromisoformat(run["data_interval_start"][:10]) for run in runs}
        assert days == set(DAYS)
        assert rows(url) == expected
        tells_every_window(airflow)

        assert waits(airflow, waiting)
        upto = datetime.now(UTC).isoformat()
        (world / "done" / "today.csv").write_text(f"upto\n{upto}\n", encoding="utf-8")

        again = {"backwards": True, "reprocess": "completed"}
        wait_until(lambda: begun(airflow, again), "Airflow has closed the first backfill")
        repeated = [run for run in runs if date.fromisoformat(run["data_interval_start"][:10]) in AGAIN]
        before = {run["dag_run_id"]: run["end_date"] for run in repeated}
        assert len(before) == len(AGAIN)
        wait_until(lambda: done_again(airflow, before), "these days have been run again", 150)
        assert rows(url) == expected

        airflow.wait_for_run("monitor__waiting", waiting, lambda task: None, patience=150)
        path = f"/dags/monitor__waiting/dagRuns/{waiting}/taskInstances/wait_for_ground_truth"
        seen = airflow.ask("GET", f"{path}/xcomEntries/return_value")["value"]
        assert "landed" in str(seen), seen

    clear(url)
    conf = {"start": str(DAYS.start), "end": str(DAYS.end)}
    airflow.wait_for_run("monitor__odd", airflow.trigger("monitor__odd", conf), lambda task: None)
    assert rows(url) == expected


def wait_until(condition: Callable[[], bool], what: str, patience: float = 90.0) -> None:
    """Return when something is so; fail if it never is."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"in {patience:.0f} s it never was that {what}"
        time.sleep(0.5)


def waits(airflow: Airflow, run: str) -> bool:
    """Whether the run is deferred at its labels."""
    path = f"/dags/monitor__waiting/dagRuns/{run}/taskInstances/wait_for_ground_truth"
    state: str = airflow.ask("GET", path)["state"]
    return state == "deferred"


def begun(airflow: Airflow, options: dict[str, Any]) -> bool:
    """Begin the backfill again; False while Airflow has not closed the one before."""
    try:
        airflow.backfill("monitor__odd", AGAIN.start, AGAIN.end, {"notify": "none"}, 4, **options)
    except HindsightError as refused:
        if "409" not in str(refused):
            raise
        return False
    return True


def done_again(airflow: Airflow, before: dict[str, str]) -> bool:
    """Whether every run has succeeded once more."""
    found = airflow.ask("GET", "/dags/monitor__odd/dagRuns", params={"limit": 200})["dag_runs"]
    runs = {run["dag_run_id"]: run for run in found if run["dag_run_id"] in before}
    assert not [run for run in runs.values() if run["state"] == "failed"]
    return all(run["state"] == "success" and run["end_date"] != before[name] for name, run in runs.items())


def tells_every_window(airflow: Airflow) -> None:
    """Each run of a day told of the four windows that fell due, each under its own key."""
    found = airflow.ask("GET", "/assets/events", params={"limit": 500, "source_dag_id": "monitor__odd"})
    told = {
        (event["source_run_id"], event["partition_key"]): event["extra"] for event in found["asset_events"]
    }
    keys = Counter(key for _, key in told)
    due = Counter(str(day - timedelta(days=age)) for day in DAYS for age in (0, 1, 3, 7))
    assert keys == due
    for (_, key), extra in told.items():
        (age,) = extra[key]
        assert extra[key][age]["maturity"] in ("mature", "provisional"), extra
        assert (extra[key][age]["coverage"] is None) == (age == "0d" or key < str(FIRST)), extra


def parts(airflow: Airflow, called: re.Pattern[str]) -> list[psutil.Process]:
    """The processes of Airflow that call themselves so."""
    found = []
    for process in psutil.Process(airflow.group).children(recursive=True):
        with suppress(psutil.Error):
            if called.search(" ".join(process.cmdline())):
                found.append(process)
    return found


def kill_a_task(airflow: Airflow, patience: float = 90.0) -> bool:
    """Kill -9 a worker in the middle of its work; the scheduler must see to it that the task runs again."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for process in parts(airflow, TASK):
            try:
                process.send_signal(signal.SIGKILL)
                return True
            except psutil.Error:
                continue
        time.sleep(0.1)
    return False


@contextmanager
def triggerer_killed_and_started_again(airflow: Airflow) -> Iterator[None]:
    """Kill -9 the triggerer, and let another one take over what it waited for."""
    victims = parts(airflow, TRIGGERER)
    assert victims, "no triggerer runs"
    environment = psutil.Process(airflow.group).environ()
    for process in victims:
        process.kill()
    with (airflow.home / "second-triggerer.log").open("wb") as log:
        second = subprocess.Popen(
            [str(Path(sys.executable).with_name("airflow")), "triggerer"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
        assert second.poll() is None, "the second triggerer has died"
    finally:
        os.killpg(second.pid, signal.SIGKILL)
        second.wait(30)


@pytest.mark.timeout(400)
def test_the_example_retrains_once_the_truth_of_a_day_is_in(airflow: Airflow) -> None:
    airflow.wait_for_dag("retrain_on_snapshots")
    day = date(2013, 3, 12)
    conf = {"start": str(day), "end": str(day)}
    airflow.wait_for_run("monitor__odd", airflow.trigger("monitor__odd", conf), lambda task: None)
    found: list[dict[str, Any]] = []

    def all_ended() -> bool:
        found[:] = airflow.ask("GET", "/dags/retrain_on_snapshots/dagRuns")["dag_runs"]
        return len(found) >= 4 and all(run["state"] in ("success", "failed") for run in found)

    wait_until(all_ended, "the example has seen the four windows", 200)
    assert {run["state"] for run in found} == {"success"}
    trained = {}
    for run in found:
        path = f"/dags/retrain_on_snapshots/dagRuns/{run['dag_run_id']}/taskInstances/retrain"
        trained[run["partition_key"]] = airflow.ask("GET", path)["state"]
    ages = {str(day - timedelta(days=age)): "success" if age == 7 else "skipped" for age in (0, 1, 3, 7)}
    assert trained == ages


def test_a_day_that_is_not_over_is_refused_by_the_trigger_form(airflow: Airflow) -> None:
    tomorrow = date.today() + timedelta(days=1)  # noqa: DTZ011  any zone's tomorrow will do
    run = airflow.trigger("monitor__odd", {"start": str(tomorrow), "end": str(tomorrow)})
    with pytest.raises(Exception, match="failed in extract_predictions"):
        airflow.wait_for_run("monitor__odd", run, lambda task: None, patience=120)
