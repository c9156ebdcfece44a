"""Monitors -> DAGs: one each, so that each has its own schedule, owner, retries, grid and backfills."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from airflow.sdk import DAG, Param

from hindsight.config import Loaded, load_all
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Notify
from hindsight.orchestration import files
from hindsight.orchestration.describe import error_page, monitor_page
from hindsight.orchestration.places import LAST_DAY, project_root
from hindsight.orchestration.sensor import GroundTruthSensor
from hindsight.orchestration.steps import (
    ConfigErrorStep,
    NotifyStep,
    PipelineStep,
    SnapshotStep,
    snapshots_of,
)
from hindsight.orchestration.timetable import HourTimetable, LocalDayTimetable

PREFIX: Final = "monitor__"
TAG: Final = "hindsight"
TAG_LENGTH: Final = 100
"""What Airflow takes."""

Callback = Callable[[Any], Any]
"""What Airflow calls with the context of a task: a function, or one of its own notifiers."""


def monitors(folder: Path, only: str | None = None) -> list[Loaded]:
    """The monitors of a folder; with `only`, a DAG's id, just the one that makes that DAG.

    Every task parses the DAG file anew, so then a single file is read, not all of them.
    """
    return load_all(folder) if only is None else files.monitors(folder, only.removeprefix(PREFIX))


def build(loaded: Loaded, on_failure: Sequence[Callback] = ()) -> DAG:
    """The DAG of a file, sound or not; `on_failure` is called by Airflow when one of its tasks has failed."""
    if loaded.spec is None:
        return build_broken_dag(loaded, on_failure)
    return build_dag(loaded.spec, loaded.path, on_failure)


def build_dag(spec: MonitorSpec, path: Path, on_failure: Sequence[Callback] = ()) -> DAG:
    """The six tasks of a monitor; whether it starts paused is left to Airflow's configuration."""
    with DAG(
        dag_id=PREFIX + spec.monitor,
        description=spec.description or f"Watches {spec.monitor}",
        schedule=timetable(spec),
        catchup=False,
        max_active_runs=spec.airflow.max_active_runs,
        default_args={
            "owner": spec.owner,
            "pool": spec.airflow.pool,
            "retries": spec.airflow.retries,
            "retry_delay": spec.airflow.retry_delay,
            "retry_exponential_backoff": 2,
            "max_retry_delay": 60 * spec.airflow.retry_delay,
            "on_failure_callback": list(on_failure),
        },
        params=parameters(),
        tags={TAG, spec.task.value, *(tag[:TAG_LENGTH] for tag in spec.tags)},
        doc_md=monitor_page(spec, shown(path)),
    ) as dag:
        (
            PipelineStep(task_id="extract_predictions", spec=spec)
            >> GroundTruthSensor(task_id="wait_for_ground_truth", spec=spec, path=shown(path))
            >> PipelineStep(task_id="join_ground_truth", spec=spec)
            >> SnapshotStep(task_id="compute_snapshots", spec=spec, outlets=[snapshots_of(spec.monitor)])
            >> PipelineStep(task_id="detect_degradation", spec=spec)
            >> NotifyStep(task_id="notify", spec=spec)
        )
    return dag


def timetable(spec: MonitorSpec) -> LocalDayTimetable:
    """When a monitor runs: once for each day, or each hour."""
    kind = HourTimetable if spec.grain is Grain.HOUR else LocalDayTimetable
    return kind(spec.timezone, f"{spec.schedule:%H:%M}", os.environ.get(LAST_DAY))


def build_broken_dag(loaded: Loaded, on_failure: Sequence[Callback] = ()) -> DAG:
    """A DAG in the place of a monitor whose file is wrong: its daily run fails with the report.

    It keeps the monitor's id and so its history, and it is scheduled, for a monitor that silently does
    not run would look like one that finds nothing.
    """
    report = str(loaded.error)
    with DAG(
        dag_id=PREFIX + loaded.name,
        description=f"{loaded.path.name} has errors, so this monitor does not run",
        schedule=LocalDayTimetable("UTC", "00:00"),
        catchup=False,
        max_active_runs=1,
        default_args={"on_failure_callback": list(on_failure)},
        tags={TAG, "config-error"},
        doc_md=error_page(report, shown(loaded.path)),
    ) as dag:
        ConfigErrorStep(task_id="config_error", report=report, retries=0)
    return dag


def parameters() -> dict[str, Param]:
    """What the trigger form asks for; all may stay empty."""
    return {
        "start": _day("Start", "First local day of a window run; leave empty for a run of one day."),
        "end": _day("End", "Last local day of a window run, included."),
        "notify": Param(
            None,
            title="Notify",
            description="What the run may tell: nothing, a summary of all its days, or each day as if live. "
            "Empty: live for one day, none for a window or a backfill.",
            type=["null", "string"],
            enum=[None, *(mode.value for mode in Notify)],
        ),
    }


def _day(title: str, description: str) -> Any:
    return Param(None, title=title, description=description, type=["null", "string"], format="date")


def shown(path: Path) -> str:
    """A file's name from the project's folder on, the same on every machine that runs the project."""
    root = project_root()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
