"""The statement's pieces, evaluated by DuckDB, against plain Python; the whole of it under hostile names."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hindsight.domain.bins import BINS, SIGNED_BINS, SIZE_EDGES, SIZES, TAIL_EDGES
from hindsight.domain.spec import (
    GroundTruth,
    LabelColumns,
    Location,
    MaturityRule,
    MonitorSpec,
    PredictionColumns,
    PredictionLog,
    Reference,
)
from hindsight.domain.values import ALL, Horizon, OnConflict, Task
from hindsight.errors import SourceError
from hindsight.sources import feed, segments
from hindsight.sources.base import Kind
from hindsight.sources.engines import DUCKDB
from hindsight.sources.expressions import (
    LARGEST,
    TINY,
    bin_of,
    constant,
    decide,
    fixed,
    signed_bin,
    size_bin,
    summands,
)
from hindsight.sources.files import DIALECT
from hindsight.sources.relation import Relation
from hindsight.sources.statement import Statement
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import LIMB, Term
from hindsight.statistics.lines import Key, payloads, read
from hindsight.windows import Calendar
from samples import bin_of as bisected
from samples import signed_bin as signed_by_bisection

FIRST = date(2024, 3, 1)
START = datetime(2024, 3, 1, tzinfo=UTC)
GIVEN = sa.table("given", sa.column("x"))
X: sa.ColumnElement[Any] = sa.column("x")


def answered(select: sa.Select[Any], **tables: pd.DataFrame) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names and rows of a statement's answer, by DuckDB over these tables."""
    compiled = select.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        for name, frame in tables.items():
            connection.register(name, frame)
        bound = [compiled.params[name] for name in compiled.positiontup or ()]
        found = connection.execute(str(compiled), bound)
        return [column[0] for column in found.description or ()], found.fetchall()


def evaluated(expression: sa.ColumnElement[Any], values: pd.Series[Any]) -> list[Any]:
    """An expression of the column `x` over values."""
    select = sa.select(expression).select_from(GIVEN).order_by(sa.literal_column("n"))
    _, rows = answered(select, given=pd.DataFrame({"x": values, "n": range(len(values))}))
    return [row[0] for row in rows]


def test_a_value_falls_between_the_edges_that_bisection_finds() -> None:
    rng = np.random.default_rng(1)
    for size in (1, 2, 3, 8, 49):
        edges = sorted(rng.normal(size=size).tolist())
        values = np.concatenate([rng.normal(size=300), edges])
        tree = decide(X, edges, [constant(i) for i in range(size + 1)], constant)
        assert evaluated(tree, pd.Series(values)) == [bisect_right(edges, v) for v in values]


EDGES = [0.0, 1.0, 1e-8, 0.01, 0.99, 1 - 1e-9, 1 - 1e-8, 0.5, 0.29, 0.57, 0.58, 5e-324, 1e-300]
NEIGHBOURS = [
    float(np.clip(np.nextafter(edge, toward), 0, 1))
    for edge in (*EDGES, *TAIL_EDGES, *(i / 100 for i in range(101)))
    for toward in (-1, 2)
]


def test_bins_are_those_that_bisection_finds_at_every_edge_and_in_between() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate(
        [
            EDGES,
            NEIGHBOURS,
            TAIL_EDGES,
            1 - np.array(TAIL_EDGES),
            np.arange(101) / 100,
            rng.random(3000),
            10 ** (-12 * rng.random(3000)),
            1 - 10 ** (-12 * rng.random(3000)),
        ]
    )
    assert evaluated(bin_of(X), pd.Series(scores)) == [bisected(score) for score in scores.tolist()]


def test_bins_never_fall_and_all_are_in_use() -> None:
    tail = np.array([1e-9, *TAIL_EDGES, 0.01])
    within = np.sqrt(tail[:-1] * tail[1:])
    scores = np.sort(np.concatenate([np.linspace(0, 1, 4001), tail, 1 - tail, within, 1 - within]))
    bins = evaluated(bin_of(X), pd.Series(scores))
    assert bins == sorted(bins)
    assert (bins[0], bins[-1]) == (0, BINS - 1)
    assert set(bins) == set(range(BINS))


def test_fraud_scores_that_differ_by_a_third_fall_in_different_bins() -> None:
    assert len(set(evaluated(bin_of(X), pd.Series([2e-4, 3e-4, 4e-4, 3e-5])))) == 4


SIZED = [0.0, 1e-300, 5e-324, 1e-9, 1e300, *SIZE_EDGES]
NUMBERS = np.array([0.0, *SIZED, *np.nextafter(SIZED, 0.0), *np.nextafter(SIZED, np.inf)])


def test_sizes_fall_where_bisection_finds_them() -> None:
    found = evaluated(size_bin(X), pd.Series(NUMBERS))
    assert found == [bisect_right(SIZE_EDGES, size) for size in NUMBERS.tolist()]
    assert (min(found), max(found)) == (0, SIZES + 1)


def test_signed_numbers_fall_where_bisection_finds_them_and_nothing_falls_nowhere() -> None:
    values = np.concatenate([NUMBERS, -NUMBERS])
    found = evaluated(signed_bin(X), pd.Series(values))
    assert found == [signed_by_bisection(value) for value in values.tolist()]
    assert (min(found), max(found)) == (0, SIGNED_BINS - 1)
    by_value = [place for _, place in sorted(zip(values.tolist(), found, strict=True))]
    assert by_value == sorted(by_value)
    assert evaluated(signed_bin(X), pd.Series([None, 1.0], dtype="float64"))[0] is None


def test_a_term_is_rounded_to_billionths_half_up() -> None:
    values = [0.0, 1.0, 0.1, 1e-9, 4e-10, 5e-10, -0.1, -1.0, 123456.789]
    expected = [math.floor(v * 1e9 + 0.5) for v in values]
    assert evaluated(fixed(X), pd.Series(values)) == expected
    (narrow,) = summands(Term("narrow"), X)
    assert evaluated(narrow, pd.Series(values)) == expected


def test_a_wide_term_is_exact_in_two_parts_beyond_what_64_bits_hold() -> None:
    rng = np.random.default_rng(4)
    most = (2 * LARGEST) ** 2
    values = np.concatenate(
        [[0.0, 1.0, -1.0, most, -most, 5e-10], rng.normal(size=300) * 10 ** rng.uniform(-9, 12, 300)]
    )
    assert most * 1e9 > 2**63
    high, low = (evaluated(part, pd.Series(values)) for part in summands(Term("wide", wide=True), X))
    assert [h * LIMB + s for h, s in zip(high, low, strict=True)] == [
        math.floor(v * 1e9 + 0.5) for v in values.tolist()
    ]
    assert all(0 <= part < LIMB for part in low)
    # A million rows of the largest values stay inside 64 bits, part by part.
    assert max(map(abs, high)) * 1_000_000 < 2**62


def relation(kind: Kind, timezone: str = "UTC") -> Relation:
    return Relation(Location(files="log.parquet", timezone=timezone), GIVEN, {"x": kind}, DUCKDB)


def test_only_one_and_zero_are_decisions() -> None:
    numbers = relation(Kind.NUMBER).decision("x", "actual")
    assert evaluated(numbers, pd.Series([1, 0, 2, -1, 0.5, None])) == [1, 0, None, None, None, None]
    flags = pd.Series([True, False, None], dtype="boolean")
    assert evaluated(relation(Kind.BOOLEAN).decision("x", "actual"), flags) == [1, 0, None]


INFINITY, NAN = float("inf"), float("nan")


def test_a_share_lies_in_0_and_1_and_its_square_in_what_a_float_holds() -> None:
    values = [0.0, 1.0, 0.25, -0.0, TINY, TINY / 2, -1e-9, 1.0000001, INFINITY, -INFINITY, NAN, None]
    found = evaluated(relation(Kind.NUMBER).share("x", "score"), pd.Series(values, dtype="float64"))
    assert found == [0.0, 1.0, 0.25, 0.0, TINY, 0.0, None, None, None, None, None, None]


def test_a_measure_is_finite_and_in_units() -> None:
    most = LARGEST * 10
    values = [10.0, -10.0, most, -most, most + 0.001, 1e308, INFINITY, -INFINITY, NAN, None]
    column = relation(Kind.NUMBER).measure("x", "actual", 10.0)
    found = evaluated(column, pd.Series(values, dtype="float64"))
    assert found == [1.0, -1.0, LARGEST, -LARGEST, None, None, None, None, None, None]


def test_a_wall_clock_is_read_in_the_locations_zone() -> None:
    column = relation(Kind.WALL_CLOCK, "America/New_York").time("x", "time")
    noon = pd.Series(pd.to_datetime(["2024-01-15 12:00", "2024-07-15 12:00"])).astype("datetime64[us]")
    assert [moment.astimezone(UTC).hour for moment in evaluated(column, noon)] == [17, 16]


def test_an_index_may_serve_a_wall_clock_by_a_range_a_day_wider() -> None:
    wide = relation(Kind.WALL_CLOCK, "Asia/Tokyo").during("x", START, START + timedelta(days=1))
    assert sorted(str(value) for value in wide.compile().params.values()) == [
        "2024-02-29 09:00:00",
        "2024-03-03 09:00:00",
    ]
    exact = relation(Kind.INSTANT).during("x", START, START + timedelta(days=1))
    assert sorted(exact.compile().params.values()) == [START, START + timedelta(days=1)]


def test_a_column_that_is_not_there_or_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(SourceError, match=r"log\.parquet has no column 'y' \(actual\); it has x\."):
        relation(Kind.TEXT).column("y", "actual")
    with pytest.raises(
        SourceError,
        match=r"Column 'x' of log\.parquet \(actual\) is text, not boolean or number\.",
    ):
        relation(Kind.TEXT).decision("x", "actual")


HOSTILE = "x' or 1=1; drop table labels; --"
CLASSES = ("it's; --", 'a "class"')
COLUMNS: Mapping[Task, dict[str, Any]] = {
    Task.BINARY: {"score": "sco%re"},
    Task.MULTICLASS: {"scores": dict(zip(CLASSES, ("sco%re", "rest' ; --"), strict=True))},
    Task.RANKING: {"position": "pos(ition", "query": "for?"},
    Task.REGRESSION: {"prediction": "pre:diction", "lower": "low\\er", "upper": "up$1per"},
}
"""A name of every kind that needs quoting."""


def monitor(task: Task = Task.BINARY, **truth: Any) -> MonitorSpec:
    """A monitor whose every name needs quoting, and whose values would be code if they were pasted."""
    log = PredictionLog(
        files="log.parquet",
        where={"Model Name": HOSTILE, 'a"b': 4711.5},
        columns=PredictionColumns(
            id="Request Id", time="select", version='ver"sion', logged="from", landed="in()", **COLUMNS[task]
        ),
    )
    labels = GroundTruth(
        files="labels.parquet",
        where={"Model Name": HOSTILE},
        columns=LabelColumns(
            id="Request Id", actual="group", time="order", landed="land;ed", weight="we/*ight"
        ),
        **truth,
    )
    return MonitorSpec(
        monitor="churn",
        owner="team",
        task=task,
        predictions=log,
        ground_truth=labels,
        reference=Reference(),
        metrics=("recall",),
        segments=("Land ; --", "desk\nof"),
        maturity=MaturityRule((Horizon(1), Horizon(7))),
    )


LOG_KINDS = {
    "Request Id": Kind.TEXT,
    "select": Kind.INSTANT,
    "from": Kind.WALL_CLOCK,
    "in()": Kind.INSTANT,
    "sco%re": Kind.NUMBER,
    "rest' ; --": Kind.NUMBER,
    "pos(ition": Kind.NUMBER,
    "for?": Kind.TEXT,
    "pre:diction": Kind.NUMBER,
    "low\\er": Kind.NUMBER,
    "up$1per": Kind.NUMBER,
    'ver"sion': Kind.TEXT,
    "Model Name": Kind.TEXT,
    'a"b': Kind.NUMBER,
    "Land ; --": Kind.TEXT,
    "desk\nof": Kind.TEXT,
}
LABEL_KINDS = {
    "Request Id": Kind.TEXT,
    "group": Kind.NUMBER,
    "order": Kind.INSTANT,
    "land;ed": Kind.WALL_CLOCK,
    "we/*ight": Kind.NUMBER,
    "Model Name": Kind.TEXT,
}


def related(location: Location, name: str, kinds: Mapping[str, Kind]) -> Relation:
    return Relation(location, sa.table(name, *map(sa.column, kinds)), kinds, DUCKDB)


def statement(spec: MonitorSpec) -> Statement:
    """The statement over tables called `predictions` and `labels`."""
    actual = Kind.TEXT if spec.task is Task.MULTICLASS else Kind.NUMBER
    return Statement(
        spec,
        related(spec.predictions, "predictions", LOG_KINDS),
        related(spec.ground_truth, "labels", LABEL_KINDS | {"group": actual}),
    )


def days(*numbers: int, zone: str = "UTC", horizons: Sequence[int] = (0, 1, 7)) -> Calendar:
    """A calendar that asks for these days, counted from the first."""
    asked = [FIRST + timedelta(days=i) for i in numbers]
    return Calendar.of(asked, map(Horizon, horizons), ZoneInfo(zone))


def selects(spec: MonitorSpec) -> dict[str, sa.Select[Any]]:
    """Every statement there is."""
    made, asked = statement(spec), days(0, 1, 2)
    made.check(asked)
    kept = made.keeping({0: {1: (HOSTILE, "DE"), 2: ()}})
    found = {
        "statistics": made.statistics(asked),
        "kept apart": kept.statistics(asked),
        "volume": feed.volume(made, asked),
        "hashes": feed.hashes(made, asked),
        "repeated": feed.repeated(made, asked),
        "repeated_label": feed.repeated_label(made, asked),
        "watermark": feed.watermark(made, datetime(2024, 4, 1, tzinfo=UTC)),
        "landed": feed.landed(made, days(0), START + timedelta(days=9)),
        "touched": feed.touched(made, asked, START, START + timedelta(days=3)),
        "label_quality": feed.label_quality(made, asked, 1, 1),
        "by_day": segments.by_day(made, asked, 3),
        "together": segments.together(made, asked, 3),
    }
    there = {name: select for name, select in found.items() if select is not None}
    assert there.keys() == found.keys()
    return there


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("policy", list(OnConflict))
def test_values_of_the_file_are_bound_and_names_are_quoted(task: Task, policy: OnConflict) -> None:
    for name, select in selects(monitor(task, on_conflict=policy)).items():
        compiled = select.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        text, values = str(compiled), list(compiled.params.values())
        assert "drop table" not in text, name
        assert "4711" not in text, name
        assert "2024" not in text, name
        assert HOSTILE in values, name
        if name in {"statistics", "label_quality"} and task is Task.MULTICLASS:
            assert set(CLASSES) <= set(values), name
        assert '"Model Name"' in text
        bare = text
        for column in (*LOG_KINDS, *LABEL_KINDS):
            bare = bare.replace('"' + column.replace('"', '""') + '"', "")
        for code in (";", "--", "/*", "it's", "\\"):
            assert code not in bare, name
        if name not in {"watermark", "repeated_label"}:
            assert '"a""b"' in text


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("unique", [True, False])
def test_every_statement_runs_over_columns_whose_names_are_anything(task: Task, unique: bool) -> None:
    times = pd.Series([START, START + timedelta(hours=30)]).astype("datetime64[us, UTC]")
    wall_clocks = times.dt.tz_localize(None)
    log = pd.DataFrame(
        {
            "Request Id": ["a", "b"],
            "select": times,
            "from": wall_clocks,
            "in()": times,
            "sco%re": [0.2, 0.9],
            "rest' ; --": [0.8, 0.1],
            "pos(ition": [1.0, 2.0],
            "for?": ["shoes", None],
            "pre:diction": [1.0, 2.0],
            "low\\er": [0.0, 1.0],
            "up$1per": [3.0, 3.0],
            'ver"sion': ["v1", "v1"],
            "Model Name": [HOSTILE, HOSTILE],
            'a"b': [4711.5, 4711.5],
            "Land ; --": ["DE", None],
            "desk\nof": [HOSTILE, HOSTILE],
        }
    )
    log["for?"] = log["for?"].fillna("socks")
    labels = pd.DataFrame(
        {
            "Request Id": ["a"],
            "group": [CLASSES[0] if task is Task.MULTICLASS else 1.0],
            "order": times[1:].array,
            "land;ed": wall_clocks[1:].array,
            "we/*ight": [3.0],
            "Model Name": [HOSTILE],
        }
    )
    found = {}
    for name, select in selects(monitor(task, unique=unique)).items():
        columns, rows = answered(select, predictions=log, labels=labels)
        found[name] = [dict(zip(columns, row, strict=True)) for row in rows]

    def values(name: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(row.values()) for row in found[name])

    made = found["statistics"]
    assert {row["segment_0"] for row in made} - {None} == {"DE", "(null)"}
    assert {row["segment_1"] for row in made} - {None} == {HOSTILE}
    assert {row["segment_0"] for row in found["kept apart"]} - {None} == {"DE", "(other)"}
    assert values("volume") == [(1, 1), (2, 1)]
    assert len({row["hash"] for row in found["hashes"]}) == 2
    assert found["repeated"] == found["repeated_label"] == []
    assert values("watermark") == [(times[1],)]
    assert values("landed") == [(1, 1)]
    # The prediction of the first day and its label of the second; the other prediction by itself.
    assert values("touched") == [(1, 0), (2, 0)]
    assert values("label_quality") == [(2, "label", 1)]
    assert (0, 1, 1, "DE") in values("by_day")
    assert (1, 0, 1, HOSTILE) in values("together")


def test_ids_of_two_kinds_cannot_be_joined() -> None:
    spec = monitor()
    numbered = related(spec.ground_truth, "labels", LABEL_KINDS | {"Request Id": Kind.NUMBER})
    made = Statement(spec, related(spec.predictions, "predictions", LOG_KINDS), numbered)
    with pytest.raises(
        SourceError,
        match=r"^Column 'Request Id' of log\.parquet is text but .* is number: ids must be of one kind",
    ):
        made.check(days(0))


@pytest.mark.parametrize("role", ["features", "latency_ms", "error", "cluster"])
def test_a_named_feature_must_be_there(role: str) -> None:
    spec = monitor()
    log = spec.predictions
    log = (
        replace(log, features=("gone",))
        if role == "features"
        else replace(log, columns=replace(log.columns, **{role: "gone"}))
    )
    with pytest.raises(SourceError, match=rf"log\.parquet has no column 'gone' \({role}\)"):
        statement(replace(spec, predictions=log)).check(days(0))


@pytest.mark.parametrize("side", ["predictions", "ground_truth"])
def test_a_named_landed_must_be_there(side: str) -> None:
    spec = monitor()
    place = getattr(spec, side)
    place = replace(place, columns=replace(place.columns, landed="gone"))
    with pytest.raises(SourceError, match=r"has no column 'gone' \(landed\)"):
        feed.touched(statement(replace(spec, **{side: place})), days(0), START, START)


@pytest.mark.parametrize("numbers", [(0,), (0, 1, 2), (0, 2), (0, 1, 5, 6, 7, 30), tuple(range(60))])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("kind", [Kind.INSTANT, Kind.WALL_CLOCK])
def test_a_time_falls_in_the_day_that_holds_it_or_in_none(
    numbers: tuple[int, ...], zone: str, kind: Kind
) -> None:
    asked = days(*numbers, zone=zone)  # the clocks of New York change on day 9
    rng = np.random.default_rng(3)
    times = [START + timedelta(seconds=float(s)) for s in rng.uniform(-2e5, 6e6, 500)]
    for edge in {edge for stretch in asked.stretches() for edge in stretch}:
        times += [edge - timedelta(microseconds=1), edge, edge + timedelta(microseconds=1)]
    place = [bisect_right(asked.midnights, time) - 1 for time in times]
    instants = pd.Series(pd.to_datetime(times)).astype("datetime64[us, UTC]")
    local = instants if kind is Kind.INSTANT else instants.dt.tz_localize(None)

    spec = replace(monitor(), segments=())
    spec = replace(spec, predictions=replace(spec.predictions, where={}))
    made = statement(spec)
    made.log = related(spec.predictions, "predictions", LOG_KINDS | {"select": kind})
    assert evaluated(made.day_of(X, asked), instants) == place
    _, rows = answered(feed.volume(made, asked), predictions=pd.DataFrame({"select": local}))
    expected = {day: place.count(day) for day in asked.asked}
    assert dict(rows) == {day: count for day, count in expected.items() if count}


class Facts:
    """Small random logs of any task: few ids, so that predictions of several days share labels."""

    def __init__(self, seed: int, spec: MonitorSpec, length: int) -> None:
        rng = np.random.default_rng(seed)
        rows, task = 6 * length, spec.task

        def moments(count: int, low: float, high: float) -> pd.Series[Any]:
            # Whole quarters of a day: midnights and ties are common.
            quarters = rng.integers(round(4 * low), round(4 * high), count)
            given = [START + timedelta(hours=6 * int(q)) for q in quarters]
            return pd.Series(pd.to_datetime(given)).astype("datetime64[us, UTC]")

        said = moments(rows, 0, length)
        self.log = pd.DataFrame(
            {
                "Request Id": [f"r{i}" for i in rng.integers(0, 2 * length, rows)],
                "select": said,
                "from": said + pd.to_timedelta(rng.choice([0, 0, 0, 1, 30], rows), unit="h"),
                "sco%re": rng.choice([0.2, 0.4, 0.9], rows),
                "rest' ; --": rng.choice([0.2, 0.5], rows),
                "pos(ition": rng.integers(1, 5, rows) * 1.0,
                "for?": [f"q{i}" for i in rng.integers(0, 3, rows)],
                "pre:diction": rng.integers(-2, 3, rows) * 1.0,
                "low\\er": np.full(rows, -2.5),
                "up$1per": np.full(rows, 2.5),
                'ver"sion': rng.choice(["v1", "v2"], rows),
                "Model Name": HOSTILE,
                'a"b': 4711.5,
                "Land ; --": rng.choice(["DE", "FR"], rows),
                "desk\nof": rng.choice(["1", "2"], rows),
            }
        )
        self.log["from"] = self.log["from"].dt.tz_localize(None)
        count = 8 * length
        actual = rng.choice(CLASSES, count) if task is Task.MULTICLASS else rng.integers(0, 2, count) * 1.0
        self.labels = pd.DataFrame(
            {
                "Request Id": [f"r{i}" for i in rng.integers(0, 2 * length, count)],
                "group": actual,
                "order": moments(count, -4, length + 9),
                "we/*ight": rng.choice([1.0, 2.5], count),
                "Model Name": HOSTILE,
            }
        )
        # Of the first prediction there is a label that is too old for it.
        self.labels.loc[0, "Request Id"] = self.log.loc[0, "Request Id"]
        self.labels.loc[0, "order"] = pd.Timestamp(START - timedelta(days=2))
        if spec.ground_truth.unique:
            self.labels = self.labels.drop_duplicates("Request Id")


Found = dict[tuple[int, int, str, str], dict[str, Any]]


def computed(spec: MonitorSpec, facts: Facts, numbers: Sequence[int]) -> tuple[Found, dict[Any, int]]:
    """What is kept of these days, by day, horizon, version and segment; and what is remarked on."""
    made, asked = statement(spec), days(*numbers)
    names, rows = answered(made.statistics(asked), predictions=facts.log, labels=facts.labels)
    columns = {
        name: np.array([row[i] for row in rows], dtype=object if name[:3] in {"ver", "seg"} else np.int64)
        for i, name in enumerate(names)
    }
    lines = read(columns, made.layout, Key.of(spec, made.layout, asked), spec.segments)
    found: Found = {}
    for horizon, of_groups in enumerate(payloads(lines, made.layout, 3, spec.ground_truth.on_conflict)):
        for group, payload in zip(lines.groups, of_groups, strict=True):
            if payload:
                day = (asked.day(group.position) - FIRST).days
                found[day, horizon, group.version, group.segment] = payload
    remarks: dict[Any, int] = {}
    for number, bucket, reason, count in lines.remarks():
        group = lines.groups[number]
        if bucket < 3:
            day = (asked.day(group.position) - FIRST).days
            key = (day, bucket, reason, group.version, group.segment)
            remarks[key] = remarks.get(key, 0) + count
    return found, remarks


@given(
    st.integers(0, 10**6),
    st.sampled_from(list(Task)),
    st.sampled_from(list(OnConflict)),
    st.booleans(),
    st.sampled_from([(0, 1, 2), (0, 1, 0, 0), (0, 0, 1, 1), (0, 1, 1, 0, 1)]),
)
@settings(max_examples=10, deadline=None)
def test_days_computed_together_or_apart_are_the_same(
    seed: int, task: Task, policy: OnConflict, unique: bool, parts: tuple[int, ...]
) -> None:
    spec = monitor(task, on_conflict=policy, unique=unique)
    facts = Facts(seed, spec, len(parts))
    whole = computed(spec, facts, range(len(parts)))
    assert len({day for day, *_ in whole[0]}) > len(parts) // 2, "a draw may leave a day without rows"
    found: Found = {}
    remarks: dict[Any, int] = {}
    for part in sorted(set(parts)):
        mine = computed(spec, facts, [day for day, place in enumerate(parts) if place == part])
        found |= mine[0]
        remarks |= mine[1]
    assert found == whole[0]
    assert remarks == whole[1]


@given(st.integers(0, 10**6), st.sampled_from(list(OnConflict)), st.booleans())
@settings(max_examples=8, deadline=None)
def test_a_label_older_than_the_day_before_its_prediction_is_not_joined(
    seed: int, policy: OnConflict, unique: bool
) -> None:
    """Label by label, in plain Python: what counts of a day that many days later."""
    spec = monitor(Task.BINARY, on_conflict=policy, unique=unique)
    columns = replace(spec.ground_truth.columns, weight=None)
    spec = replace(
        spec,
        predictions=replace(spec.predictions, unique=True),
        ground_truth=replace(spec.ground_truth, columns=columns),
        segments=(),
    )
    facts = Facts(seed, spec, 4)
    facts.log = facts.log.drop_duplicates(["Request Id", 'ver"sion'])
    found, _ = computed(spec, facts, range(4))
    layout = statement(spec).layout
    dropped = 0
    for horizon, age in enumerate((0, 1, 7)):
        expected: dict[tuple[int, str], list[int]] = {}
        for row in facts.log.to_dict("records"):
            day = (row["select"].date() - FIRST).days
            if row["from"].date() > FIRST + timedelta(days=day + age):
                continue
            mine = facts.labels[facts.labels["Request Id"] == row["Request Id"]]
            mine = mine.sort_values(["order", "group"])
            ages = np.array([(time.date() - FIRST).days - day for time in mine["order"]])
            dropped += int((ages < -1).sum())
            told = mine["group"][(ages >= -1) & (ages <= age)].tolist()
            if policy is OnConflict.ERROR and len(set(told)) > 1:
                told = []
            count = expected.setdefault((day, row['ver"sion']), [0, 0, 0])
            count[0] += 1
            if told:
                count[1] += 1
                count[2] += int(told[0 if policy is OnConflict.FIRST else -1])
        for (day, version), counts in expected.items():
            made = layout.parse([found[day, horizon, version, ALL]])
            assert isinstance(made, BinaryStatistics)
            tp, _, fn, _ = made.confusion[0]
            assert [made.predictions[0], made.labelled[0], tp + fn] == counts
        assert len(expected) == len([key for key in found if key[1] == horizon])
    assert dropped > 0
