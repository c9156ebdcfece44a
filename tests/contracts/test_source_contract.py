"""What every kind of source owes the pipeline, asked of each alike: rows, kinds of columns, and sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hindsight.domain.spec import Location, MonitorSpec
from hindsight.errors import SourceError
from hindsight.sources import SOURCES
from hindsight.sources.base import Kind
from warehouses import in_sqlite, sqlite_url
from worlds import LABEL_TYPES, PREDICTION_TYPES, Bench, Logs, at, label, local, monitor, prediction, written

DAY = date(2013, 3, 12)
KINDS = ("table", "query", "sqlite", "sqlite query", "parquet", "csv", "jsonl")
TYPED = ("table", "query", "sqlite", "sqlite query", "parquet")
"""Kinds whose columns have declared types."""


def test_every_registered_kind_is_under_contract() -> None:
    reached = {
        "connection": {"table", "query", "sqlite", "sqlite query"},
        "files": {"parquet", "csv", "jsonl"},
    }
    assert set(SOURCES) == set(reached)
    assert set.union(*reached.values()) == set(KINDS)


def logs(**types: str) -> Logs:
    rows = [prediction(f"r{i}", DAY, i / 10, hour=i) for i in range(4)]
    return Logs(rows, [label("r0", DAY + timedelta(days=1))], PREDICTION_TYPES | types)


def placed(bench: Bench, kind: str, found: Logs, spec: MonitorSpec | None = None) -> MonitorSpec:
    if kind.startswith("sqlite"):
        file = bench.folder / "logs of sqlite.db"
        place = in_sqlite(found, file)
        bench.url = sqlite_url(file).render_as_string()
    else:
        place = written(found, "table" if kind == "query" else kind, bench.folder, bench.url)
    if kind.endswith("query"):
        # A user's own text: with colons, a percent sign and a comment at its end.
        time = "'06:30'" if kind.startswith("sqlite") else "'06:30'::time"
        query = f"select *, {time} as t, 'a:b %' as note from {{}} -- all of it;"
        place = {
            name: {"connection": "logs", "query": query.format(where["table"])}
            for name, where in place.items()
        }
    return at(spec or monitor(segments=()), place)


def name_of(location: Location) -> str:
    return str(location)


@pytest.mark.parametrize("kind", KINDS)
def test_logs_are_read_and_their_columns_have_kinds(bench: Bench, kind: str) -> None:
    spec = placed(bench, kind, logs())
    source = SOURCES["files" if spec.predictions.files else "connection"]
    with source(spec.predictions, lambda _: sa.make_url(bench.url), bench.folder) as opened:
        relation, kinds = opened.relation(spec.predictions, "predictions")
        rows = opened.fetch(
            sa.select(relation.c.request_id, relation.c.score).order_by(relation.c.request_id)
        )
        counted = opened.fetch(sa.select(sa.func.count()).where(relation.c.predicted_at < local(DAY, 2)))
    assert rows == [(f"r{i}", i / 10) for i in range(4)]
    assert counted == [(2,)]
    assert {name: kinds[name] for name in ("request_id", "predicted_at", "score")} == {
        "request_id": Kind.TEXT,
        "predicted_at": Kind.INSTANT,
        "score": Kind.NUMBER,
    }
    assert bench.run(spec, DAY)["join_ground_truth"]["predictions"] == 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ["id", "time", "score", "version", "logged"])
def test_a_missing_column_of_the_log_is_named_with_what_there_is(bench: Bench, kind: str, role: str) -> None:
    spec = placed(bench, kind, logs())
    columns = replace(spec.predictions.columns, **{role: "scroe"})
    spec = replace(spec, predictions=replace(spec.predictions, columns=columns))
    refused(bench, spec, f"has no column 'scroe' ({role}); it has carrier, logged_at,")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ["id", "actual", "time"])
def test_a_missing_column_of_the_labels_is_named_with_what_there_is(
    bench: Bench, kind: str, role: str
) -> None:
    spec = placed(bench, kind, logs())
    columns = replace(spec.ground_truth.columns, **{role: "labbel"})
    spec = replace(spec, ground_truth=replace(spec.ground_truth, columns=columns))
    refused(bench, spec, f"has no column 'labbel' ({role}); it has actual, label_at,")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change, role",
    [
        (lambda s: replace(s, segments=("orign",)), "segments"),
        (lambda s: replace(s, predictions=replace(s.predictions, where={"orign": "x"})), "where"),
        (lambda s: replace(s, predictions=replace(s.predictions, features=("orign",))), "features"),
    ],
)
def test_a_missing_column_is_named_wherever_it_is_asked_for(
    bench: Bench, kind: str, change: Callable[[MonitorSpec], MonitorSpec], role: str
) -> None:
    refused(bench, change(placed(bench, kind, logs())), f"has no column 'orign' ({role}); it has ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_that_is_text_is_refused(bench: Bench, kind: str) -> None:
    found = logs(score="text")
    rows = [row | {"score": "rather likely"} for row in found.predictions]
    refused(
        bench,
        placed(bench, kind, replace(found, predictions=rows)),
        "Column 'score' of ",
        "(score) is text, not number.",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_that_is_a_number_is_refused(bench: Bench, kind: str) -> None:
    found = logs(predicted_at="bigint")
    rows = [row | {"predicted_at": 1363060800} for row in found.predictions]
    spec = placed(bench, kind, replace(found, predictions=rows))
    refused(
        bench,
        spec,
        "Column 'predicted_at' of ",
        "(time) is number, not timestamp with time zone or timestamp",
    )


@pytest.mark.parametrize("kind", TYPED)
def test_ids_of_two_kinds_are_refused(bench: Bench, kind: str) -> None:
    found = logs(request_id="bigint")
    rows = [row | {"request_id": i} for i, row in enumerate(found.predictions)]
    spec = placed(bench, kind, replace(found, predictions=rows))
    refused(
        bench,
        spec,
        "Column 'request_id' of ",
        "is number but 'request_id' of ",
        "is text: ids must be of one kind",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_is_not_there_is_named(bench: Bench, kind: str) -> None:
    spec = placed(bench, kind, logs())
    log = spec.predictions
    if kind == "table":
        spec, sentence = (
            replace(spec, predictions=replace(log, table="nowhere.predictions")),
            "nowhere.predictions",
        )
    elif kind == "sqlite":
        spec, sentence = replace(spec, predictions=replace(log, table="gone")), "Table 'gone' on connection"
    elif kind.endswith("query"):
        spec, sentence = replace(spec, predictions=replace(log, query="select 1 from nowhere")), "nowhere"
    else:
        files = f"landing/{kind}/*.{kind}"
        spec, sentence = (
            replace(spec, predictions=replace(log, files=files)),
            f"No file matches '{files}' (looked below",
        )
    refused(bench, spec, sentence)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_files_of_a_glob_are_one_log_and_relative_ones_start_from_the_root(bench: Bench, kind: str) -> None:
    spec = placed(bench, kind, logs())
    parts = []
    for number in range(3):
        folder = bench.folder / kind / f"part{number}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [prediction(f"p{number}-{i}", DAY) for i in range(2)]
        parts.append(written(Logs(rows, [label("r0", DAY)]), kind, folder)["predictions"]["files"])
    spec = replace(spec, predictions=replace(spec.predictions, files=f"{kind}/*/predictions.{kind}"))
    assert bench.run(spec, DAY)["join_ground_truth"]["predictions"] == 6


@pytest.mark.parametrize("kind", ["table", "sqlite"])
@pytest.mark.parametrize("change", ["insert into {0} select * from {0}", "delete from {0}"])
def test_a_query_cannot_write(bench: Bench, kind: str, change: str) -> None:
    spec = placed(bench, kind, logs())
    table = spec.predictions.table
    query = change.format(table) + " returning *"
    with pytest.raises(SourceError):
        bench.run(replace(spec, predictions=replace(spec.predictions, table=None, query=query)), DAY)
    engine = sa.create_engine(bench.url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"select count(*) from {table}").scalar() == 4
    engine.dispose()


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_may_be_the_id_on_both_sides(bench: Bench, kind: str) -> None:
    rows: list[dict[str, Any]] = [prediction(None, DAY) | {"request_id": i} for i in range(3)]
    found = Logs(
        rows,
        [label(None, DAY) | {"request_id": 2}],
        PREDICTION_TYPES | {"request_id": "bigint"},
        LABEL_TYPES | {"request_id": "integer"},
    )
    bench.run(placed(bench, kind, found), DAY)
    with bench.store.transaction() as connection:
        (state,) = [s for s in bench.store.window_states(connection, "odd") if s.horizon.count == 0]
    assert (state.predictions, state.labelled) == (3, 1)


def refused(bench: Bench, spec: MonitorSpec, *parts: str) -> None:
    """Raised by the first task already, and nothing is written."""
    from hindsight.pipeline import extract_predictions
    from hindsight.windows import DayRange

    with pytest.raises(SourceError) as caught:
        extract_predictions(spec, DayRange(DAY, DAY), bench.runtime())
    for part in parts:
        assert part in str(caught.value)
    assert bench.dump().count("\n") == 5
