"""What every command of `hindsight` shares: two consoles, the arguments that recur, and how to refuse.

Exit codes are the same everywhere:

| code | meaning |
|---|---|
| 0 | done |
| 1 | a message was not delivered; the outbox keeps it (`hindsight notify`) |
| 2 | refused: a sentence on standard error says why, and nothing was changed |
| 3 | `hindsight replay --max-messages`: there are more messages than that |
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Never

import typer
from rich.console import Console
from rich.text import Text

from hindsight.errors import ConfigError, HindsightError

if TYPE_CHECKING:
    from hindsight.domain.spec import MonitorSpec
    from hindsight.store import Store

UNDELIVERED = 1
"""The exit code where a message was not delivered."""

out, err = Console(), Console(stderr=True)

MonitorArg = Annotated[
    str, typer.Argument(metavar="MONITOR", help="Name in include/monitors, or the path of a YAML file.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def refuse(message: str) -> Never:
    """Say what is wrong on standard error and end with 2."""
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def sentences() -> Iterator[None]:
    """Hindsight's own errors as their sentence, not as a traceback."""
    try:
        yield
    except HindsightError as error:
        refuse(str(error))


def to_read(monitor: str, store: Store) -> tuple[str, MonitorSpec | None]:
    """The name and the file of a monitor of which something is only to be read.

    The file may be wrong or gone, if the store knows the name: what is open must not be hidden by a bad edit.
    """
    from hindsight.orchestration.places import spec_of

    try:
        spec = spec_of(monitor)
    except ConfigError:
        with store.reading() as connection:
            if not store.is_known(connection, monitor):
                raise
        err.print(
            inert(f"{monitor} has no sound file (`hindsight validate`): this can be read, but not changed."),
            style="yellow",
            soft_wrap=True,
        )
        return monitor, None
    return spec.monitor, spec


def line(text: str) -> None:
    """Print one line, however wide the terminal; what others wrote in it does nothing there."""
    out.print(inert(text), soft_wrap=True)


def inert(text: str) -> Text:
    """Text that somebody else may have written, for a terminal: no control character of it gets there."""
    from hindsight.wording import clean

    indent = text[: len(text) - len(text.lstrip(" "))]
    return Text(indent + clean(text))


def dump(records: Any) -> None:
    """Print JSON for a script."""
    sys.stdout.write(json.dumps(records, ensure_ascii=False, allow_nan=False) + "\n")
