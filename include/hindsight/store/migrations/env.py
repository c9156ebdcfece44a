"""What Alembic runs for an upgrade: the revisions, within the connection and transaction it is given."""

from alembic import context

from hindsight.store.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
