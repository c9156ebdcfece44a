"""Frozen cuts, and statistics of another form: those of old are dropped, to be computed anew.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text(collation="C")


def upgrade() -> None:
    """Make the table, and forget which windows were computed: the rows they came from are still in the
    logs.
    """
    op.create_table(
        "cut",
        sa.Column("monitor", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("monitor", "name", "basis"),
        schema="hindsight",
    )
    op.execute("delete from hindsight.statistic")
    op.execute("delete from hindsight.window_state")
