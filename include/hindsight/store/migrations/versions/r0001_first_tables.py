"""The first tables: window states, statistics, snapshots, detections, incidents, the outbox.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None

TEXT = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def _needed(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, INSTANT, nullable=False, server_default=sa.func.clock_timestamp())


def upgrade() -> None:
    """Make them in an empty schema."""
    op.create_table(
        "window_state",
        _needed("monitor", TEXT),
        _needed("window_start", INSTANT),
        _needed("window_end", INSTANT),
        _needed("horizon", TEXT),
        _needed("as_of", INSTANT),
        _needed("predictions", sa.BigInteger()),
        _needed("labelled", sa.BigInteger()),
        _needed("quality", JSONB()),
        _needed("spec_hash", TEXT),
        _needed("digest", TEXT),
        _needed("late_landed", sa.Boolean()),
        _needed("source_rewritten", sa.Boolean()),
        sa.PrimaryKeyConstraint("monitor", "window_start", "horizon"),
        schema="hindsight",
    )
    op.create_table(
        "statistic",
        _needed("monitor", TEXT),
        _needed("version", TEXT),
        _needed("segment", TEXT),
        _needed("window_start", INSTANT),
        _needed("window_end", INSTANT),
        _needed("horizon", TEXT),
        _needed("as_of", INSTANT),
        _needed("payload", TEXT),
        sa.PrimaryKeyConstraint("monitor", "window_start", "horizon", "version", "segment"),
        schema="hindsight",
    )
    op.create_table(
        "snapshot",
        _needed("monitor", TEXT),
        _needed("version", TEXT),
        _needed("segment", TEXT),
        _needed("window", TEXT),
        _needed("window_start", INSTANT),
        _needed("window_end", INSTANT),
        _needed("as_of", INSTANT),
        _needed("horizon", TEXT),
        _needed("metric", TEXT),
        sa.Column("value", sa.Double()),
        sa.Column("standard_error", sa.Double()),
        _needed("n", sa.BigInteger()),
        sa.Column("bound", sa.Double()),
        sa.Column("coverage", sa.Double()),
        _needed("maturity", TEXT),
        _needed("status", TEXT),
        sa.Column("reason", TEXT),
        sa.PrimaryKeyConstraint(
            "monitor", "window", "horizon", "window_start", "version", "segment", "metric"
        ),
        schema="hindsight",
    )
    op.create_table(
        "detection",
        _needed("monitor", TEXT),
        _needed("version", TEXT),
        _needed("segment", TEXT),
        _needed("detector", TEXT),
        _needed("metric", TEXT),
        _needed("window", TEXT),
        _needed("window_start", INSTANT),
        _needed("window_end", INSTANT),
        _needed("as_of", INSTANT),
        _needed("horizon", TEXT),
        _needed("incident_class", TEXT),
        _needed("severity", TEXT),
        _needed("verdict", TEXT),
        sa.Column("observed", sa.Double()),
        sa.Column("expected", sa.Double()),
        sa.Column("lower", sa.Double()),
        sa.Column("upper", sa.Double()),
        sa.Column("p_value", sa.Double()),
        _needed("n", sa.BigInteger()),
        sa.Column("coverage", sa.Double()),
        _needed("reason", TEXT),
        sa.PrimaryKeyConstraint("monitor", "detector", "window_start", "horizon", "version", "segment"),
        schema="hindsight",
    )
    op.create_table(
        "incident",
        _needed("id", TEXT),
        _needed("monitor", TEXT),
        _needed("incident_class", TEXT),
        _needed("severity", TEXT),
        _needed("since", sa.Date()),
        _needed("opened_on", sa.Date()),
        _needed("last_breach_on", sa.Date()),
        sa.Column("resolved_on", sa.Date()),
        _needed("members", JSONB()),
        _needed("breaching", JSONB()),
        _needed("headline", TEXT),
        sa.Column("told_on", sa.Date()),
        sa.PrimaryKeyConstraint("monitor", "id"),
        schema="hindsight",
    )
    op.create_index(
        "incident_one_open_per_class",
        "incident",
        ["monitor", "incident_class"],
        unique=True,
        schema="hindsight",
        postgresql_where=sa.text("resolved_on is null"),
    )
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True)),
        _needed("monitor", TEXT),
        _needed("day", sa.Date()),
        _needed("kind", TEXT),
        _needed("notifier", TEXT),
        _needed("incidents", ARRAY(TEXT)),
        _needed("severity", TEXT),
        _needed("document", TEXT),
        _needed("state", TEXT),
        _needed("reason", TEXT),
        _needed("attempts", sa.Integer()),
        sa.Column("provider_id", TEXT),
        sa.Column("error", TEXT),
        _now("created_at"),
        _now("updated_at"),
        sa.Column("sent_at", INSTANT),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("lease_until", INSTANT),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("monitor", "day", "kind", "notifier", name="notification_key"),
        schema="hindsight",
    )
    op.create_index(
        "notification_unsent",
        "notification",
        ["monitor", "day"],
        schema="hindsight",
        postgresql_where=sa.text("state in ('pending', 'sending')"),
    )
    op.execute(
        """
        create view hindsight.latest_snapshot as
        select distinct on (monitor, version, segment, "window", window_start, metric) *
        from hindsight.snapshot
        order by monitor, version, segment, "window", window_start, metric,
                 replace(horizon, 'd', '')::int desc
        """
    )


def downgrade() -> None:
    """Take them away, with all that they hold."""
    op.execute("drop view hindsight.latest_snapshot")
    for table in ("notification", "incident", "detection", "snapshot", "statistic", "window_state"):
        op.drop_table(table, schema="hindsight")
