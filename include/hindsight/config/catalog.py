"""The page `docs/monitors.md`: every key of a monitor's file and every metric, from the same types.

A test compares the page with this, so it cannot fall behind; `hindsight schema --markdown` prints it anew.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hindsight.config.loading import json_schema
from hindsight.metrics import ALWAYS, METRICS

INTRODUCTION = """\
# The keys of a monitor

A monitor is one YAML file in `include/monitors/`; `_defaults.yaml` beside it is what every monitor inherits.
This page is made from the types that check the files: `hindsight schema --markdown`.
"""


def page() -> str:
    """The whole page as Markdown."""
    schema = json_schema()
    parts = [INTRODUCTION, section("The file", schema)]
    parts += [section(title(name, part), part) for name, part in sorted(schema["$defs"].items())]
    return "\n".join([*parts, metrics()])


def title(name: str, part: Mapping[str, Any]) -> str:
    """A section's name; for detectors and notifiers the `type` that selects them."""
    kind = part.get("properties", {}).get("type", {}).get("const")
    return f"{name} (`type: {kind}`)" if kind else name


def section(name: str, part: Mapping[str, Any]) -> str:
    """One mapping: what it is, and its keys."""
    rows = list(keys(part))
    table = ["| key | default | what |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"## {name}", "", str(part.get("description", "")), "", *table, ""])


def keys(part: Mapping[str, Any]) -> Iterator[str]:
    """A table row per key."""
    required = set(part.get("required", ()))
    for key, value in part.get("properties", {}).items():
        if "const" in value:
            continue
        default = "required" if key in required else cell(value.get("default"))
        what = str(value.get("description", "")) or kind(value)
        yield f"| `{key}` | {default} | {what.replace('|', chr(92) + '|').replace(chr(10), ' ')} |"


def cell(value: Any) -> str:
    """A default as it is written in YAML."""
    if value in (None, "", []) or isinstance(value, Mapping):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def kind(value: Mapping[str, Any]) -> str:
    """What a key takes, where nothing more is said of it."""
    if "$ref" in value:
        return f"see {str(value['$ref']).rpartition('/')[2]}"
    if "enum" in value:
        return " or ".join(f"`{choice}`" for choice in value["enum"])
    options = [
        kind(option) for option in value.get("anyOf", value.get("oneOf", ())) if option.get("type") != "null"
    ]
    if options:
        return "; ".join(dict.fromkeys(options))
    if value.get("type") == "array":
        return f"a list: {kind(value.get('items', {}))}"
    return str(value.get("type", ""))


def first_sentence(text: str) -> str:
    r"""What a docstring says first: as far as a full stop before a new sentence, or the end of its paragraph.

    >>> first_sentence("Mean of it, e.g. of\nthis.  More of it.\n\nAnd more.")
    'Mean of it, e.g. of this.'
    """
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z`0-9])", paragraph, maxsplit=1)[0]


def metrics() -> str:
    """The metrics, from their registry."""
    lines = ["## Metrics", "", f"`{'` and `'.join(ALWAYS)}` are always kept.", ""]
    lines += ["| metric | for | good | needs labels | what |", "|---|---|---|---|---|"]
    for name, metric in sorted(METRICS.items()):
        what = first_sentence(inspect.cleandoc(metric.__doc__ or "")).replace("|", "\\|")
        tasks = ", ".join(sorted(metric.tasks))
        labels = "yes" if metric.labelled else "no"
        lines.append(f"| `{name}` | {tasks} | {metric.direction} | {labels} | {what} |")
    return "\n".join([*lines, ""])
