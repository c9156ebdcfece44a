"""How much memory a long history takes: ten times the rows, in days that no single statement holds."""

from __future__ import annotations

from bench_engine import DAYS, PREDICTIONS, Settings
from data import generated
from rich.console import Console
from rotation import Case, rotate

import monitors

TIMES = 10
LIMIT = 4096.0
"""MiB that the process may hold at its peak."""


def memory(console: Console, settings: Settings) -> None:
    """Print the peak memory of computing all statistics of ten times the days and ten times the rows."""
    settings.home.mkdir(parents=True, exist_ok=True)
    predictions, days = round(PREDICTIONS * settings.scale) * TIMES, DAYS * TIMES
    data = generated(settings.home, predictions, days, settings.seed, joined=False)
    console.print(f"{predictions:,} predictions over {days} days, {data.size / 2**30:.1f} GiB on disc")
    logs = {"predictions": f'files: "{data.said()}"', "labels": f'files: "{data.learnt()}"'}
    monitor = monitors.written(settings.home / "monitors", "history", logs)
    case = Case("long history", "long_history", {"monitor": monitor, **data.between(0, days - 1)})
    figures = rotate([case], 1, console)[case.name]
    if figures.failure is not None:
        console.print(f"failed: {figures.failure}")
        return
    verdict = "within" if figures.peak <= LIMIT else "ABOVE"
    console.print(
        f"peak {figures.peak:,.0f} MiB, {verdict} the limit of {LIMIT:,.0f} MiB; "
        f"{figures.cpu():.0f} CPU s, {figures.wall:.0f} s; {dict(figures.notes)}"
    )
