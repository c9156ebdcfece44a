from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hindsight.embedded import EmbeddedPostgres
from worlds import Bench, bench_on


@pytest.fixture(scope="session")
def session_bench(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    url = postgres.ensure_database("contracts")
    with bench_on(url, tmp_path_factory.mktemp("logs")) as bench:
        yield bench


@pytest.fixture
def bench(session_bench: Bench) -> Iterator[Bench]:
    """A store that knows of no monitor, and a place for logs; a test may use several monitors.

    It is a test's own to point at another place of logs, by its `url`.
    """
    yield replace(session_bench)
    session_bench.empty()
