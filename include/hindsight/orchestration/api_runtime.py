"""The store as the API server reaches it: by the same names as a task, but asked of Airflow itself."""

from __future__ import annotations

import os

import sqlalchemy as sa

from hindsight.errors import HindsightError
from hindsight.notifiers.connection import ConnectionInfo
from hindsight.orchestration import connections, environment
from hindsight.orchestration.places import project_root
from hindsight.orchestration.runtime import _store
from hindsight.pipeline.runtime import Runtime


def api_runtime() -> Runtime:
    """For the API server: it reads the store and adds to the outbox, but reads no logs and sends nothing."""
    return Runtime(_store(store_url()), of_no_database, of_nobody, project_root())


def store_url() -> str | sa.URL:
    """Where Hindsight writes, as `connections.store_url` says it inside a task."""
    named = os.environ.get(connections.STORE_VARIABLE)
    if named or environment.defined(connections.STORE_CONNECTION):
        return connections.store_url()
    found = connections.stored(connections.STORE_CONNECTION)
    return connections.store_url() if found is None else connections.url_of(found, project_root())


def of_nobody(conn_id: str) -> ConnectionInfo:
    """Refuse a connection: a server that many people reach needs no way to send, nor to read logs."""
    raise HindsightError(f"The API server does not use connection {conn_id!r}: only tasks do.")


def of_no_database(conn_id: str) -> sa.URL:
    """Refuse a database of logs, likewise."""
    of_nobody(conn_id)
    raise AssertionError
