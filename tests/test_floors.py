"""Imports go down only: every module of the package stands on a floor and sees nothing above it.

| floor | parts | may import, beside the standard library |
|---|---|---|
| 5 | orchestration, cli, demo, reading, the package itself | everything; the only floor with Airflow |
| 4 | pipeline | the floors below |
| 3 | config | the floors below |
| 2 | sources, store, notifiers, charts, embedded | the floors below, never each other |
| 1 | statistics, metrics, detectors, explanation, windows, incidents, policy, message | and numbers; |
| | wording | no I/O |
| 0 | domain, errors, faults | nothing |
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

INCLUDE = Path(__file__).parents[1] / "include"
PACKAGE = "hindsight"

FLOORS = {
    "domain": 0,
    "errors": 0,
    "faults": 0,
    "detectors": 1,
    "explanation": 1,
    "incidents": 1,
    "message": 1,
    "metrics": 1,
    "policy": 1,
    "statistics": 1,
    "windows": 1,
    "wording": 1,
    "charts": 2,
    "embedded": 2,
    "notifiers": 2,
    "sources": 2,
    "store": 2,
    "config": 3,
    "pipeline": 4,
    "cli": 5,
    "cli_base": 5,
    "cli_budget": 5,
    "cli_explain": 5,
    "cli_incidents": 5,
    "cli_notify": 5,
    "cli_shown": 5,
    "cli_replay": 5,
    "__main__": 5,
    "demo": 5,
    "orchestration": 5,
    "reading": 5,
    PACKAGE: 5,
}

NUMBERS = {"numpy", "pandas", "scipy"}
"""All that floor 1 may use of the world."""

INPUT_OUTPUT = {"asyncio", "http", "io", "logging", "os", "pathlib", "shutil", "smtplib", "socket", "sqlite3"}
INPUT_OUTPUT |= {"ssl", "subprocess", "tempfile", "threading", "time", "urllib.request"}
"""Of the standard library, what reads a clock or the world: not below floor 2."""


@dataclass(frozen=True)
class Import:
    """One import: the module that has it, what it asks for, and where."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import in a module, also within functions; names imported from the package become full names.

    Those under `if TYPE_CHECKING:` count like all others: a type from above is knowledge of above.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, name.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parent = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parent, base] if base else parent)
            for name in node.names:
                # `from hindsight import errors` asks for the module, not for the package that holds it.
                whole = base == PACKAGE and name.name in FLOORS
                yield Import(module, f"{base}.{name.name}" if whole else base, node.lineno)


def part(module: str) -> str:
    """The part of the package that a module belongs to: the name that `FLOORS` knows.

    >>> part("hindsight.sources.database"), part("hindsight")
    ('sources', 'hindsight')
    """
    names = module.split(".")
    return names[1] if len(names) > 1 else PACKAGE


def fault(found: Import) -> str | None:
    """What is wrong with an import, or None."""
    here, floor = part(found.importer), FLOORS[part(found.importer)]
    top = found.imported.split(".")[0]
    if top == PACKAGE:
        there = part(found.imported)
        if there not in FLOORS:
            return f"{found}, which stands on no floor"
        if FLOORS[there] > floor:
            return f"{found}: floor {floor} cannot see floor {FLOORS[there]}"
        if here != there and floor == FLOORS[there] == 2:
            return f"{found}: parts of floor 2 never import each other"
    elif top == "airflow" and floor < 5:
        return f"{found}: only floor 5 knows Airflow"
    elif floor < 2 and {top, found.imported} & INPUT_OUTPUT:
        return f"{found}: floor {floor} does no I/O"
    elif floor < 2 and top not in sys.stdlib_module_names and (floor == 0 or top not in NUMBERS):
        return f"{found}: floor {floor} does without it"
    return None


def modules() -> dict[str, Path]:
    """Every module of the package by its full name."""
    found = {}
    for path in sorted((INCLUDE / PACKAGE).rglob("*.py")):
        names = path.relative_to(INCLUDE).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


def test_every_part_of_the_package_stands_on_a_floor() -> None:
    assert {part(module) for module in modules()} <= set(FLOORS)


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_go_down_only(module: str) -> None:
    path = modules()[module]
    source = path.read_text(encoding="utf-8")
    faults = [fault(found) for found in imports(module, source, is_package=path.name == "__init__.py")]
    assert [text for text in faults if text] == []


@pytest.mark.parametrize(
    "module, source, expected",
    [
        ("hindsight.domain.spec", "import numpy", "floor 0 does without it"),
        ("hindsight.errors", "from hindsight.windows import day", "floor 0 cannot see floor 1"),
        ("hindsight.windows", "from sqlalchemy import select", "floor 1 does without it"),
        ("hindsight.policy", "import time", "floor 1 does no I/O"),
        ("hindsight.message", "def f():\n    import airflow.sdk", "only floor 5 knows Airflow"),
        ("hindsight.store.store", "from hindsight.sources.files import Files", "never import each other"),
        ("hindsight.store.store", "from ..sources.files import Files", "never import each other"),
        ("hindsight.notifiers", "from ..store import Store", "never import each other"),
        ("hindsight.sources", "from hindsight import config", "floor 2 cannot see floor 3"),
        ("hindsight.sources", "from hindsight import read_snapshots", "floor 2 cannot see floor 5"),
        (
            "hindsight.config.load",
            "if TYPE_CHECKING:\n    from hindsight import pipeline",
            "cannot see floor 4",
        ),
        ("hindsight.pipeline.steps", "import hindsight.cli", "floor 4 cannot see floor 5"),
        ("hindsight.pipeline.steps", "import hindsight.attic", "which stands on no floor"),
    ],
)
def test_an_import_that_goes_up_or_aside_is_found(module: str, source: str, expected: str) -> None:
    is_package = module.count(".") == 1
    (text,) = [fault(found) for found in imports(module, source, is_package=is_package)]
    assert text is not None
    assert expected in text


@pytest.mark.parametrize(
    "module, source",
    [
        ("hindsight.domain.spec", "from hindsight.domain.values import Length\nimport re"),
        ("hindsight.metrics.recall", "import numpy as np\nfrom hindsight.statistics import binary"),
        (
            "hindsight.store.store",
            "from hindsight import errors\nfrom .tables import SNAPSHOT\nimport sqlalchemy",
        ),
        ("hindsight.cli", "from airflow.sdk import DAG\nfrom hindsight.demo import play"),
    ],
)
def test_an_import_that_goes_down_is_not(module: str, source: str) -> None:
    assert [fault(found) for found in imports(module, source)] == [None] * source.count("import")
