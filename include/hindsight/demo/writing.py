"""Files that are there whole or not at all, even after a kill."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs; whoever else asks for it waits, and a kill lets go of it.

    Makes the folder, and clears away what a killed process left half written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for leftover in [*folder.glob(".*.part"), *folder.glob("*/.*.part")]:
            leftover.unlink(missing_ok=True)
        yield


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new path beside `path` to write to; it takes the place of `path` when the block ends well.

    Its name ends in `.part`, so that no glob over finished files meets it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(content)
