"""The schema: made from nothing, once, by whoever comes first, and refused when it is not ours."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hindsight.errors import StoreError
from hindsight.store import Store, migrate
from hindsight.store import rows as codecs
from hindsight.store.tables import SCHEMA, VIEWS, cut, metadata

CODECS = [value for value in vars(codecs).values() if isinstance(value, codecs.Codec)]
OUTBOX_ONLY = {"id", "created_at", "updated_at", "sent_at", "lease_until"}


EVER = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def test_upgrade_makes_every_table_from_nothing(own_store: Store, engine: sa.Engine) -> None:
    names = set(sa.inspect(engine).get_table_names(schema=SCHEMA))
    assert names == {table.name for table in metadata.sorted_tables} | {"alembic_version"}
    own_store.require_current()


def test_a_second_upgrade_changes_nothing(own_store: Store, engine: sa.Engine) -> None:
    before = _catalog(engine)
    own_store.upgrade()
    assert _catalog(engine) == before


def test_two_processes_may_upgrade_at_once(database: str, engine: sa.Engine) -> None:
    upgrade = "import sys; from hindsight.store import Store; Store(sys.argv[1]).upgrade()"
    both = [subprocess.Popen([sys.executable, "-c", upgrade, database]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert sa.inspect(engine).has_table("snapshot", schema=SCHEMA)


def test_the_migrated_schema_is_what_the_code_believes(own_store: Store, engine: sa.Engine) -> None:
    options = {
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
        "version_table_schema": SCHEMA,
        "compare_type": True,
        "compare_server_default": True,
    }
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts=options), metadata) == []


def test_text_is_compared_by_code_point_in_every_column(own_store: Store, engine: sa.Engine) -> None:
    collations = (
        "select collation_name, data_type from information_schema.columns"
        " where table_schema = 'hindsight' and table_name <> 'alembic_version'"
        " and table_name <> 'latest_snapshot' and data_type in ('text', 'ARRAY')"
    )
    with engine.connect() as conn:
        assert {row.collation_name for row in conn.exec_driver_sql(collations)} == {"C"}


def test_primary_keys_are_the_same_on_both_sides(own_store: Store, engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    for table in metadata.sorted_tables:
        found = inspector.get_pk_constraint(table.name, schema=SCHEMA)["constrained_columns"]
        assert found == [column.name for column in table.primary_key.columns], table.name


def test_the_catalog_says_what_each_table_column_and_view_is(own_store: Store, engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    for table in metadata.sorted_tables:
        assert inspector.get_table_comment(table.name, schema=SCHEMA)["text"]
        assert all(column["comment"] for column in inspector.get_columns(table.name, schema=SCHEMA))
    with engine.connect() as conn:
        views = conn.exec_driver_sql("select obj_description('hindsight.latest_snapshot'::regclass)").scalar()
    assert views == VIEWS["latest_snapshot"]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table.name)
def test_a_table_is_its_record_field_for_column(codec: codecs.Codec[object]) -> None:
    names = [field.name for field in fields(codec.record)]  # type: ignore[arg-type]
    more = OUTBOX_ONLY if codec.table.name == "notification" else set()
    assert [column.name for column in codec.table.columns if column.name not in more] == names


def test_every_table_has_a_record() -> None:
    assert {codec.table for codec in CODECS} | {cut} == set(metadata.sorted_tables)


def test_a_database_without_the_schema_is_refused_with_the_cure(database: str) -> None:
    store = Store(database)
    with pytest.raises(
        StoreError,
        match=r"There is no schema 'hindsight' in the database .* yet: run `hindsight store upgrade`",
    ):
        store.require_current()
    store.dispose()


def test_reading_without_the_schema_names_the_cure(database: str) -> None:
    store = Store(database)
    with (
        pytest.raises(StoreError, match=r"is not ours .*: run `hindsight store upgrade`"),
        store.transaction() as conn,
    ):
        store.incidents(conn)
    store.dispose()


def test_an_older_schema_is_refused_with_the_cure(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "_head", lambda _: "9999")
    with pytest.raises(StoreError, match=r"is at revision 0005, but this code needs 9999: run"):
        store.require_current()


def test_statistics_of_an_older_form_are_dropped_and_what_was_told_stays(
    database: str, engine: sa.Engine
) -> None:
    first = metadata.tables["hindsight.statistic"], metadata.tables["hindsight.incident"]
    with engine.begin() as conn:
        migrate.upgrade(conn, "here", "0001")
        conn.execute(
            first[0]
            .insert()
            .values(
                monitor="m",
                version="v1",
                segment="ALL",
                window_start="2013-03-01T05:00Z",
                window_end="2013-03-02T05:00Z",
                horizon="0d",
                as_of="2013-03-02T05:00Z",
                payload='{"moments":[]}',
            )
        )
        conn.execute(
            first[1]
            .insert()
            .values(
                id="i",
                monitor="m",
                incident_class="performance",
                severity="warning",
                since="2013-03-01",
                opened_on="2013-03-01",
                last_breach_on="2013-03-01",
                members=[],
                breaching=[],
                headline="recall fell",
            )
        )
    store = Store(database)
    store.upgrade()
    with store.transaction("m") as conn:
        assert store.statistics(conn, "m", *EVER) == []
        assert [incident.id for incident in store.incidents(conn, "m")] == ["i"]
        store.keep_cut(conn, "m", "inputs", "b", EVER[0], "{}")
        store.keep_cut(conn, "m", "inputs", "b", EVER[1], '{"later": 1}')
        assert store.cut(conn, "m", "inputs", "b") == "{}", "the first one stays"
        assert store.cut(conn, "m", "inputs", "other") is None
    store.dispose()


def test_a_newer_schema_is_refused_and_left_alone(own_store: Store, engine: sa.Engine) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("update hindsight.alembic_version set version_num = '9999'")
    before = _catalog(engine)
    for use in (own_store.require_current, own_store.upgrade):
        with pytest.raises(StoreError, match=r"is at revision 9999, which this code does not know"):
            use()
    assert _catalog(engine) == before


def test_an_upgrade_that_fails_leaves_nothing(database: str, engine: sa.Engine) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("create schema hindsight")
        conn.exec_driver_sql("create table hindsight.notification (id int)")
    store = Store(database)
    with pytest.raises(StoreError, match="already exists"):
        store.upgrade()
    store.dispose()
    assert sa.inspect(engine).get_table_names(schema=SCHEMA) == ["notification"]


def _catalog(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as conn:
        tables = (
            "select oid, relname, xmin::text from pg_class where relnamespace = 'hindsight'::regnamespace"
        )
        return sorted(map(tuple, conn.exec_driver_sql(tables)))
