"""Where predictions and labels lie: read only, and never more than statistics leaves.

A source kind is one file with one class and one line here; the key is the YAML key that selects it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hindsight.domain.spec import Location
from hindsight.sources.base import Source
from hindsight.sources.database import DatabaseSource
from hindsight.sources.files import FileSource

SOURCES: Final[Mapping[str, type[Source]]] = {
    "connection": DatabaseSource,
    "files": FileSource,
}


def kind_of(location: Location) -> type[Source]:
    """The kind of source that a location is read by."""
    return next(kind for key, kind in SOURCES.items() if getattr(location, key) is not None)


__all__ = ["SOURCES", "DatabaseSource", "FileSource", "Source", "kind_of"]
