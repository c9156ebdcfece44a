"""The statement's pieces, evaluated by DuckDB, against plain Python."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from hindsight.domain.bins import BINS, TAIL_EDGES
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
from hindsight.domain.values import Horizon, OnConflict, Task
from hindsight.errors import SourceError
from hindsight.sources.base import Kind
from hindsight.sources.files import DIALECT
from hindsight.sources.statement import (
    LARGEST,
    Relation,
    Statement,
    WindowBounds,
    bin_of,
    constant,
    decide,
    decision,
    fixed,
    measure,
    spans,
    window_of,
)
from samples import bin_of as bisected

START = datetime(2024, 3, 1, tzinfo=UTC)
GIVEN = sa.table("given", sa.column("x"))


def evaluated(expression: sa.ColumnElement[Any], values: pd.Series[Any]) -> list[Any]:
    """An expression of the column `x` over values, by DuckDB."""
    statement = sa.select(expression).select_from(GIVEN).order_by(sa.literal_column("n"))
    compiled = statement.compile(dialect=DIALECT)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", pd.DataFrame({"x": values, "n": range(len(values))}))
        bound = [compiled.params[name] for name in compiled.positiontup or ()]
        return [row[0] for row in connection.execute(str(compiled), bound).fetchall()]


X: sa.ColumnElement[Any] = sa.column("x")


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


def windows(*starts: int) -> list[WindowBounds]:
    """Days by their number."""
    return [
        WindowBounds(
            START + timedelta(days=i), START + timedelta(days=i + 1), (START + timedelta(days=i + 1),)
        )
        for i in starts
    ]


@pytest.mark.parametrize("numbers", [(0,), (0, 1, 2), (0, 2), (0, 1, 5, 6, 7, 30), tuple(range(60))])
def test_a_time_falls_in_the_window_that_holds_it_or_in_none(numbers: tuple[int, ...]) -> None:
    asked = windows(*numbers)
    rng = np.random.default_rng(3)
    times = [START + timedelta(seconds=float(s)) for s in rng.uniform(-1e5, 6e6, 500)]
    for window in asked:
        for edge in (window.start, window.end):
            times += [edge - timedelta(microseconds=1), edge, edge + timedelta(microseconds=1)]
    expected = [
        next((i for i, window in enumerate(asked) if window.start <= time < window.end), None)
        for time in times
    ]
    found = evaluated(window_of(X, asked), pd.Series(pd.to_datetime(times)).astype("datetime64[us, UTC]"))
    assert found == expected


def test_neighbouring_windows_are_asked_for_as_one_span() -> None:
    assert spans(windows(0, 1, 2, 5, 7, 8)) == [
        (START, START + timedelta(days=3)),
        (START + timedelta(days=5), START + timedelta(days=6)),
        (START + timedelta(days=7), START + timedelta(days=9)),
    ]


def test_a_term_is_rounded_to_billionths_half_up() -> None:
    values = [0.0, 1.0, 0.1, 1e-9, 4e-10, 5e-10, -0.1, -1.0, 123456.789]
    expected = [int(np.floor(v * 1e9 + 0.5)) for v in values]
    assert evaluated(fixed(X), pd.Series(values)) == expected
    assert [int(v) for v in evaluated(fixed(X, wide=True), pd.Series(values))] == expected


def relation(kind: Kind, timezone: str = "UTC") -> Relation:
    location = Location(files="log.parquet", timezone=timezone)
    return Relation(location, GIVEN, {"x": kind})


def test_only_one_and_zero_are_decisions() -> None:
    found = evaluated(decision(relation(Kind.NUMBER), "x", "actual"), pd.Series([1, 0, 2, -1, 0.5, None]))
    assert found == [1, 0, None, None, None, None]
    flags = pd.Series([True, False, None], dtype="boolean")
    assert evaluated(decision(relation(Kind.BOOLEAN), "x", "actual"), flags) == [1, 0, None]


def test_a_measure_is_finite_and_in_units() -> None:
    values = [
        10.0,
        -10.0,
        LARGEST * 10,
        LARGEST * 10 + 0.001,
        float("inf"),
        float("-inf"),
        float("nan"),
        None,
    ]
    found = evaluated(measure(relation(Kind.NUMBER), "x", "actual", 10.0), pd.Series(values, dtype="float64"))
    assert found == [1.0, -1.0, LARGEST, None, None, None, None, None]


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
    assert ZoneInfo("Asia/Tokyo").utcoffset(datetime(2024, 3, 1)) == timedelta(hours=9)  # noqa: DTZ001


def test_a_column_that_is_not_there_or_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(SourceError, match=r"log\.parquet has no column 'y' \(actual\); it has x\."):
        relation(Kind.TEXT).column("y", "actual")
    with pytest.raises(
        SourceError,
        match=r"Column 'x' of log\.parquet \(actual\) is text, not boolean or number\.",
    ):
        decision(relation(Kind.TEXT), "x", "actual")


HOSTILE = "x' or 1=1; drop table labels; --"


def monitor(task: Task = Task.BINARY, **truth: Any) -> MonitorSpec:
    """A monitor whose every name needs quoting, and whose values would be code if they were pasted."""
    log = PredictionLog(
        files="log.parquet",
        where={"Model Name": HOSTILE, 'a"b': 4711.5},
        columns=PredictionColumns(
            id="Request Id",
            time="select",
            score="sco%re",
            prediction="pre:diction" if task is Task.REGRESSION else None,
            version='ver"sion',
        ),
    )
    labels = GroundTruth(
        files="labels.parquet",
        where={"Model Name": HOSTILE},
        columns=LabelColumns(id="Request Id", actual="group", time="order"),
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
        segments=("Land ; --",),
        maturity=MaturityRule((Horizon(1), Horizon(7))),
    )


LOG_KINDS = {
    "Request Id": Kind.TEXT,
    "select": Kind.INSTANT,
    "sco%re": Kind.NUMBER,
    "pre:diction": Kind.NUMBER,
    'ver"sion': Kind.TEXT,
    "Model Name": Kind.TEXT,
    'a"b': Kind.NUMBER,
    "Land ; --": Kind.TEXT,
}
LABEL_KINDS = {
    "Request Id": Kind.TEXT,
    "group": Kind.NUMBER,
    "order": Kind.INSTANT,
    "Model Name": Kind.TEXT,
}


def statement(spec: MonitorSpec) -> Statement:
    def made(location: Location, name: str, kinds: dict[str, Kind]) -> Relation:
        return Relation(location, sa.table(name, *map(sa.column, kinds)), kinds)

    return Statement(
        spec,
        made(spec.predictions, "predictions", LOG_KINDS),
        made(spec.ground_truth, "labels", LABEL_KINDS),
        None,
    )


def selects(spec: MonitorSpec) -> dict[str, sa.Select[Any]]:
    """Every statement there is."""
    made = statement(spec)
    made.check()
    asked = windows(0, 1, 2)
    known = [WindowBounds(w.start, w.end, tuple(w.end + timedelta(days=d) for d in (0, 1, 7))) for w in asked]
    return {
        "statistics": made.statistics(known),
        "volume": made.volume(known),
        "repeated": made.repeated(known),
        "watermark": made.watermark(datetime(2013, 4, 1, tzinfo=UTC)),
        "landed": made.landed(known[0], START),
        "label_quality": made.label_quality(known, 1, 1),
    }


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("policy", list(OnConflict))
def test_values_of_the_file_are_bound_and_names_are_quoted(task: Task, policy: OnConflict) -> None:
    for name, select in selects(monitor(task, on_conflict=policy)).items():
        compiled = select.compile(dialect=DIALECT)
        text = str(compiled)
        assert "drop table" not in text, name
        assert "4711" not in text, name
        assert "2024" not in text, name
        assert HOSTILE in compiled.params.values(), name
        assert '"Model Name"' in text
        bare = text.replace('"Land ; --"', "")
        assert ";" not in bare
        assert "--" not in bare
        if name != "watermark":
            assert '"a""b"' in text


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("unique", [True, False])
def test_every_statement_runs_over_columns_whose_names_are_anything(
    task: Task, unique: bool, tmp_path: Path
) -> None:
    times = pd.Series([START, START + timedelta(hours=30)]).astype("datetime64[us, UTC]")
    log = pd.DataFrame(
        {
            "Request Id": ["a", "b"],
            "select": times,
            "sco%re": [0.2, 0.9],
            "pre:diction": [1.0, 2.0],
            'ver"sion': ["v1", "v1"],
            "Model Name": [HOSTILE, HOSTILE],
            'a"b': [4711.5, 4711.5],
            "Land ; --": ["DE", None],
        }
    )
    labels = pd.DataFrame(
        {"Request Id": ["a"], "group": [1.0], "order": times[1:].array, "Model Name": [HOSTILE]}
    )
    found = {}
    for name, select in selects(monitor(task, unique=unique)).items():
        compiled = select.compile(dialect=DIALECT)
        with duckdb.connect(":memory:") as connection:
            connection.register("predictions", log)
            connection.register("labels", labels)
            values = [compiled.params[key] for key in compiled.positiontup or ()]
            found[name] = connection.execute(str(compiled), values).fetchall()
    assert len(found["statistics"]) == 2
    assert {row[1] for row in found["statistics"]} == {"DE", "(null)"}
    assert sorted(found["volume"]) == [(0, 1), (1, 1)]
    assert found["repeated"] == []
    assert found["landed"] == [(1, 0)]


def test_ids_of_two_kinds_cannot_be_joined() -> None:
    made = statement(monitor())
    made.labels = Relation(made.labels.location, made.labels.rows, {**LABEL_KINDS, "Request Id": Kind.NUMBER})
    with pytest.raises(
        SourceError,
        match=r"^Column 'Request Id' of log\.parquet is text but .* is number: ids must be of one kind",
    ):
        made.check()


@pytest.mark.parametrize("role", ["features", "latency_ms"])
def test_a_named_feature_must_be_there(role: str) -> None:
    spec = monitor()
    columns = spec.predictions.columns
    changes: dict[str, Any] = (
        {"features": ("gone",)} if role == "features" else {"columns": _with(columns, latency_ms="gone")}
    )
    made = statement(spec)
    made.spec = _with(spec, predictions=_with(spec.predictions, **changes))
    with pytest.raises(SourceError, match=rf"log\.parquet has no column 'gone' \({role}\)"):
        made.check()


def _with(value: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(value, **changes)


def test_days_of_the_tests_are_days() -> None:
    assert windows(0)[0].start.date() == date(2024, 3, 1)
