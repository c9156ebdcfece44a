"""What a measured process does: note its CPU, wall clock and memory, and print them as one line of JSON.

It needs the standard library only, for rivals run in environments of their own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def options() -> dict[str, Any]:
    """What the bench passes to a case: its only argument."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def cpu() -> float:
    """User and system seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    """The most memory this process has held, in MiB."""
    with suppress(OSError):
        # What getrusage says on Linux includes the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def server_cpu(process: int) -> Callable[[], float]:
    """A reading of the CPU seconds of a server and its processes, with all that the ended ones used."""
    import psutil

    server = psutil.Process(process)

    def reading() -> float:
        own = server.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in server.children():
            used = child.cpu_times()
            total += used.user + used.system
        return float(total)

    return reading


class Measurement:
    """CPU and wall seconds by stage; imports and preparations stay outside of every stage."""

    def __init__(self, besides: Callable[[], float] | None = None) -> None:
        self.besides = besides or (lambda: 0.0)  # CPU seconds spent for us elsewhere, as by a server
        self.stages: dict[str, float] = {}
        self.wall = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens within to this stage."""
        used, began = cpu() + self.besides(), time.monotonic()
        yield
        self.stages[name] = self.stages.get(name, 0.0) + cpu() + self.besides() - used
        self.wall += time.monotonic() - began

    def report(self, **notes: Any) -> None:
        """Print everything for the bench to read."""
        print(json.dumps({"stages": self.stages, "wall": self.wall, "peak": peak(), "notes": notes}))
