"""What every source kind offers: relations to select from, the kinds of their columns, and rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from hindsight.domain.spec import Location


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

    text_collation: str | None = None
    """Collation that orders text by code point, where the engine's default may not."""

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
    def relation(self, location: Location, name: str) -> tuple[sa.FromClause, Mapping[str, Kind]]:
        """The rows of a location under an alias, and the kind of each column; SourceError if absent."""

    @abstractmethod
    def fetch(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; SourceError in the words of the monitor if it fails."""
