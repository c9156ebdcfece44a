"""What every test stands on: an environment of its own, and a real PostgreSQL.

The environment is set while pytest loads this file, for Airflow reads it when it is first imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine

from hindsight.embedded import EmbeddedPostgres, running

ROOT = Path(__file__).parents[1]
NUMBERS = count()

# Enough to keep the suite within its minutes; more is a matter of `--hypothesis-profile=thorough`.  Without
# deadlines, for a busy machine is no fault.
settings.register_profile("suite", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("suite")
SCRATCH = Path(tempfile.mkdtemp(prefix="hindsight-test-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

for name in [name for name in os.environ if name.startswith(("AIRFLOW", "HINDSIGHT_", "PG"))]:
    del os.environ[name]
# Subprocesses would compile Airflow anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ |= {
    "PYTHONPATH": str(ROOT / "include"),
    "AIRFLOW_HOME": str(SCRATCH / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{SCRATCH / 'airflow' / 'airflow.db'}",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(SCRATCH / "airflow" / "logs"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    # Tables are as wide in every process: a worker of ours has no terminal to ask.
    "COLUMNS": "200",
}


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One server for the session; a test that needs a database asks for `database`."""
    # What a crash of this machine would lose, the tests would not miss.
    with running(SCRATCH, {"fsync": "off"}) as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The SQLAlchemy URL (`postgresql+psycopg://`) of an empty database, dropped after the test."""
    name = f"test_{next(NUMBERS)}"
    yield postgres.ensure_database(name)
    postgres.drop_database(name)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on `database`; it leaves no connection behind, at which pytest would complain."""
    engine = create_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def airflow_metadata() -> None:
    """Airflow's own tables in a SQLite of this session, for what `dag.test()` and the plugins' API need."""
    from airflow.utils.db import initdb

    initdb()
