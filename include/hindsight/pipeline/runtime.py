"""What the pipeline is handed: it looks up nothing by itself."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from hindsight.notifiers.connection import ConnectionInfo
from hindsight.store import Store


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Runtime:
    """The store, ways to resolve connection ids, a clock, and the folder that file names start from."""

    store: Store
    database_url: Callable[[str], sa.URL]
    connection: Callable[[str], ConnectionInfo]
    root: Path
    clock: Callable[[], datetime] = now


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the search for garbage in cycles: among millions of rows, none of which is in one, it takes an
    eighth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
