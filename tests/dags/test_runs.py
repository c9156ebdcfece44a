"""A monitor's DAG run by Airflow from its first task to its last, waiting included."""

import json
import threading
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from airflow.dag_processing.dagbag import DagBag
from airflow.models import DagRun
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.sdk import DAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState

from hindsight import faults
from hindsight.orchestration.runtime import close_stores, command_line_runtime
from hindsight.orchestration.trigger import GroundTruthLanded
from hindsight.store import Store
from receivers import slack_like

DAG_FILE = Path(__file__).parents[2] / "dags" / "model_monitors.py"
NEW_YORK = ZoneInfo("America/New_York")
PAST = date(2013, 12, 18)
YESTERDAY = datetime.now(NEW_YORK).date() - timedelta(days=1)
MONITOR = """
monitor: waiting
owner: ops
task: binary_classification
timezone: America/New_York
schedule: "06:00"
predictions: {connection: serving, table: predictions, columns: {id: id, time: at, score: score}}
ground_truth: {connection: serving, table: labels, columns: {id: id, actual: actual, time: at}}
maturity: {horizons: [1d], wait: 30d, min_coverage: 0.8}
airflow: {retries: 0}
reference: {recall: 0.9}
metrics: [recall]
detectors:
  - {type: threshold, metric: recall, min: 0.5, evidence: 0, at: 1d}
"""


@pytest.fixture
def store(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A warehouse, and beside it the logs of a model; the truth of the last two days is not known yet."""
    monkeypatch.setenv("AIRFLOW_CONN_SERVING", database.replace("postgresql+psycopg", "postgres"))
    monkeypatch.setenv("HINDSIGHT_STORE", database)
    store = Store(database)
    store.upgrade()
    with store.transaction() as connection:
        for statement in (
            "create table predictions (id text, at timestamptz, score float)",
            "create table labels (id text, at timestamptz, actual int)",
        ):
            connection.execute(sa.text(statement))
        for day in (PAST - timedelta(days=1), PAST, YESTERDAY - timedelta(days=1), YESTERDAY):
            at = datetime.combine(day, time(12), NEW_YORK)
            rows = [
                {"id": f"{day}/{n}", "at": at, "score": 0.9, "known": at, "late": n % 2} for n in range(8)
            ]
            connection.execute(sa.text("insert into predictions values (:id, :at, :score)"), rows)
            if day < YESTERDAY - timedelta(days=1):
                connection.execute(sa.text("insert into labels values (:id, :known, :late)"), rows)
    yield store
    store.dispose()
    close_stores()


@pytest.fixture
def dag(airflow_metadata: None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DAG:
    (tmp_path / "waiting.yaml").write_text(MONITOR)
    monkeypatch.setenv("HINDSIGHT_MONITORS", str(tmp_path))
    return DagBag(DAG_FILE, bundle_path=DAG_FILE.parent, bundle_name="dags-folder").dags["monitor__waiting"]


def returned(run: DagRun) -> dict[str, Any]:
    """What the tasks of a run gave to XCom."""
    with create_session() as session:
        rows = session.scalars(sa.select(XComModel).where(XComModel.run_id == run.run_id))
        return {row.task_id: XComModel.deserialize_value(row) for row in rows if row.key == "return_value"}


def test_a_run_by_hand_named_by_a_midnight_judges_that_day_and_the_one_that_is_due(
    dag: DAG, store: Store
) -> None:
    run = dag.test(logical_date=datetime.combine(PAST, time(), NEW_YORK))
    assert run.state == DagRunState.SUCCESS
    given = returned(run)
    assert set(given) == set(dag.task_ids)
    assert given["extract_predictions"] == {
        "start": str(PAST),
        "end": str(PAST),
        "predictions": 8,
        "empty_days": [],
    }
    assert given["wait_for_ground_truth"]["because"] == "deadline"  # a past day is not waited for
    assert given["join_ground_truth"]["pairs"] == 2
    ever = (datetime.combine(PAST - timedelta(days=9), time(), NEW_YORK), datetime.now(NEW_YORK))
    with store.transaction() as connection:
        states = store.window_states(connection, "waiting", *ever)
    days = {(state.window_start.astimezone(NEW_YORK).date(), state.horizon.count) for state in states}
    assert days == {(PAST, 0), (PAST - timedelta(days=1), 1)}


def test_a_run_waits_for_its_labels_and_goes_on_when_they_land(
    dag: DAG, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = threading.Semaphore(0)

    def watched(self: GroundTruthLanded, *args: Any, look: Any = GroundTruthLanded._look) -> Any:
        seen = look(self, *args)
        looks.release()
        return seen

    def land() -> None:
        """Let the labels land once the trigger has looked twice in vain."""
        assert all(looks.acquire(timeout=60) for _ in range(2))
        with store.transaction() as connection:
            at = datetime.combine(YESTERDAY + timedelta(days=1), time(), NEW_YORK)
            connection.execute(sa.text("insert into labels values ('last', :at, 1)"), {"at": at})

    monkeypatch.setattr(GroundTruthLanded, "_look", watched)
    dag.get_task("wait_for_ground_truth").poke_interval = 0.2  # type: ignore[union-attr]
    landing = threading.Thread(target=land)
    landing.start()
    run = dag.test(logical_date=datetime.combine(YESTERDAY, time(), NEW_YORK))
    landing.join()
    assert run.state == DagRunState.SUCCESS
    assert returned(run)["wait_for_ground_truth"]["because"] == "landed"


def test_a_try_that_dies_before_its_success_tells_nobody_and_the_next_one_tells_all(
    airflow_metadata: None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a window that joining changed besides, although the store no longer shows that it changed."""
    text = MONITOR.replace("time: at}}\nmaturity", "time: at, landed: landed}}\nmaturity")
    text = text.replace("{retries: 0}", "{retries: 1, retry_delay: 0m}")
    assert "landed" in text
    (tmp_path / "waiting.yaml").write_text(text)
    monkeypatch.setenv("HINDSIGHT_MONITORS", str(tmp_path))
    bag = DagBag(DAG_FILE, bundle_path=DAG_FILE.parent, bundle_name="dags-folder")
    before, late = PAST - timedelta(days=1), PAST + timedelta(days=2)
    with store.transaction() as connection:
        connection.execute(sa.text("alter table labels add column landed timestamptz"))
        connection.execute(sa.text("update labels set landed = at"))
        gone = {"id": f"{before}/7", "landed": datetime.combine(late, time(3), NEW_YORK)}
        connection.execute(sa.text("update labels set landed = :landed where id = :id"), gone)
        connection.execute(sa.text("create table later as select * from labels where id = :id"), gone)
        connection.execute(sa.text("delete from labels where id = :id"), gone)
    dag = bag.dags["monitor__waiting"]
    assert dag.test(logical_date=datetime.combine(PAST, time(), NEW_YORK)).state == DagRunState.SUCCESS
    with store.transaction() as connection:
        connection.execute(sa.text("insert into labels select * from later"))
    tries: list[str] = []

    def die_once(point: str) -> None:
        if point == "compute_snapshots.announced":
            tries.append(point)
            if len(tries) == 1:
                raise RuntimeError("as if the worker had been killed here")

    monkeypatch.setattr(faults, "hook", die_once)
    run = dag.test(logical_date=datetime.combine(late, time(), NEW_YORK))
    assert (run.state, len(tries)) == (DagRunState.SUCCESS, 2)
    with create_session() as session:
        found = session.scalars(sa.select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).all()
        told = {event.partition_key: event.extra[event.partition_key] for event in found}
    assert len(found) == len(told), "each once"
    assert told == {
        str(before): {"1d": {"maturity": "mature", "coverage": 1.0}},
        str(late - timedelta(days=1)): {"1d": {"maturity": "provisional", "coverage": None}},
        str(late): {"0d": {"maturity": "mature", "coverage": None}},
    }


def test_who_clears_or_runs_again_what_was_told_sends_nothing(
    airflow_metadata: None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = "  - {type: threshold, metric: volume, min: 60, window: 1d, at: 0d}\n"
    told = "notify:\n  - {type: webhook, connection: team}\n"
    once = MONITOR.replace("monitor: waiting", "monitor: told_once")
    (tmp_path / "told_once.yaml").write_text(once + quiet + told)
    monkeypatch.setenv("HINDSIGHT_MONITORS", str(tmp_path))
    bag = DagBag(DAG_FILE, bundle_path=DAG_FILE.parent, bundle_name="dags-folder")
    dag, at = bag.dags["monitor__told_once"], datetime.combine(PAST, time(), NEW_YORK)
    others = "|".join(set(dag.task_ids) - {"notify"})
    with slack_like() as receiver:
        team = {"conn_type": "http", "host": f"{receiver.address}/hook", "password": "s3cret"}
        monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps(team))
        for number, done_before in enumerate((None, f"^({others})$", None)):
            conf = {"notify": "live"}
            run = dag.test(logical_date=at, run_conf=conf, mark_success_pattern=done_before)
            assert run.state == DagRunState.SUCCESS
            assert returned(run)["notify"]["sent"] == (number == 0)
            (message,) = receiver.accepted
        assert "volume" in str(message)
        assert len(receiver.requests) == 1


def test_a_window_run_that_cannot_be_fails_at_its_first_task(dag: DAG) -> None:
    run = dag.test(run_conf={"start": "2013-12-19", "end": "2013-12-18"})
    assert run.state == DagRunState.FAILED
    assert {ti.task_id: ti.state for ti in run.get_task_instances()}["extract_predictions"] == "failed"


def test_the_command_line_runs_on_the_same_connections(store: Store) -> None:
    runtime = command_line_runtime()
    assert str(runtime.database_url("serving").drivername) == "postgresql+psycopg"
    assert runtime.connection("serving").conn_type == "postgres"
