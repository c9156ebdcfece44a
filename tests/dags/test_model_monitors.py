"""The DAG file: one DAG per monitor, broken ones included, and never more work than was asked for."""

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.definitions.context import _AIRFLOW_PARSING_CONTEXT_DAG_ID
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from hindsight.orchestration.factory import build, monitors
from hindsight.orchestration.timetable import LocalDayTimetable

ROOT = Path(__file__).parents[2]
DAG_FILE = ROOT / "dags" / "model_monitors.py"
MONITORS = ROOT / "include" / "monitors"
TASKS = [
    "extract_predictions",
    "wait_for_ground_truth",
    "join_ground_truth",
    "compute_snapshots",
    "detect_degradation",
    "notify",
]


def parsed(only: str | None = None) -> dict[str, DAG]:
    """What the DAG file makes, parsed by Airflow as a whole or for one DAG."""
    with pytest.MonkeyPatch.context() as patch:
        if only:
            patch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, only)
        bag = DagBag(DAG_FILE, bundle_path=DAG_FILE.parent, bundle_name="dags-folder")
    assert not bag.import_errors
    return bag.dags


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of monitors in place of the project's."""
    monkeypatch.setenv("HINDSIGHT_MONITORS", str(tmp_path))
    return tmp_path


def write(folder: Path, name: str, file: str | None = None, **replaced: str) -> Path:
    """A sound monitor's file, with parts of its text replaced."""
    text = (MONITORS / "flight_delay.yaml").read_text().replace("monitor: flight_delay", f"monitor: {name}")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(f"{old}:", f"{new}:", 1)
    path = folder / (file or f"{name}.yaml")
    path.write_text(text)
    return path


def test_every_monitor_of_the_project_has_its_dag() -> None:
    assert set(parsed()) == {"monitor__flight_delay", "monitor__arrival_delay"}


def test_a_dag_is_made_as_its_monitor_says() -> None:
    dag = parsed()["monitor__flight_delay"]
    assert [task.task_id for task in dag.topological_sort()] == TASKS
    assert all(
        task.downstream_task_ids == {after}
        for task, after in zip(dag.topological_sort(), TASKS[1:], strict=False)
    )
    assert dag.timetable == LocalDayTimetable("America/New_York", "07:00")
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 4, None)
    assert dag.tags == {"hindsight", "binary_classification", "demo", "flights"}
    assert dag.owner == "ops-ml"
    for task in dag.tasks:
        assert (task.retries, task.retry_delay, task.retry_exponential_backoff) == (
            2,
            timedelta(minutes=1),
            2,
        )
        assert task.pool == "default_pool"
    assert {name: dag.params[name] for name in ("start", "end", "notify")} == dict.fromkeys(
        ("start", "end", "notify")
    )
    assert dag.doc_md is not None
    assert "`serving.predictions`" in dag.doc_md


def test_a_dag_survives_serialization_with_its_timetable() -> None:
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(parsed()["monitor__flight_delay"]))
    assert dag.timetable == LocalDayTimetable("America/New_York", "07:00")
    assert set(dag.task_dict) == set(TASKS)
    assert dag.get_task("wait_for_ground_truth").task_type == "GroundTruthSensor"


def test_a_broken_file_becomes_a_dag_that_fails_with_the_report_and_the_others_run(folder: Path) -> None:
    write(folder, "sound")
    write(folder, "broken", metrics="metrcs")
    dags = parsed()
    assert set(dags) == {"monitor__sound", "monitor__broken"}
    assert len(dags["monitor__sound"].tasks) == len(TASKS)
    broken = dags["monitor__broken"]
    assert broken.tags == {"hindsight", "config-error"}
    (task,) = broken.tasks
    with pytest.raises(AirflowFailException) as failed:
        task.execute({})
    report = str(failed.value)
    assert "broken.yaml:" in report
    assert "unknown key 'metrcs' (did you mean 'metrics'?)" in report
    assert broken.doc_md is not None
    assert report in broken.doc_md


@pytest.mark.parametrize(
    "text", ["", "{", "monitor: [1", "a: 1\na: 2", "- 1", "monitor: Not A Name\n", "\x00"]
)
def test_whatever_stands_in_a_file_the_dag_file_can_be_parsed(folder: Path, text: str) -> None:
    write(folder, "sound")
    (folder / "My model (2).yaml").write_text(text)
    dags = parsed()
    assert set(dags) == {"monitor__sound", "monitor__my_model__2_"}
    assert dags["monitor__my_model__2_"].tags == {"hindsight", "config-error"}


def test_only_the_dag_that_a_task_asks_for_is_built(folder: Path) -> None:
    for name in ("one", "two", "three"):
        write(folder, name)
    assert set(parsed("monitor__two")) == {"monitor__two"}
    assert set(parsed("monitor__four")) == set()


def test_for_one_dag_no_other_file_is_understood(folder: Path) -> None:
    write(folder, "wanted", file="another_name.yaml")
    write(folder, "other")
    (loaded,) = monitors(folder, "monitor__wanted")
    assert (loaded.path.name, loaded.error) == ("another_name.yaml", None)
    assert loaded == next(item for item in monitors(folder) if item.name == "wanted")


def test_a_broken_monitor_is_found_by_its_dag_too(folder: Path) -> None:
    write(folder, "broken", metrics="metrcs")
    write(folder, "twin", file="a.yaml")
    write(folder, "twin", file="b.yaml")
    (folder / "nameless.yaml").write_text("metrics: 1")
    for name in ("broken", "twin", "nameless"):
        whole = [item for item in monitors(folder) if item.name == name]
        alone = monitors(folder, f"monitor__{name}")
        assert [(item.path, str(item.error)) for item in alone] == [
            (item.path, str(item.error)) for item in whole
        ]
        assert set(parsed(f"monitor__{name}")) == {f"monitor__{name}"}


def test_the_dag_file_is_a_loop() -> None:
    assert len(DAG_FILE.read_text().splitlines()) < 40


def test_parsing_imports_no_heavy_library_that_only_tasks_need() -> None:
    program = (
        f"import sys, runpy; runpy.run_path({str(DAG_FILE)!r});"
        "heavy = ('pandas', 'scipy.stats', 'alembic', 'matplotlib', 'psycopg');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_one_monitor_is_parsed_in_less_than_a_tenth_of_a_second(folder: Path) -> None:
    for number in range(50):
        write(folder, f"monitor_{number}")
    spent = []
    for _ in range(3):
        start = time.process_time()
        (loaded,) = monitors(folder, "monitor__monitor_7")
        build(loaded)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.1
