"""What can go wrong, as one tree.

    HindsightError
    ├── ConfigError            a monitor's file is wrong: carries every problem found
    ├── ConnectionMissing      a connection id that nobody defined
    ├── SourceError            the logs cannot be read as the monitor describes them
    │   └── SourceAbsent       no file lies where they should
    ├── StoreError             the warehouse schema is absent, older, newer or out of reach
    ├── ActionRefused          somebody wants to do to an incident, or silence, what cannot be done
    └── DeliveryError          a notification was not accepted: `retry` says whether trying again can help

Every message is a full sentence that holds the offending value and the cure, and never a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class HindsightError(Exception):
    """Base of everything Hindsight raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a monitor's file.

    `line` and `column` count from 1; both are 0 where the fault has no place (a missing file).

    >>> str(Problem("monitors/a.yaml", 3, 7, "unknown metric 'recal' (did you mean 'recall'?)"))
    "monitors/a.yaml:3:7: unknown metric 'recal' (did you mean 'recall'?)"
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class ConfigError(HindsightError):
    """A monitor's file is wrong; `problems` holds all of them, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class ConnectionMissing(HindsightError):
    """Nobody defined this connection id."""


class SourceError(HindsightError):
    """The logs cannot be read as the monitor describes them."""


class SourceAbsent(SourceError):
    """No file lies where the logs should: nobody has written one yet, or the name is wrong."""


class StoreError(HindsightError):
    """The warehouse cannot be used as it is."""


class ActionRefused(HindsightError):
    """What a person asked for cannot be done: to an incident that is over, say, or without an end."""


class NotDelivered(HindsightError):
    """What lies in the outbox of a monitor did not all go out; `given_up` counts what nobody tries again."""

    def __init__(self, said: str, given_up: int) -> None:
        self.given_up = given_up
        super().__init__(said)


class DeliveryError(HindsightError):
    """A notification was not delivered.

    `retry` says whether the same message may be accepted later; `not_before` is the time the
    receiver asked us to wait for; `ambiguous` says that it may have been accepted all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        retry: bool,
        ambiguous: bool = False,
        not_before: datetime | None = None,
    ) -> None:
        self.retry = retry
        self.ambiguous = ambiguous
        self.not_before = not_before
        super().__init__(message)
