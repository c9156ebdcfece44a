"""A backfill of n local days makes n runs, counted in Airflow's own: by its command line and by its API."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow._shared.timezones import timezone
from airflow.api_fastapi.core_api.datamodels.backfills import BackfillPostBody
from airflow.api_fastapi.core_api.routes.public.backfills import create_backfill_dry_run
from airflow.cli.cli_parser import get_parser
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models import DagRun
from airflow.models.backfill import Backfill, ReprocessBehavior, _create_backfill
from airflow.utils.session import create_session
from sqlalchemy import select

ROOT = Path(__file__).parents[2]
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kolkata"]
SPANS = [
    (date(2013, 12, 18), date(2013, 12, 31)),
    (date(2013, 3, 8), date(2013, 3, 12)),  # New York's 23 hours on 10 March
    (date(2013, 11, 1), date(2013, 11, 5)),  # and its 25 on 3 November
    (date(2013, 3, 29), date(2013, 4, 2)),  # Berlin's, on 31 March
    (date(2013, 10, 25), date(2013, 10, 29)),  # and on 27 October
    (date(2013, 7, 4), date(2013, 7, 4)),
]


HOURLY = """\
monitor: hourly
owner: team
task: binary_classification
grain: hour
timezone: America/New_York
predictions: {files: p.parquet, columns: {id: id, time: at, score: p}}
ground_truth: {files: l.parquet, columns: {id: id, actual: y, time: at}}
maturity: {horizons: [1h, 6h]}
reference: {recall: 0.9}
metrics: [recall]
"""


def dag_id(zone: str) -> str:
    return f"monitor__{zone.split('/')[1].lower()}"


@pytest.fixture(scope="module", autouse=True)
def _dags(airflow_metadata: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One monitor per zone, made by the DAG file and written to Airflow's database by Airflow."""
    folder = tmp_path_factory.mktemp("monitors")
    text = (ROOT / "include" / "monitors" / "flight_delay.yaml").read_text()
    for zone in ZONES:
        name = dag_id(zone).removeprefix("monitor__")
        changed = text.replace("monitor: flight_delay", f"monitor: {name}").replace("America/New_York", zone)
        (folder / f"{name}.yaml").write_text(changed)
    (folder / "hourly.yaml").write_text(HOURLY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HINDSIGHT_MONITORS", str(folder))
        bag = DagBag(
            ROOT / "dags" / "model_monitors.py", bundle_path=ROOT / "dags", bundle_name="dags-folder"
        )
    assert not bag.import_errors
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    yield
    with create_session() as session:
        for table in (DagRun, Backfill):
            session.query(table).delete()


def by_command_line(zone: str, first: str, last: str, capsys: pytest.CaptureFixture[str]) -> list[date]:
    """The local days that `airflow backfill create --dry-run` would run."""
    arguments = [
        "backfill",
        "create",
        "--dag-id",
        dag_id(zone),
        "--from-date",
        first,
        "--to-date",
        last,
        "--dry-run",
    ]
    parsed = get_parser().parse_args(arguments)
    parsed.func(parsed)
    rows = [
        line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| 2")
    ]
    return [datetime.fromisoformat(row).astimezone(ZoneInfo(zone)).date() for row in rows]


def by_api(zone: str, first: str, last: str) -> list[date]:
    """The local days that `POST /api/v2/backfills/dry_run` would run."""
    body = BackfillPostBody.model_validate_json(
        json.dumps({"dag_id": dag_id(zone), "from_date": first, "to_date": last})
    )
    with create_session() as session:
        found = create_backfill_dry_run(body, session)
    return [run.logical_date.astimezone(ZoneInfo(zone)).date() for run in found.backfills if run.logical_date]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("first, last", SPANS)
def test_the_api_makes_one_run_per_local_day_whatever_the_zone_and_time_of_the_bounds(
    zone: str, first: date, last: date
) -> None:
    asked = days(first, last)
    for offset in ("Z", "-05:00", "+02:00", "+05:30", "+13:00", "-11:00"):
        for start, end in (("00:00:00", "00:00:00"), ("00:00:00", "23:59:59"), ("03:10:00", "17:45:00")):
            assert by_api(zone, f"{first}T{start}{offset}", f"{last}T{end}{offset}") == asked
    for reader in (*ZONES, "Asia/Tokyo", "America/Los_Angeles"):  # as the form in the UI sends them
        start = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(reader))
        end = datetime(last.year, last.month, last.day, 23, 59, 59, 999000, tzinfo=ZoneInfo(reader))
        bounds = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" for moment in (start, end))
        assert by_api(zone, *bounds) == asked


@pytest.mark.parametrize("zone", ZONES)
def test_the_command_line_makes_fourteen_runs_of_the_last_fourteen_days_of_december(
    zone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = days(date(2013, 12, 18), date(2013, 12, 31))
    assert by_command_line(zone, "2013-12-18", "2013-12-31", capsys) == asked
    assert by_command_line(zone, "2013-12-18T15:00+05:30", "2013-12-31T01:00+05:30", capsys) == asked


def create(zone: str, first: date, last: date, **options: Any) -> list[DagRun]:
    """Make a backfill for real and return its runs, oldest first; another may follow at once."""
    start, end = (
        timezone.coerce_datetime(datetime(d.year, d.month, d.day, tzinfo=UTC)) for d in (first, last)
    )
    made = _create_backfill(
        dag_id=dag_id(zone),
        from_date=start,
        to_date=end,
        max_active_runs=4,
        reverse=False,
        dag_run_conf=None,
        triggering_user_name="test",
        **{"reprocess_behavior": ReprocessBehavior.NONE} | options,
    )
    with create_session() as session:
        session.get_one(Backfill, made.id).completed_at = datetime.now(UTC)
        runs = session.scalars(
            select(DagRun).where(DagRun.backfill_id == made.id).order_by(DagRun.logical_date)
        )
        found = list(runs)
        session.flush()
        session.expunge_all()
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_the_runs_of_a_backfill_carry_their_days(zone: str) -> None:
    runs = [run for first, last in SPANS for run in create(zone, first, last)]
    asked = [day for first, last in SPANS for day in days(first, last)]
    local = ZoneInfo(zone)
    assert [run.logical_date.astimezone(local).date() for run in runs] == asked
    for run, day in zip(runs, asked, strict=True):
        start, end = (moment.astimezone(local) for moment in (run.data_interval_start, run.data_interval_end))
        assert (start.date(), end.date()) == (day, day + timedelta(days=1))
        assert start.time() == end.time() == datetime.min.time()
        assert run.run_after.astimezone(local).isoformat().startswith(f"{day}T12:00")
        assert run.run_id.startswith(f"backfill__{day}T12:00:00")


def test_a_day_that_has_its_run_gets_no_second_one() -> None:
    first, last = date(2014, 1, 1), date(2014, 1, 3)
    assert len(create(ZONES[0], first, last)) == 3
    assert len(create(ZONES[0], first, last + timedelta(days=1))) == 1


@pytest.mark.parametrize(
    "first, last, count",
    [
        (datetime(2013, 11, 3, 3, 30, tzinfo=UTC), datetime(2013, 11, 3, 8, tzinfo=UTC), 5),
        (datetime(2013, 11, 3, tzinfo=UTC), datetime(2013, 11, 3, tzinfo=UTC), 25),
        (datetime(2013, 3, 9, tzinfo=UTC), datetime(2013, 3, 10, tzinfo=UTC), 47),
    ],
)
def test_an_hourly_monitor_gets_a_run_for_each_hour(first: datetime, last: datetime, count: int) -> None:
    made = _create_backfill(
        dag_id="monitor__hourly",
        from_date=timezone.coerce_datetime(first),
        to_date=timezone.coerce_datetime(last),
        max_active_runs=4,
        reverse=False,
        dag_run_conf=None,
        triggering_user_name="test",
        reprocess_behavior=ReprocessBehavior.COMPLETED,
    )
    with create_session() as session:
        session.get_one(Backfill, made.id).completed_at = datetime.now(UTC)
        chosen = select(DagRun).where(DagRun.backfill_id == made.id).order_by(DagRun.logical_date)
        runs = list(session.scalars(chosen))
        assert len(runs) == count
        begun = [run.logical_date for run in runs if run.logical_date]
        assert [moment - begun[0] for moment in begun] == [timedelta(hours=i) for i in range(count)]
        assert all(run.data_interval_end - run.data_interval_start == timedelta(hours=1) for run in runs)
        assert len({run.run_id for run in runs}) == count
        for run in runs:
            session.delete(run)
