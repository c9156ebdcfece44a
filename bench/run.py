"""`make bench`: what Hindsight costs, as figures of one run on this machine.

Every figure is CPU time of a process of its own, so that a busy machine disturbs it little; ratios are
between measurements of this same run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench_engine import Settings, engine
from bench_incidents import incidents
from bench_memory import memory
from bench_parse import parse
from bench_window import window
from rich.console import Console
from scorecard import scorecard

HOME = Path(__file__).resolve().parents[1] / ".hindsight" / "bench"

PARTS: dict[str, Callable[[Console, Settings], None]] = {
    "parse": lambda console, _: parse(console),
    "window": lambda console, settings: window(console, settings.home / "flights"),
    "engine": engine,
    "incidents": incidents,
    "scorecard": scorecard,
}
ON_REQUEST = {"memory": memory}
"""Parts that take long and much disc: they are run when named."""


def main() -> None:
    """Run the named parts, or all that are not kept for requests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = {**PARTS, **ON_REQUEST}
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(choices)}; default: {', '.join(PARTS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the predictions, for a quick look")
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is measured")
    parser.add_argument("--seed", type=int, default=1, help="of the generated rows")
    parser.add_argument("--only", default="", help="of the engine's cases, those whose names hold this")
    parser.add_argument("--home", type=Path, default=HOME, help="folder for data and rivals, kept")
    given = parser.parse_args()
    unknown = [name for name in given.parts if name not in choices]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(choices)}")
    settings = Settings(given.home.resolve(), given.scale, given.rounds, given.seed, given.only)
    console = Console(width=None if Console().is_terminal else 160)
    for name in given.parts or PARTS:
        choices[name](console, settings)


if __name__ == "__main__":
    main()
