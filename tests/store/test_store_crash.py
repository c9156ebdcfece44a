"""Writers that meet, and writers that die: a partition is whole-old or whole-new, never mixed or torn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

from hindsight.domain.records import Snapshot
from hindsight.domain.values import Span
from hindsight.store import Store
from store.examples import FIRST, MONITOR, SNAPSHOT, WEEK

PLACE = [(Span(1), FIRST, WEEK)]
WRITERS, ROUNDS = 4, 6


def rows_of(writer: str, count: int) -> list[Snapshot]:
    return [replace(SNAPSHOT, version=writer, metric=f"m{i}") for i in range(count)]


def test_two_writers_of_one_partition_leave_one_whole_set(store: Store) -> None:
    start = Barrier(WRITERS)

    def write(number: int) -> None:
        start.wait()
        for turn in range(ROUNDS):
            with store.transaction(MONITOR) as conn:
                rows = rows_of(f"v{number}.{turn}", 50 + 10 * number)
                store.replace_snapshots(conn, MONITOR, PLACE, rows)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    with store.transaction() as conn:
        found = store.snapshots(conn, MONITOR)
    (winner,) = {row.version for row in found}
    assert len(found) == 50 + 10 * int(winner[1])


def test_writers_of_one_monitor_wait_and_those_of_another_do_not(store: Store) -> None:
    held, done = Event(), []

    def second(monitor: str) -> None:
        held.wait()
        with store.transaction(monitor):
            done.append(monitor)

    with ThreadPoolExecutor(2) as pool:
        with store.transaction(MONITOR):
            same, other = pool.submit(second, MONITOR), pool.submit(second, "arrival_delay")
            held.set()
            other.result(timeout=30)
            assert done == ["arrival_delay"]
        same.result(timeout=30)
    assert done == ["arrival_delay", MONITOR]


def test_an_error_in_a_transaction_takes_all_of_it_back(store: Store) -> None:
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, rows_of("old", 3))
    try:
        with store.transaction(MONITOR) as conn:
            store.replace_snapshots(conn, MONITOR, PLACE, rows_of("new", 2))
            raise RuntimeError
    except RuntimeError:
        pass
    with store.transaction() as conn:
        assert store.snapshots(conn, MONITOR) == rows_of("old", 3)


DYING = """
import sys, time
from dataclasses import replace
from store.examples import FIRST, MONITOR, SNAPSHOT, WEEK
from hindsight.domain.values import Span
from hindsight.store import Store

def rows():
    for i in range(20_000):
        if i == 12_345 and sys.argv[2] == "copying":
            stop()
        yield replace(SNAPSHOT, version="new", metric=f"m{i}")

def stop():
    print("here", flush=True)
    time.sleep(60)

store = Store(sys.argv[1])
with store.transaction(MONITOR) as conn:
    store.replace_snapshots(conn, MONITOR, [(Span(1), FIRST, WEEK)], rows())
    stop()
"""


def test_a_writer_killed_before_its_commit_leaves_the_old_partition(store: Store, store_url: str) -> None:
    with store.transaction(MONITOR) as conn:
        store.replace_snapshots(conn, MONITOR, PLACE, rows_of("old", 3))
    paths = os.pathsep.join(sys.path)
    for where in ("copying", "copied"):
        writer = subprocess.Popen(
            [sys.executable, "-c", DYING, store_url, where],
            env=os.environ | {"PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "here\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait(30)
        writer.stdout.close()
        # Its lock is gone with it: the next writer need not wait for long.
        with store.transaction(MONITOR) as conn:
            assert store.snapshots(conn, MONITOR) == rows_of("old", 3), where
