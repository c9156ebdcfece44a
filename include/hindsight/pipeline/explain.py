"""On read: an explanation of a breach, from the stored statistics; nothing is written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import (
    Horizon,
    Verdict,
)
from hindsight.errors import HindsightError
from hindsight.explanation import Action, Advice, Explanation, Moved, advice, facts, when
from hindsight.explanation.levels import (
    Change,
)
from hindsight.explanation.parts import Split
from hindsight.incidents.judgements import worst_first
from hindsight.pipeline.breach import SAID, Breach
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Decision, Kind
from hindsight.wording import last_day

LOGGER = logging.getLogger(__name__)

MATERIAL: Final = 1.1
"""Factor by which another metric must surely have changed to be told."""

PATIENCE: Final = 30.0
"""Seconds that one of its statements may take while a message waits."""

MOST: Final = 0.5
"""Part of the change from which on a segment that stands out is to be looked at first."""

TRUE: Final = frozenset({"positive_rate", "mean_actual"})
"""What came true, whatever the model said."""


def explain(
    spec: MonitorSpec, detection: Detection, connection: sa.Connection, runtime: Runtime
) -> Explanation:
    """What stands beside this detection: where, since when, with what, and what to do.

    It is compared with the reference at the same age or, where there is none or the version was not in it,
    with the units before the window.
    """
    breach = Breach(spec, detection, connection, runtime)
    dated, first = breach.dated
    metrics = breach.alongside()
    change = breach.change
    drifts, gaps, small = breach.inputs()
    breached, notes = breach.quality()
    faults = (*gaps, *breached)
    splits, unsplit = breach.splits(change)
    came, amount = breach.company(dated)
    moved = Moved(
        task=spec.task,
        incident_class=detection.incident_class,
        metrics=metrics,
        mature=breach.is_mature(metrics.get("coverage")),
        faults=faults,
        drifts=drifts,
        scored=spec.predictions.columns.score is not None,
        classes=len(spec.classes),
        breached=detection.metric if detection.verdict is Verdict.BREACH else "",
    )
    advised = advice(moved)
    return Explanation(
        monitor=spec.monitor,
        detector=detection.detector,
        metric=detection.metric,
        version=detection.version,
        segment=detection.segment,
        window=detection.window,
        first=breach.window.start,
        last=breach.window.end,
        horizon=detection.horizon,
        against=breach.against,
        advice=replace(advised, first=carrier_of(splits) if advised.action is not Action.NOTHING else ""),
        change=breach.from_fixed or change,
        since=dated,
        dated_from=first,
        splits=splits,
        unsplit=unsplit,
        drifts=drifts,
        others=tuple(told(spec, detection.metric, metrics, advised)),
        versions=came,
        volume=amount,
        faults=faults,
        notes=(*small, *notes),
    )


def explanations(
    spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection
) -> dict[str, Explanation | None]:
    """Those of the worst members of the open incidents that a message names, by the incident's id.

    None for one that could not be explained: that is logged, and never holds the message back.
    """
    found: dict[str, Explanation | None] = {}
    for incident, worst in to_explain(spec, decision, runtime, connection):
        try:
            with runtime.store.apart(connection, PATIENCE):  # an error of the database ends no more than this
                found[incident] = worded(spec, worst, connection, runtime)
        except Exception:
            LOGGER.exception("The breach of %s by %s could not be explained", spec.monitor, worst.detector)
            found[incident] = None
    return found


def to_explain(
    spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection
) -> Iterable[tuple[str, Detection]]:
    """The open incidents that a message names and that can be explained, with the worst member of each.

    Where the store keeps nothing of the window (its statistics were removed, say) there is nothing to explain
    it by.
    """
    known = explicable(spec)
    for case in decision.cases if decision.kind is not Kind.REVISED else ():
        worst = case.evidence[0]
        if case.incident.is_open and worst.detector in known:
            bounds, horizons = (worst.window_start, worst.window_end), [worst.horizon]
            if runtime.store.state_places(connection, spec.monitor, *bounds, horizons=horizons):
                yield case.incident.id, worst


def worded(
    spec: MonitorSpec, detection: Detection, connection: sa.Connection, runtime: Runtime
) -> Explanation:
    """An explanation of which it is sure that it can be worded: one that cannot is none."""
    explained = explain(spec, detection, connection, runtime)
    facts(explained), when(explained)
    return explained


def explicable(spec: MonitorSpec) -> dict[str, Horizon]:
    """The detectors whose breaches can be explained, with their age: a comparison of arms explains itself."""
    return {each.name: each.at for each in spec.detectors if each.kind != "compare"}


def carrier_of(splits: Iterable[Split]) -> str:
    """The segment that stands out with most of the change, empty if none has as much."""
    found = [
        (part.total / split.change, part.segment)
        for split in splits
        for part in split.parts
        if part.stands_out and part.total / split.change >= MOST
    ]
    return max(found)[1] if found else ""


def told(spec: MonitorSpec, metric: str, metrics: Mapping[str, Change], advised: Advice) -> Iterable[Change]:
    """The changes that are worth a clause: of the truth, of what the model said, and of the labels.

    What the advice says already is not said again.
    """
    said = {change.metric for change in advised.evidence}
    known = said | ({"mean_score"} if "labelled_score" in said else set())
    for name, change in metrics.items():
        if name == metric or name in known or name not in TRUE | {"coverage", *SAID[spec.task]}:
            continue
        material = change.turned(MATERIAL) if min(change.before, change.after) > 0.0 else change.moved()
        if material:
            yield change


def breach_of(
    spec: MonitorSpec, connection: sa.Connection, runtime: Runtime, day: date | None, detector: str | None
) -> Detection:
    """The gravest breach of the latest windows that breached, or of those that end on this local day.

    At each detector's own horizon.  Of a given day a judgement without a breach will do; HindsightError if
    there is none at all.
    """
    at = explicable(spec)
    if detector is not None and detector not in at:
        raise HindsightError(
            f"{spec.monitor!r} has no detector {detector!r}; it has {', '.join(map(repr, at)) or 'none'}."
        )
    found = runtime.store.detections(
        connection,
        spec.monitor,
        detector=list(at) if detector is None else detector,
        verdict=Verdict.BREACH if day is None else None,
    )
    own = [each for each in found if each.horizon == at[each.detector]]
    if day is not None:
        own = [each for each in own if last_day(each, zone(spec)) == day]
    if not own:
        where = "" if day is None else f" of a window that ends on {day}"
        by = "" if detector is None else f" by {detector!r}"
        what = "breach" if day is None else "judgement"
        raise HindsightError(f"The store holds no {what} of {spec.monitor!r}{where}{by}: nothing to explain.")
    latest = max(each.as_of for each in own)
    now = [each for each in own if day is not None or each.as_of == latest]
    breaches = [each for each in now if each.verdict is Verdict.BREACH]
    return worst_first(breaches or now)[0]
