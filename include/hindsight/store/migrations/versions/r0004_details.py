"""What else a detector found.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; detections made before have nothing in it until they are made anew."""
    column = sa.Column("details", JSONB(), nullable=False, server_default=sa.text("'{}'"))
    op.add_column("detection", column, schema="hindsight")
