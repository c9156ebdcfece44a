"""Connection ids -> what they stand for: in a task through Airflow, elsewhere from the environment."""

from __future__ import annotations

import atexit
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import sqlalchemy as sa

from hindsight.errors import ConnectionMissing, HindsightError
from hindsight.notifiers.connection import ConnectionInfo
from hindsight.orchestration import environment
from hindsight.orchestration.places import project_root

if TYPE_CHECKING:
    from hindsight.embedded import EmbeddedPostgres

STORE_VARIABLE: Final = "HINDSIGHT_STORE"
STORE_CONNECTION: Final = "hindsight_store"

POSTGRES: Final = "postgresql+psycopg"
DRIVERS: Final = {
    "postgres": POSTGRES,
    "postgresql": POSTGRES,
    "hiveserver2": "hive",
    "clickhouse": "clickhousedb",
    "gcpbigquery": "bigquery",
    "google_cloud_platform": "bigquery",
}
"""SQLAlchemy's name for a connection type, where it is not the type itself."""

LIBPQ: Final = {
    *("application_name", "channel_binding", "connect_timeout", "host", "hostaddr", "options", "service"),
    *("gssencmode", "sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert", "target_session_attrs"),
    *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"),
}
"""The extras of a PostgreSQL connection that belong in its URL; the others are Airflow's own."""


def resolve(conn_id: str) -> ConnectionInfo:
    """The connection of this id; `ConnectionMissing`, with the cure, where nobody defined it.

    Inside an Airflow task or trigger Airflow is asked, with its secrets backends and its database; anywhere
    else `AIRFLOW_CONN_<ID>` alone counts, and Airflow is not even imported.
    """
    return from_airflow(conn_id) if inside_airflow() else environment.resolve(conn_id)


def inside_airflow() -> bool:
    """Whether this process runs a task or a trigger, by the sign that Airflow itself goes by."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(runner, "SUPERVISOR_COMMS", None) is not None


def from_airflow(conn_id: str) -> ConnectionInfo:
    """The connection as Airflow knows it; Airflow also hides its secrets in the logs from here on."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowRuntimeError as error:
        raise unanswered(conn_id, str(error)) from None
    except AirflowNotFoundException:
        refuse_unanswered(conn_id)
        raise ConnectionMissing(
            f"Connection {conn_id!r} is not defined: add it in Airflow under Admin > Connections, or set the "
            f"environment variable {environment.variable(conn_id)}."
        ) from None
    return ConnectionInfo(
        conn_type=found.conn_type or "",
        host=found.host,
        port=found.port,
        login=found.login,
        password=found.password,
        schema=found.schema,
        extra=found.extra_dejson,
    )


def of_this_machine(conn_id: str) -> ConnectionInfo:
    """The connection as the command line finds it: `AIRFLOW_CONN_<ID>` first, without importing Airflow; else
    what Airflow itself stores, where the environment says which Airflow that is.
    """
    if environment.defined(conn_id) or not environment.names_airflow():
        return environment.resolve(conn_id)
    found = stored(conn_id)
    if found is None:
        raise ConnectionMissing(
            f"Connection {conn_id!r} is not defined: {environment.variable(conn_id)} is not set here, and "
            "Airflow, which was asked, gave none of this name (`airflow connections get` says what it has)."
        )
    return found


def stored(conn_id: str) -> ConnectionInfo | None:
    """The connection as Airflow's secrets backends and its database have it, outside of any task; or None."""
    from airflow.models import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return None
    return ConnectionInfo(
        conn_type=found.conn_type or "",
        host=found.host,
        port=found.port,
        login=found.login,
        password=found.password,
        schema=found.schema,
        extra=found.extra_dejson,
    )


def refuse_unanswered(conn_id: str) -> None:
    """Raise unless the API server itself says that nobody defined this connection.

    Airflow says of each one that it is not defined while that server is away: to believe it would mean
    another store, or a message that goes to the log for good.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection

    try:
        answer = task_runner.SUPERVISOR_COMMS.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        raise unanswered(conn_id, str(error)) from None
    except Exception as error:  # noqa: BLE001  what it says may show the connection
        raise unanswered(conn_id, type(error).__name__) from None
    if not isinstance(answer, ErrorResponse):
        raise unanswered(conn_id, "it answers again")
    if answer.error is not ErrorType.CONNECTION_NOT_FOUND:
        raise unanswered(conn_id, answer.error.value)


def unanswered(conn_id: str, said: str) -> HindsightError:
    """What to raise where Airflow cannot say what a connection is."""
    return HindsightError(
        f"Airflow's API server did not say what connection {conn_id!r} is ({said}): this may pass, so try "
        "again, and see whether the server runs."
    )


def database_url(conn_id: str) -> sa.URL:
    """The SQLAlchemy URL of a connection to a database."""
    return url_of(resolve(conn_id), project_root())


def url_of(connection: ConnectionInfo, root: Path) -> sa.URL:
    """A connection as a SQLAlchemy URL.

    A SQLite file is opened for reading only; `root` anchors its relative path.  A type that is not in
    `DRIVERS` is taken to be SQLAlchemy's own name, unless the extra `sqlalchemy_scheme` gives another.  The
    extra `sqlalchemy_query` holds what a warehouse wants behind the question mark of its URL.

    >>> info = ConnectionInfo("postgres", "db", 5432, "reader", "secret", "serving", {"sslmode": "require"})
    >>> url_of(info, Path())
    postgresql+psycopg://reader:***@db:5432/serving?sslmode=require
    """
    if connection.conn_type == "sqlite":
        path = root / "/".join(part for part in (connection.host, connection.schema) if part)
        return sa.URL.create(
            "sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"}
        )
    driver = DRIVERS.get(connection.conn_type)
    asked = connection.extra.get("sqlalchemy_query")
    of_the_url = {str(key): str(value) for key, value in asked.items()} if isinstance(asked, dict) else {}
    if driver == POSTGRES:
        of_the_url |= {key: str(value) for key, value in connection.extra.items() if key in LIBPQ}
    return sa.URL.create(
        connection.text("sqlalchemy_scheme") or driver or connection.conn_type,
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query=of_the_url,
    )


def store_url() -> str | sa.URL:
    """Where Hindsight writes: `HINDSIGHT_STORE`, else connection `hindsight_store`, else the embedded server.

    The embedded server lies in `.hindsight/` of the project; it is started where it does not run.
    """
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return named
    try:
        return database_url(STORE_CONNECTION)
    except ConnectionMissing:
        if environment.defined(STORE_CONNECTION):
            raise  # defined but broken: to write somewhere else in silence would be worse
    return embedded_server(project_root() / ".hindsight").ensure_database("hindsight")


@cache
def embedded_server(home: Path) -> EmbeddedPostgres:
    """The embedded server of this folder, in use until this process ends."""
    from hindsight.embedded import EmbeddedPostgres

    server = EmbeddedPostgres(home)
    server.start()
    atexit.register(server.stop)
    return server
