"""The command `hindsight`: the same pipeline without a scheduler, and the store's tables to read."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from hindsight import cli_incidents, cli_notify
from hindsight.cli_base import JsonFlag, MonitorArg, err, out, refuse, sentences
from hindsight.errors import ConfigError
from hindsight.orchestration.places import spec_of

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
app.add_typer(cli_incidents.app)
app.add_typer(cli_notify.app, name="notify")

StartOption = Annotated[
    str | None, typer.Option(metavar="DAY", help="Only windows that end on this day or later.")
]
EndOption = Annotated[
    str | None, typer.Option(metavar="DAY", help="Only windows that end on this day or earlier.")
]
DAY = "%Y-%m-%d"


@app.command()
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE ...]", help="Default: all of include/monitors.")
    ] = None,
) -> None:
    """Check monitors' files, and say how often their rules cry wolf; exit 2 if any is wrong.

    Every problem is told as file:line:col.  Of each rule stand the false alarms that it raises at most in 30
    days on a version with which nothing is wrong.
    """
    from hindsight import config
    from hindsight.orchestration.places import monitors_folder

    wrong = 0
    if files:
        for file in files:
            try:
                tell_valid(file, config.load(file))
            except ConfigError as error:
                wrong += 1
                err.print(str(error), markup=False, highlight=False, soft_wrap=True)
    else:
        with sentences():
            every = config.load_all(monitors_folder())
        for loaded in every:
            if loaded.spec is not None:
                tell_valid(loaded.path, loaded.spec)
            else:
                wrong += 1
                err.print(str(loaded.error), markup=False, highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(2)


def tell_valid(file: Path, spec: MonitorSpec) -> None:
    """Say that a file is valid, and how often its rules cry wolf."""
    from hindsight.cli_budget import rates, verdict

    out.print(f"{file}: monitor {spec.monitor} is valid", markup=False, soft_wrap=True)
    if spec.detectors:
        out.print(rates(spec))
    out.print(verdict(spec), markup=False, highlight=False, soft_wrap=True)


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
    start: Annotated[
        str | None,
        typer.Option(metavar="DAY|HOUR", help="First run day (local), or hour, as 2013-07-01T05:00."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(metavar="DAY|HOUR", help="Last run day or hour, included; default: the first."),
    ] = None,
    notify: Annotated[
        str, typer.Option(help="What to tell: none, one summary, or each day as if live.")
    ] = "none",
    stale: Annotated[
        bool,
        typer.Option(
            "--stale",
            help="Instead, make anew what an edit of the file made stale, and only that, and remove what "
            "nobody asks for any more; of all days, or those from --start to --end.  Tells nobody.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --stale: only say what would be done.")
    ] = False,
    accept_rewritten: Annotated[
        bool,
        typer.Option(
            "--accept-rewritten",
            help="Take the logs as they are now, also where they hold less than they did or other values, "
            "for what is due in these days and what was kept of them (`source_rewritten`).",
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run the pipeline for these days in one pass, exactly as the DAG would."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from hindsight.domain.values import Notify
    from hindsight.orchestration.runtime import command_line_runtime
    from hindsight.pipeline import STEPS, run_days
    from hindsight.pipeline.asked import units_asked

    if notify not in list(Notify):
        refuse(f"--notify {notify!r} is none of {', '.join(Notify)}.")
    if stale and accept_rewritten:
        refuse(
            "--accept-rewritten does not go with --stale, which follows the monitor's file: run the days of "
            "the rewritten log by --start and --end."
        )
    if stale:
        run_stale_days(monitor, start, end, notify, dry_run=dry_run, as_json=as_json)
        return
    if dry_run:
        refuse("--dry-run goes with --stale: a run of named days always computes all that falls due in them.")
    if start is None:
        refuse("--start is missing: name the first run day, or say --stale for what an edit left behind.")
    with sentences():
        spec, runtime = spec_of(monitor), command_line_runtime()
        days = units_asked(spec, start, end, runtime.clock())
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

            done = run_days(spec, days, runtime, Notify(notify), step, accept_rewritten=accept_rewritten)
    if as_json:
        sys.stdout.write(json.dumps(done, default=str) + "\n")
        return
    for name, counts in done.items():
        counts["again"] = len(counts.get("again", ())) or None  # by name only where somebody waits for them
        said = ", ".join(f"{key} {value}" for key, value in counts.items() if value not in ({}, [], None))
        out.print(f"{name}: {said}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def replay(
    monitor: MonitorArg,
    start: Annotated[str, typer.Option(metavar="DAY", help="First run day (local).")],
    end: Annotated[
        str | None, typer.Option(metavar="DAY", help="Last run day, included; default: the first.")
    ] = None,
    edited: Annotated[
        Path | None,
        typer.Option("--with", metavar="FILE", help="An edited copy of the monitor's file to try beside it."),
    ] = None,
    max_messages: Annotated[
        int | None,
        typer.Option(min=0, help="Exit 3 if the rules (with --with: the edited ones) send more messages."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Try rules on stored days, writing nothing: what each day would have raised and sent.

    The rules are taken as live from the first stored day on, so that what is open when the days begin was
    told before.
    """
    from hindsight import cli_replay

    with sentences():
        raise typer.Exit(cli_replay.replay(monitor, start, end, edited, max_messages, out, as_json=as_json))


def run_stale_days(
    monitor: str, start: str | None, end: str | None, notify: str, *, dry_run: bool, as_json: bool
) -> None:
    """What `run --stale` does."""
    from hindsight.orchestration.runtime import command_line_runtime
    from hindsight.pipeline.asked import units_asked
    from hindsight.pipeline.stale import run_stale

    if notify != "none":
        refuse(f"--notify {notify!r} does not go with --stale, which tells nobody: leave it out.")
    if start is None and end is not None:
        refuse(f"--end {end} is given without --start: name both, or neither for all days.")
    with sentences():
        spec, runtime = spec_of(monitor), command_line_runtime()
        days = None if start is None else units_asked(spec, start, end, runtime.clock())
        done = run_stale(spec, runtime, days, dry_run=dry_run)
    if as_json:
        sys.stdout.write(json.dumps(done) + "\n")
        return
    if not any(done.values()):
        out.print(f"Nothing of {spec.monitor} is stale.", markup=False, highlight=False, soft_wrap=True)
        return
    words = {
        "pairs": ("days to compute anew", "days computed anew", "age"),
        "windows": ("windows to read anew", "windows read anew", "length"),
        "detections": ("windows to judge anew", "windows judged anew", "detector"),
        "removed": ("rows to remove", "rows removed", "table"),
    }
    for kind, counts in done.items():
        before, after, by = words[kind]
        said = ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
        what = before if dry_run else after
        out.print(f"{what}, by {by}: {said}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def snapshots(
    monitor: MonitorArg,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    at: Annotated[str | None, typer.Option(help="Label age, such as 7d.")] = None,
    window: Annotated[str | None, typer.Option(help="Length of the windows: 1d, 7d, 28d.")] = None,
    segment: Annotated[str | None, typer.Option(help="Such as origin=EWR, or ALL.")] = None,
    version: Annotated[str | None, typer.Option(help="Only this version.")] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="Only windows that begin on this day or later.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="Only windows that begin on this day or earlier.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DAY|INSTANT",
            help="Of each metric of each window the newest that was known when this local day began, or at "
            "this instant (with its offset, as 2013-07-14T09:30-04:00).",
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Compute from the logs what was known at --as-of, also between horizons, for the windows "
            "that begin from --start to --end; nothing is stored.",
        ),
    ] = False,
    csv: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write CSV instead.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Metric values by window, as known at each as-of; or as known on one day."""
    from hindsight.pipeline.asked import refuse_far
    from hindsight.reading import instant, read_exact_snapshots, read_snapshots

    if exact and (as_of is None or start is None or at is not None):
        refuse(
            "--exact computes what was known at --as-of of the windows that begin from --start to --end: "
            "give --as-of and --start, and leave out --at, for the as-of says how old the labels are."
        )
    if start is not None and end is not None and end < start:
        refuse(f"--end {end.date()} is before --start {start.date()}.")
    with sentences():
        spec = spec_of(monitor)
        name = spec.monitor
        only: dict[str, Any] = {"metric": metric, "window": window, "segment": segment, "version": version}
        for named in (start, end):
            if named is not None:
                refuse_far(named)
        if exact and as_of is not None and start is not None:
            frame = read_exact_snapshots(monitor, as_of, start.date(), (end or start).date(), **only)
        else:
            first, after = bounds(spec, start, end)
            moment = None if as_of is None else instant(as_of, monitor)
            frame = read_snapshots(name, at=at, start=first, end=after, as_of=moment, **only)
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


def bounds(
    spec: MonitorSpec, start: datetime | None, end: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Local days as the half-open instants that bound them."""
    from zoneinfo import ZoneInfo

    from hindsight.windows import end_of, midnight

    zone = ZoneInfo(spec.timezone)
    return (
        None if start is None else midnight(start.date(), zone),
        None if end is None else end_of(end.date(), zone),
    )


@app.command()
def nowcast(
    monitor: MonitorArg,
    metric: Annotated[str | None, typer.Option(help="Default: the monitor's first that can be.")] = None,
    window: Annotated[str | None, typer.Option(help="Length of the windows; default: the longest.")] = None,
    at: Annotated[str | None, typer.Option(help="Label age, such as 0d; default: all but the last.")] = None,
    version: Annotated[str | None, typer.Option(help="Only this version.")] = None,
    segment: Annotated[str, typer.Option(help="Such as origin=EWR.")] = "ALL",
    start: StartOption = None,
    end: EndOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Estimate what young windows will be once their labels are in, beside how well that went before."""
    from hindsight.reading import read_nowcast

    with sentences():
        frame = read_nowcast(
            monitor,
            metric=metric,
            window=window,
            at=at,
            version=version,
            segment=segment,
            start=start,
            end=end,
        )
    if not as_json:
        ends = zip(frame["lower"], frame["upper"], strict=True)
        frame["interval"] = ["-" if missing(low) else f"{low:.4g} to {high:.4g}" for low, high in ends]
    columns = ["version", "window_start", "horizon", "estimate", "interval", "coverage", "so_far"]
    columns += ["past_error", "past_miss", "past", "inside"]
    columns += [name for name in ("final", "remark") if any(map(told, frame[name]))]
    show(
        frame,
        as_json,
        f"Nowcast of {frame['monitor'][0]}: {frame['metric'][0]}, {frame['window'][0]}",
        columns,
    )
    if not as_json:
        out.print(frame["assumption"][0], markup=False, highlight=False)


@app.command()
def delay(
    monitor: MonitorArg,
    metric: Annotated[str | None, typer.Option(help="Only this metric; default: all with labels.")] = None,
    known: Annotated[float, typer.Option(help="The share of the truth to wait for.")] = 0.9,
    start: StartOption = None,
    end: EndOption = None,
    as_json: JsonFlag = False,
) -> None:
    """How late labels come, and what a metric gains by waiting for them."""
    from dataclasses import asdict

    from hindsight.reading import framed, read_delay, read_maturity

    with sentences():
        report = read_delay(monitor, known=known, start=start, end=end)
        frame = read_maturity(monitor, metric=metric, start=start, end=end)
    if as_json:
        records = [{str(key): plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
        record = asdict(report) | {"last": str(report.last), "metrics": records}
        sys.stdout.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
        return
    for line in report.lines():
        out.print(line, markup=False, highlight=False)
    ages = framed(report.telling(), type(report.ages[0]))
    show(ages, False, f"Labels of {report.monitor} by age", list(ages.columns))
    columns = ["metric", "version", "horizon", "coverage", "value", "early_minus_final", "standard_error"]
    if frame.empty:
        out.print("No metric has a value at every label age in any single window.", highlight=False)
        return
    show(frame, False, f"Metrics of {report.monitor} by label age", [*columns, "windows"])


@app.command()
def compare(
    monitor: MonitorArg,
    end: Annotated[
        str | None, typer.Option(metavar="DAY", help="As it stood on this day of the experiment.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Where each experiment stands: ship, revert, continue or block, with its reason and figures."""
    from hindsight.orchestration.experiments import Line, standings
    from hindsight.orchestration.runtime import command_line_runtime
    from hindsight.reading import framed

    with sentences():
        found = standings(spec_of(monitor), command_line_runtime(), end)
    if as_json:
        records = [each.record() for each in found]
        sys.stdout.write(json.dumps(records, ensure_ascii=False, allow_nan=False) + "\n")
        return
    for each in found:
        for line in each.lines():
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        if rows := each.table():
            table = framed(rows, Line)
            show(table, False, each.detector.name, list(table.columns))


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
def explain(
    monitor: MonitorArg,
    day: Annotated[
        datetime | None,
        typer.Option(formats=[DAY], help="The last day of the window; default: of the latest breach."),
    ] = None,
    detector: Annotated[str | None, typer.Option(metavar="NAME", help="Only this detector.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """What stands beside a breach: since when, where, what else changed, and what to do about it."""
    from hindsight import cli_explain

    with sentences():
        cli_explain.tell(monitor, None if day is None else day.date(), detector, out, in_json=as_json)


@app.command()
def upkeep(
    monitor: Annotated[str | None, typer.Argument(metavar="[MONITOR]", help="Default: all monitors.")] = None,
) -> None:
    """Remove results older than retention, send what lies unsent, and name days that were not run."""
    from hindsight.orchestration.runtime import command_line_runtime
    from hindsight.orchestration.upkeep import CONCERNS, monitors, tend

    with sentences():
        every, runtime = monitors(monitor), command_line_runtime()
        complaints: list[str] = []
        for concern in CONCERNS:
            done, failed = tend(concern, every, runtime, all_of_them=monitor is None)
            complaints += failed
            for name, counts in done.items():
                said = ", ".join(f"{key} {value}" for key, value in counts.items())
                out.print(f"{concern} of {name}: {said}", markup=False, highlight=False, soft_wrap=True)
        if complaints:
            refuse("\n".join(complaints))


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


def told(value: Any) -> bool:
    """Whether a value says something: it is neither missing nor an empty text."""
    return not missing(value) and value != ""


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
