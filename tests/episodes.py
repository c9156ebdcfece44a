"""Detections and incidents as tests tell them: a day, a member, a verdict, and figures that fit."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Detection, Incident, Member, Snapshot
from hindsight.domain.spec import (
    GroundTruth,
    LabelColumns,
    MonitorSpec,
    PredictionColumns,
    PredictionLog,
    Reference,
)
from hindsight.domain.values import (
    ALL,
    ActionKind,
    Horizon,
    IncidentClass,
    Maturity,
    Resolution,
    Severity,
    Span,
    Status,
    Task,
    Verdict,
)
from hindsight.windows import as_of, days_of, midnight

ZONE = ZoneInfo("America/New_York")
START = date(2013, 3, 1)
"""Run day 0: nine days on the clocks change, so that every story here crosses a day of 23 hours."""

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
PERFORMANCE, LABEL_HEALTH = IncidentClass.PERFORMANCE, IncidentClass.LABEL_HEALTH
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def run(number: int) -> date:
    """The run day with this number."""
    return START + timedelta(days=number)


def detection(
    day: int,
    verdict: Verdict = BREACH,
    *,
    detector: str = "recall threshold",
    version: str = "v1",
    segment: str = ALL,
    metric: str = "recall",
    monitor: str = "flight_delay",
    incident_class: IncidentClass = PERFORMANCE,
    severity: Severity = WARNING,
    window: int = 28,
    horizon: int = 7,
    observed: float | None = 0.41237,
    expected: float | None = 0.59,
    lower: float | None = 0.531,
    upper: float | None = None,
    n: int = 8204,
    coverage: float | None = 0.943,
    reason: str = "recall is 10 % and more below the reference, and sampling error does not explain it",
) -> Detection:
    """A detection made on run day `day`, so of the window that ended `horizon` days before."""
    last = run(day) - timedelta(days=horizon)
    if verdict is CLEAR:
        observed = expected
    elif verdict is INSUFFICIENT:
        observed = None
    return Detection(
        monitor=monitor,
        version=version,
        segment=segment,
        detector=detector,
        metric=metric,
        window=Span(window),
        window_start=midnight(days_of(last, Span(window)).start, ZONE),
        window_end=midnight(last + timedelta(days=1), ZONE),
        as_of=as_of(last, Horizon(horizon), ZONE),
        horizon=Horizon(horizon),
        incident_class=incident_class,
        severity=severity,
        verdict=verdict,
        observed=observed,
        expected=expected,
        lower=lower,
        upper=upper,
        p_value=0.0004 if verdict is BREACH else None,
        n=n,
        coverage=coverage,
        reason=reason,
    )


def story(verdicts: str, *, start: int = 0, **fields: object) -> list[Detection]:
    """One detection a run day: `B` breach, `C` clear, `?` insufficient, `.` none at all.

    >>> [str(d.verdict) for d in story("B.C")]
    ['BREACH', 'CLEAR']
    """
    meaning = {"B": BREACH, "C": CLEAR, "?": INSUFFICIENT}
    return [
        detection(start + number, meaning[letter], **fields)  # type: ignore[arg-type]
        for number, letter in enumerate(verdicts)
        if letter != "."
    ]


def missing_labels(day: int, **fields: object) -> Detection:
    """Label coverage of twelve percent where eighty are due."""
    defaults: dict[str, object] = {
        "detector": "coverage threshold",
        "metric": "coverage",
        "incident_class": LABEL_HEALTH,
        "observed": 0.12,
        "expected": None,
        "lower": 0.8,
        "coverage": 0.12,
        "n": 25_000,
        "reason": "12 % of the predictions have a label where 80 % are due",
    }
    return detection(day, **{**defaults, **fields})  # type: ignore[arg-type]


def snapshot_of(detected: Detection, *, standard_error: float | None = 0.0123) -> Snapshot:
    """The snapshot on which a detection rests."""
    return Snapshot(
        monitor=detected.monitor,
        version=detected.version,
        segment=detected.segment,
        window=detected.window,
        window_start=detected.window_start,
        window_end=detected.window_end,
        as_of=detected.as_of,
        horizon=detected.horizon,
        metric=detected.metric,
        value=detected.observed,
        standard_error=standard_error,
        n=detected.n,
        bound=None,
        coverage=detected.coverage,
        maturity=Maturity.MATURE,
        status=Status.OK,
    )


def incident(
    opened: int, resolved: int | None = None, *, told: int | None = None, name: str = "a"
) -> Incident:
    """An incident as the store may hold it."""
    who = Member("recall threshold", "v1", ALL)
    return Incident(
        id=f"inc_{name * 16}",
        monitor="flight_delay",
        incident_class=PERFORMANCE,
        severity=WARNING,
        since=run(opened - 7),
        opened_on=run(opened),
        last_breach_on=run(opened),
        resolved_on=None if resolved is None else run(resolved),
        members=(who,),
        breaching=() if resolved is not None else (who,),
        headline="recall of v1 is 0.412, below 0.531",
        told_on=None if told is None else run(told),
    )


def spec(**fields: object) -> MonitorSpec:
    """A monitor of flights."""
    defaults: dict[str, object] = {
        "monitor": "flight_delay",
        "owner": "ops-ml",
        "task": Task.BINARY,
        "predictions": PredictionLog(
            connection="serving_db",
            table="serving.predictions",
            columns=PredictionColumns(id="id", time="at"),
        ),
        "ground_truth": GroundTruth(
            connection="serving_db",
            table="serving.labels",
            columns=LabelColumns(id="id", actual="y", time="at"),
        ),
        "reference": Reference(start=date(2013, 3, 1), end=date(2013, 3, 31)),
        "metrics": ("recall",),
        "timezone": str(ZONE),
        "runbook": "https://wiki.example.com/flight-delay?a=1&b=2",
    }
    return MonitorSpec(**{**defaults, **fields})  # type: ignore[arg-type]


def action(
    day: int,
    kind: ActionKind = ActionKind.ACKNOWLEDGE,
    *,
    resolution: Resolution | None = None,
    until: int | None = None,
    incident_class: IncidentClass = PERFORMANCE,
    author: str = "ann",
    reason: str = "",
    incident: str = "",
) -> Action:
    """What a person did, counting from run day `day` on; resolved by hand if a resolution is given."""
    if resolution is not None:
        kind = ActionKind.RESOLVE
    return Action(
        id=f"act_{kind}_{incident_class}_{day}_{until}_{author}",
        monitor="flight_delay",
        incident=incident,
        incident_class=incident_class,
        kind=kind,
        day=run(day),
        author=author,
        reason=reason,
        at=midnight(run(day), ZONE) + timedelta(hours=9),
        until=None if until is None else run(until),
        resolution=resolution,
    )
