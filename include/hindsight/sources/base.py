"""What every source kind offers: relations to select from, the kinds of their columns, and rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt
import sqlalchemy as sa

from hindsight.domain.spec import Location
from hindsight.sources.engines import Engine


class Kind(StrEnum):
    """What a column holds, as far as a monitor cares."""

    INSTANT = "timestamp with time zone"
    WALL_CLOCK = "timestamp without time zone"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    OTHER = "something else"


class Source(ABC):
    """An open, read-only way to the rows of one place.

    Use as a context manager.  `predictions` and `labels` of a monitor share one source, so that their
    join runs where they lie.
    """

    engine: Engine
    """What is particular about the SQL it takes."""

    @abstractmethod
    def __init__(self, location: Location, database_url: Callable[[str], sa.URL], root: Path) -> None:
        """Open the place; `database_url` resolves a connection id, `root` anchors relative file names."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""

    @abstractmethod
    def relation(
        self, location: Location, name: str, texts: Collection[str] = ()
    ) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        """The rows of a location under an alias, and the kind of each column; SourceError if absent.

        `texts` are columns to be read as text where the place itself has no types.
        """

    @abstractmethod
    def columns(self, statement: sa.Select[Any]) -> dict[str, npt.NDArray[Any]]:
        """Run a statement and return its columns as arrays: integers as int64, text as objects."""

    @abstractmethod
    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; SourceError in the words of the monitor if it fails."""
