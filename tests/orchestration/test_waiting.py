"""The sensor and its trigger on real tables: labels are waited for, the past never, no run fails of it."""

import asyncio
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from airflow.sdk import DAG
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder, _RequestFrame, _ResponseFrame
from airflow.triggers.base import TriggerEvent
from msgspec.msgpack import Decoder

from hindsight.config import load
from hindsight.domain.spec import MaturityRule, MonitorSpec
from hindsight.errors import ConnectionMissing, HindsightError, SourceError
from hindsight.orchestration.connections import resolve, store_url
from hindsight.orchestration.factory import build_dag
from hindsight.orchestration.runtime import command_line_runtime
from hindsight.orchestration.sensor import GroundTruthSensor
from hindsight.orchestration.trigger import GroundTruthLanded, deadline, look

NEW_YORK = ZoneInfo("America/New_York")
PAST = date(2013, 12, 18)
YESTERDAY = datetime.now(NEW_YORK).date() - timedelta(days=1)

MONITOR = """
monitor: waiting
owner: ops
task: binary_classification
timezone: America/New_York
schedule: "06:00"
predictions: {connection: serving, table: predictions, columns: {id: id, time: at, score: score}}
ground_truth: {connection: serving, table: labels, columns: {id: id, actual: actual, time: at}}
maturity: {horizons: [1d], wait: 30d, min_coverage: 0.8}
reference: {recall: 0.9}
metrics: [recall]
"""


@dataclass(frozen=True)
class World:
    """A monitor's file and the tables that it reads."""

    path: Path
    engine: sa.Engine

    @property
    def spec(self) -> MonitorSpec:
        return load(self.path)

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def predict(self, day: date, ids: str) -> None:
        self._insert("predictions", ids, datetime.combine(day, time(12), NEW_YORK), 0.5)

    def label(self, moment: datetime, ids: str) -> None:
        self._insert("labels", ids, moment, 1)

    def _insert(self, table: str, ids: str, moment: datetime, value: float) -> None:
        rows = [{"id": number, "at": moment, "value": value} for number in ids]
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"insert into {table} values (:id, :at, :value)"), rows)


TABLES = (
    "create table predictions (id text, at timestamptz, score float)",
    "create table labels (id text, at timestamptz, actual int)",
)


@pytest.fixture
def world(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AIRFLOW_CONN_SERVING", database.replace("postgresql+psycopg", "postgres"))
    monkeypatch.setenv("HINDSIGHT_STORE", database)
    path = tmp_path / "waiting.yaml"
    path.write_text(MONITOR)
    engine = sa.create_engine(database)
    found = World(path, engine)
    found.execute(*TABLES)
    yield found
    engine.dispose()


def end_of(day: date) -> datetime:
    """The as-of of the run for `day`."""
    return datetime.combine(day + timedelta(days=1), time(), NEW_YORK)


@pytest.mark.parametrize(
    "day, until",
    [
        (date(2013, 12, 18), "2013-12-19T17:00:00+00:00"),
        (date(2013, 3, 9), "2013-03-10T16:00:00+00:00"),  # the clock jumped at two
        (date(2013, 11, 2), "2013-11-03T17:00:00+00:00"),  # and fell back
    ],
)
def test_the_deadline_is_counted_from_the_scheduled_time_of_the_day(day: date, until: str) -> None:
    spec = SimpleNamespace(schedule=time(6), timezone="America/New_York", maturity=MaturityRule())
    assert deadline(spec, day).isoformat() == until  # type: ignore[arg-type]


def test_a_day_is_ready_when_the_feed_has_reached_its_end(world: World) -> None:
    world.label(end_of(PAST), "z")
    seen = look(world.spec, PAST, command_line_runtime(), patient=True)
    assert seen is not None
    assert (seen["because"], seen["watermark"], seen["coverage"]) == (
        "landed",
        "2013-12-19T05:00:00+00:00",
        None,
    )


def test_a_day_is_ready_when_the_first_due_window_is_covered(world: World) -> None:
    world.predict(PAST - timedelta(days=1), "abcde")
    world.label(end_of(PAST) - timedelta(hours=1), "abcd")
    seen = look(world.spec, PAST, command_line_runtime(), patient=True)
    assert seen is not None
    assert (seen["because"], seen["coverage"]) == ("coverage", 0.8)


def test_a_look_waits_until_the_deadline_and_an_impatient_one_never(world: World) -> None:
    until = deadline(world.spec, PAST)
    early, late = (
        replace(command_line_runtime(), clock=lambda moment=moment: moment)
        for moment in (until - timedelta(seconds=1), until)
    )
    assert look(world.spec, PAST, early, patient=True) is None
    for runtime, patient in ((late, True), (early, False)):
        seen = look(world.spec, PAST, runtime, patient=patient)
        assert seen is not None
        assert (seen["because"], seen["watermark"]) == ("deadline", None)


def context(dag: DAG, run_type: str, day: date, **params: str) -> dict[str, Any]:
    start, end = dag.timetable.interval(day)  # type: ignore[union-attr]
    run = SimpleNamespace(run_type=SimpleNamespace(value=run_type), run_after=datetime.now(UTC))
    interval = {"logical_date": start, "data_interval_start": start, "data_interval_end": end}
    return {"dag": dag, "dag_run": run, "params": params, **interval}


@pytest.fixture
def dag(world: World) -> DAG:
    return build_dag(world.spec, world.path)


def sensor_of(dag: DAG) -> GroundTruthSensor:
    sensor = dag.get_task("wait_for_ground_truth")
    assert isinstance(sensor, GroundTruthSensor)
    return sensor


@pytest.mark.parametrize("run_type", ["scheduled", "manual"])
def test_a_run_of_the_present_is_deferred_until_the_labels_land(
    dag: DAG, world: World, run_type: str
) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor_of(dag).execute(context(dag, run_type, YESTERDAY))  # type: ignore[arg-type]
    trigger = deferred.value.trigger
    assert trigger.serialize() == (
        "hindsight.orchestration.trigger.GroundTruthLanded",
        {
            "path": str(world.path),
            "day": str(YESTERDAY),
            "poll": 60.0,
            "until": deadline(world.spec, YESTERDAY).isoformat(),
        },
    )
    assert deferred.value.method_name == "resume"
    left = deadline(world.spec, YESTERDAY) - datetime.now(UTC)
    assert isinstance(deferred.value.timeout, timedelta)
    assert left < deferred.value.timeout < left + timedelta(minutes=6)


@pytest.mark.parametrize(
    "run_type, day, params",
    [
        ("backfill", YESTERDAY, {}),
        ("manual", YESTERDAY, {"start": str(YESTERDAY), "end": str(YESTERDAY)}),
        ("scheduled", PAST, {}),
    ],
)
def test_a_backfill_a_window_run_and_a_day_long_past_never_wait(
    dag: DAG, run_type: str, day: date, params: dict[str, str]
) -> None:
    seen = sensor_of(dag).execute(context(dag, run_type, day, **params))  # type: ignore[arg-type]
    assert seen["because"] == "deadline"


def test_a_request_that_cannot_be_fails_without_another_try(dag: DAG) -> None:
    with pytest.raises(AirflowFailException, match="end=2013-12-01 is before start=2013-12-02"):
        sensor_of(dag).execute(context(dag, "manual", PAST, start="2013-12-02", end="2013-12-01"))  # type: ignore[arg-type]


def test_a_triggerer_that_never_answers_does_not_fail_the_run(dag: DAG) -> None:
    kwargs = {"error": "Trigger timeout"}
    seen = sensor_of(dag).resume_execution("__fail__", kwargs, context(dag, "scheduled", PAST))  # type: ignore[arg-type]
    assert seen["because"] == "deadline"


async def first_event(
    trigger: GroundTruthLanded, meanwhile: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Run a trigger as the triggerer does; `meanwhile` happens while it waits."""
    events: list[TriggerEvent] = []

    async def run() -> None:
        events.extend([event async for event in trigger.run()])

    task = asyncio.create_task(run())
    if meanwhile:
        await asyncio.sleep(0.5)
        assert not events, "it fired before there was a reason"
        await asyncio.to_thread(meanwhile)
    await asyncio.wait_for(task, 20)
    (event,) = events
    payload: dict[str, Any] = event.payload
    return payload


def trigger(world: World, day: date = YESTERDAY, until: datetime | None = None) -> GroundTruthLanded:
    last = until or deadline(load(world.path), day)
    return GroundTruthLanded(str(world.path), str(day), 0.05, last.isoformat())


def in_a_second() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


def test_the_trigger_fires_when_the_labels_land(world: World) -> None:
    landing = lambda: world.label(end_of(YESTERDAY), "z")  # noqa: E731
    assert asyncio.run(first_event(trigger(world), landing))["because"] == "landed"


def test_another_triggerer_can_take_the_trigger_over(world: World) -> None:
    classpath, kwargs = trigger(world).serialize()

    async def interrupted() -> dict[str, Any]:
        with suppress(TimeoutError):
            await asyncio.wait_for(first_event(import_string(classpath)(**kwargs)), 0.5)
        successor = import_string(classpath)(**kwargs)
        return await first_event(successor, lambda: world.label(end_of(YESTERDAY), "z"))

    assert asyncio.run(interrupted())["because"] == "landed"


def test_the_trigger_gives_up_at_the_deadline_even_if_that_passed_while_nobody_ran_it(world: World) -> None:
    assert asyncio.run(first_event(trigger(world, PAST)))["because"] == "deadline"


def test_the_trigger_wakes_at_the_deadline_and_not_a_poll_later(world: World) -> None:
    waiting = GroundTruthLanded(str(world.path), str(YESTERDAY), 3600, in_a_second().isoformat())
    event = asyncio.run(first_event(waiting))
    assert event["because"] == "deadline"
    assert event["reason"] == "there is no label yet"


def test_a_look_that_fails_is_repeated(world: World) -> None:
    def mend() -> None:
        world.execute(TABLES[1])
        world.label(end_of(YESTERDAY), "z")

    world.execute("drop table labels")
    assert asyncio.run(first_event(trigger(world), mend))["because"] == "landed"


def test_a_database_out_of_reach_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ["AIRFLOW_CONN_SERVING"]
    monkeypatch.setenv("AIRFLOW_CONN_SERVING", "postgres://nobody@/nothing?host=%2Fnowhere")
    world.label(end_of(YESTERDAY), "z")
    back = lambda: monkeypatch.setenv("AIRFLOW_CONN_SERVING", url)  # noqa: E731
    assert asyncio.run(first_event(trigger(world), back))["because"] == "landed"


@contextmanager
def api_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Inside a triggerer whose supervisor gives the answer that is put into the dictionary.

    Both ends speak Airflow's own protocol; what the supervisor would fetch from the API server is given.
    """
    ours, theirs = socket.socketpair()
    answer: dict[str, Any] = {}

    def serve() -> None:
        read = CommsDecoder(socket=theirs, resp_decoder=Decoder(_RequestFrame))
        with suppress(EOFError, OSError):
            while True:
                frame = read._read_frame()
                theirs.sendall(_ResponseFrame(frame.id, **answer).as_bytes())

    supervisor = threading.Thread(target=serve, daemon=True)
    supervisor.start()
    with monkeypatch.context() as patch, ours, theirs:
        patch.setattr(task_runner, "SUPERVISOR_COMMS", CommsDecoder(socket=ours), raising=False)
        yield answer
        ours.shutdown(socket.SHUT_RDWR)
        supervisor.join(5)


AWAY = {"error": {"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": {"message": "refused"}}}
UNKNOWN = {"body": {"type": "ErrorResponse", "error": "CONNECTION_NOT_FOUND", "detail": None}}


def test_an_api_server_that_is_away_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.make_url(os.environ["AIRFLOW_CONN_SERVING"])
    monkeypatch.delenv("AIRFLOW_CONN_SERVING")
    world.label(end_of(YESTERDAY), "z")
    known = {"conn_id": "serving", "conn_type": "postgres", "login": url.username, "schema": url.database}
    known |= {"host": None, "port": None, "password": None}
    known |= {"extra": json.dumps(dict(url.query)), "type": "ConnectionResult"}
    with api_server(monkeypatch) as answer:
        answer |= AWAY
        # as the last look says it
        event = asyncio.run(first_event(trigger(world, until=in_a_second())))
        assert event["because"] == "deadline"
        assert event["reason"].startswith(
            "the last look failed: Airflow's API server did not say what connection 'serving' is ("
        )

        def back() -> None:
            answer.clear()
            answer.update(body=known)

        assert asyncio.run(first_event(trigger(world), back))["because"] == "landed"


def test_a_store_or_a_receiver_is_missing_only_where_the_api_server_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api_server(monkeypatch) as answer:
        answer |= UNKNOWN
        with pytest.raises(ConnectionMissing, match="'slack_ml' is not defined"):
            resolve("slack_ml")
        answer.clear()
        answer |= AWAY
        monkeypatch.delenv("HINDSIGHT_STORE")
        for ask in (lambda: resolve("slack_ml"), store_url):
            with pytest.raises(HindsightError, match="this may pass") as refused:
                ask()
            assert not isinstance(refused.value, ConnectionMissing)


def test_a_look_that_fails_until_the_deadline_lets_the_run_go_on(world: World) -> None:
    world.execute("drop table labels")
    event = asyncio.run(first_event(trigger(world, PAST)))
    assert event["because"] == "deadline"
    assert re.search("labels", event["reason"])


def test_a_file_that_is_broken_while_the_trigger_waits_is_read_again(world: World) -> None:
    waiting = trigger(world)
    world.path.write_text(MONITOR.replace("metrics:", "metrcs:"))
    world.label(end_of(YESTERDAY), "z")
    mended = lambda: world.path.write_text(MONITOR)  # noqa: E731
    assert asyncio.run(first_event(waiting, mended))["because"] == "landed"


@pytest.mark.parametrize(
    "breaking, report",
    [
        (lambda path: path.write_text(MONITOR.replace("metrics:", "metrcs:")), "unknown key 'metrcs'"),
        (lambda path: path.write_bytes(b"\xff\x00: ["), "waiting.yaml"),
        (lambda path: path.unlink(), "waiting.yaml"),
    ],
)
def test_a_file_that_stays_broken_ends_the_wait_at_the_deadline_with_its_report(
    world: World, breaking: Callable[[Path], None], report: str
) -> None:
    waiting = trigger(world, until=in_a_second())
    breaking(world.path)
    event = asyncio.run(first_event(waiting))
    assert event["because"] == "deadline"
    assert event["reason"].startswith("the last look failed: ")
    assert report in event["reason"]


# -- the marker of the feed --


def marked(world: World, marker: str) -> World:
    """The same world, where a marker says how far the labels have landed."""
    world.path.write_text(MONITOR.replace("wait: 30d", f"wait: 30d, marker: {marker}"))
    return world


def looked(world: World, day: date = PAST) -> dict[str, Any] | None:
    """What a patient look sees just before the deadline."""
    before = deadline(world.spec, day) - timedelta(seconds=1)
    runtime = replace(command_line_runtime(), clock=lambda: before)
    return look(world.spec, day, runtime, patient=True)  # type: ignore[return-value]


def why_not(world: World, day: date = PAST) -> str:
    """What an impatient look finds lacking."""
    before = deadline(world.spec, day) - timedelta(seconds=1)
    seen = look(world.spec, day, replace(command_line_runtime(), clock=lambda: before), patient=False)
    assert seen is not None
    assert seen["because"] == "deadline"
    return seen["reason"]


TABLE = "{connection: serving, table: done, time: upto}"


def test_with_a_marker_a_new_label_proves_nothing(world: World) -> None:
    marked(world, TABLE).execute("create table done (upto timestamptz)")
    world.label(end_of(PAST), "z")
    assert looked(world) is None
    assert why_not(world) == "the marker done holds no time yet"
    world.execute("insert into done values ('2013-12-18 23:59-05')")
    assert looked(world) is None
    assert why_not(world) == (
        "the marker done says 2013-12-19T04:59:00+00:00, before 2013-12-19T05:00:00+00:00"
    )
    world.execute("insert into done values ('2013-12-19 00:00-05')")
    seen = looked(world)
    assert seen is not None
    assert (seen["because"], seen["watermark"]) == ("landed", "2013-12-19T05:00:00+00:00")


def test_coverage_releases_before_the_marker(world: World) -> None:
    marked(world, TABLE).execute("create table done (upto timestamptz)")
    world.predict(PAST - timedelta(days=1), "abcde")
    world.label(end_of(PAST) - timedelta(hours=1), "abcd")
    seen = looked(world)
    assert seen is not None
    assert (seen["because"], seen["watermark"], seen["coverage"]) == ("coverage", None, 0.8)


def test_a_marker_from_the_future_is_not_believed(world: World) -> None:
    marked(world, TABLE).execute("create table done (upto timestamptz)")
    world.execute("insert into done values ('2999-01-01 00:00Z')")
    assert looked(world) is None
    assert why_not(world) == "the marker done says 2999-01-01T00:00:00+00:00, which lies in the future"
    world.execute("insert into done values ('2013-12-19 00:00-05')")
    assert looked(world) is not None, "the greatest time that has passed counts"


def test_only_the_rows_of_the_markers_where_count(world: World) -> None:
    marked(world, "{connection: serving, table: done, time: upto, where: {feed: labels}}")
    world.execute(
        "create table done (upto timestamptz, feed text)",
        "insert into done values ('2013-12-19 06:00Z', 'clicks')",
    )
    assert why_not(world) == "the marker done holds no time yet"
    world.execute("insert into done values ('2013-12-19 06:00Z', 'labels')")
    assert looked(world) is not None


def test_a_query_may_be_a_marker(world: World) -> None:
    marked(world, '{connection: serving, query: "select max(at) as upto from labels", time: upto}')
    assert why_not(world) == "the marker the query on serving holds no time yet"
    world.label(end_of(PAST), "z")
    assert looked(world) is not None


def test_a_marker_may_lie_in_files_and_come_later_than_the_monitor(world: World) -> None:
    folder = world.path.parent / "done"
    folder.mkdir()
    marked(world, f'{{files: "{folder}/*.csv", time: upto, timezone: America/New_York}}')
    assert why_not(world) == f"the marker {folder}/*.csv is not there yet"
    (folder / "1.csv").write_text("upto\n")
    assert why_not(world) == f"the marker {folder}/*.csv holds no time yet"
    (folder / "2.csv").write_text("upto\n2013-12-18 23:59:59\n")
    assert looked(world) is None
    (folder / "3.csv").write_text("upto\n2013-12-19 00:00:00\n")
    seen = looked(world)
    assert seen is not None
    assert seen["watermark"] == "2013-12-19T05:00:00+00:00"


@pytest.mark.parametrize(
    "day, local, watermark",
    [
        (date(2013, 3, 9), "2013-03-10 00:00", "2013-03-10T05:00:00+00:00"),
        (date(2013, 3, 10), "2013-03-11 00:00", "2013-03-11T04:00:00+00:00"),  # a day of 23 hours
        (date(2013, 3, 9), "2013-03-10 02:30", "2013-03-10T07:30:00+00:00"),  # a time that was skipped
        (
            date(2013, 11, 2),
            "2013-11-03 01:30",
            "2013-11-03T06:30:00+00:00",
        ),  # one that came twice: the later
        (date(2013, 11, 3), "2013-11-04 00:00", "2013-11-04T05:00:00+00:00"),  # a day of 25 hours
    ],
)
def test_a_marker_without_zone_is_read_in_its_own_across_changes_of_the_clock(
    world: World, day: date, local: str, watermark: str
) -> None:
    marked(world, "{connection: serving, table: done, time: upto, timezone: America/New_York}")
    world.execute("create table done (upto timestamp)", f"insert into done values ('{local}')")
    seen = looked(world, day)
    assert seen is not None
    assert (seen["because"], seen["watermark"]) == ("landed", watermark)
    world.execute(f"update done set upto = timestamp '{day + timedelta(days=1)}' - interval '1 second'")
    assert looked(world, day) is None


@pytest.mark.parametrize(
    "tables, report",
    [
        (["create table done (until timestamptz)"], "done has no column 'upto' \\(time of the marker\\)"),
        (["create table done (upto text)"], "Column 'upto' of done \\(time of the marker\\) is text, not"),
        ([], "Table 'done' on connection 'serving' cannot be read"),
    ],
)
def test_a_marker_that_cannot_be_read_fails_at_once_and_never_a_run_that_waits(
    world: World, dag: DAG, tables: list[str], report: str
) -> None:
    marked(world, TABLE).execute(*tables)
    sensor = sensor_of(build_dag(world.spec, world.path))
    with pytest.raises(SourceError, match=report):
        sensor.execute(context(dag, "scheduled", YESTERDAY))  # type: ignore[arg-type]
    event = asyncio.run(first_event(trigger(world, until=in_a_second())))
    assert event["because"] == "deadline"
    assert re.search(report, event["reason"])


def test_the_trigger_fires_when_the_marker_moves(world: World) -> None:
    marked(world, TABLE).execute("create table done (upto timestamptz)")
    moving = lambda: world.execute(f"insert into done values ('{end_of(YESTERDAY).isoformat()}')")  # noqa: E731
    event = asyncio.run(first_event(trigger(world), moving))
    assert event["because"] == "landed"
    assert event["reason"].startswith("the marker done says ")
