"""The schema's history: where a database stands, and bringing it to where this code stands."""

from __future__ import annotations

from threading import Lock

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from hindsight.errors import StoreError
from hindsight.store.locks import take
from hindsight.store.tables import SCHEMA, VIEWS, metadata

_VERSION = sa.table("alembic_version", sa.column("version_num", sa.Text()), schema=SCHEMA)
_ALEMBIC = Lock()  # Alembic keeps the context of the running upgrade in a module


def upgrade(conn: sa.Connection, place: str, target: str | None = None) -> None:
    """Bring the schema to this code's revision, or an older one, within the caller's transaction.

    Two upgrades at once are safe: the second waits, and finds nothing to do.  `place` names the
    database in errors.  A schema newer than the code raises StoreError and stays as it is.
    """
    take(conn, "upgrade")
    config = _config()
    revision = _revision(conn)
    _refuse_newer(revision, config, place)
    if not conn.dialect.has_schema(conn, SCHEMA):  # `if not exists` asks for a right even when it does
        conn.execute(sa.schema.CreateSchema(SCHEMA))
    target = target or _head(config)
    if revision == target:
        return
    config.attributes["connection"] = conn
    with _ALEMBIC:
        command.upgrade(config, target)
    if target == _head(config):
        _comment(conn)


def require_current(conn: sa.Connection, place: str) -> None:
    """Raise StoreError, with the cure, unless the schema stands where this code does."""
    config = _config()
    revision = _revision(conn)
    if revision is None:
        raise StoreError(f"There is no schema {SCHEMA!r} in {place} yet: run `hindsight store upgrade`.")
    _refuse_newer(revision, config, place)
    head = _head(config)
    if revision != head:
        raise StoreError(
            f"The schema {SCHEMA!r} of {place} is at revision {revision}, but this code needs {head}: "
            "run `hindsight store upgrade`."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "hindsight.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _head(config: Config) -> str:
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None, "the migrations hold no revision"
    return head


def _revision(conn: sa.Connection) -> str | None:
    """The revision that the database says it is at; None before the first."""
    if not conn.dialect.has_table(conn, _VERSION.name, schema=SCHEMA):
        return None
    return conn.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()


def _refuse_newer(revision: str | None, config: Config, place: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"The schema {SCHEMA!r} of {place} is at revision {revision}, which this code does not know: "
            "a newer Hindsight made it.  Install that version here."
        )


def _comment(conn: sa.Connection) -> None:
    """Say in the catalog what each table, column and view is."""
    for table in metadata.sorted_tables:
        conn.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            conn.execute(sa.schema.SetColumnComment(column))
    for view, comment in VIEWS.items():
        literal = sa.literal(comment).compile(dialect=conn.dialect, compile_kwargs={"literal_binds": True})
        conn.exec_driver_sql(f"comment on view {SCHEMA}.{view} is {literal}")
