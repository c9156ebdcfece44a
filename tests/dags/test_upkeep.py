"""The DAG of the upkeep, and the example that teams copy."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset, CronTriggerTimetable, PartitionedAssetTimetable
from airflow.serialization.serialized_objects import DagSerialization

from hindsight.config import load_all
from hindsight.domain.values import Horizon
from hindsight.embedded import EmbeddedPostgres
from hindsight.orchestration.factory import build
from hindsight.orchestration.runtime import close_stores
from worlds import Bench, at, bench_on, label, monitor, odd_logs, prediction, written

ROOT = Path(__file__).parents[2]
UPKEEP = ROOT / "dags" / "hindsight_upkeep.py"
SWEEPER = ROOT / "dags" / "hindsight_sweeper.py"
EXAMPLE = ROOT / "docs" / "examples" / "retrain_on_snapshots.py"


def parsed(path: Path) -> DAG:
    bag = DagBag(path, bundle_path=path.parent, bundle_name="dags-folder")
    assert not bag.import_errors
    (dag,) = bag.dags.values()
    return dag


def test_the_upkeep_has_one_task_per_concern_and_none_waits_for_another() -> None:
    dag = parsed(UPKEEP)
    assert dag.dag_id == "hindsight_upkeep"
    assert set(dag.task_ids) == {"remove_old", "send_unsent", "find_missing", "stale_silences"}
    assert not [task for task in dag.tasks if task.upstream_task_ids]
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).dag_id == dag.dag_id
    assert len(UPKEEP.read_text().splitlines()) < 40


def test_the_sweeper_sends_every_ten_minutes_one_at_a_time() -> None:
    dag = parsed(SWEEPER)
    assert (dag.dag_id, dag.task_ids) == ("hindsight_sweeper", ["send_unsent"])
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert isinstance(dag.timetable, CronTriggerTimetable)
    assert dag.timetable.expression == "*/10 * * * *"
    assert DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).dag_id == dag.dag_id
    assert len(SWEEPER.read_text().splitlines()) < 40


@pytest.mark.parametrize("path", [UPKEEP, SWEEPER, EXAMPLE], ids=lambda path: path.stem)
def test_parsing_imports_nothing_that_only_tasks_need(path: Path) -> None:
    program = (
        f"import sys, runpy; runpy.run_path({str(path)!r});"
        "heavy = ('pandas', 'scipy', 'duckdb', 'alembic', 'matplotlib', 'psycopg', 'hindsight.pipeline');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_example_is_scheduled_on_what_a_monitor_tells() -> None:
    dag = parsed(EXAMPLE)
    assert isinstance(dag.timetable, PartitionedAssetTimetable)
    asset = dag.timetable.asset_condition
    assert isinstance(asset, Asset)
    monitors = {found.name: build(found) for found in load_all(ROOT / "include" / "monitors")}
    outlets = monitors["flight_delay"].get_task("compute_snapshots").outlets
    assert [(each.name, each.uri) for each in outlets] == [(asset.name, asset.uri)]
    assert not [task for task in monitors["flight_delay"].tasks if task.outlets and task.outlets != outlets]


@pytest.fixture(scope="module")
def bench(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A store in which the example's monitor has judged 1 March at all its ages."""
    url = postgres.ensure_database("example")
    with bench_on(url, tmp_path_factory.mktemp("example-logs")) as bench:
        first = date(2013, 3, 1)
        rows = [prediction(f"r{day}-{i}", first + timedelta(days=day)) for day in range(2) for i in range(9)]
        labels = [label(f"r0-{i}", first) for i in range(9)]
        logs = replace(odd_logs(1, first, 1), predictions=rows, labels=labels)
        spec = at(monitor(monitor="flight_delay", segments=()), written(logs, "parquet", bench.folder))
        spec = replace(spec, maturity=replace(spec.maturity, horizons=(Horizon(30),)))
        bench.run(spec, date(2013, 3, 31), date(2013, 4, 1))
        yield bench
    postgres.drop_database("example")


@pytest.mark.parametrize(
    "day, told, mature",
    [
        ("2013-03-01", {"2013-03-01": {"30d": {"maturity": "mature"}}}, True),
        ("2013-03-01", {"2013-03-01": {"30d": {"maturity": "provisional"}}}, False),
        ("2013-03-01", {"2013-03-01": {"0d": {"maturity": "mature"}}}, False),
        ("2013-03-01", {"2013-04-01": {"0d": {"maturity": "mature"}}}, True),
        ("2013-03-02", {"2013-04-01": {"0d": {"maturity": "mature"}}}, False),  # no label came
        ("2013-03-03", {}, False),  # never judged at that age
    ],
)
def test_the_example_asks_the_store_about_a_day_that_the_event_does_not_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, day: str, told: dict[str, Any], mature: bool
) -> None:
    monkeypatch.setenv("HINDSIGHT_STORE", bench.url)
    assert runpy.run_path(str(EXAMPLE))["is_mature"](day, told) is mature
    close_stores()
