"""Connections as database URLs, and where the store is."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from hindsight.embedded import EmbeddedPostgres
from hindsight.errors import ConnectionMissing
from hindsight.notifiers.connection import ConnectionInfo
from hindsight.orchestration.connections import database_url, store_url, url_of


@pytest.mark.parametrize(
    "connection, url",
    [
        (
            ConnectionInfo(
                "postgres", "db", 5432, "u", "p@:/", "serving", {"sslmode": "require", "iam": True}
            ),
            "postgresql+psycopg://u:p%40%3A%2F@db:5432/serving?sslmode=require",
        ),
        (
            ConnectionInfo(
                "postgres", login="postgres", schema="serving", extra={"host": "/run/pg", "port": 1}
            ),
            "postgresql+psycopg://postgres@/serving?host=/run/pg",
        ),
        (ConnectionInfo("mysql", "db", extra={"sqlalchemy_scheme": "mysql+pymysql"}), "mysql+pymysql://db"),
        (ConnectionInfo("trino", "db", 8080, schema="hive"), "trino://db:8080/hive"),
        (ConnectionInfo("hiveserver2", "spark", 10000, "me", schema="logs"), "hive://me@spark:10000/logs"),
        (ConnectionInfo("gcpbigquery", "my-project", schema="logs"), "bigquery://my-project/logs"),
        (
            ConnectionInfo(
                "snowflake",
                *("account", None, "u", "p", "db/schema"),
                {"sqlalchemy_query": {"warehouse": "small", "role": "reader"}, "warehouse": "theirs"},
            ),
            "snowflake://u:p@account/db/schema?warehouse=small&role=reader",
        ),
        (ConnectionInfo("sqlite", "/tmp/a.db"), "sqlite:///file:/tmp/a.db?mode=ro&uri=true"),
        (ConnectionInfo("sqlite", schema="/tmp/a.db"), "sqlite:///file:/tmp/a.db?mode=ro&uri=true"),
        (
            ConnectionInfo("sqlite", "data", schema="a.db"),
            "sqlite:///file:/project/data/a.db?mode=ro&uri=true",
        ),
    ],
)
def test_a_connection_becomes_a_url_of_its_kind(connection: ConnectionInfo, url: str) -> None:
    assert url_of(connection, Path("/project")) == sa.make_url(url)


def test_a_sqlite_source_can_be_read_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "50% of serving?.db"
    with sqlite3.connect(file) as connection:
        connection.execute("create table t (a)")
    monkeypatch.setenv("AIRFLOW_CONN_SERVING", f"sqlite:///{quote(str(file))}")
    engine = sa.create_engine(database_url("serving"))
    with engine.connect() as source:
        assert source.execute(sa.text("select count(*) from t")).scalar_one() == 0
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            source.execute(sa.text("insert into t values (1)"))
    engine.dispose()


def test_a_connection_to_postgresql_is_one(
    database: str, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SERVING", database.replace("postgresql+psycopg", "postgres"))
    engine = sa.create_engine(database_url("serving"))
    with engine.connect() as source:
        assert (
            source.execute(sa.text("select current_database()")).scalar_one()
            == sa.make_url(database).database
        )
    engine.dispose()


def test_the_store_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HINDSIGHT_STORE", "postgres://other/warehouse")
    monkeypatch.setenv("HINDSIGHT_STORE", "postgresql://u:s3cret@db/warehouse")
    assert store_url() == "postgresql://u:s3cret@db/warehouse"


def test_the_store_is_else_where_the_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HINDSIGHT_STORE", "postgres://u@other/warehouse")
    assert str(store_url()) == "postgresql+psycopg://u@other/warehouse"


def test_the_store_is_else_a_server_of_the_projects_own(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """A process of its own, for it uses the server until it ends; here it joins the one of the tests."""
    (tmp_path / ".hindsight").symlink_to(postgres.home)
    program = (
        "import sqlalchemy as sa; from hindsight.orchestration.connections import store_url;"
        "connection = sa.create_engine(store_url()).connect();"
        "print(connection.execute(sa.text('select current_database()')).scalar_one())"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environ | {"HINDSIGHT_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["hindsight"]
    assert postgres.ensure_database("hindsight"), "the server must outlive its guest"


def test_a_broken_store_is_an_error_and_never_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HINDSIGHT_STORE", "s3cret")
    with pytest.raises(ConnectionMissing, match="AIRFLOW_CONN_HINDSIGHT_STORE is neither"):
        store_url()
