"""Files -> monitors: inheritance, every problem at once, and a name for each file."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hindsight.config import keeping
from hindsight.config.checks import check, check_rules
from hindsight.config.expansion import expanded
from hindsight.config.findings import Finding, did_you_mean, findings, plant
from hindsight.config.grain import in_grain
from hindsight.config.grammar import grammar
from hindsight.config.reading import Read, read
from hindsight.config.tree import Node, Place, merge
from hindsight.detectors.defaults import default_rules
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import ConfigError, Problem
from hindsight.statistics import layout_of

DEFAULTS: Final = "_defaults.yaml"
SUFFIXES: Final = frozenset({".yaml", ".yml"})
NOT_HASHED: Final = frozenset(
    {"notify", "incidents", "owner", "description", "runbook", "tags", "airflow", "retention"}
)
"""Keys that change no number, so two specs that differ only in them have one hash."""

READ_LATER: Final = frozenset(
    {"metrics", "detectors", "windows", "schedule", "maturity", "quality", "budget"}
)
"""Keys that change what is read from the statistics and not these."""

STATISTICS: Final = 2
"""Which form of statistics this code computes: another one makes those of old stale."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file: a spec or an error, never both.

    `name` is the monitor's, as far as the file says it, else made from the file's name.
    """

    path: Path
    name: str
    spec: MonitorSpec | None
    error: ConfigError | None


def load(path: Path, *, defaults: Path | None = None) -> MonitorSpec:
    """The monitor of a file, or a ConfigError with all its problems.

    It inherits from `defaults`; by default that is `_defaults.yaml` beside it, where there is one.
    """
    document = _read(path, defaults)
    if document.spec is None:
        raise ConfigError(document.problems)
    return document.spec


def load_all(directory: Path) -> list[Loaded]:
    """Every monitor of a folder in the order of the files' names; a broken file leaves the others alone.

    Files whose name begins with `_` or `.` are no monitors.  Two files with one monitor's name are both
    broken, since their rows could not be told apart.
    """
    if not directory.is_dir():
        raise ConfigError((Problem(str(directory), 0, 0, "there is no such folder of monitors"),))
    paths = sorted(
        p for p in directory.iterdir() if p.suffix in SUFFIXES and p.name[0] not in "_." and p.is_file()
    )
    once = cache(read)
    documents = [_read(path, once=once) for path in paths]
    by_name: dict[str, list[_Document]] = defaultdict(list)
    for document in documents:
        if document.name:
            by_name[document.name].append(document)
    taken = set(by_name)
    return [_loaded(document, by_name[document.name or ""], taken) for document in documents]


def find(monitor: str, directory: Path) -> Path:
    """The file of a monitor: `monitor` is the name of one in the folder, or the path of a YAML file."""
    path = Path(monitor)
    if path.suffix in SUFFIXES:
        if path.is_file():
            return path
        raise ConfigError((Problem(monitor, 0, 0, "there is no such file"),))
    loaded = load_all(directory)
    found = [item for item in loaded if item.name == monitor]
    if len(found) > 1:
        raise ConfigError(tuple(problem for item in found if item.error for problem in item.error.problems))
    if not found:
        names = [item.name for item in loaded]
        meant = did_you_mean(monitor, names) or f": known are {', '.join(names) or 'none'}"
        raise ConfigError((Problem(str(directory), 0, 0, f"there is no monitor {monitor!r}{meant}"),))
    return found[0].path


def json_schema() -> dict[str, Any]:
    """JSON Schema of a monitor's file, generated from the types and registries that also judge it.

    It describes a whole document.  What a file may leave to `_defaults.yaml` should be what may be left out.
    """
    return grammar().schema()


@dataclass(frozen=True, slots=True)
class _Document:
    """A file on its way: its problems in the order of the file, and its spec if there are none."""

    path: Path
    root: Node | None
    spec: MonitorSpec | None
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str | None:
        """The monitor's name, if the file has one that can be used."""
        node = self.root.child("monitor") if self.root else None
        value = node.value if node else None
        return value if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value) else None


def _read(path: Path, defaults: Path | None = None, once: Callable[[Path], Read] = read) -> _Document:
    """A file with what it inherits; `once` reads what many files inherit."""
    root, problems = read(path)
    if root is None and not problems:
        problems.append(
            Problem(str(path), 1, 1, "the file is empty: a monitor begins with its name, `monitor: ...`")
        )
    inherited = defaults or path.with_name(DEFAULTS)
    if (defaults or inherited.is_file()) and inherited != path:
        base, more = once(inherited)
        problems += more
        if base and not isinstance(base.value, dict):
            problems.append(_problem(base.place, f"{inherited.name} must be a mapping of keys to values"))
        elif base and root:
            root = merge(base, root)
    spec, more = _judge(root, clean=not problems) if root else (None, [])
    problems = sorted({*problems, *more}, key=lambda p: (p.file != str(path), p.line, p.column, p.message))
    return _Document(path, root, None if problems else spec, tuple(problems))


def _judge(root: Node, *, clean: bool) -> tuple[MonitorSpec | None, list[Problem]]:
    """The spec of a document and what is wrong with it; `clean` says that no hole was left by its text."""
    document = root.plain()
    rules = grammar()
    found: list[Finding] = []
    try:
        spec = rules.adapter.validate_python(document)
    except ValidationError as error:
        clean = False
        found = list(findings(error, root, rules))
        spec = _despite(document, found)
    if isinstance(spec, MonitorSpec):
        spec = in_grain(spec, document)
        found += check(spec, holes=not clean)
        if not clean or found:
            return None, _problems(root, found)
        spec = _ruled(expanded(spec), document)
        found += check_rules(spec) if "detectors" not in document else ()
        spec = None if found else _named(spec, document)
    return spec, _problems(root, found)


def _problems(root: Node, found: Iterable[Finding]) -> list[Problem]:
    return [_problem(root.find(f.path, key=f.key), f.message) for f in found if f.message]


def _despite(document: Any, found: Iterable[Finding]) -> Any:
    """The spec of a refused document, with holes where it was refused; None if too little is left."""
    if not isinstance(document, dict):
        return None
    plant(document, found)
    try:
        return grammar().adapter.validate_python(document)
    except ValidationError:
        return None


def _ruled(spec: MonitorSpec, document: dict[str, Any]) -> MonitorSpec:
    """The spec with the default rules, if its file has no `detectors`; an empty list of them means none."""
    if "detectors" in document:
        return spec
    return replace(spec, detectors=tuple(keeping.fitting(spec, default_rules(spec))))


def _named(spec: MonitorSpec, document: dict[str, Any]) -> MonitorSpec:
    """The spec with what names its content, and the part of it that statistics are computed from."""
    content = {key: value for key, value in document.items() if key not in NOT_HASHED}
    basis = {key: value for key, value in content.items() if key not in READ_LATER}
    # A ranking sums what its metrics' cut-offs ask for.
    basis["terms"] = [term.name for term in layout_of(spec).summed]
    basis["statistics"] = STATISTICS
    basis["horizons"] = [str(horizon) for horizon in spec.horizons]
    return replace(spec, hash=_hash(content), basis=_hash(basis))


def _hash(content: dict[str, Any]) -> str:
    """What names a content: the same for any order of keys, and for any comment."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:12]


def _problem(place: Place, message: str) -> Problem:
    return Problem(place.file, place.line, place.column, message)


def _loaded(document: _Document, namesakes: list[_Document], taken: set[str]) -> Loaded:
    problems = document.problems
    if len(namesakes) > 1 and document.root:
        others = ", ".join(other.path.name for other in namesakes if other is not document)
        message = f"the monitor's name {document.name!r} is also that of {others}: a name must be its own"
        problems += (_problem(document.root.find(("monitor",)), message),)
    name = document.name or _free(re.sub(r"\W", "_", document.path.stem.lower(), flags=re.ASCII), taken)
    spec, error = (None, ConfigError(problems)) if problems else (document.spec, None)
    return Loaded(document.path, name, spec, error)


def _free(stem: str, taken: set[str]) -> str:
    """A name for a file that does not say its own, so that it cannot stand in for another's monitor."""
    name = stem
    while name in taken:
        name += "_file"
    taken.add(name)
    return name
