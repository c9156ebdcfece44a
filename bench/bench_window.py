"""What history costs: all days of the flights in one pass, and day by day in a real Airflow."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from hindsight import config
from hindsight.demo.airflow import Airflow
from hindsight.demo.receivers import Receivers
from hindsight.demo.run import connection_variables, fresh_metadata, prepare, runtime_of
from hindsight.embedded import EmbeddedPostgres, running
from hindsight.pipeline import run_days
from hindsight.store import Store
from hindsight.windows import DayRange

ROOT = Path(__file__).resolve().parents[1]
MONITOR = "flight_delay"
DAYS = DayRange(date(2013, 3, 1), date(2013, 12, 31))
BEFORE = DayRange(DAYS.start, date(2013, 12, 17))
SINGLE = DayRange(date(2013, 12, 18), DAYS.end)
AT_ONCE = 4
SECONDS, TIMES = 60.0, 15.0
"""What the window run should stay below, and how many times less a day should cost in it."""

Cost = tuple[float, float]
"""Seconds by the clock, and of CPU."""


def window(console: Console, home: Path) -> None:
    """Print wall and CPU seconds of the flights' 306 days in one pass, and of Airflow's backfill of 14.

    The flights and the models trained on them stay in `home`.
    """
    with tempfile.TemporaryDirectory(prefix="hindsight-bench-") as name:
        folder = Path(name)
        with running(folder) as server, Receivers(folder / "received.jsonl") as receivers:
            prepare(server, home)
            variables = connection_variables(server, receivers.addresses)
            spec, runtime = (
                config.load(ROOT / f"include/monitors/{MONITOR}.yaml"),
                runtime_of(ROOT, variables),
            )
            whole = timed(lambda: run_days(spec, DAYS, runtime))
            empty(server)
            run_days(spec, BEFORE, runtime)
            runtime.store.dispose()
            daily = backfilled(server, folder / "airflow", variables)
    table = Table(title=f"{MONITOR}: the CPU of the database server is not counted")
    for column in ("what", "days", "wall s", "CPU s", "wall s per day", "CPU s per day"):
        table.add_column(column, justify="left" if column == "what" else "right")
    lines = [("window run", len(DAYS), whole), (f"Airflow's backfill, {AT_ONCE} at once", len(SINGLE), daily)]
    for what, days, (wall, cpu) in lines:
        numbers = (f"{wall:.1f}", f"{cpu:.1f}", f"{wall / days:.3f}", f"{cpu / days:.3f}")
        table.add_row(what, str(days), *numbers)
    console.print(table)
    ratio = (daily[0] / len(SINGLE)) / (whole[0] / len(DAYS))
    kept = verdict(whole[0] < SECONDS)
    console.print(f"{len(DAYS)} days in one pass: {whole[0]:.1f} s, {kept} {SECONDS:.0f} s")
    console.print(f"a day costs {ratio:.1f} times less in it, {verdict(ratio >= TIMES)} {TIMES:.0f} times")


def verdict(kept: bool) -> str:
    """How a figure stands to its limit."""
    return "within the limit of" if kept else "MISSES the limit of"


def empty(server: EmbeddedPostgres) -> None:
    """A new store in the place of the filled one."""
    server.drop_database("hindsight_demo")
    store = Store(server.ensure_database("hindsight_demo"))
    store.upgrade()
    store.dispose()


def backfilled(server: EmbeddedPostgres, home: Path, variables: Mapping[str, str]) -> Cost:
    """What the last days cost by Airflow's own backfill, from its beginning to the end of its last run."""
    dag_id = f"monitor__{MONITOR}"
    settings = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
    with Airflow(ROOT, home, fresh_metadata(server), {**variables, **settings}) as airflow:
        airflow.wait_until_ready()
        airflow.wait_for_dag(dag_id)
        used, began = cpu_of(airflow.group), time.monotonic()
        airflow.backfill(dag_id, SINGLE.start, SINGLE.end, {"notify": "none"}, AT_ONCE)
        airflow.wait_for_backfill(dag_id, len(SINGLE), lambda _: None)
        return time.monotonic() - began, cpu_of(airflow.group) - used


def cpu_of(group: int) -> float:
    """CPU seconds of all parts of an Airflow, with the processes of its tasks that have ended."""
    total = 0.0
    parent = psutil.Process(group)
    for process in (parent, *parent.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.Error:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total


def timed(work: Callable[[], object]) -> Cost:
    """Wall and CPU seconds of a call in this process."""
    wall, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
