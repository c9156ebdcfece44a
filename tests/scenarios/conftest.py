from __future__ import annotations

from collections.abc import Iterator

import pytest

from hindsight.demo.world import World, real_world
from hindsight.embedded import EmbeddedPostgres
from worlds import Bench, bench_on


@pytest.fixture(scope="session")
def session_bench(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    url = postgres.ensure_database("scenarios")
    with bench_on(url, tmp_path_factory.mktemp("logs")) as bench:
        yield bench


@pytest.fixture(scope="session")
def world() -> World:
    """The real flights, made once for all scenarios."""
    return real_world()


@pytest.fixture
def bench(session_bench: Bench) -> Iterator[Bench]:
    """A store that knows of no monitor, and a place for logs; a test may use several monitors."""
    yield session_bench
    session_bench.empty()
