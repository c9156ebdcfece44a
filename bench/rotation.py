"""Measured processes: each variant in one of its own, the variants in rotation, medians over the rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

from rich.console import Console

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PATIENCE = 3600.0
"""Seconds after which a case has failed."""


@dataclass(frozen=True, slots=True)
class Case:
    """A script in `cases/`, what it is told, and the Python that runs it."""

    name: str
    script: str
    options: Mapping[str, Any]
    python: Path = Path(sys.executable)


class Round(TypedDict):
    """What one process reports; see `measure.Measurement`."""

    stages: dict[str, float]
    wall: float
    peak: float
    notes: dict[str, Any]


@dataclass(slots=True)
class Figures:
    """What the rounds of a case measured; `failure` is its last words if it did not work."""

    rounds: list[Round] = field(default_factory=list)
    failure: str | None = None

    def cpu(self, *stages: str) -> float:
        """Median CPU seconds of these stages together, or of all."""
        return median(
            sum(seconds for name, seconds in each["stages"].items() if not stages or name in stages)
            for each in self.rounds
        )

    @property
    def peak(self) -> float:
        """Median of the peak memory, in MiB."""
        return median(each["peak"] for each in self.rounds)

    @property
    def wall(self) -> float:
        """Median wall seconds of all stages."""
        return median(each["wall"] for each in self.rounds)

    @property
    def notes(self) -> Mapping[str, Any]:
        """What the last round remarked."""
        return self.rounds[-1]["notes"]

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest CPU seconds of a round."""
        totals = [sum(each["stages"].values()) for each in self.rounds]
        return min(totals), max(totals)


def rotate(cases: Sequence[Case], rounds: int, console: Console) -> dict[str, Figures]:
    """Run every case once a round, each round in the other direction; a case that fails is left out after."""
    found = {case.name: Figures() for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            figures = found[case.name]
            if figures.failure is None:
                console.print(f"[dim]round {number + 1}/{rounds}: {case.name}[/dim]", highlight=False)
                run(case, figures)
    return found


def run(case: Case, figures: Figures) -> None:
    """Add a round of a case to its figures."""
    # Nobody is told of a measurement: two of the rivals would report their use.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT / "include")]),
        "DO_NOT_TRACK": "1",
        "NML_DISABLE_USAGE_LOGGING": "1",
    }
    script = HERE / "cases" / f"{case.script}.py"
    try:
        done = subprocess.run(
            [case.python, "-W", "ignore", script, json.dumps(case.options)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        figures.rounds.append(json.loads(done.stdout.strip().splitlines()[-1]))
    except subprocess.CalledProcessError as error:
        figures.failure = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        figures.failure = f"not done after {PATIENCE:.0f} s"
    except OSError as error:
        figures.failure = str(error)
