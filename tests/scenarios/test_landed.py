"""Logs that say when a row landed: what landed late is found, and nothing else is computed again."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Span
from hindsight.pipeline import join
from hindsight.windows import DayRange, Pair, due
from worlds import ZONE, Bench, Logs, at, local, monitor, odd_logs, written

FIRST, DAYS = date(2013, 3, 5), 6
RUN_DAYS = [FIRST + timedelta(days=i) for i in range(DAYS + 5)]
HORIZONS = (Horizon(1), Horizon(3))


def landing(seed: int = 21) -> Logs:
    """Logs whose rows mostly land when they are known, and some hours or days after that."""
    draw = random.Random(seed)
    logs = odd_logs(seed, FIRST, DAYS)

    def lands(known: datetime) -> datetime:
        return known + timedelta(hours=draw.choice([0, 0, 0, 0, 0, 0, 0, 5, 30, 75]))

    return replace(
        logs,
        predictions=[row | {"landed_at": lands(row["logged_at"])} for row in logs.predictions],
        labels=[row | {"landed_at": lands(row["label_at"])} for row in logs.labels],
        prediction_types=logs.prediction_types | {"landed_at": "timestamptz"},
        label_types=logs.label_types | {"landed_at": "timestamptz"},
    )


def landed_by(logs: Logs, day: date) -> Logs:
    """What had reached the logs when a day ended."""
    end = local(day + timedelta(days=1), 0)
    return replace(
        logs,
        predictions=[row for row in logs.predictions if row["landed_at"] < end],
        labels=[row for row in logs.labels if row["landed_at"] < end],
    )


def watching(*sides: str) -> MonitorSpec:
    """A monitor that knows of these logs when their rows landed."""
    spec = monitor(segments=("carrier",), metrics=("recall", "roc_auc"))
    spec = replace(
        spec,
        windows=(Span(3),),
        maturity=replace(spec.maturity, horizons=HORIZONS),
        detectors=(
            Threshold(metric="recall", min=0.6, window=Span(3), at=Horizon(1)),
            Threshold(metric="volume", min=60, window=Span(1), at=NO_LABELS),
        ),
    )
    for side in sides:
        place = getattr(spec, side)
        columns = replace(place.columns, landed="landed_at")
        spec = replace(spec, **{side: replace(place, columns=columns)})
    return spec


BOTH = ("predictions", "ground_truth")


def local_day(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def touched(logs: Logs, day: date, sides: tuple[str, ...]) -> set[Pair]:
    """The pairs that rows landing on this day have changed: those judged after what they say was known."""
    ages = [NO_LABELS, *HORIZONS]
    found = set()
    if "predictions" in sides:
        for row in logs.predictions:
            said, known = local_day(row["predicted_at"]), local_day(row["logged_at"])
            if local_day(row["landed_at"]) == day:
                found |= {Pair(h, said) for h in ages if known <= said + timedelta(days=h.count)}
    if "ground_truth" in sides:
        days: dict[str, set[date]] = {}
        for row in logs.predictions:
            if row["landed_at"] < local(day + timedelta(days=1), 0):
                days.setdefault(row["request_id"], set()).add(local_day(row["predicted_at"]))
        for row in logs.labels:
            learnt = local_day(row["label_at"])
            if local_day(row["landed_at"]) == day:
                found |= {
                    Pair(h, said)
                    for said in days.get(row["request_id"], ())
                    for h in ages
                    if -1 <= (learnt - said).days <= h.count
                }
    return found


def states(bench: Bench) -> dict[Pair, WindowState]:
    with bench.store.transaction() as connection:
        found = bench.store.window_states(connection, "odd")
    return {Pair(state.horizon, local_day(state.window_start)): state for state in found}


def part(dump: str, *tables: str) -> list[str]:
    """The parts of a dump that hold these tables."""
    return [dump.partition(f"# {table}:")[2].partition("\n# ")[0] for table in tables]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[Pair]]:
    """The pairs that each run computes."""
    found: list[set[Pair]] = []
    real = join.compute

    def noting(spec: MonitorSpec, pairs: list[Pair], *rest: object) -> object:
        found.append(set(pairs))
        return real(spec, pairs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(join, "compute", noting)
    return found


@pytest.mark.parametrize("sides", [BOTH, BOTH[:1], BOTH[1:]])
def test_a_run_computes_again_exactly_what_landed_on_its_day_has_changed(
    bench: Bench, asked: list[set[Pair]], sides: tuple[str, ...]
) -> None:
    logs, spec = landing(), watching(*sides)
    changed: set[Pair] = set()
    again = 0
    for day in RUN_DAYS:
        before = states(bench)
        bench.run(at(spec, written(landed_by(logs, day), "parquet", bench.folder)), day)
        expected = touched(logs, day, sides) & set(before)
        new = set(due(DayRange(day, day), spec.horizons))
        assert asked[-1] == new | expected, day
        assert not new & set(before)
        again += len(expected)
        after = states(bench)
        differing = {pair for pair, state in before.items() if after[pair].digest != state.digest}
        assert differing <= expected
        changed |= differing
        assert {pair for pair, state in after.items() if state.late_landed} == changed
    assert len(changed) > 5
    assert again < 0.7 * len(RUN_DAYS) * len(states(bench))


@pytest.mark.parametrize("seed", [21, 22])
def test_in_the_end_all_is_as_if_it_had_landed_in_time(bench: Bench, seed: int) -> None:
    logs, spec = landing(seed), watching(*BOTH)
    for day in RUN_DAYS:
        bench.run(at(spec, written(landed_by(logs, day), "parquet", bench.folder)), day)
    live = bench.dump()
    spec = at(spec, written(landed_by(logs, RUN_DAYS[-1]), "parquet", bench.folder))
    for day in (RUN_DAYS[4], RUN_DAYS[-1], RUN_DAYS[2]):
        bench.run(spec, day)
        assert part(bench.dump(), "statistic", "snapshot") == part(live, "statistic", "snapshot")
    bench.clear()
    bench.run(spec, RUN_DAYS[0], RUN_DAYS[-1])
    tables = ("statistic", "snapshot", "detection")
    assert part(bench.dump(), *tables) == part(live, *tables)
    assert all(len(each.splitlines()) > 10 for each in part(live, *tables))


def test_any_order_of_days_leaves_the_same_bytes(bench: Bench) -> None:
    spec = at(watching(*BOTH), written(landing(), "table", bench.folder, bench.url))
    bench.run(spec, RUN_DAYS[0], RUN_DAYS[-1])
    whole = bench.dump()
    assert part(whole, "detection") != [""]
    for days in (RUN_DAYS[::-1], random.Random(5).sample(RUN_DAYS, len(RUN_DAYS))):
        bench.clear()
        for day in days:
            bench.run(spec, day)
        assert bench.dump() == whole


def test_without_such_columns_nothing_is_looked_for(bench: Bench, asked: list[set[Pair]]) -> None:
    logs, spec = landing(), watching()
    for day in RUN_DAYS[:6]:
        bench.run(at(spec, written(landed_by(logs, day), "parquet", bench.folder)), day)
        assert asked[-1] == set(due(DayRange(day, day), spec.horizons))
    assert not any(state.late_landed for state in states(bench).values())
