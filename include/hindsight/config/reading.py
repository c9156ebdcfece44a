"""YAML text -> `Node`: YAML 1.2 with positions, and nothing of YAML that can surprise.

Refused, each with its place: duplicate keys, anchors, aliases and merge keys (a few bytes can stand for
billions of values), tags (`!!python/...`), directives, several documents, text that is not UTF-8, files over
1 MB, nesting deeper than 50, numbers no float can hold, and whatever looks like a secret.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from hindsight.config.tree import HOLE, Node, Place, quoted
from hindsight.errors import Problem

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50
MAX_INTEGER: Final = 2**63

SECRET: Final = re.compile(
    r"://[^/\s:@]*:[^/\s]+@|\bxox[a-z]-|\bxapp-|hooks\.slack\.com|-----BEGIN", re.IGNORECASE
)
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_TAG: Final = "tag:yaml.org,2002:"
_SECRET_FOUND: Final = (
    "this looks like a secret or a webhook address: keep it in a connection and give its id"
)
_SHARE: Final = "move what monitors share to _defaults.yaml"


Read = tuple[Node | None, list[Problem]]
"""A document and what is wrong with its text."""


def read(path: Path) -> Read:
    """The document of a file and what is wrong with its text; None if it cannot be read or is empty."""
    reader = _Reader(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reader.complain(0, 0, f"the file cannot be read: {error.strerror or type(error).__name__}")
        return None, reader.problems
    return reader.document(content), reader.problems


class _Reader:
    """One pass over one file; problems gather on the way, and a hole is left where a value was refused."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def complain(self, line: int, column: int, message: str) -> None:
        if SECRET.search(message):
            message = _SECRET_FOUND
        problem = Problem(self.file, line, column, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def document(self, content: bytes) -> Node | None:
        try:
            text = _decoded(content)
        except _NoText as fault:
            self.complain(fault.line, fault.column, fault.message)
            return None
        yaml = YAML(typ="safe", pure=True)
        yaml.max_depth = MAX_DEPTH
        yaml.composer.warn_double_anchors = False
        try:
            root = yaml.compose(text)
        except MarkedYAMLError as error:
            self._syntax(error, text)
            return None
        except (YAMLError, ValueError, OverflowError) as error:
            # Scanner code that trips over hostile escapes (`"\UFFFFFFFF"`) raises bare Python errors.
            self.complain(1, 1, f"this is not valid YAML: {type(error).__name__}")
            return None
        return None if root is None else self._node(root)

    def _syntax(self, error: MarkedYAMLError, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        source = text.splitlines()[line - 1 : line]
        if isinstance(error, MaxDepthExceededError):
            message = f"the document is nested deeper than {MAX_DEPTH} levels"
        elif "another document" in said:
            message = "a second document begins here ('---'): one file holds one monitor"
        elif "\\t" in said or (source and re.match(r" *\t", source[0])):
            message = "this is not valid YAML: a tab stands where only spaces may: indent with spaces"
        else:
            message = f"this is not valid YAML: {' '.join(said.split())}"
        self.complain(line, column, message)

    def _place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _node(self, node: Any, key: Place | None = None) -> Node:
        place = self._place(node)
        if key and isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index:
            place = key  # nothing stands there, and the next thing in the file is not at fault
        return Node(self._value(node, place), place, key or place)

    def _value(self, node: Any, place: Place) -> Any:
        tag = str(node.tag)
        kind = tag.removeprefix(_TAG)
        if SECRET.search(f"{node.anchor} {tag}"):
            return self._refuse(place, _SECRET_FOUND)
        if node.anchor is not None:
            name = quoted(f"&{node.anchor}")
            return self._refuse(
                place, f"anchors and aliases ({name}) are not supported: write the value out, or {_SHARE}"
            )
        match node:
            case MappingNode() if kind == "map":
                return self._mapping(node)
            case SequenceNode() if kind == "seq":
                return [self._node(item) for item in node.value]
            case ScalarNode() if kind in _SCALARS:
                return self._scalar(node.value, kind, place)
            case _:
                return self._refuse(place, f"the tag {quoted(tag)} is not supported: write a plain value")

    def _mapping(self, node: Any) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for name, child in node.value:
            place = self._place(name)
            kind = str(name.tag).removeprefix(_TAG)
            if kind == "merge":
                self._refuse(place, f"merge keys (<<) are not supported: {_SHARE}")
            elif not isinstance(name, ScalarNode) or name.anchor is not None or kind not in _SCALARS:
                self._refuse(place, "a key must be a plain word")
            elif self._scalar(name.value, "str", place) is HOLE:
                pass
            elif name.value in found:
                twice = f"is given twice, first on line {found[name.value].key.line}: remove one"
                self._refuse(place, f"the key {quoted(name.value)} {twice}")
            else:
                found[name.value] = self._node(child, place)
        return found

    def _scalar(self, text: str, kind: str, place: Place) -> Any:
        if SECRET.search(text):
            return self._refuse(place, _SECRET_FOUND)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            return self._refuse(place, "this text holds half a character (a surrogate): write the whole one")
        try:
            value = _SCALARS[kind](text)
        except ValueError:
            return self._refuse(place, f"{quoted(text)} is not a number")
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(place, f"{quoted(text)} is not a finite number")
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            return self._refuse(place, "this number is too large")
        return value

    def _refuse(self, place: Place, message: str) -> Any:
        self.complain(place.line, place.column, message)
        return HOLE


class _NoText(Exception):
    """The bytes of a file are no text that YAML could be."""

    def __init__(self, before: str, message: str) -> None:
        self.line = before.count("\n") + 1
        self.column = len(before) - before.rfind("\n")
        self.message = message
        super().__init__(message)


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _NoText("", f"the file has more than {MAX_BYTES:,} bytes; a monitor takes a few thousand")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        wrong = f"byte 0x{content[error.start]:02x} is not valid"
        before = content[: error.start].decode()
        raise _NoText(before, f"the file is not UTF-8 text ({wrong}): save it as UTF-8") from None
    if text.startswith("\ufeff"):
        raise _NoText("", "the file begins with a byte order mark: save it as UTF-8 without BOM")
    if bad := _UNPRINTABLE.search(text):
        code = f"U+{ord(bad[0]):04X}"
        raise _NoText(text[: bad.start()], f"the character {code} may not stand in a YAML file: remove it")
    if bad := _DIRECTIVE.search(text):
        message = "a line may not begin with '%': directives such as %YAML are not supported"
        raise _NoText(text[: bad.start()], message)
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    if digits.lstrip("+-").startswith(("0x", "0o", "0b")):
        return int(digits, 0)
    # Python itself refuses to convert more than some thousand digits; the rest is cut off by MAX_INTEGER.
    return int(digits[:40])


_SCALARS: Final[dict[str, Any]] = {
    "str": str,
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": lambda text: float(re.sub(r"\.(?=inf|nan)", "", text.replace("_", "").lower())),
    # A date stays text here, as in the JSON Schema; the field it is given for says what it means.
    "timestamp": str,
    "merge": str,
    "value": str,
}
