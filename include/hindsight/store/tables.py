"""The tables of the store: one per record of `hindsight.domain.records`, field for column.

Here are the names, the types, the keys and what is said of them in the database's catalog.  The
schema itself is made by `hindsight.store.migrations`; a test holds the two together.

Keys begin with what a partition is replaced by, so that a deletion and the reading of a series are
each one stretch of the primary key.  Text is compared by code point (`COLLATE "C"`): the order of
rows is that of Python's `sorted` and the same on every server.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "hindsight"

metadata = sa.MetaData(schema=SCHEMA)

TEXT = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
NUMBER: sa.Double[float] = sa.Double()


def _column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    comment: str,
    *,
    nullable: bool = False,
    default: sa.sql.elements.ColumnElement[Any] | sa.TextClause | None = None,
) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable, server_default=default, comment=comment)


_MONITOR = "Name of the monitor"
_VERSION = "Version of the model; (none) where the log names none"
_SEGMENT = "Segment as column=value; ALL holds every row"
_START = "UTC bound at which the window begins (included)"
_END = "UTC bound at which the window ends (excluded)"
_AS_OF = "Knowledge used: only rows known before this instant count"
_HORIZON = "Label age at which the window is judged: calendar days after its end, as 7d"
_WINDOW = "Length of the window in days, as 28d"

window_state = sa.Table(
    "window_state",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("window_start", INSTANT, _START),
    _column("window_end", INSTANT, _END),
    _column("horizon", TEXT, _HORIZON),
    _column("as_of", INSTANT, _AS_OF),
    _column("predictions", sa.BigInteger(), "Predictions counted in the window"),
    _column("labelled", sa.BigInteger(), "Predictions of the window whose label was known"),
    _column("quality", JSONB(), "Rows set aside or remarked on, counted by reason"),
    _column("spec_hash", TEXT, "Content of the monitor's file that computed the row"),
    _column("digest", TEXT, "Digest of the statistics: another one means that rows landed since"),
    _column("late_landed", sa.Boolean(), "Rows landed after this pair had first been computed"),
    _column("source_rewritten", sa.Boolean(), "The source holds less than it did; the older row was kept"),
    _column("delays", JSONB(), "Labels by age, as of their first value", default=sa.text("'{}'")),
    _column("ledger", JSONB(), "Changed labels by first and last value, as 0->1", default=sa.text("'{}'")),
    sa.PrimaryKeyConstraint("monitor", "window_start", "horizon"),
    comment="One row per day and horizon that was computed, and what was met on the way",
)

statistic = sa.Table(
    "statistic",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("version", TEXT, _VERSION),
    _column("segment", TEXT, _SEGMENT),
    _column("window_start", INSTANT, _START),
    _column("window_end", INSTANT, _END),
    _column("horizon", TEXT, _HORIZON),
    _column("as_of", INSTANT, _AS_OF),
    _column("payload", TEXT, "The additive statistics as canonical JSON, kept byte for byte"),
    sa.PrimaryKeyConstraint("monitor", "window_start", "horizon", "version", "segment"),
    comment="Additive statistics of one version and segment in one day at one horizon",
)

cut = sa.Table(
    "cut",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("name", TEXT, "What it is for: inputs, or segment:column"),
    _column("basis", TEXT, "Digest of what it was taken from: another reference is another cut"),
    _column("as_of", INSTANT, _AS_OF),
    _column("payload", TEXT, "The cut as canonical JSON, kept byte for byte"),
    sa.PrimaryKeyConstraint("monitor", "name", "basis"),
    comment="Edges, lists and counts taken from a reference once, and frozen",
)

snapshot = sa.Table(
    "snapshot",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("version", TEXT, _VERSION),
    _column("segment", TEXT, _SEGMENT),
    _column("window", TEXT, _WINDOW),
    _column("window_start", INSTANT, _START),
    _column("window_end", INSTANT, _END),
    _column("as_of", INSTANT, _AS_OF),
    _column("horizon", TEXT, _HORIZON),
    _column("metric", TEXT, "Name of the metric"),
    _column("value", NUMBER, "Estimate in the metric's unit; null where there is none", nullable=True),
    _column("standard_error", NUMBER, "Standard error of the value, same unit", nullable=True),
    _column("n", sa.BigInteger(), "Rows the metric rests on"),
    _column("bound", NUMBER, "Largest error that binning can have made, same unit", nullable=True),
    _column("coverage", NUMBER, "Labelled predictions per prediction in the window", nullable=True),
    _column("maturity", TEXT, "pending, provisional or mature: whether enough truth is known"),
    _column("status", TEXT, "ok, empty, undefined or failed: how the value came to be, or not"),
    _column("reason", TEXT, "Why there is no value", nullable=True),
    _column("spec_hash", TEXT, "What of the monitor's file it was made from", default=sa.text("''")),
    sa.PrimaryKeyConstraint("monitor", "window", "horizon", "window_start", "version", "segment", "metric"),
    comment="One metric of one window as known at as_of",
)

detection = sa.Table(
    "detection",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("version", TEXT, _VERSION),
    _column("segment", TEXT, _SEGMENT),
    _column("detector", TEXT, "Name of the detector"),
    _column("metric", TEXT, "Name of the metric it judged"),
    _column("window", TEXT, _WINDOW),
    _column("window_start", INSTANT, _START),
    _column("window_end", INSTANT, _END),
    _column("as_of", INSTANT, _AS_OF),
    _column("horizon", TEXT, _HORIZON),
    _column("incident_class", TEXT, "performance, label_health, inputs, data_quality or pipeline"),
    _column("severity", TEXT, "ok, watch, warning or critical"),
    _column("verdict", TEXT, "CLEAR, BREACH or INSUFFICIENT"),
    _column("observed", NUMBER, "What was observed, in the metric's unit", nullable=True),
    _column("expected", NUMBER, "What the baseline makes us expect, same unit", nullable=True),
    _column("lower", NUMBER, "A breach lies below this, same unit", nullable=True),
    _column("upper", NUMBER, "Or above this, same unit", nullable=True),
    _column("p_value", NUMBER, "Chance of such an observation if nothing is wrong", nullable=True),
    _column("n", sa.BigInteger(), "Rows the verdict rests on"),
    _column("coverage", NUMBER, "Labelled predictions per prediction in the window", nullable=True),
    _column("reason", TEXT, "The verdict as a sentence"),
    _column("spec_hash", TEXT, "What of the monitor's file it was made from", default=sa.text("''")),
    _column("details", JSONB(), "What else the detector found, by name", default=sa.text("'{}'")),
    sa.PrimaryKeyConstraint("monitor", "detector", "window_start", "horizon", "version", "segment"),
    comment="What a detector says of one window at one horizon",
)

incident = sa.Table(
    "incident",
    metadata,
    _column("id", TEXT, "Stable id: the same detections give the same one"),
    _column("monitor", TEXT, _MONITOR),
    _column("incident_class", TEXT, "performance, label_health, inputs, data_quality or pipeline"),
    _column("severity", TEXT, "ok, watch, warning or critical"),
    _column("since", sa.Date(), "Last local day of the first breaching window"),
    _column("opened_on", sa.Date(), "Run day on which it opened"),
    _column("last_breach_on", sa.Date(), "Run day of the latest breach"),
    _column("resolved_on", sa.Date(), "Run day on which it was over; null while open", nullable=True),
    _column("members", JSONB(), "All detectors, versions and segments that ever breached in it"),
    _column("breaching", JSONB(), "Those that still breach"),
    _column("headline", TEXT, "What is wrong, in one sentence"),
    _column("told_on", sa.Date(), "Run day whose message first named it", nullable=True),
    _column("state", TEXT, "pending, open, acknowledged, recovering, reopened or resolved"),
    _column("resolution", TEXT, "Why it is over; null before", nullable=True),
    _column("reopened", sa.Integer(), "How often it came back within days of its end"),
    _column("acknowledged_by", TEXT, "Who has taken it on", nullable=True),
    _column("acknowledged_until", sa.Date(), "Last run day for which that holds", nullable=True),
    sa.PrimaryKeyConstraint("monitor", "id"),
    comment="A stretch of time in which a monitor breached in one class",
)
sa.Index(
    "incident_one_open_per_class",
    incident.c.monitor,
    incident.c.incident_class,
    unique=True,
    postgresql_where=incident.c.resolved_on.is_(None),
)

notification = sa.Table(
    "notification",
    metadata,
    sa.Column("id", sa.BigInteger(), sa.Identity(always=True), comment="Number of the message"),
    _column("monitor", TEXT, _MONITOR),
    _column("day", sa.Date(), "Run day the message speaks of"),
    _column("kind", TEXT, "daily, revised or summary; at an hourly grain with the hour"),
    _column("notifier", TEXT, "Type of the notifier and a digest of its options"),
    _column("incidents", ARRAY(TEXT), "Ids of the incidents it names"),
    _column("severity", TEXT, "ok, watch, warning or critical"),
    _column("document", TEXT, "The message as canonical JSON, kept byte for byte"),
    _column("state", TEXT, "pending, sending, sent, logged, suppressed, merged or dead"),
    _column("reason", TEXT, "Why it is sent, or why not"),
    _column("attempts", sa.Integer(), "How often somebody set out to send it"),
    _column("provider_id", TEXT, "What the receiver calls it", nullable=True),
    _column("error", TEXT, "What went wrong last", nullable=True),
    _column("judgements", TEXT, "The judgements it names, as canonical JSON", default=sa.text("'[]'")),
    _column("tellings", ARRAY(TEXT), "The transitions it tells", default=sa.text("'{}'")),
    _column("loud", sa.Boolean(), "To be seen outside of its thread, too", default=sa.text("false")),
    _column("next_attempt_at", INSTANT, "Not to be tried before", nullable=True),
    _column("batch", sa.BigInteger(), "Number of the message it was sent with", nullable=True),
    _column("ambiguous_since", INSTANT, "First try that may have been accepted", nullable=True),
    _column("resent", sa.Integer(), "How often somebody asked for it again", default=sa.text("0")),
    _column("created_at", INSTANT, "When it entered the outbox", default=sa.func.clock_timestamp()),
    _column("updated_at", INSTANT, "When its row last changed", default=sa.func.clock_timestamp()),
    _column("sent_at", INSTANT, "When the receiver had accepted it", nullable=True),
    _column("lease_until", INSTANT, "Until when its present sender may take", nullable=True),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("monitor", "day", "kind", "notifier", name="notification_key"),
    comment="The outbox: one message to one notifier about one monitor and day",
)
sa.Index(
    "notification_unsent",
    notification.c.monitor,
    notification.c.day,
    postgresql_where=notification.c.state.in_(("pending", "sending")),
)

telling = sa.Table(
    "telling",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("notifier", TEXT, "The channel, as in notification"),
    _column("incident", TEXT, "Id of the incident"),
    _column("transition", TEXT, "What happened to it, and on which run day"),
    sa.PrimaryKeyConstraint("monitor", "notifier", "incident", "transition"),
    comment="That a channel was told of one transition of one incident, or will be",
)

thread = sa.Table(
    "thread",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("notifier", TEXT, "The channel, as in notification"),
    _column("incident", TEXT, "Id of the incident"),
    _column("provider_id", TEXT, "What the receiver calls the message"),
    _column("message", sa.BigInteger(), "Number of the message in the outbox"),
    _column("shown", TEXT, "Digest of what it shows at present", default=sa.text("''")),
    sa.PrimaryKeyConstraint("monitor", "notifier", "incident"),
    comment="The message under which all further ones of an incident are answers",
)

action = sa.Table(
    "action",
    metadata,
    _column("id", TEXT, "Digest of who did what when"),
    _column("monitor", TEXT, _MONITOR),
    _column("incident", TEXT, "Id of the incident it was done to"),
    _column("incident_class", TEXT, "performance, label_health, inputs, data_quality or pipeline"),
    _column("kind", TEXT, "acknowledge or resolve"),
    _column("day", sa.Date(), "Run day from which it counts"),
    _column("author", TEXT, "Who did it"),
    _column("reason", TEXT, "Why, in the author's words"),
    _column("at", INSTANT, "When it was done"),
    _column("until", sa.Date(), "Last run day for which it holds", nullable=True),
    _column("resolution", TEXT, "fixed, expected, no_action or false_positive", nullable=True),
    _column("follows", INSTANT, "As-of of the newest judgement that it knows of", nullable=True),
    sa.PrimaryKeyConstraint("id"),
    comment="What people did to incidents",
)

silence = sa.Table(
    "silence",
    metadata,
    _column("id", TEXT, "Digest of who wanted what when"),
    _column("monitor", TEXT, _MONITOR),
    _column("start", sa.Date(), "First silent run day"),
    _column("until", sa.Date(), "Last silent run day"),
    _column("author", TEXT, "Who wanted it"),
    _column("reason", TEXT, "Why, in the author's words"),
    _column("at", INSTANT, "When it was wanted"),
    _column("incident_class", TEXT, "Of which class; null: of any", nullable=True),
    _column("detector", TEXT, "Of which detector; null: of any", nullable=True),
    _column("version", TEXT, "Of which version; null: of any", nullable=True),
    _column("segment", TEXT, "Of which segment; null: of any", nullable=True),
    _column("ended_on", sa.Date(), "Run day from which it was ended early", nullable=True),
    _column("ended_by", TEXT, "Who ended it", nullable=True),
    sa.PrimaryKeyConstraint("id"),
    comment="For which run days nobody is told of what, and why",
)

retained = sa.Table(
    "retained",
    metadata,
    _column("monitor", TEXT, _MONITOR),
    _column("statistics_from", INSTANT, "Statistics of days before were removed", nullable=True),
    _column("snapshots_from", INSTANT, "Snapshots and detections before were removed", nullable=True),
    sa.PrimaryKeyConstraint("monitor"),
    comment="From when on there are results; the reference is there besides",
)

VIEWS = {
    "latest_snapshot": "Each snapshot at the greatest horizon known so far: what most of the truth says",
}
"""Views, made by the migrations, and what is said of them in the catalog."""
