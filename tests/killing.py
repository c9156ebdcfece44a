"""Runs of a monitor that a process of the `forge` is given to do, and what of them a store then holds.

Each begins from a copy of one seeded database: a kill costs a second or two and leaves nothing behind.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from hindsight import faults
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Notify
from hindsight.embedded import EmbeddedPostgres
from hindsight.notifiers import ConnectionInfo
from hindsight.pipeline import Runtime, run_days
from hindsight.pipeline.stale import run_stale
from hindsight.store import Store
from hindsight.windows import DayRange

NUMBERS = count()


@dataclass(frozen=True)
class Work:
    """What a process is to do: live runs of these days, or the repair of what an edit left behind."""

    spec: MonitorSpec
    url: str
    folder: Path
    slack: str
    days: DayRange | None = None

    def runtime(self, store: Store) -> Runtime:
        def connection(_: str) -> ConnectionInfo:
            return ConnectionInfo("slack", password="xoxb-1", extra={"base_url": f"{self.slack}/api/"})

        return Runtime(store, lambda _: sa.make_url(self.url), connection, self.folder)

    def do(self) -> None:
        store = Store(self.url)
        try:
            if self.days is None:
                run_stale(self.spec, self.runtime(store))
            else:
                run_days(self.spec, self.days, self.runtime(store), Notify.LIVE)
        finally:
            store.dispose()

    def on(self, url: str) -> Work:
        return replace(self, url=url)


def reached(what: Work, watch: Callable[[str], None] = lambda point: None) -> list[str]:
    """Every point that it reaches, in order, undisturbed in this process; `watch` is told of each."""
    points: list[str] = []

    def note(point: str) -> None:
        points.append(point)
        watch(point)

    faults.hook = note
    try:
        what.do()
    finally:
        faults.hook = None
    return points


@contextmanager
def copied(postgres: EmbeddedPostgres, seed: str) -> Iterator[str]:
    """The URL of a copy of a database to which nobody is connected."""
    name = f"killed_{next(NUMBERS)}"
    with psycopg.connect(plain(postgres.url("postgres")), autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{seed}"')
    try:
        yield postgres.url(name)
    finally:
        postgres.drop_database(name)


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql")


def dump_of(url: str) -> str:
    """All that a store knows of the monitor, as one reader sees it at one moment."""
    engine = sa.create_engine(url, isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("set time zone 'UTC'"))
            return Store.dump(connection, "odd")
    finally:
        engine.dispose()


PARTITION = {
    "statistic": ("window_start", "horizon"),
    "window_state": ("window_start", "horizon"),
    "snapshot": ("window", "window_start", "horizon"),
    "detection": ("detector", "window_start", "horizon"),
    "incident": (),
}
"""What is replaced as one."""

Partitions = dict[tuple[Any, ...], tuple[str, ...]]


def partitions(dump: str) -> Partitions:
    """The lines of a dump by what is replaced as one: the table, and its window and age."""
    found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for line in dump.splitlines():
        if line.startswith("# "):
            table, _, columns = line[2:].partition(": ")
            places = [columns.split(", ").index(name) for name in PARTITION[table]]
            continue
        row = json.loads(line)
        found[(table, *(row[place] for place in places))].append(line)
    return {key: tuple(lines) for key, lines in found.items()}


def lease_run_out(url: str) -> None:
    """As if the ten minutes had passed after which a sender that said nothing is given up."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute("update hindsight.notification set lease_until = now() where state = 'sending'")
