"""What it costs to fold the detections of many monitors into incidents and to enqueue what follows."""

from __future__ import annotations

from bench_engine import Settings
from database import process_of
from rich.console import Console
from rotation import Case, rotate

import monitors
from hindsight.embedded import running

MONITORS = 500
LIMIT = 10.0
"""Seconds, on the clock and of CPU with the database's, for ten thousand detections."""


def incidents(console: Console, settings: Settings) -> None:
    """Print seconds for a live run's last step of 500 monitors, 20 detections each, three channels told."""
    count = max(round(MONITORS * settings.scale), 1)
    settings.home.mkdir(parents=True, exist_ok=True)
    logs = {"predictions": 'files: "none.parquet"', "labels": 'files: "none.parquet"'}
    monitor = monitors.written(settings.home / "monitors", "incidents", logs)
    with running(settings.home / "incidents") as server:
        given = {
            "monitor": monitor,
            "monitors": count,
            "store": server.ensure_database("incidents"),
            "server": process_of(server),
        }
        figures = rotate([Case("incidents", "incidents", given)], settings.rounds, console)["incidents"]
    if figures.failure is not None:
        console.print(f"failed: {figures.failure}")
        return
    limit = LIMIT * settings.scale
    verdict = "within" if max(figures.cpu(), figures.wall) <= limit else "ABOVE"
    console.print(
        f"{count} monitors: {figures.cpu():.1f} CPU s, {figures.wall:.1f} s on the clock, {verdict} the "
        f"limit of {limit:g} s ({max(figures.cpu(), figures.wall) / limit:.2f} of it); {dict(figures.notes)}"
    )
