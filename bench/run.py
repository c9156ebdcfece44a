"""`make bench`: what Hindsight costs, as figures of one run on this machine.

Every figure is CPU time of a process of its own, so that a busy machine disturbs it little; ratios are
between measurements of this same run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench_parse import parse
from bench_window import window
from rich.console import Console

PARTS: dict[str, Callable[[Console], None]] = {"parse": parse, "window": window}


def main() -> None:
    """Run the named parts, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="default: all")
    console = Console()
    for name in parser.parse_args().parts or PARTS:
        PARTS[name](console)


if __name__ == "__main__":
    main()
