"""What people did to incidents, silences, and what each channel was told where.

Revision ID: 0005
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"


def text() -> sa.Text:
    """Text that is compared by code point."""
    return sa.Text(collation="C")


def upgrade() -> None:
    """Add columns and tables; incidents are folded anew by the next run, which sets what is unknown here."""
    for column in (
        sa.Column("state", text(), nullable=False, server_default=sa.text("'open'")),
        sa.Column("resolution", text()),
        sa.Column("reopened", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("acknowledged_by", text()),
        sa.Column("acknowledged_until", sa.Date()),
    ):
        op.add_column("incident", column, schema="hindsight")
    op.execute(
        "update hindsight.incident set state = 'resolved', resolution = 'recovered' "
        "where resolved_on is not null"
    )
    for name in ("state", "reopened"):
        op.alter_column("incident", name, server_default=None, schema="hindsight")
    more: tuple[sa.Column[Any], ...] = (
        sa.Column("tellings", ARRAY(text()), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("loud", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("batch", sa.BigInteger()),
        sa.Column("ambiguous_since", sa.DateTime(timezone=True)),
        sa.Column("resent", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
    for each in more:
        op.add_column("notification", each, schema="hindsight")
    _create("telling", "monitor notifier incident transition", "")
    _create("thread", "monitor notifier incident", "provider_id", message=sa.BigInteger(), shown=text())
    op.alter_column("thread", "shown", server_default=sa.text("''"), schema="hindsight")
    op.create_table(
        "action",
        *_texts("id monitor incident incident_class kind"),
        sa.Column("day", sa.Date(), nullable=False),
        *_texts("author reason"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.Date()),
        sa.Column("resolution", text()),
        sa.Column("follows", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id"),
        schema="hindsight",
    )
    op.create_table(
        "silence",
        *_texts("id monitor"),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        *_texts("author reason"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_texts("incident_class detector version segment", nullable=True),
        sa.Column("ended_on", sa.Date()),
        sa.Column("ended_by", text()),
        sa.PrimaryKeyConstraint("id"),
        schema="hindsight",
    )


def _create(table: str, key: str, others: str, **columns: Any) -> None:
    more = (sa.Column(name, kind, nullable=False) for name, kind in columns.items())
    primary = sa.PrimaryKeyConstraint(*key.split())
    op.create_table(table, *_texts(f"{key} {others}"), *more, primary, schema="hindsight")


def _texts(names: str, *, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, text(), nullable=nullable) for name in names.split()]
