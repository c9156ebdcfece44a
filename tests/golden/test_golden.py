"""The statement as each engine is told it, held against files: a change of it is seen before it is shipped.

Only the engines whose SQLAlchemy dialect is installed are rendered: PostgreSQL, DuckDB and SQLite always, the
others by `make test-warehouses`.  `REWRITE_GOLDEN=1` writes the files anew; read the difference then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

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
from hindsight.domain.values import Horizon, Task
from hindsight.sources.base import Kind
from hindsight.sources.engines import DUCKDB, Engine, plain_division, taught
from hindsight.sources.files import DIALECT
from hindsight.sources.relation import Relation
from hindsight.sources.statement import Statement
from hindsight.sources.warehouses import WAREHOUSES
from hindsight.windows import Calendar

HERE = Path(__file__).parent
REWRITE = bool(os.environ.get("REWRITE_GOLDEN"))
EVERY = bool(os.environ.get("EVERY_WAREHOUSE"))
"""Whether all dialects must be there."""

KINDS = {
    "predictions": {
        "request_id": Kind.TEXT,
        "predicted_at": Kind.INSTANT,
        "logged_at": Kind.WALL_CLOCK,
        "score": Kind.NUMBER,
        "version": Kind.TEXT,
        "origin": Kind.TEXT,
        "carrier": Kind.TEXT,
    },
    "labels": {"request_id": Kind.TEXT, "actual": Kind.BOOLEAN, "label_at": Kind.INSTANT},
}
SPEC = MonitorSpec(
    monitor="flight_delay",
    owner="ops-ml",
    task=Task.BINARY,
    timezone="America/New_York",
    predictions=PredictionLog(
        connection="warehouse",
        table="serving.predictions",
        where={"carrier": "UA"},
        timezone="America/New_York",
        columns=PredictionColumns(
            id="request_id", time="predicted_at", logged="logged_at", score="score", version="version"
        ),
    ),
    ground_truth=GroundTruth(
        connection="warehouse",
        table="serving.labels",
        columns=LabelColumns(id="request_id", actual="actual", time="label_at"),
    ),
    segments=("origin", "carrier"),
    maturity=MaturityRule(horizons=(Horizon(1), Horizon(7))),
    reference=Reference(),
    metrics=("recall", "roc_auc", "log_loss"),
    hash="one",
)
DAYS = Calendar.of([date(2013, 3, 9), date(2013, 3, 10)], SPEC.horizons, ZoneInfo(SPEC.timezone))


def dialects() -> Iterator[tuple[str, Engine, sa.Dialect]]:
    """Every engine whose dialect is installed."""
    yield "duckdb", DUCKDB, DIALECT
    for name, warehouse in WAREHOUSES.items():
        try:
            dialect = sa.make_url(f"{name}://").get_dialect()
        except sa.exc.NoSuchModuleError:
            continue
        made = dialect(paramstyle=dialect.import_dbapi().paramstyle)
        ready = plain_division(made) if name == "postgresql" else taught(made, warehouse.engine)
        yield name, warehouse.engine, ready


FOUND = {name: (engine, dialect) for name, engine, dialect in dialects()}


def relation(name: str, location: Location, engine: Engine) -> Relation:
    """The rows of a log as a source of this kind would give them, with the columns that it would find."""
    rows: sa.FromClause = sa.table(name, *map(sa.column, KINDS[name]), schema="serving").alias(name)
    kinds: Any = KINDS[name]
    if engine.name == "sqlite":
        held = {column: Kind.TEXT if "_at" in column else kind for column, kind in kinds.items()}
        held |= {"actual": Kind.NUMBER} if name == "labels" else {}
        rows, kinds = WAREHOUSES["sqlite"]().shaped(rows, held, location, name)
    elif engine.name == "clickhouse":
        kinds = {column: Kind.INSTANT if "_at" in column else kind for column, kind in kinds.items()}
    return Relation(location, rows, kinds, engine)


LEAF = r"(?:\d+|bin of (?:1\.0+e\+00 - )?\S+)"
TREE = re.compile(rf"CASE WHEN \(((?:1\.0+e\+00 - )?\S+) < [\d.e+-]+\) THEN {LEAF} ELSE {LEAF} END")
CLAUSE = re.compile(r"(?:CASE|WHEN|ELSE|FROM|WHERE|GROUP BY|UNION ALL|LEFT OUTER JOIN|OVER)\b")


def readable(sql: str) -> str:
    """A statement in short lines, with the trees that find the bin of a number cut down to a word."""
    size = 0
    while size != len(sql):
        size = len(sql)
        sql = TREE.sub(r"bin of \1", sql)
    sql = " ".join(sql.split())
    made, calls, before = [], [], ""
    for i, sign in enumerate(sql):
        if sign == "(":
            calls.append(before.isalnum())
        elif sign == ")":
            calls.pop()
        breaks = (before == "," and not any(calls)) or CLAUSE.match(sql, i + 1)
        made.append("\n" if sign == " " and breaks else sign)
        before = sign
    return "".join(made) + "\n"


def rendered(name: str) -> str:
    engine, dialect = FOUND[name]
    statement = Statement(
        SPEC,
        relation("predictions", SPEC.predictions, engine),
        relation("labels", SPEC.ground_truth, engine),
    )
    compiled = statement.statistics(DAYS).compile(
        dialect=dialect, compile_kwargs={"render_postcompile": True}
    )
    told = [
        f"{key} = {value.isoformat() if hasattr(value, 'isoformat') else value!r}"
        for key, value in compiled.params.items()
    ]
    warehouse = WAREHOUSES.get(name)
    header = [f"The statement of a binary monitor for {name}."]
    if warehouse is not None:
        header += [*warehouse.settings, *(f"{key} = {value}" for key, value in warehouse.options.items())]
    header += told
    return "".join(f"-- {line}\n" for line in header) + readable(str(compiled))


@pytest.mark.parametrize("name", FOUND)
def test_the_statement_of_each_engine_is_the_one_on_file(name: str) -> None:
    file = HERE / f"binary.{name}.sql"
    text = rendered(name)
    if REWRITE:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_file_belongs_to_an_engine() -> None:
    engines = ("duckdb", *WAREHOUSES)
    assert {file.name for file in HERE.glob("*.sql")} == {f"binary.{name}.sql" for name in engines}


def test_the_dialects_that_ought_to_be_installed_are() -> None:
    expected = {"duckdb", *WAREHOUSES} if EVERY else {"duckdb", "postgresql", "sqlite"}
    assert expected <= set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_instants_are_never_left_to_a_driver_but_where_it_binds_them_with_their_zone(name: str) -> None:
    engine, dialect = FOUND[name]
    moment = DAYS.midnights[0]
    compiled = sa.select(sa.literal(moment, sa.DateTime(timezone=True))).compile(dialect=dialect)
    bound = bool(compiled.params)
    assert bound == (name in {"duckdb", "postgresql"})
    literal = engine.literal(replace_zone(moment))
    assert bound or (literal is not None and literal in str(compiled))


def replace_zone(moment: Any) -> Any:
    """The same instant, told in another zone: what is written must not depend on it."""
    return moment.astimezone(ZoneInfo("Asia/Kolkata"))
