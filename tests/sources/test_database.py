"""Tables and queries behind a connection, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hindsight.domain.spec import Location
from hindsight.embedded import EmbeddedPostgres
from hindsight.errors import SourceError
from hindsight.sources import DatabaseSource
from hindsight.sources.base import Kind

SECRET = "s3cr3t-p4ss"
TABLE = """
create schema serving;
create table serving.predictions (
    id text, at timestamptz, wall timestamp, p double precision, n numeric, ok boolean, day date,
    "Odd ""name"" 100%" text
);
insert into serving.predictions values
    ('a', '2024-03-01 12:30:00+00', '2024-03-01 12:30', 0.25, 1, true, '2024-03-01', 'x%y'),
    ('b', '2024-03-01 13:30:00+00', '2024-03-01 13:30', 0.75, 2, false, '2024-03-01', 'z:z');
create function serving.wipe() returns bigint volatile language sql as
    'with gone as (delete from serving.predictions returning 1) select count(*) from gone';
create function serving.wipe_while_planned() returns bigint immutable language plpgsql as
    'begin return serving.wipe(); end';
"""


@pytest.fixture(scope="module")
def serving(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database with a log in it, made once."""
    url = postgres.ensure_database("source_of_rows")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(TABLE.replace(":", r"\:")))
    engine.dispose()
    yield url
    postgres.drop_database("source_of_rows")


def location(**options: Any) -> Location:
    return Location(connection="serving_db", **options)


@pytest.fixture
def source(serving: str) -> Iterator[DatabaseSource]:
    with DatabaseSource(location(), lambda _: sa.make_url(serving), Path()) as source:
        yield source


def read(source: DatabaseSource, **options: Any) -> list[tuple[Any, ...]]:
    rows, _ = source.relation(location(**options), "predictions")
    return sorted(source.fetch(sa.select(*rows.c)))


def test_a_tables_columns_have_their_kinds(source: DatabaseSource) -> None:
    _, kinds = source.relation(location(table="serving.predictions"), "predictions")
    assert {name: kind.name for name, kind in kinds.items()} == {
        "id": "TEXT",
        "at": "INSTANT",
        "wall": "WALL_CLOCK",
        "p": "NUMBER",
        "n": "NUMBER",
        "ok": "BOOLEAN",
        "day": "OTHER",
        'Odd "name" 100%': "TEXT",
    }


def test_a_tables_rows_come_back_whatever_its_columns_are_called(source: DatabaseSource) -> None:
    rows = read(source, table="serving.predictions")
    assert [(row[0], row[-1]) for row in rows] == [("a", "x%y"), ("b", "z:z")]
    assert rows[0][1] == datetime(2024, 3, 1, 12, 30, tzinfo=UTC)
    assert rows[0][1].utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    "query, found",
    [
        ("select id from serving.predictions where wall::time > '13:00'", [("b",)]),
        ("select p::text as shown from serving.predictions where id = 'a'", [("0.25",)]),
        ('select id from serving.predictions where "Odd ""name"" 100%" like \'x%y\'', [("a",)]),
        ('select id from serving.predictions where "Odd ""name"" 100%" like \'%:z\'', [("b",)]),
        ("select '12:30' as t, ':x' as u, '%(x)s' as v, '%s' as w", [("12:30", ":x", "%(x)s", "%s")]),
        (r"select '\:x' as t, E'a\\b' as u", [(r"\:x", r"a\b")]),
        ("select (array[1, 2, 3])[1:2] as t", [([1, 2],)]),
        ("select id from serving.predictions where p < 0.5;", [("a",)]),
        ("  select id from serving.predictions where p < 0.5 ;\n", [("a",)]),
        ("select id from serving.predictions where p < 0.5 -- the small ones", [("a",)]),
        ("with small as (select * from serving.predictions where p < 0.5) select id from small", [("a",)]),
        ('select id as "I\'d: %" from serving.predictions where p < 0.5', [("a",)]),
    ],
)
def test_a_query_is_run_as_it_is_written(
    source: DatabaseSource, query: str, found: list[tuple[Any, ...]]
) -> None:
    assert read(source, query=query) == found


def test_a_querys_columns_have_their_kinds(source: DatabaseSource) -> None:
    query = "select id, at, '12:30'::time as t, p from serving.predictions"
    _, kinds = source.relation(location(query=query), "predictions")
    assert kinds == {"id": Kind.TEXT, "at": Kind.INSTANT, "t": Kind.OTHER, "p": Kind.NUMBER}


def count(url: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("select count(*) from serving.predictions").scalar_one()
    engine.dispose()
    return int(found)


@pytest.mark.parametrize(
    "query",
    [
        "delete from serving.predictions returning *",
        "with gone as (delete from serving.predictions returning *) select * from gone",
        "select 1 as x) as y; delete from serving.predictions; select * from (select 1 as x",
        "select 1 as x) as y; commit; delete from serving.predictions; select * from (select 1 as x",
        "select lo_create(0) as x",
        "select serving.wipe() as x",
        "select set_config('transaction_read_only', 'off', false) as x, serving.wipe() as y",
    ],
)
def test_a_query_cannot_write(source: DatabaseSource, serving: str, query: str) -> None:
    with pytest.raises(SourceError, match="connection 'serving_db'"):
        read(source, query=query)
    assert count(serving) == 2


def test_not_even_the_look_at_its_columns_can_write(source: DatabaseSource, serving: str) -> None:
    # What is immutable is evaluated while the query is planned, though no row of it is asked for.
    sly = location(query="select serving.wipe_while_planned() as x")
    with pytest.raises(SourceError, match="cannot execute SELECT in a read-only transaction"):
        source.relation(sly, "predictions")
    assert count(serving) == 2


@pytest.mark.parametrize(
    "options, said",
    [
        (
            {"table": "serving.gone"},
            (
                "Table 'serving.gone' on connection 'serving_db' cannot be read: "
                'relation "serving.gone" does not exist'
            ),
        ),
        (
            {"query": "select * from gone"},
            "The query on connection 'serving_db' cannot be read: relation \"gone\" does not exist",
        ),
        (
            {"query": "select from where"},
            "The query on connection 'serving_db' cannot be read: syntax error at or near \"where\"",
        ),
    ],
)
def test_what_is_not_there_is_named(source: DatabaseSource, options: dict[str, str], said: str) -> None:
    with pytest.raises(SourceError) as caught:
        source.relation(location(**options), "predictions")
    assert str(caught.value) == said


def test_a_failing_statement_is_told_in_one_line_without_its_parameters(source: DatabaseSource) -> None:
    rows, _ = source.relation(location(table="serving.predictions"), "predictions")
    broken = sa.select(sa.cast(rows.c.id, sa.Integer)).where(rows.c.id != SECRET)
    with pytest.raises(SourceError) as caught:
        source.fetch(broken)
    assert str(caught.value) == (
        "The query on connection 'serving_db' failed: invalid input syntax for type integer: \"a\""
    )


@pytest.mark.parametrize("ask", ["relation", "fetch"])
@pytest.mark.parametrize("password", [SECRET, "with @ and / in it"])
def test_no_password_is_told_when_the_server_cannot_be_reached(serving: str, ask: str, password: str) -> None:
    url = sa.make_url(serving).set(username="nobody", password=password, database="nowhere")
    asked = {
        "relation": lambda source: source.relation(location(table="serving.predictions"), "predictions"),
        "fetch": lambda source: source.fetch(sa.select(sa.literal(1))),
    }
    with DatabaseSource(location(), lambda _: url, Path()) as source, pytest.raises(SourceError) as caught:
        asked[ask](source)
    assert "'serving_db'" in str(caught.value)
    assert password not in f"{caught.value!r} {caught.value.__cause__}"


def test_a_closed_source_leaves_no_connection_behind(serving: str, postgres: EmbeddedPostgres) -> None:
    with DatabaseSource(location(), lambda _: sa.make_url(serving), Path()) as source:
        read(source, table="serving.predictions")
    engine = sa.create_engine(serving)
    with engine.connect() as connection:
        others = connection.exec_driver_sql(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ).scalar_one()
    engine.dispose()
    assert others == 0
