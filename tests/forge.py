"""Many short-lived processes at little cost: forked from one that has imported all and runs no threads.

Each can be told to die at a point of `hindsight.faults`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol

from hindsight import faults

PATIENCE = 120
"""Seconds after which what is not over is never over; many, for machines are busy."""


class Job(Protocol):
    """Anything that a process can be given to do."""

    def do(self) -> None: ...


@dataclass
class Child:
    """A process under way."""

    pid: int = 0
    began: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    code: int = 0

    def kill(self) -> None:
        assert self.began.wait(PATIENCE), "it never began"
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> int:
        """With what it ended: minus the signal, if one killed it."""
        assert self.over.wait(PATIENCE), "it hangs"
        return self.code


@dataclass
class Forge:
    """Where processes are started; any thread may ask."""

    pipe: Connection
    children: dict[int, Child] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, job: Job, point: str = "", occurrence: int = 1) -> Child:
        """A process that does a job, and dies at the n-th time that it reaches a point."""
        child = Child()
        with self.lock:
            number = len(self.children)
            self.children[number] = child
            self.pipe.send((number, job, point, occurrence))
        return child

    def listen(self) -> None:
        """Take down what is said of the children, until nothing more is."""
        while True:
            try:
                what, number, value = self.pipe.recv()
            except (EOFError, OSError):
                return
            child = self.children[number]
            if what == "began":
                child.pid = value
                child.began.set()
            else:
                child.code = value
                child.over.set()


@contextmanager
def forge(warming: Job) -> Iterator[Forge]:
    """A forge that has done one job itself, so that what is imported or made once costs no child anything."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, warming), daemon=True)
    process.start()
    theirs.close()
    assert ours.poll(PATIENCE), "the forge never became warm"
    assert ours.recv() == "warm"
    made = Forge(ours)
    listener = threading.Thread(target=made.listen, daemon=True)
    listener.start()
    try:
        yield made
    finally:
        process.terminate()
        process.join()
        listener.join(10)
        ours.close()
        process.close()


def serve(pipe: Connection, warming: Job) -> None:
    """Fork a child for each job that comes, and say when it began and with what it ended."""
    warming.do()
    gc.collect()
    gc.freeze()  # so that no child copies what it only looks through
    running: dict[int, int] = {}
    pipe.send("warm")
    while True:
        try:
            while pipe.poll(0.005):
                number, job, *death = pipe.recv()
                pid = os.fork()
                if not pid:
                    _child(job.do, *death)
                running[pid] = number
                pipe.send(("began", number, pid))
        except EOFError:
            return
        while running and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            pipe.send(("ended", running.pop(pid), os.waitstatus_to_exitcode(status)))


def _child(do: Callable[[], Any], point: str, occurrence: int) -> None:
    left = occurrence

    def die(reached: str) -> None:
        nonlocal left
        left -= reached == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.hook = die if point else None
    try:
        do()
    except Exception:  # noqa: BLE001 - said, and told by the code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
