from __future__ import annotations

import pandas as pd
import pytest

from hindsight.demo.flights import local_day, read_flights
from hindsight.demo.world import World, null_world, real_world


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    return read_flights()


@pytest.fixture(scope="session")
def world() -> World:
    return real_world()


@pytest.fixture(scope="session")
def null_worlds(world: World) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    return {version: null_world(world, version) for version in ("v1", "v2")}


@pytest.fixture(scope="session")
def judged(world: World) -> pd.DataFrame:
    """Every prediction of the classifiers beside its label, if it ever gets one, and its local day."""
    joined = world.predictions.merge(world.labels, on="request_id", how="left", validate="many_to_one")
    return joined.assign(day=local_day(joined["predicted_at"]))
