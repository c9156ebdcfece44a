"""Killed at every registered point, and run again: the same tables, and no reader ever saw part of a day.

What is whole: of each table, what one window has at one age (of snapshots at each length, of detections by
each detector) is at any moment nothing, all that was there before the work, or all that is there after it;
a state stands with the very statistics that it names; and where a window has snapshots, its last day has a
state.
"""

from __future__ import annotations

import ast
import hashlib
import json
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from forge import Forge, forge
from hindsight import faults
from hindsight.domain.records import Delivery
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Span
from hindsight.embedded import EmbeddedPostgres
from hindsight.notifiers import Slack
from hindsight.store import Store
from hindsight.windows import DayRange
from killing import Partitions, Work, copied, dump_of, lease_run_out, partitions, reached
from receivers import Receiver, slack_like
from worlds import at, bench_on, monitor, odd_logs, watched, written

FIRST = date(2013, 3, 8)
SEEDED = DayRange(FIRST, FIRST + timedelta(days=4))
RUN = DayRange(FIRST + timedelta(days=4), FIRST + timedelta(days=6))
SEED = "kills_seed"
INCLUDE = Path(faults.__file__).parent


@dataclass(frozen=True)
class World:
    """A store as it was before, what each work leaves undisturbed, and all the points that it reached."""

    postgres: EmbeddedPostgres
    smithy: Forge
    slack: Receiver
    works: dict[str, Work]
    before: str
    after: dict[str, str]
    points: dict[str, list[str]]
    told: dict[str, int]


def watching(place: dict[str, Any]) -> MonitorSpec:
    made = monitor(segments=("carrier",), windows=(Span(3),), metrics=("recall", "mean_score"))
    maturity = replace(made.maturity, horizons=(Horizon(1), Horizon(2)))
    spec = at(watched(replace(made, maturity=maturity), FIRST, 2), place)
    detectors = tuple(replace(each, at=min(each.at, Horizon(2))) for each in spec.detectors[:3])
    notify = (Slack("slack_ml", "#one"), Slack("slack_ml", "#two"))
    return replace(spec, detectors=detectors, notify=notify, basis="one")


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Five days run before, and then two works: live runs of three days, and the repair of an edit."""
    folder = tmp_path_factory.mktemp("kills")
    url = postgres.ensure_database(SEED)
    with slack_like() as slack:
        with bench_on(url, folder) as bench:
            spec = watching(written(odd_logs(71, FIRST, 6), "table", folder, url))
            bench.run(spec, SEEDED.start, SEEDED.end)
            before = bench.dump()
        edited = replace(
            spec,
            basis="two",
            segments=("origin",),
            metrics=("recall", "brier"),
            detectors=(replace(spec.detectors[0], relative=-0.05), spec.detectors[2]),
        )
        works = {
            "run": Work(spec, url, folder, slack.address, RUN),
            "stale": Work(edited, url, folder, slack.address),
        }
        after, points, told = {}, {}, {}
        for name, work in works.items():
            with copied(postgres, SEED) as copy:
                points[name] = reached(work.on(copy))
                after[name] = dump_of(copy)
                told[name] = len(slack.accepted)
                slack.accepted.clear()
        with copied(postgres, SEED) as copy, forge(works["run"].on(copy)) as smithy:
            yield World(postgres, smithy, slack, works, before, after, points, told)
    postgres.drop_database(SEED)


def occurrences(world: World, name: str, point: str) -> list[int]:
    """At which of the times that a point is reached to die: the first, the last, in the store also midway."""
    times = world.points[name].count(point)
    if name == "stale" and not point.startswith(("run_stale", "store")):
        return []  # it is one transaction, and passes the points of the others within it
    midway = {(times + 1) // 2} if point.startswith("store.") else set()
    return sorted({1, times} | midway) if times else []


def test_the_registry_names_the_points_of_the_code_and_no_others() -> None:
    named: Counter[str] = Counter()
    for path in INCLUDE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.reach":
                (point,) = node.args
                assert isinstance(point, ast.Constant), f"{path}:{node.lineno}: the name is not written out"
                named[point.value] += 1
    assert set(named) == {*faults.POINTS, *faults.DELIVERY, *faults.UPKEEP, *faults.ANNOUNCING}
    assert all(times == 1 for times in named.values()), "a name stands for one place"


def test_the_works_change_something_and_reach_every_point(world: World) -> None:
    assert {point for points in world.points.values() for point in points} == set(faults.POINTS)
    assert world.told["run"] >= 2
    assert world.told["stale"] == 0
    for dump in world.after.values():
        assert '"BREACH"' in dump
        assert len(partitions(dump)) > 60
        assert dump != world.before


def whole(seen: Partitions, before: Partitions, after: Partitions) -> None:
    """Raise unless all that a reader sees is nothing, all of the old or all of the new."""
    for key, lines in seen.items():
        assert lines in (before.get(key), after.get(key)), f"{key} is neither as before nor as after"
    states = {key[1:]: json.loads(lines[0]) for key, lines in seen.items() if key[0] == "window_state"}
    for place, state in states.items():
        rows = [json.loads(line) for line in seen.get(("statistic", *place), ())]
        said = "\n".join(f"{row[1]}\t{row[2]}\t{row[-1]}" for row in rows)
        assert hashlib.sha256(said.encode()).hexdigest()[:16] in state, place
    last_days = {(state[2], state[3]) for state in states.values()}
    for key, lines in seen.items():
        if key[0] == "snapshot":
            row = json.loads(lines[0])
            assert (row[5], row[7]) in last_days, key


@pytest.mark.parametrize("name", ["run", "stale"])
def test_at_no_point_does_a_reader_see_part_of_a_day(world: World, name: str) -> None:
    before, after = partitions(world.before), partitions(world.after[name])
    seen = set()
    with copied(world.postgres, SEED) as url:

        def look(point: str) -> None:
            dump = dump_of(url)
            if dump not in seen:
                seen.add(dump)
                whole(partitions(dump), before, after)

        reached(world.works[name].on(url), look)
        assert dump_of(url) == world.after[name]
    if name == "run":
        assert len(seen) >= 4, "each task's commit is seen"
    else:
        assert seen <= {world.before, world.after[name]}, "the repair is seen whole or not at all"


@pytest.mark.parametrize("point", faults.POINTS)
def test_killed_at_a_point_and_run_again_it_leaves_the_same(world: World, point: str) -> None:
    killed = 0
    for name, work in world.works.items():
        before, after = partitions(world.before), partitions(world.after[name])
        for occurrence in occurrences(world, name, point):
            with copied(world.postgres, SEED) as url:
                world.slack.accepted.clear()
                assert world.smithy.started(work.on(url), point, occurrence).ended() == -signal.SIGKILL
                whole(partitions(dump_of(url)), before, after)
                lease_run_out(url)
                assert world.smithy.started(work.on(url)).ended() == 0
                assert dump_of(url) == world.after[name]
                assert_told_once(world, name, url, again=point in {"notify.sent", "notify.recording"})
            killed += 1
    assert killed, "no work reaches this point"


def assert_told_once(world: World, name: str, url: str, *, again: bool) -> None:
    """Everything was sent, and once; a kill between sending and recording may send one message again."""
    store = Store(url)
    with store.transaction() as connection:
        rows = store.notifications(connection, "odd")
    store.dispose()
    assert {row.state for row in rows} <= {Delivery.SENT, Delivery.MERGED, Delivery.SUPPRESSED}
    assert world.told[name] <= len(world.slack.accepted) <= world.told[name] + again


@pytest.mark.parametrize(
    "point", ["", "join_ground_truth.replaced", "compute_snapshots.replaced", "notify.sent"]
)
def test_two_runs_of_the_same_days_at_once_leave_what_one_leaves(world: World, point: str) -> None:
    """Also when one of them is killed midway."""
    work, before, after = world.works["run"], partitions(world.before), partitions(world.after["run"])
    with copied(world.postgres, SEED) as url:
        world.slack.accepted.clear()
        both = world.smithy.started(work.on(url), point), world.smithy.started(work.on(url))
        codes = [process.ended() for process in both]
        whole(partitions(dump_of(url)), before, after)
        # One that finds a message under way with the other says so, and ends with an error.
        assert set(codes) <= {0, 1, -signal.SIGKILL}
        assert point or -signal.SIGKILL not in codes
        lease_run_out(url)
        assert world.smithy.started(work.on(url)).ended() == 0
        assert dump_of(url) == world.after["run"]
        assert_told_once(world, "run", url, again=point == "notify.sent")
