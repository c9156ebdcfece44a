"""What the DAG file costs to parse: with 1, 50 and 200 monitors, and for a task that needs one of 200.

Imports are told apart, and with them what they leave to be done later by chance or by Airflow: a pass of the
garbage collector over all they made, and the handlers of its providers, which Airflow imports with the first
asset of a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
LIMIT = 0.1
"""CPU seconds that parsing one monitor may take after imports."""

PROBE = """
import gc, runpy, sys, time
started = time.process_time()
import airflow.sdk, hindsight.orchestration.factory
airflow.sdk.Asset("hindsight://bench/snapshots")
gc.collect()
imported = time.process_time()
if sys.argv[2]:
    from airflow.sdk.definitions.context import Context
    import airflow.sdk
    class Only:
        dag_id = sys.argv[2]
        task_id = None
    airflow.sdk.get_parsing_context = lambda: Only
found = runpy.run_path(sys.argv[1])
parsed = time.process_time()
dags = sum(1 for name in found if name.startswith("monitor__"))
print(imported - started, parsed - imported, dags)
"""


def parse(console: Console) -> None:
    """Print CPU seconds for imports and for the DAG file itself."""
    table = Table(title=f"Parsing dags/model_monitors.py, CPU seconds, median of {RUNS}")
    for column in ("monitors in the folder", "DAGs built", "imports", "file", "per DAG"):
        table.add_column(column, justify="right")
    for monitors, only in ((1, ""), (50, ""), (200, ""), (200, "monitor__bench_100")):
        imports, seconds, dags = measured(monitors, only)
        table.add_row(str(monitors), str(dags), f"{imports:.2f}", f"{seconds:.3f}", f"{seconds / dags:.4f}")
        if dags == 1:
            verdict = "within" if seconds <= LIMIT else "ABOVE"
            console.print(f"one DAG of {monitors}: {seconds:.3f} CPU s, {verdict} the limit of {LIMIT} s")
    console.print(table)


def measured(monitors: int, only: str) -> tuple[float, float, int]:
    """Medians of import and parse time, and how many DAGs were built."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = (ROOT / "include/monitors/flight_delay.yaml").read_text(encoding="utf-8")
        (folder / "_defaults.yaml").write_text(
            (ROOT / "include/monitors/_defaults.yaml").read_text(encoding="utf-8"), encoding="utf-8"
        )
        for number in range(monitors):
            text = source.replace("monitor: flight_delay", f"monitor: bench_{number:03d}", 1)
            (folder / f"bench_{number:03d}.yaml").write_text(text, encoding="utf-8")
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "HINDSIGHT_MONITORS": str(folder),
            "PYTHONPATH": str(ROOT / "include"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        found = []
        for _ in range(RUNS):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", PROBE, str(ROOT / "dags/model_monitors.py"), only],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            imports, seconds, dags = done.stdout.strip().splitlines()[-1].split()
            found.append((float(imports), float(seconds), int(dags)))
        return median(f[0] for f in found), median(f[1] for f in found), found[0][2]
