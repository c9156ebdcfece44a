"""A monitor, parsed: frozen, typed, valid.

`hindsight.config` makes these from YAML and is the only place that checks them; behind that door
nobody checks again.  Field names are the keys of the YAML file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Literal

from hindsight.domain.values import (
    NO_LABELS,
    Budget,
    Convention,
    Grain,
    Horizon,
    OnConflict,
    Span,
    Task,
)

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Location:
    """Where rows lie: a table or query behind a connection, or files.

    Exactly one of `connection` and `files` is set; with a connection exactly one of `table` and `query`.
    `timezone` says how to read timestamps that carry no zone.  `where` keeps rows by equality.
    `unique` declares that an id (with its version) occurs once: verified, then not deduplicated.
    """

    connection: str | None = None
    table: str | None = None
    query: str | None = None
    files: str | None = None
    where: Mapping[str, Scalar] = field(default_factory=dict)
    timezone: str = "UTC"
    unique: bool = False

    def __str__(self) -> str:
        return self.files or self.table or f"the query on {self.connection}"


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """Which column of the prediction log holds what; None where the log has no such column.

    `score` is the chance that a binary model gives; `scores` those of a multiclass model: a column per class,
    or one array column in the order of `classes`.  `lower` and `upper` bound a regression's interval.  A
    ranking has the `position` (1 is the top) of an item in the list shown for a `query`.  `logged` is when a
    row was written by the service, `landed` when it reached the log.  `cluster` names what rows have in
    common, such as a customer; a cluster lies within one day.  `error` is null, false or 0 where the call
    went well.
    """

    id: str
    time: str
    score: str | None = None
    scores: Mapping[str, str] | str | None = None
    prediction: str | None = None
    lower: str | None = None
    upper: str | None = None
    position: str | None = None
    query: str | None = None
    version: str | None = None
    logged: str | None = None
    landed: str | None = None
    cluster: str | None = None
    latency_ms: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PredictionLog(Location):
    """What the model said: one row per prediction."""

    columns: PredictionColumns = field(kw_only=True)
    features: tuple[str, ...] = ()
    threshold: float = 0.5
    """A score at or above it predicts the positive class, where the log has no `prediction` column."""
    classes: tuple[str, ...] = ()
    """What a multiclass model can say; by default the keys of `columns.scores`."""
    interval: float = 0.8
    """The share of outcomes that a regression's `lower` and `upper` claim to hold."""


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which column of the ground truth holds what; `time` is when we learnt the label.

    `landed` is when the row reached the log.  `weight` is how many predictions a sampled label stands for:
    one over the chance with which it was chosen.
    """

    id: str
    actual: str
    time: str
    landed: str | None = None
    weight: str | None = None


@dataclass(frozen=True, slots=True)
class GroundTruth(Location):
    """What turned out to be true: one row per label, perhaps several per id.

    `on_conflict` says which label counts when several share an id.  `convention` says what a missing label
    means: under `explicit` nothing; under `default_negative` it is a "no" at the last horizon, where the feed
    is proven alive: some label was learnt in the `silent_for` before.
    """

    columns: LabelColumns = field(kw_only=True)
    on_conflict: OnConflict = OnConflict.LAST
    convention: Convention = Convention.EXPLICIT
    silent_for: timedelta = timedelta(days=3)
    unit: float = 1.0
    """Regression only: the size of a typical value; exact sums are held in billionths of it."""


@dataclass(frozen=True, slots=True)
class Marker(Location):
    """Where the feed of labels says how far it has come: the greatest `time` of these rows.

    All labels learnt before that time have landed.
    """

    time: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class MaturityRule:
    """At which label ages windows are judged, how much truth that takes, how long a run may wait for it.

    `horizons` are days, or at an hourly grain hours, after the window's end; the last one is when the truth
    is due.  A window with less than `min_coverage` of its labels is provisional and not judged.  A run waits
    for labels to land until `wait` after its scheduled time; the `marker` says that they have, else the
    newest label does.
    """

    horizons: tuple[Horizon, ...] = (Horizon(1), Horizon(7), Horizon(30))
    min_coverage: float = 0.8
    wait: timedelta = timedelta(hours=6)
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What the monitor compares with: a frozen span of days (`end` included), or fixed values."""

    start: date | None = None
    end: date | None = None
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CustomSum:
    """A ratio of two sums over the rows of the prediction log, each a SQL expression of its columns.

    `numerator` and `denominator` give a number per row, null counting as 0; the default denominator counts
    rows.
    """

    numerator: str
    denominator: str = "1"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long results are kept, counted back from the monitor's newest window; for ever if not said.

    The reference is never removed.  `snapshots` also holds for detections.
    """

    statistics: timedelta | None = None
    snapshots: timedelta | None = None


@dataclass(frozen=True, slots=True)
class IncidentRule:
    """When breaches become an incident, when it is over, and how often people are reminded of it.

    A warning opens one with the `confirm`th breach of a member within three judgements, a critical breach at
    once.  A member has recovered after `recovery` clear judgements in a row.  A breach within `reopen` after
    the end reopens the incident.  Whoever has not acknowledged an open one is reminded after `remind`, one
    that is critical after `remind_critical`, and then after twice as long each time, but at least weekly.  An
    acknowledgement holds for `acknowledge` if it names no end.
    """

    confirm: int = 1
    recovery: int = 2
    reopen: timedelta = timedelta(days=3)
    remind: timedelta = timedelta(days=7)
    remind_critical: timedelta = timedelta(days=1)
    acknowledge: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Airflow:
    """How the monitor's DAG runs."""

    retries: int = 2
    retry_delay: timedelta = timedelta(minutes=1)
    max_active_runs: int = 4
    pool: str = "default_pool"


@dataclass(frozen=True, slots=True)
class MonitorSpec:
    """One monitor: what is watched, against what, how it is judged, and whom it tells.

    The smallest window is a local day or, by `grain`, an hour.  `retention` says how long results are kept.
    `monitor` names its DAG and its rows.  The run for a day starts at the local time `schedule` of the next.
    Days begin at midnight in `timezone`.  Everything is kept for all rows and for each value of the columns
    in `segments`, of which the `segment_limit` most frequent values are kept apart.  Besides the single days,
    `windows` are kept: `7d`, or a `week` or `month` of the calendar.  What is kept are the `metrics`, besides
    volume and coverage.  A message about an incident links its `runbook`.  `custom` names ratios of the
    team's own.  `quality` says which oddities of the logs fail a run instead of being counted.  A file
    without `detectors` has default rules, made from its metrics; an empty list means none.  A `budget` sets
    their bounds so that with nothing wrong they raise no more.  `incidents` says when breaches become an
    incident and when it is over.  `hash` names the content of the file that
    made it, `basis` the part of it that statistics are computed from.
    """

    monitor: str
    owner: str
    task: Task
    predictions: PredictionLog
    ground_truth: GroundTruth
    reference: Reference
    metrics: tuple[str, ...]
    description: str = ""
    runbook: str | None = None
    schedule: time = time(6, 0)
    timezone: str = "UTC"
    segments: tuple[str, ...] = ()
    segment_limit: int = 100
    windows: tuple[Span, ...] = (Span(7), Span(28))
    custom: Mapping[str, CustomSum] = field(default_factory=dict)
    quality: Mapping[str, Literal["count", "fail"]] = field(default_factory=dict)
    grain: Grain = Grain.DAY
    maturity: MaturityRule = MaturityRule()
    retention: Retention = Retention()
    detectors: tuple[Any, ...] = ()
    budget: Budget | None = None
    incidents: IncidentRule = IncidentRule()
    notify: tuple[Any, ...] = ()
    airflow: Airflow = Airflow()
    tags: tuple[str, ...] = ()
    hash: str = ""
    basis: str = ""

    @property
    def made_by(self) -> str:
        """What names everything that the statistics are computed from; rows in the store carry it.

        An edit of metrics, detectors or notifiers changes no statistic, and so not this.
        """
        return self.basis or self.hash

    @property
    def read_by(self) -> str:
        """What names everything that a snapshot is read by: its statistics, and the coverage asked for.

        Metrics and lengths of windows are not part of it, for each snapshot names its own.
        """
        return named(self.made_by, self.maturity.min_coverage)

    @property
    def horizons(self) -> tuple[Horizon, ...]:
        """Every label age of a snapshot, youngest first; horizon 0 is always there."""
        return tuple(sorted({NO_LABELS, *self.maturity.horizons}))

    @property
    def last_horizon(self) -> Horizon:
        """The definition of when truth is due."""
        return self.horizons[-1]

    @property
    def classes(self) -> tuple[str, ...]:
        """What a multiclass model can say."""
        scores = self.predictions.columns.scores
        return self.predictions.classes or (tuple(scores) if isinstance(scores, Mapping) else ())

    @property
    def unit_span(self) -> Span:
        """The smallest window: one day, or one hour."""
        return Span(1, "h" if self.grain is Grain.HOUR else "d")

    @property
    def spans(self) -> tuple[Span, ...]:
        """The window lengths that are kept: the grain, the `windows`, and what the detectors name."""
        return tuple(sorted({self.unit_span, *self.windows, *(d.window for d in self.detectors)}))


@cache
def named(*parts: object) -> str:
    """A short name for these parts together."""
    return sha256(" ".join(map(str, parts)).encode()).hexdigest()[:12]
