"""What history costs: a window run of many days in one pass beside the same days one by one."""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hindsight import config
from hindsight.demo.receivers import Receivers
from hindsight.demo.run import connection_variables, prepare, runtime_of
from hindsight.embedded import running
from hindsight.pipeline import run_days
from hindsight.store import Store
from hindsight.windows import DayRange

ROOT = Path(__file__).resolve().parents[1]
DAYS = DayRange(date(2013, 3, 1), date(2013, 12, 31))
SINGLE = DayRange(date(2013, 12, 25), date(2013, 12, 31))


def window(console: Console) -> None:
    """Print wall and CPU seconds of the flights' 306 days, and the ratio per day to single days."""
    with tempfile.TemporaryDirectory(prefix="hindsight-bench-") as name:
        folder = Path(name)
        with running(folder) as server, Receivers(folder / "received.jsonl") as receivers:
            prepare(server, folder / "demo")
            variables = connection_variables(server, receivers.addresses)
            runtime = runtime_of(ROOT, variables)
            spec = config.load(ROOT / "include/monitors/flight_delay.yaml")
            whole = timed(lambda: run_days(spec, DAYS, runtime))
            server.drop_database("hindsight_demo")
            store = Store(server.ensure_database("hindsight_demo"))
            store.upgrade()
            run_days(
                spec, DayRange(SINGLE.start - timedelta(days=1), SINGLE.start - timedelta(days=1)), runtime
            )
            single = timed(lambda: [run_days(spec, DayRange(day, day), runtime) for day in SINGLE])
            store.dispose()
            runtime.store.dispose()
    table = Table(title="Window run of flight_delay (the server's CPU is not counted)")
    for column in ("what", "days", "wall s", "CPU s", "wall s per day"):
        table.add_column(column, justify="right")
    for what, days, (wall, cpu) in (("one pass", len(DAYS), whole), ("day by day", len(SINGLE), single)):
        table.add_row(what, str(days), f"{wall:.1f}", f"{cpu:.1f}", f"{wall / days:.3f}")
    console.print(table)
    ratio = (single[0] / len(SINGLE)) / (whole[0] / len(DAYS))
    console.print(f"A day costs {ratio:.1f} times less in one pass.")


def timed(work: object) -> tuple[float, float]:
    """Wall and CPU seconds of a call in this process."""
    assert callable(work)
    wall, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
