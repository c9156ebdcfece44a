"""The `Runtime` that the pipeline is handed: inside Airflow, or on the command line."""

from __future__ import annotations

import atexit
from typing import Final

import sqlalchemy as sa

from hindsight.orchestration import connections
from hindsight.orchestration.places import project_root
from hindsight.pipeline.runtime import Runtime
from hindsight.store import Store


def airflow_runtime() -> Runtime:
    """For a task or a trigger: connection ids are Airflow's."""
    return Runtime(
        _store(connections.store_url()), connections.database_url, connections.resolve, project_root()
    )


def command_line_runtime() -> Runtime:
    """For a command: connection ids are the variables `AIRFLOW_CONN_*`.

    For another one Airflow is asked, where the environment names it; else it is not even imported.
    """
    root = project_root()
    return Runtime(
        _store(connections.store_url()),
        lambda conn_id: connections.url_of(connections.of_this_machine(conn_id), root),
        connections.of_this_machine,
        root,
    )


_STORES: Final[dict[sa.URL, Store]] = {}


def _store(url: str | sa.URL) -> Store:
    """One pool of connections per process and store, however often a trigger asks."""
    return _STORES.setdefault(sa.make_url(url), Store(url))


def close_stores() -> None:
    """Close the connections of every store this process has used."""
    while _STORES:
        _STORES.popitem()[1].dispose()


atexit.register(close_stores)
