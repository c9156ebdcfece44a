"""What the statistics cost: against the bare join of the same rows, and against other ways to the metrics."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from data import Data, generated
from database import Database, loaded
from results import table_of_cases, table_of_results
from rich.console import Console
from rivals import REQUIREMENTS, environment
from rotation import Case, rotate

import monitors

PREDICTIONS = 10_000_000
DAYS = 100
DAY = 50
"""The single day that is measured, counted from 0."""

PLANS = {
    "as planned": [],
    "hash join, 256 MB": ["enable_mergejoin = off", "work_mem = '256MB'"],
    "hash join, 1 GB": ["enable_mergejoin = off", "work_mem = '1GB'"],
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where files are kept, how much is measured, and how often."""

    home: Path
    scale: float
    rounds: int
    seed: int
    only: str = ""


def engine(console: Console, settings: Settings) -> None:
    """Measure every row of the table, and print it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    data = generated(settings.home, round(PREDICTIONS * settings.scale), DAYS, settings.seed)
    console.print(f"{data.predictions:,} predictions over {DAYS} days, {data.size / 2**20:,.0f} MiB on disc")
    pythons, versions = rivals(console, settings.home)
    with loaded(settings.home, data) as database:
        console.print(", ".join([*versions_here(), database.version, *versions]), highlight=False)
        console.print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        chosen = [
            case for case in cases(data, database, settings.home, pythons) if settings.only in case.name
        ]
        found = rotate(chosen, settings.rounds, console)
    console.print(f"load after: {os.getloadavg()[0]:.1f}; above the number of cores, figures are disturbed")
    title = f"{data.predictions:,} predictions over {DAYS} days, medians of {settings.rounds} rounds"
    console.print(table_of_results(found, title))
    console.print(table_of_cases(found))


def rivals(console: Console, home: Path) -> tuple[dict[str, Path], list[str]]:
    """The Pythons of the rivals that could be installed, and all their versions."""
    pythons: dict[str, Path] = {}
    versions = []
    for rival in REQUIREMENTS:
        try:
            pythons[rival], said = environment(home, rival)
            versions.append(f"[{said}]".replace("[", r"\["))
        except (subprocess.CalledProcessError, OSError) as error:
            words = getattr(error, "stderr", None) or str(error)
            console.print(f"{rival} cannot be installed: {words.strip().splitlines()[-1]}")
    return pythons, versions


def versions_here() -> list[str]:
    """What the figures rest on."""
    names = ("duckdb", "sqlalchemy", "psycopg", "numpy", "pandas", "scikit-learn")
    return [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)]


def cases(data: Data, database: Database, home: Path, pythons: dict[str, Path]) -> Iterator[Case]:
    """Everything that is run, each in a process of its own."""
    whole, day = data.between(0, DAYS - 1), data.between(DAY, DAY)
    folder = home / "monitors"
    for resolved in (False, True):
        files = {"predictions": data.said(resolved), "labels": data.learnt(resolved)}
        kind = "resolved" if resolved else "unique"
        logs = {name: f'files: "{glob}"' for name, glob in files.items()}
        monitor = monitors.written(folder, kind, logs, unique=not resolved)
        for name, span in (("100 days", whole), ("1 day", day)):
            yield Case(f"bare join, {kind}, {name}", "bare_join", files | span)
            yield Case(f"hindsight, {kind}, {name}", "statement", {"monitor": monitor, **span})
        if not resolved:
            inputs = monitors.written(folder, "inputs", logs, inputs=True)
            yield Case("hindsight, with inputs, 100 days", "statement", {"monitor": inputs, **whole})
            yield Case("label quality, 100 days", "label_quality", {"monitor": monitor, **whole})
            yield Case("scikit-learn, 100 days", "sklearn_groups", files | whole)
            stored = {"monitor": monitor, **whole, "store": database.store, "server": database.process}
            yield Case("statistics kept, 100 days", "keep", stored)
            yield Case("snapshots", "snapshots", stored)
    here = {"address": database.address, "server": database.process, **whole}
    for name, plan in PLANS.items():
        yield Case(f"bare join, PostgreSQL, {name}", "postgres_join", {**here, "settings": plan})
    tables = {name: f"connection: logs\n  table: {name}" for name in ("predictions", "labels")}
    monitor = monitors.written(folder, "postgres", tables)
    yield Case("hindsight, PostgreSQL", "statement", {**here, "monitor": monitor, "database": database.url})
    if "nannyml" in pythons:
        fitted = str(data.day(10))
        options = {"joined": data.joined(), "fitted": fitted}
        yield Case("NannyML, 100 days", "nannyml_days", options, pythons["nannyml"])
    if "evidently" in pythons:
        yield Case(
            "Evidently, 1 day", "evidently_day", {"joined": data.joined(), **day}, pythons["evidently"]
        )
