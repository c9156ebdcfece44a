"""What docstrings say of a class and of its fields: the help that an editor shows."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Mapping
from itertools import pairwise


def summary(cls: type) -> str:
    """A class's docstring without its examples, one line per paragraph."""
    paragraphs = re.split(r"\n\s*\n", (cls.__doc__ or "").strip())
    return "\n\n".join(" ".join(part.split()) for part in paragraphs if not part.lstrip().startswith(">>>"))


def field_notes(cls: type) -> Mapping[str, str]:
    """For each field the string below it, else the sentences of the class's docstring that name it."""
    notes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            sentences = re.split(r"(?<=[.])\s+", summary(base))
            for field in dataclasses.fields(base):
                if said := " ".join(sentence for sentence in sentences if f"`{field.name}`" in sentence):
                    notes[field.name] = said
            notes |= _strings_below(base)
    return notes


def _strings_below(cls: type) -> dict[str, str]:
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        return {}  # made at run time, or shipped without its source
    [definition] = ast.parse(textwrap.dedent(source)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
