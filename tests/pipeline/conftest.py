from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hindsight.embedded import EmbeddedPostgres
from worlds import Bench, bench_on


@pytest.fixture(scope="session")
def session_bench(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    url = postgres.ensure_database("pipeline")
    with bench_on(url, tmp_path_factory.mktemp("logs")) as bench:
        yield bench


@pytest.fixture
def bench(session_bench: Bench) -> Iterator[Bench]:
    """A store that knows of no monitor, and a place for logs; a test may use several monitors."""
    yield session_bench
    with session_bench.store.transaction() as connection:
        tables = "statistic, window_state, snapshot, detection, incident, notification, cut, retained"
        tables += ", telling, thread, action, silence"
        connection.execute(sa.text("set local search_path to hindsight"))
        connection.execute(sa.text(f"truncate {tables}"))
