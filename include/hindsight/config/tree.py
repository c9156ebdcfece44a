"""A document with a place for every value: what lies between YAML text and a monitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Path = tuple[str | int, ...]
"""Keys and list indices that lead from the root to a value."""


class _Hole:
    """The type of `HOLE`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HOLE"


HOLE: Final = _Hole()
"""Stands where a value was refused, so that everything else can still be judged."""

LONGEST: Final = 60
"""Longer texts are cut in messages."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document; `key` is the place of the key that leads to it (its own place in a list)."""

    value: Any
    place: Place
    key: Place

    def plain(self) -> Any:
        """The value without places: dicts, lists, scalars and holes."""
        match self.value:
            case dict():
                return {name: child.plain() for name, child in self.value.items()}
            case list():
                return [child.plain() for child in self.value]
            case scalar:
                return scalar

    def child(self, step: str | int) -> Node | None:
        """What lies one step below, or None."""
        match self.value, step:
            case dict(), str():
                found: Node | None = self.value.get(step)
                return found
            case list(), int() if step < len(self.value):
                return self.value[step]  # type: ignore[no-any-return]
            case _:
                return None

    def find(self, path: Path, *, key: bool = False) -> Place:
        """Where to point for a fault at `path`.

        That is the value (or its key, if asked for).  Where nothing lies at `path`, it is the key of
        the deepest mapping on the way, for that is where something is missing.
        """
        node = self
        for step in path:
            below = node.child(step)
            if below is None:
                return node.key
            node = below
        return node.key if key else node.place


def merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`: mappings merge key by key, anything else is replaced."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged = dict(base.value)
    for name, child in over.value.items():
        merged[name] = merge(base.value[name], child) if name in base.value else child
    return Node(merged, over.place, over.key)


def dotted(path: Path) -> str:
    """A path as people write it.

    >>> dotted(("detectors", 0, "at")), dotted(("where", "a b"))
    ('detectors[0].at', "where.'a b'")
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_word(step)}" for step in path)
    return text.removeprefix(".")


def _word(key: str) -> str:
    return key if key.isidentifier() and len(key) <= LONGEST else quoted(key)


def quoted(text: str) -> str:
    """A text in a message: on one line, and not too long."""
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 3] + "...")
