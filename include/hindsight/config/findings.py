"""What pydantic refuses, told as sentences, each at its path in the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from hindsight.config.forms import Words
from hindsight.config.grammar import Grammar
from hindsight.config.tree import HOLE, Node, Path, dotted, quoted

_MAPPING: Final = {"model_type", "model_attributes_type", "dict_type"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault at a path.

    `message` is None where the fault has been told already.  `key` points at the key itself, and means that
    it should not be there; `meant` is the key that it was probably meant to be.
    """

    path: Path
    message: str | None
    key: bool = False
    meant: str | None = None


def findings(error: ValidationError, root: Node, grammar: Grammar) -> Iterator[Finding]:
    """One finding for each thing refused."""
    for detail in error.errors(include_url=False):
        yield _finding(detail, *_path(detail["loc"], root), grammar)


def _finding(detail: Any, path: Path, at_key: bool, grammar: Grammar) -> Finding:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    subject = dotted(path) or "the document"
    if kind == "missing":
        within = dotted(path[:-1]) or "the monitor"
        return Finding(path, f"{within} needs the key {path[-1]!r}")
    if kind == "extra_forbidden":
        known = grammar.known_keys(detail["loc"][:-1])
        within = f" in {dotted(path[:-1])}" if path[:-1] else ""
        message = f"unknown key {shown(path[-1])}{within}{_or_known(path[-1], known)}"
        return Finding(path, message, key=True, meant=nearest(path[-1], known))
    if kind == "union_tag_not_found":
        kinds = ", ".join(grammar.kinds[path[0]])
        return Finding((*path, "type"), f"{subject} needs the key 'type', which is one of {kinds}")
    if kind == "union_tag_invalid":
        return _unknown_kind((*path, "type"), value["type"], grammar)
    if kind in _MAPPING:
        return Finding(path, f"{subject} must be a mapping of keys to values, but is {shown(value)}")
    if kind == "tuple_type":
        return Finding(path, f"{subject} must be a list, but is {shown(value)}")
    if kind == "said":
        return _in_words(subject, context["words"], value, path, at_key)
    if kind == "value_error":
        return Finding(path, f"{subject}: {' '.join(str(context['error']).split())}")
    return Finding(path, f"{subject}: {detail['msg']}")


def _unknown_kind(path: Path, value: Any, grammar: Grammar) -> Finding:
    if value is HOLE:
        return Finding(path, None)
    noun = "notifier" if path[0] == "notify" else "detector"
    return Finding(path, f"unknown {noun} {shown(value)}{_or_known(value, grammar.kinds[path[0]])}")


def _in_words(subject: str, words: Words, value: Any, path: Path, at_key: bool) -> Finding:
    if words.noun and isinstance(value, str):
        return Finding(path, f"unknown {words.noun} {shown(value)}{_or_known(value, words.names)}")
    but = f"but is {shown(value)}{did_you_mean(value, words.names)}"
    return Finding(path, f"{subject} must be {words.expected}, {but}", key=at_key)


def nearest(value: Any, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if any is near.

    >>> nearest("recal", ["precision", "recall"])
    'recall'
    """
    if not isinstance(value, str):
        return None
    wanted, folded = value.casefold(), {name.casefold(): name for name in names}
    near = get_close_matches(wanted, folded, n=1) or [
        name for name in folded if len(wanted) > 2 and name.startswith(wanted)
    ]
    return folded[near[0]] if near else None


def did_you_mean(value: Any, names: Iterable[str]) -> str:
    """The nearest name as the end of a sentence; nothing where none is near."""
    near = nearest(value, names)
    return f" (did you mean {near!r}?)" if near else ""


def _or_known(value: Any, names: Iterable[str]) -> str:
    """The nearest name, or all there are."""
    known = sorted(names)
    return did_you_mean(value, known) or f": known are {', '.join(known)}"


def shown(value: Any) -> str:
    r"""A value in a message: short, on one line, in the words of the file.

    >>> shown(True), shown(None), shown([1]), shown("a\nb")
    ('true', 'empty', 'a list', "'a\\nb'")
    """
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return quoted(value)
        case _:
            return repr(value)


def plant(document: Any, found: Iterable[Finding]) -> None:
    """Put a hole where each finding lies.

    A key that should not be there goes, and the key that it was meant to be becomes a hole: so nobody
    complains that it is missing.  Keys go last, for their values may have been refused too.
    """
    for finding in sorted(found, key=lambda each: each.key):
        *way, last = finding.path
        if last == "type" and way and isinstance(way[-1], int):
            *way, last = way  # an entry whose kind is not known is no entry
        container = document
        for step in way:
            container = container[step] if container is not HOLE else HOLE
        if container is HOLE:
            continue
        if finding.key:
            container.pop(last, None)
            if finding.meant:
                container.setdefault(finding.meant, HOLE)
        else:
            container[last] = HOLE


def _path(location: tuple[str | int, ...], root: Node) -> tuple[Path, bool]:
    """Pydantic's location as a path in the document, and whether it means a key.

    Right after the index of an entry pydantic names the kind that its `type` chose; the document has no
    such step.
    """
    path: list[str | int] = []
    node: Node | None = root
    for before, step in zip((None, *location), location, strict=False):
        if step == "[key]":
            return tuple(path), True
        kind = node.child("type") if node and isinstance(before, int) else None
        if kind is None or kind.value != step:
            path.append(step)
            node = node.child(step) if node else None
    return tuple(path), False
