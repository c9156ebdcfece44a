"""Label delays, changed labels, what each snapshot and detection was made from, and what was removed.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

VIEW = """
    create view hindsight.latest_snapshot as
    select distinct on (monitor, version, segment, "window", window_start, metric) *
    from hindsight.snapshot
    order by monitor, version, segment, "window", window_start, metric, as_of desc
"""


def upgrade() -> None:
    """Add the columns; windows computed before have empty ones until they are computed anew."""
    op.execute("drop view hindsight.latest_snapshot")
    for name in ("delays", "ledger"):
        column = sa.Column(name, JSONB(), nullable=False, server_default=sa.text("'{}'"))
        op.add_column("window_state", column, schema="hindsight")
    for table in ("snapshot", "detection"):
        made_by = sa.Column("spec_hash", sa.Text(collation="C"), nullable=False, server_default=sa.text("''"))
        op.add_column(table, made_by, schema="hindsight")
    op.execute(VIEW)
    told = sa.Column("judgements", sa.Text(collation="C"), nullable=False, server_default=sa.text("'[]'"))
    op.add_column("notification", told, schema="hindsight")
    op.create_table(
        "retained",
        sa.Column("monitor", sa.Text(collation="C"), nullable=False),
        sa.Column("statistics_from", sa.DateTime(timezone=True)),
        sa.Column("snapshots_from", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("monitor"),
        schema="hindsight",
    )
