"""Points at which a process may die: named, so that a test can end it at each of them.

A task passes one before and after all that it writes, and on both sides of every commit.  In production
nothing happens there.  The test that kills a run at every point reads the list from here, and another
one holds the list and the code together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

POINTS: Final = (
    "extract_predictions.begin",
    "extract_predictions.read",
    "join_ground_truth.begin",
    "join_ground_truth.locked",
    "join_ground_truth.lists_kept",
    "join_ground_truth.cuts_kept",
    "join_ground_truth.computed",
    "join_ground_truth.replaced",
    "join_ground_truth.put_behind",
    "join_ground_truth.committed",
    "compute_snapshots.begin",
    "compute_snapshots.locked",
    "compute_snapshots.computed",
    "compute_snapshots.replaced",
    "compute_snapshots.written",
    "compute_snapshots.committed",
    "detect_degradation.begin",
    "detect_degradation.locked",
    "detect_degradation.judged",
    "detect_degradation.replaced",
    "detect_degradation.written",
    "detect_degradation.committed",
    "notify.begin",
    "notify.locked",
    "notify.decided",
    "notify.enqueued",
    "notify.incidents_replaced",
    "notify.committed",
    "notify.claiming",
    "notify.claimed",
    "notify.sending",
    "notify.sent",
    "notify.recording",
    "notify.recorded",
    "run_stale.begin",
    "run_stale.locked",
    "run_stale.removed",
    "run_stale.joined",
    "run_stale.read",
    "run_stale.judged",
    "run_stale.written",
    "run_stale.committed",
    "store.deleted",
    "store.copied",
)
"""Every point, in the order in which a run first reaches them; those of the store lie within a write."""

UPKEEP: Final = (
    "remove_old.begin",
    "remove_old.statistics_removed",
    "remove_old.snapshots_removed",
    "remove_old.marked",
    "remove_old.committed",
)
"""The points of the upkeep, which no run of a monitor reaches."""

DELIVERY: Final = (
    "notify.finding",
    "notify.found",
    "notify.joining",
    "notify.joined",
    "notify.updating",
    "notify.updated",
    "notify.showing",
    "notify.shown",
)
"""The points of a delivery that has something to ask for, or to bring up to date."""

ANNOUNCING: Final = ("compute_snapshots.announced",)
"""The point that only Airflow's task reaches: its windows are named, and it has not yet succeeded."""

hook: Callable[[str], None] | None = None
"""What a test has happen at a point; nothing else sets it."""


def reach(point: str) -> None:
    """Say that a point has been reached."""
    if hook is not None:
        hook(point)
