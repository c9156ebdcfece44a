"""`AIRFLOW_CONN_*` without Airflow: the connection that Airflow would make of it, and no secret in errors."""

import json
import subprocess
import sys
from urllib.parse import quote

import pytest
from airflow.models.connection import Connection
from hypothesis import given
from hypothesis import strategies as st

from hindsight.errors import ConnectionMissing
from hindsight.notifiers.connection import ConnectionInfo
from hindsight.orchestration.environment import resolve

URIS = [
    "postgresql://reader:s3cret@db.example.com:5432/serving?sslmode=require&connect_timeout=5",
    "postgres://reader:p%40ss%2Fw%3Ard@DB.example.com/serving%2Fa",
    "postgres://postgres@/serving?host=%2Fvar%2Frun%2Fpg",
    "postgres://%2FVar%2Frun%2Fpg/serving",
    "sqlite:////tmp/Serving.db",
    "smtp://user:pw@127.0.0.1:1025?disable_tls=true&from_email=a%40b.c",
    "slackwebhook://https://hooks.example.com/services?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D",
    "google-cloud-platform://?key=1",
    "slack://:xoxb-1@",
]


def fields(connection: Connection) -> ConnectionInfo:
    """Airflow's reading, its empty strings being no values."""
    return ConnectionInfo(
        conn_type=connection.conn_type or "",
        host=connection.host or None,
        port=connection.port,
        login=connection.login or None,
        password=connection.password or None,
        schema=connection.schema or None,
        extra=connection.extra_dejson,
    )


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_is_read_as_airflow_reads_it(uri: str) -> None:
    assert resolve("any", {"AIRFLOW_CONN_ANY": uri}) == fields(Connection(uri=uri))


@pytest.mark.parametrize(
    "value",
    [
        {"conn_type": "postgresql", "host": "db", "login": "a", "password": "b", "schema": "c", "port": 5432},
        {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": "http://127.0.0.1:1/api/"}},
        {"conn_type": "smtp", "host": "127.0.0.1", "port": "1025", "extra": '{"disable_tls": true}'},
    ],
)
def test_json_is_read_as_airflow_reads_it(value: dict[str, object]) -> None:
    text = json.dumps(value)
    assert resolve("any", {"AIRFLOW_CONN_ANY": text}) == fields(Connection.from_json(text))


words = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12)


@given(login=words, password=words, schema=words)
def test_any_login_password_and_schema_survive_the_uri(login: str, password: str, schema: str) -> None:
    parts = [quote(part, safe="") for part in (login, password, schema)]
    read = resolve("any", {"AIRFLOW_CONN_ANY": f"postgres://{parts[0]}:{parts[1]}@db/{parts[2]}"})
    assert (read.login, read.password, read.schema) == (login, password, schema)


def test_the_id_of_a_connection_is_written_in_capitals() -> None:
    assert resolve("serving_db", {"AIRFLOW_CONN_SERVING_DB": "postgres://db"}).host == "db"


@pytest.mark.parametrize("environ", [{}, {"AIRFLOW_CONN_SERVING_DB": ""}])
def test_an_undefined_connection_says_which_variable_to_set(environ: dict[str, str]) -> None:
    with pytest.raises(ConnectionMissing) as missing:
        resolve("serving_db", environ)
    assert str(missing.value) == (
        "Connection 'serving_db' is not defined: set the environment variable AIRFLOW_CONN_SERVING_DB to its "
        "URI (type://login:password@host:port/schema) or its JSON; what Airflow stores is read in its "
        "tasks, and here only where AIRFLOW__DATABASE__SQL_ALCHEMY_CONN says where that is."
    )


@pytest.mark.parametrize(
    "value",
    [
        "s3cret",
        "postgres://u:s3cret@db:s3cret/x",
        '{"conn_type": "postgres", "password": "s3cret"',
        '{"password": "s3cret"}',
        '{"conn_type": "postgres", "passwrd": "s3cret"}',
        '{"conn_type": "postgres", "port": "s3cret"}',
        '{"conn_type": "postgres", "extra": "[\\"s3cret\\"]"}',
        '{"conn_type": "postgres", "extra": "s3cret"}',
        "postgres://u@db?__extra__=s3cret",
    ],
)
def test_a_broken_value_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(ConnectionMissing) as broken:
        resolve("serving_db", {"AIRFLOW_CONN_SERVING_DB": value})
    assert str(broken.value).startswith(
        "Connection 'serving_db' cannot be read: AIRFLOW_CONN_SERVING_DB is neither a connection URI ("
    )
    assert "s3cret" not in str(broken.value)
    assert broken.value.__cause__ is None
    assert broken.value.__suppress_context__


def test_the_command_line_resolves_connections_without_importing_airflow() -> None:
    program = (
        "import sys; from hindsight.orchestration.connections import database_url, inside_airflow;"
        "print(database_url('serving_db'), inside_airflow(), 'airflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": "include", "AIRFLOW_CONN_SERVING_DB": "postgres://reader:s3cret@db/serving"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["postgresql+psycopg://reader:***@db/serving", "False", "False"]
