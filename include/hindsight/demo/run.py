"""`hindsight demo`: from nothing to watched models in a real Airflow, and an account of what was found."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hindsight import config
from hindsight.demo.airflow import Airflow
from hindsight.demo.findings import AT, Check, checks, months
from hindsight.demo.logs import write_files, write_tables
from hindsight.demo.received import read_received, show_received
from hindsight.demo.receivers import Addresses, Receivers
from hindsight.demo.world import real_world
from hindsight.domain.records import Incident
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, IncidentState, Severity, Span
from hindsight.embedded import EmbeddedPostgres, running
from hindsight.notifiers.connection import ConnectionInfo
from hindsight.orchestration import connections, environment
from hindsight.orchestration.places import project_root
from hindsight.pipeline.runtime import Runtime
from hindsight.store import Store
from hindsight.windows import DayRange

FILLED: Final = DayRange(date(2013, 3, 1), date(2013, 12, 17))
BACKFILLED: Final = DayRange(date(2013, 12, 18), date(2013, 12, 31))
WHOLE: Final = DayRange(FILLED.start, BACKFILLED.end)
RUNS_AT_ONCE: Final = 2

console = Console()


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    with console.status(f"{what} ..."):
        yield
    console.print(f"[green]✓[/] {what} [dim]({time.monotonic() - started:.0f} s)[/]", highlight=False)


def main(*, serve: bool) -> int:
    """Run the demo; returns 0 only if what it found is what a good monitor should find."""
    root = project_root()
    home = root / ".hindsight"
    with running(home) as server:
        folder = home / "demo"
        shutil.rmtree(folder / "airflow", ignore_errors=True)
        received = folder / "received.jsonl"
        received.unlink(missing_ok=True)
        with stage("Flights of 2013: two models trained on January and February, their logs and labels"):
            prepare(server, folder)
        with Receivers(received) as receivers:
            variables = connection_variables(server, receivers.addresses)
            airflow = Airflow(root, folder / "airflow", fresh_metadata(server), variables)
            with airflow:
                outcome = watch(airflow, runtime_of(root, variables), received)
                if serve:
                    serve_until_interrupted(airflow)
    return 0 if outcome else 1


def prepare(server: EmbeddedPostgres, folder: Path) -> None:
    """The classifier's logs into PostgreSQL, the regression's into daily Parquet files; an empty store."""
    world = real_world(folder / "cache")
    write_tables(
        server.ensure_database("serving"), world.predictions, world.labels, fingerprint=world.fingerprint
    )
    landing = folder / "landing" / "arrival_delay"
    write_files(landing, world.delay_predictions, world.delay_labels, fingerprint=world.fingerprint)
    server.drop_database("hindsight_demo")
    store = Store(server.ensure_database("hindsight_demo"))
    store.upgrade()
    store.dispose()


def fresh_metadata(server: EmbeddedPostgres) -> str:
    """A new database for Airflow's own records, so that a second demo tells the same story."""
    server.drop_database("airflow_demo")
    server.ensure_database("airflow_demo")
    return server.url("airflow_demo", "psycopg2")


def connection_variables(server: EmbeddedPostgres, receivers: Addresses) -> dict[str, str]:
    """The connections that the shipped monitors name, as Airflow reads them from the environment."""
    serving = sa.make_url(server.url("serving"))
    slack = {
        "conn_type": "slack",
        "password": receivers.slack_token,
        "extra": {"base_url": receivers.slack_api},
    }
    mail = {
        "conn_type": "smtp",
        "host": receivers.smtp_host,
        "port": receivers.smtp_port,
        "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "hindsight@example.com"},
    }
    database = {
        "conn_type": "postgres",
        "login": serving.username,
        "schema": serving.database,
        "port": serving.port,
        "extra": {"host": serving.query["host"]},
    }
    return {
        "HINDSIGHT_STORE": server.url("hindsight_demo"),
        "HINDSIGHT_LAST_DAY": str(WHOLE.end),
        "AIRFLOW_CONN_SERVING_DB": json.dumps(database),
        "AIRFLOW_CONN_SLACK_ML": json.dumps(slack),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(mail),
    }


def runtime_of(root: Path, variables: Mapping[str, str]) -> Runtime:
    """What the account of the demo reads the store with."""

    def resolve(conn_id: str) -> ConnectionInfo:
        return environment.resolve(conn_id, variables)

    return Runtime(
        Store(variables["HINDSIGHT_STORE"]),
        lambda conn_id: connections.url_of(resolve(conn_id), root),
        resolve,
        root,
    )


def watch(airflow: Airflow, runtime: Runtime, received: Path) -> bool:
    """Fill history by window runs, let Airflow backfill the last two weeks, and say what was found."""
    monitors = {
        name: config.load(runtime.root / f"include/monitors/{name}.yaml")
        for name in ("flight_delay", "arrival_delay")
    }
    with stage("Airflow starts: scheduler, triggerer, DAG processor, API server"):
        airflow.wait_until_ready()
        for name in monitors:
            airflow.wait_for_dag(f"monitor__{name}")
    for name, days in (("flight_delay", FILLED), ("arrival_delay", WHOLE)):
        window_run(airflow, name, days)
    backfill(airflow, "flight_delay")
    console.rule("What was found")
    spec = monitors["flight_delay"]
    console.print(monthly_table(spec, runtime))
    with runtime.store.transaction() as connection:
        incidents = runtime.store.incidents(connection)
        detections = runtime.store.detections(connection, spec.monitor)
        accuracy = runtime.store.snapshots(
            connection, spec.monitor, metric="accuracy", horizon=AT, window=Span(1), segment=ALL
        )
    console.rule("Incidents, by the last day of the first window that breached")
    console.print(incident_lines(incidents))
    console.rule("What people were told (as the receivers got it)")
    show_received(read_received(received), console)
    console.rule("Is that what a good monitor finds?")
    mine = [incident for incident in incidents if incident.monitor == spec.monitor]
    verdicts = checks(spec, detections, mine, accuracy)
    verdicts.append(
        Check(
            "messages arrived, by Slack and by mail",
            {m.kind for m in read_received(received)} == {"slack", "mail"},
        )
    )
    for check in verdicts:
        console.print(
            Text("✓ " if check.held else "✗ ", style="green" if check.held else "red").append(check.sentence)
        )
    runtime.store.dispose()
    return all(check.held for check in verdicts)


def window_run(airflow: Airflow, monitor: str, days: DayRange) -> None:
    """One manual run of a monitor's DAG for a long stretch of days, in one pass."""
    dag_id = f"monitor__{monitor}"
    with stage(f"Window run of {dag_id}: {len(days)} days, {days.start} to {days.end}, in one pass"):
        run = airflow.trigger(dag_id, {"start": str(days.start), "end": str(days.end), "notify": "summary"})
        airflow.wait_for_run(dag_id, run, lambda task: console.print(f"  [dim]{task}[/]", highlight=False))


def backfill(airflow: Airflow, monitor: str) -> None:
    """Airflow's own backfill of the last two weeks, a run a day, as loud as if live."""
    dag_id, last = f"monitor__{monitor}", -1
    days = BACKFILLED

    def tell(done: int) -> None:
        nonlocal last
        if done > last:
            last = done
            console.print(f"  [dim]{done} of {len(days)} days[/]", highlight=False)

    with stage(f"Airflow backfills {dag_id} day by day: {days.start} to {days.end}"):
        airflow.backfill(dag_id, days.start, days.end, {"notify": "live"}, RUNS_AT_ONCE)
        airflow.wait_for_backfill(dag_id, len(days), tell)


def monthly_table(spec: MonitorSpec, runtime: Runtime) -> Table:
    """Recall, AUC and Brier score of both versions by month, at label age 7 days."""
    metrics = ("recall", "roc_auc", "brier")
    table = Table(title="flight_delay by month, labels 7 days old (March is the reference)")
    table.add_column("month")
    found = list(months(spec, runtime, metrics, WHOLE.start, WHOLE.end))
    versions = sorted({month.version for month in found})
    for metric in metrics:
        for version in versions:
            table.add_column(f"{metric} {version}", justify="right")
    table.add_column("labels", justify="right")
    for first in sorted({month.first for month in found}):
        row = {month.version: month for month in found if month.first == first}
        cells = [shown(row[v].values[metric]) if v in row else "-" for metric in metrics for v in versions]
        table.add_row(f"{first:%Y-%m}", *cells, shown(next(iter(row.values())).coverage))
    return table


def incident_lines(incidents: list[Incident]) -> Text:
    """Every incident with its first day, two lines each."""
    text = Text()
    told = [each for each in incidents if each.state is not IncidentState.PENDING]
    for i in sorted(told, key=lambda each: (each.monitor, each.opened_on)):
        style = "bold red" if i.severity is Severity.CRITICAL else "bold yellow"
        ended = f"resolved {i.resolved_on:%-d %b}" if i.resolved_on else "still open"
        what = f"{i.monitor}, {i.incident_class.replace('_', ' ')}, {i.severity}"
        text.append(f"{i.since}  {what}", style=style)
        text.append(f"; opened {i.opened_on:%-d %b}, {ended}\n            {i.headline}\n")
    return text


def shown(value: float | None) -> str:
    """A metric with three decimals."""
    return "-" if value is None else f"{value:.3f}"


def serve_until_interrupted(airflow: Airflow) -> None:
    """Leave the UI up until Ctrl-C."""
    dag = f"{airflow.address}/dags/monitor__flight_delay"
    text = Text.assemble(
        "Airflow's UI: ",
        (airflow.address, "bold"),
        "   login ",
        ("admin", "bold"),
        "   password ",
        (airflow.password, "bold"),
        f"\nRuns of the classifier's monitor: {dag}\n"
        f"Its incidents, to acknowledge, resolve or silence: {dag}/plugin/incidents\n"
        "Ctrl-C stops everything.",
    )
    console.print(Panel(text, title="Serving"))
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping.")
