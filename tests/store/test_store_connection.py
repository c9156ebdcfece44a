"""The way to the database: which URLs are taken, and that nothing said of them holds the password."""

from __future__ import annotations

import logging
import socket
import traceback

import pytest
import sqlalchemy as sa

from hindsight.errors import StoreError
from hindsight.store import Store

PASSWORD = "s3cr3t-p4ss"


END = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where application_name = 'hindsight' and datname = current_database()"
)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_name_of_postgresql_is_taken(store_url: str, scheme: str) -> None:
    url = sa.make_url(store_url).set(drivername=scheme)
    for form in (url, url.render_as_string(hide_password=False)):
        store = Store(form)
        with store.transaction() as conn:
            assert conn.execute(sa.text("show timezone")).scalar() == "UTC"
        store.dispose()


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "mysql://u:{}@h/d", "postgresql+psycopg2://u:{}@h/d", "duckdb://"]
)
def test_other_databases_are_refused_by_name(url: str) -> None:
    scheme = url.partition(":")[0]
    with pytest.raises(StoreError) as refused:
        Store(url.format(PASSWORD))
    assert f"is a PostgreSQL database, but its URL begins with '{scheme}'" in str(refused.value)
    assert PASSWORD not in _everything(refused.value)


@pytest.mark.parametrize("url", ["", "{}", "postgresql://u:{}@h:port/d", "//{}@h/d"])
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match=r"The URL of the store cannot be read") as refused:
        Store(url.format(PASSWORD))
    assert PASSWORD not in _everything(refused.value)


def test_a_store_out_of_reach_is_named_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        store = Store(f"postgresql://ann:{PASSWORD}@127.0.0.1:{port}/warehouse")
        with caplog.at_level(logging.DEBUG), pytest.raises(StoreError) as failed:
            store.require_current()
    assert f"Cannot reach the database 'warehouse' at 127.0.0.1:{port}" in str(failed.value)
    assert PASSWORD not in _everything(failed.value) + caplog.text
    assert repr(store) == f"<Store: the database 'warehouse' at 127.0.0.1:{port}>"
    store.dispose()


def test_a_password_in_the_query_is_as_secret(store_url: str) -> None:
    url = sa.make_url(store_url).set(database="nowhere").update_query_dict({"password": PASSWORD})
    store = Store(url)
    with pytest.raises(StoreError, match="'nowhere'") as failed:
        store.upgrade()
    assert PASSWORD not in _everything(failed.value) + repr(store)
    store.dispose()


def test_a_host_that_does_not_exist_is_out_of_reach() -> None:
    store = Store(f"postgresql://ann:{PASSWORD}@no-such-host.invalid/warehouse")
    with pytest.raises(
        StoreError, match=r"Cannot reach the database 'warehouse' at no-such-host\.invalid:5432"
    ):
        store.upgrade()
    store.dispose()


def test_a_database_that_does_not_exist_is_named(store_url: str) -> None:
    store = Store(sa.make_url(store_url).set(database="nowhere", password=PASSWORD))
    with pytest.raises(StoreError, match="'nowhere'") as failed:
        store.upgrade()
    assert PASSWORD not in _everything(failed.value)
    store.dispose()


def test_a_statement_that_fails_is_told_without_values(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="A statement failed in the database") as failed,
        store.transaction() as conn,
    ):
        conn.execute(sa.text("select :hidden::int"), {"hidden": PASSWORD})
    assert "[parameters" not in _everything(failed.value)


def test_a_connection_that_died_in_the_pool_is_replaced(own_store: Store, engine: sa.Engine) -> None:
    with own_store.transaction():
        pass
    with engine.begin() as conn:
        assert conn.exec_driver_sql(END).scalar() is True
    with own_store.transaction() as conn:
        assert own_store.incidents(conn) == []


def test_a_connection_lost_midway_is_a_store_error(own_store: Store, engine: sa.Engine) -> None:
    def lose() -> None:
        with own_store.transaction() as conn:
            with engine.begin() as other:
                other.exec_driver_sql(END)
            own_store.incidents(conn)

    with pytest.raises(StoreError, match="terminat"):
        lose()


def _everything(error: BaseException) -> str:
    """What a log would hold of an error, causes and all."""
    return "".join(traceback.format_exception(error))
