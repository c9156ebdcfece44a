"""Which file describes which monitor, found by its text and read no more often than the folder changes.

To read a file takes some 40 ms, so whoever asks for one monitor must not read five hundred: a server that
many people ask, and each task, which parses its DAG's file anew.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final

from hindsight.config import Loaded, load, load_all
from hindsight.errors import ConfigError

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""What a monitor may be called."""

SAYS: Final = re.compile(rf"^monitor[ \t]*:[ \t]*(['\"]?)({NAME.pattern})\1[ \t\r]*(?:#.*)?$", re.MULTILINE)
"""The line in which a file says whose it is."""

Stamp = tuple[str, int, int]
"""A file as it was: where, when it was written, how long."""

_READING: Final = Lock()


def monitors(folder: Path, name: str) -> list[Loaded]:
    """The monitor of this name: none where nobody wrote one, several where they share it.

    Just its own file is read.  Only where that is wrong, or where one does not say its name in a line of its
    own, are the others read, too: a report may need them.
    """
    said = names_said(folder)
    files = [path for path, names in said.items() if name in names]
    if len(files) == 1:
        found = _one(*_stamps([files[0], *folder.glob("_*")]))
        if found is not None and found.name == name:
            return [found]
    if files or _may_be_elsewhere(said, name):
        return [loaded for loaded in every(folder) if loaded.name == name]
    return []


def every(folder: Path) -> list[Loaded]:
    """All monitors, sound or not, as `load_all` has them."""
    if not folder.is_dir():
        return load_all(folder)
    with _READING:
        return list(_every(str(folder), _stamps(sorted(folder.glob("*.y*ml")))))


def names(folder: Path) -> set[str]:
    """What the monitors are called; where each file says its name plainly, none is read as a whole."""
    said = names_said(folder)
    if not said or any(len(found) != 1 for found in said.values()):
        return {each.name for each in every(folder)}
    return {name for found in said.values() for name in found}


def names_said(folder: Path) -> dict[Path, set[str]]:
    """The files of monitors, and which names each says to be its own."""
    return {
        path: {found[2] for found in SAYS.finditer(path.read_text("utf-8", "replace"))}
        for path in sorted(folder.glob("[!._]*.y*ml"))
    }


def _may_be_elsewhere(said: dict[Path, set[str]], name: str) -> bool:
    """Whether a monitor may have this name although no line says so: by the name of a file, say."""
    return not all(said.values()) or any(
        name.startswith(re.sub(r"\W", "_", path.stem.lower(), flags=re.ASCII)) for path in said
    )


def _stamps(paths: list[Path]) -> tuple[Stamp, ...]:
    found = ((path, path.stat()) for path in paths)
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in found)


@lru_cache(maxsize=64)
def _one(file: Stamp, *_inherited: Stamp) -> Loaded | None:
    """The monitor of a file, None if that is wrong."""
    path = Path(file[0])
    try:
        spec = load(path)
    except ConfigError:
        return None
    return Loaded(path, spec.monitor, spec, None)


@lru_cache(maxsize=2)
def _every(folder: str, _files: tuple[Stamp, ...]) -> tuple[Loaded, ...]:
    return tuple(load_all(Path(folder)))
