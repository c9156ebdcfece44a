"""One function per task of the DAG, and all in a row: shared by daily run, backfill and command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Notify
from hindsight.pipeline.announce import announced
from hindsight.pipeline.detect import detect_degradation
from hindsight.pipeline.extract import extract_predictions
from hindsight.pipeline.join import join_ground_truth
from hindsight.pipeline.notify import notify
from hindsight.pipeline.readiness import Readiness, readiness
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import compute_snapshots
from hindsight.windows import DayRange

STEPS: Final = (
    "extract_predictions",
    "join_ground_truth",
    "compute_snapshots",
    "detect_degradation",
    "notify",
)
"""The tasks that compute, in order."""

Task = Callable[[MonitorSpec, DayRange, Runtime], dict[str, Any]]


def run_days(
    spec: MonitorSpec,
    days: DayRange,
    runtime: Runtime,
    mode: Notify = Notify.NONE,
    step: Callable[[str], None] = lambda _: None,
    *,
    accept_rewritten: bool = False,
) -> dict[str, dict[str, Any]]:
    """Run every step for these days in one pass; `step` is told the name of each as it begins.

    With `accept_rewritten` what was kept because its source was rewritten is made anew.
    """
    done: dict[str, dict[str, Any]] = {}
    join: Task = partial(join_ground_truth, accept_rewritten=accept_rewritten)
    tasks: tuple[Task, ...] = (extract_predictions, join, compute_snapshots, detect_degradation)
    for name, task in zip(STEPS, tasks, strict=False):
        step(name)
        done[name] = task(spec, days, runtime)
    step("notify")
    done["notify"] = notify(spec, days, runtime, mode)
    return done


__all__ = [
    "STEPS",
    "Readiness",
    "Runtime",
    "announced",
    "compute_snapshots",
    "detect_degradation",
    "extract_predictions",
    "join_ground_truth",
    "notify",
    "readiness",
    "run_days",
]
