"""The command `hindsight`: the same pipeline without a scheduler, and the store's tables to read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Never

import typer
from rich.console import Console
from rich.table import Table

from hindsight.errors import ConfigError, HindsightError

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text

    from hindsight.domain.spec import MonitorSpec

app = typer.Typer(
    name="hindsight",
    help="Tells whether deployed models still work, as the truth arrives.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
store_app = typer.Typer(
    help="The warehouse schema that statistics, snapshots and incidents live in.", no_args_is_help=True
)
app.add_typer(store_app, name="store")

out, err = Console(), Console(stderr=True)

MonitorArg = Annotated[
    str, typer.Argument(metavar="MONITOR", help="Name in include/monitors, or the path of a YAML file.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DAY = "%Y-%m-%d"


def refuse(message: str) -> Never:
    """Say what is wrong on standard error and end with 2."""
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def sentences() -> Iterator[None]:
    """Hindsight's own errors as their sentence, not as a traceback."""
    try:
        yield
    except HindsightError as error:
        refuse(str(error))


def spec_of(monitor: str) -> MonitorSpec:
    """The monitor of this name or path; ends the command if its file is wrong."""
    from hindsight import config
    from hindsight.orchestration.places import monitors_folder

    return config.load(config.find(monitor, monitors_folder()))


@app.command()
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE ...]", help="Default: all of include/monitors.")
    ] = None,
) -> None:
    """Check monitors' files; exit 2 if any is wrong, with every problem as file:line:col."""
    from hindsight import config
    from hindsight.orchestration.places import monitors_folder

    wrong = 0
    if files:
        for file in files:
            try:
                out.print(
                    f"{file}: monitor {config.load(file).monitor} is valid", markup=False, soft_wrap=True
                )
            except ConfigError as error:
                wrong += 1
                err.print(str(error), markup=False, highlight=False, soft_wrap=True)
    else:
        with sentences():
            every = config.load_all(monitors_folder())
        for loaded in every:
            if loaded.error is None:
                out.print(f"{loaded.path}: monitor {loaded.name} is valid", markup=False, soft_wrap=True)
            else:
                wrong += 1
                err.print(str(loaded.error), markup=False, highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(2)


@app.command()
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page docs/monitors.md instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of a monitor's file, for editors."""
    from hindsight import config
    from hindsight.config import catalog

    sys.stdout.write(catalog.page() if markdown else json.dumps(config.json_schema(), indent=2) + "\n")


@app.command()
def run(
    monitor: MonitorArg,
    start: Annotated[datetime, typer.Option(formats=[DAY], help="First run day (local).")],
    end: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="Last run day, included; default: the first.")
    ] = None,
    notify: Annotated[
        str, typer.Option(help="What to tell: none, one summary, or each day as if live.")
    ] = "none",
    as_json: JsonFlag = False,
) -> None:
    """Run the pipeline for these days in one pass, exactly as the DAG would."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from hindsight.domain.values import Notify
    from hindsight.orchestration.runtime import command_line_runtime
    from hindsight.pipeline import STEPS, run_days
    from hindsight.windows import DayRange

    if notify not in list(Notify):
        refuse(f"--notify {notify!r} is none of {', '.join(Notify)}.")
    first, last = start.date(), (end or start).date()
    if last < first:
        refuse(f"--end {last} is before --start {first}.")
    with sentences():
        spec, runtime = spec_of(monitor), command_line_runtime()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
            bar = progress.add_task(spec.monitor, total=len(STEPS))

            def step(name: str) -> None:
                progress.update(bar, description=f"{spec.monitor}: {name.replace('_', ' ')}", advance=1)

            done = run_days(spec, DayRange(first, last), runtime, Notify(notify), step)
    if as_json:
        sys.stdout.write(json.dumps(done, default=str) + "\n")
        return
    for name, counts in done.items():
        said = ", ".join(f"{key} {value}" for key, value in counts.items() if value not in ({}, [], None))
        out.print(f"{name}: {said}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def snapshots(
    monitor: MonitorArg,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    at: Annotated[str | None, typer.Option(help="Label age, such as 7d.")] = None,
    window: Annotated[str | None, typer.Option(help="Length of the windows: 1d, 7d, 28d.")] = None,
    segment: Annotated[str | None, typer.Option(help="Such as origin=EWR, or ALL.")] = None,
    version: Annotated[str | None, typer.Option(help="Only this version.")] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write CSV instead.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Metric values by window, as known at each as-of."""
    from hindsight.reading import read_snapshots

    with sentences():
        name = spec_of(monitor).monitor
        frame = read_snapshots(name, metric=metric, at=at, window=window, segment=segment, version=version)
        if csv is not None:
            export(frame, csv)
            return
    columns = [
        "version",
        "segment",
        "window",
        "window_start",
        "horizon",
        "metric",
        "value",
        "standard_error",
        "n",
        "coverage",
        "maturity",
        "status",
    ]
    show(frame, as_json, f"Snapshots of {name}", columns)


@app.command()
def detections(monitor: MonitorArg, as_json: JsonFlag = False) -> None:
    """What each detector said of each window, with its reason."""
    from hindsight.reading import read_detections

    with sentences():
        name = spec_of(monitor).monitor
        frame = read_detections(name)
    show(
        frame,
        as_json,
        f"Detections of {name}",
        ["detector", "version", "window_start", "window_end", "horizon", "verdict", "reason"],
    )


@app.command()
def incidents(
    monitor: Annotated[str | None, typer.Argument(metavar="[MONITOR]", help="Default: all monitors.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Stretches of time in which a monitor breached: since when, how bad, and whether they still last."""
    from hindsight.reading import read_incidents

    with sentences():
        frame = read_incidents(None if monitor is None else spec_of(monitor).monitor)
    show(
        frame,
        as_json,
        "Incidents",
        ["id", "monitor", "incident_class", "severity", "since", "opened_on", "resolved_on", "headline"],
    )


@store_app.command()
def upgrade() -> None:
    """Bring the store's schema up to this version of Hindsight; safe to repeat."""
    from hindsight.orchestration.runtime import command_line_runtime

    with sentences():
        command_line_runtime().store.upgrade()
    out.print("The store is up to date.")


@app.command()
def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End after the checks instead of serving the UI.")
    ] = False,
) -> None:
    """Watch real models of the flights of 2013, in a real Airflow, from nothing."""
    from hindsight.demo.run import main as run_demo

    with sentences():
        raise typer.Exit(run_demo(serve=not leave))


def export(frame: pd.DataFrame, target: str) -> None:
    """Write a frame as CSV to a file, or to standard output for `-`."""
    from hindsight.reading import write_csv

    if target == "-":
        write_csv(frame, sys.stdout)
        return
    try:
        write_csv(frame, Path(target))
    except OSError as error:
        refuse(f"{target} cannot be written: {error.strerror or error}.")


def show(frame: pd.DataFrame, as_json: bool, title: str, columns: list[str]) -> None:
    """Print a frame: all columns as JSON records, or the telling ones as a table."""
    if as_json:
        records = [{str(key): plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
        sys.stdout.write(json.dumps(records, ensure_ascii=False, allow_nan=False) + "\n")
        return
    if frame.empty:
        out.print(f"{title}: none. Run `hindsight run MONITOR --start DAY` or the DAG first.", markup=False)
        return
    table = Table(title=title, show_lines=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in frame[columns].itertuples(index=False):
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def plain(value: Any) -> Any:
    """A value as JSON has it: a time in ISO 8601, a float to its last bit, null for what is missing."""
    if missing(value):
        return None
    return value.isoformat() if isinstance(value, date) else value


def missing(value: Any) -> bool:
    """Whether a frame has no value here, in any of pandas' ways."""
    import pandas as pd

    return bool(pd.isna(value))


def cell(value: Any) -> Text:
    """A value as inert text for a table."""
    from rich.text import Text

    if missing(value):
        return Text("-")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, datetime):
        return Text(value.strftime("%Y-%m-%d %H:%M"))
    return Text(value.isoformat() if isinstance(value, date) else str(value))


def main() -> None:
    """The console script."""
    app()
