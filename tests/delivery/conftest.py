from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivery.world import World, world_on
from hindsight.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres) -> Iterator[World]:
    """Receivers and a store for the tests of a module; each takes monitors of its own."""
    with world_on(postgres.ensure_database("delivery")) as world:
        yield world
    postgres.drop_database("delivery")
