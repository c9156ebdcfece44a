from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hindsight.embedded import EmbeddedPostgres
from hindsight.store import Store
from hindsight.store.tables import metadata


@pytest.fixture(scope="session")
def store_url(postgres: EmbeddedPostgres) -> str:
    """A database whose schema is made once: to make it anew would cost more than most tests."""
    url = postgres.ensure_database("store")
    store = Store(url)
    store.upgrade()
    store.dispose()
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, emptied again after the test."""
    store = Store(store_url)
    yield store
    with store.transaction() as conn:
        conn.execute(sa.text(f"truncate {', '.join(map(str, metadata.sorted_tables))}"))
    store.dispose()


@pytest.fixture
def own_store(database: str) -> Iterator[Store]:
    """A store in a database of the test's own, on which `engine` lies, too."""
    store = Store(database)
    store.upgrade()
    yield store
    store.dispose()
