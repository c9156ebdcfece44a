"""What Hindsight writes down: one dataclass per table of the store, field for column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from hindsight.domain.values import (
    ActionKind,
    Horizon,
    IncidentClass,
    IncidentState,
    Maturity,
    Resolution,
    Severity,
    Span,
    Status,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One metric of one window as known at `as_of`.

    Key: (monitor, version, segment, window, window_start, horizon, metric).  `window` is the length,
    `window_start` and `window_end` its UTC bounds (half-open).  `value` and `standard_error` are in the
    metric's unit and None where there is none; then `reason` says why.  `n` counts the rows the
    metric rests on, `coverage` is labelled / predictions in the window, `bound` the largest error
    that binning can have made.  `spec_hash` names what of the monitor's file it was made from.
    """

    monitor: str
    version: str
    segment: str
    window: Span
    window_start: datetime
    window_end: datetime
    as_of: datetime
    horizon: Horizon
    metric: str
    value: float | None
    standard_error: float | None
    n: int
    bound: float | None
    coverage: float | None
    maturity: Maturity
    status: Status
    reason: str | None = None
    spec_hash: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector says of one window at one horizon.

    Key: (monitor, version, segment, detector, window_start, horizon).  `observed`, `expected`, `lower`
    and `upper` are in the metric's unit: a breach lies outside [lower, upper].  `severity` is how bad it is:
    OK or WATCH where nothing breaches.  `details` holds what else the detector found, by name: dates, figures
    of other metrics, a recommendation.  `spec_hash` names what of the monitor's file it was made from, the
    detector's own options included.
    """

    monitor: str
    version: str
    segment: str
    detector: str
    metric: str
    window: Span
    window_start: datetime
    window_end: datetime
    as_of: datetime
    horizon: Horizon
    incident_class: IncidentClass
    severity: Severity
    verdict: Verdict
    observed: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    n: int
    coverage: float | None
    reason: str
    spec_hash: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One thing that breached: what an incident is made of."""

    detector: str
    version: str
    segment: str


@dataclass(frozen=True, slots=True)
class Incident:
    """A stretch of time in which a monitor breached in one class.

    `opened_on`, `last_breach_on` and `resolved_on` are run days (local dates: the day that a detection's
    as_of ends); `since` is the last local day of the first breaching window.  `members` are all that
    ever breached in it, `breaching` those that still do.  `told_on` is the run day whose message first
    named it, None while nobody was told.  `resolution` is why it is over, `reopened` how often it came back,
    `acknowledged_by` who has taken it on and `acknowledged_until` the last run day for which that holds.
    """

    id: str
    monitor: str
    incident_class: IncidentClass
    severity: Severity
    since: date
    opened_on: date
    last_breach_on: date
    resolved_on: date | None
    members: tuple[Member, ...]
    breaching: tuple[Member, ...]
    headline: str
    told_on: date | None = None
    state: IncidentState = IncidentState.OPEN
    resolution: Resolution | None = None
    reopened: int = 0
    acknowledged_by: str | None = None
    acknowledged_until: date | None = None

    @property
    def is_open(self) -> bool:
        return self.resolved_on is None and self.state is not IncidentState.PENDING


@dataclass(frozen=True, slots=True)
class Action:
    """What a person did to the one incident of a class that was open then.

    Key: id.  `follows` is the as-of of the newest judgement that it knows of: what is judged later it does
    not cover.  `day` is the run day on which it counts, the one that holds the next moment after that;
    without `follows` it comes before all that is judged on that day.  `until` is the last run day for which
    an acknowledgement holds, or for which what is resolved by hand may go on breaching; `at` is when it was
    done.
    """

    id: str
    monitor: str
    incident: str
    incident_class: IncidentClass
    kind: ActionKind
    day: date
    author: str
    reason: str
    at: datetime
    until: date | None = None
    resolution: Resolution | None = None
    follows: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """For which run days nobody is told of what, who wanted it so, and why.

    Key: id.  What is None or absent matches everything.  `start` and `until` are run days, both included;
    `ended_on` is the run day from which somebody ended it early.  Incidents take their course all the same.
    """

    id: str
    monitor: str
    start: date
    until: date
    author: str
    reason: str
    at: datetime
    incident_class: IncidentClass | None = None
    detector: str | None = None
    version: str | None = None
    segment: str | None = None
    ended_on: date | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """That a channel was told of one transition of one incident; written with the message that says it.

    Key: (monitor, notifier, incident, transition).
    """

    monitor: str
    notifier: str
    incident: str
    transition: str


@dataclass(frozen=True, slots=True)
class Thread:
    """The message of a channel under which all further ones of an incident are answers.

    Key: (monitor, notifier, incident).  `provider_id` is what the receiver calls that message, `message` its
    number in the outbox, `shown` a digest of what it shows at present.
    """

    monitor: str
    notifier: str
    incident: str
    provider_id: str
    message: int
    shown: str = ""


@dataclass(frozen=True, slots=True)
class WindowState:
    """That a day was computed at a horizon, and what was met on the way.

    Key: (monitor, window_start, horizon).  `quality` counts rows by the reason they were set aside
    or remarked on; `digest` names the content of the statistics.  `late_landed`: rows landed after this
    pair had first been computed; `source_rewritten`: the source holds less than it did, or other
    values, and the older row was kept.  `delays` counts labelled predictions by the age of their first
    label, in days (at an hourly grain hours) after the window; what was learnt before its end has age 0.
    `ledger` counts predictions whose label was changed, by its first and its last value, as `0->1`.
    """

    monitor: str
    window_start: datetime
    window_end: datetime
    horizon: Horizon
    as_of: datetime
    predictions: int
    labelled: int
    quality: Mapping[str, int]
    spec_hash: str
    digest: str
    late_landed: bool = False
    source_rewritten: bool = False
    delays: Mapping[str, int] = field(default_factory=dict)
    ledger: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatisticRow:
    """The statistics of one version and segment in one day at one horizon, as canonical JSON text.

    Key: (monitor, version, segment, window_start, horizon).
    """

    monitor: str
    version: str
    segment: str
    window_start: datetime
    window_end: datetime
    horizon: Horizon
    as_of: datetime
    payload: str


@dataclass(frozen=True, slots=True)
class Retained:
    """From when on the store holds a monitor's results; None where nothing was ever removed.

    Key: monitor.  The statistics of the reference are there besides.
    """

    monitor: str
    statistics_from: datetime | None = None
    snapshots_from: datetime | None = None


class Delivery(StrEnum):
    """What became of a notification; MERGED: a later message to the same channel says it, too."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    LOGGED = "logged"
    SUPPRESSED = "suppressed"
    MERGED = "merged"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one notifier about one monitor and day: a row of the outbox.

    Key: (monitor, day, kind, notifier).  `kind` is `daily`, `revised` or `summary`, at an hourly grain with
    the hour, as `daily@05:00Z`; `notifier` is the notifier's type and a digest of its options, so that two
    Slack channels are two rows.  `document` is the message as canonical JSON; `reason` says why it is sent,
    or why not.  `judgements` are those that the message names, as canonical JSON (see
    `hindsight.incidents.told`).  `tellings` are the transitions it tells, each as `incident transition`;
    `loud` says that an answer in a thread must be seen outside of it, too.  `next_attempt_at` is when it may
    be tried. `batch` is the number of the message that it was sent with, and `ambiguous_since` when the first
    try began of which nobody knows whether it was accepted.  `resent` counts how often somebody asked for it
    again.
    """

    monitor: str
    day: date
    kind: str
    notifier: str
    incidents: tuple[str, ...]
    severity: Severity
    document: str
    state: Delivery
    reason: str
    attempts: int = 0
    provider_id: str | None = None
    error: str | None = None
    judgements: str = "[]"
    tellings: tuple[str, ...] = ()
    loud: bool = False
    next_attempt_at: datetime | None = None
    batch: int | None = None
    ambiguous_since: datetime | None = None
    resent: int = 0
