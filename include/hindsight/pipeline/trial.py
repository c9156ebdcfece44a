"""Rules tried on stored days: what each day would have raised and sent, had they been live all along."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Detection, Incident
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain, Notify, Severity, Verdict
from hindsight.errors import HindsightError
from hindsight.incidents import History, Transition, as_told, last_told, notes, replay
from hindsight.incidents.revised import Window, window_of
from hindsight.incidents.told import Told
from hindsight.message import compose
from hindsight.pipeline.composed import evidence, named_in
from hindsight.pipeline.notify import listeners
from hindsight.pipeline.plan import zone
from hindsight.pipeline.present import own_pairs
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.supposed import supposed
from hindsight.policy import Act, Decision, Kind, decide
from hindsight.windows import DayRange, end_of, run_day


@dataclass(frozen=True, slots=True)
class Message:
    """One message that would have been sent on a run day."""

    day: date
    kind: str
    severity: Severity
    text: str
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one detector said within the days: how many judgements, and how many of each kind that matters."""

    judged: int
    breaches: int
    watched: int
    insufficient: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a set of rules makes of some run days; incidents are those open on any of them."""

    messages: tuple[Message, ...]
    incidents: tuple[Incident, ...]
    opened: int
    days_in_incident: int
    detectors: dict[str, Tally]


@dataclass(frozen=True, slots=True)
class Trial:
    """The rules of a monitor's file and, if there are any, edited ones, on the same run days."""

    monitor: str
    days: DayRange
    present: Outcome
    edited: Outcome | None = None


def trial(spec: MonitorSpec, days: DayRange, runtime: Runtime, edited: MonitorSpec | None = None) -> Trial:
    """Try the rules of a monitor, and edited ones beside them, on the runs of these local days.

    All that is stored up to the last day is replayed, as if the rules had been live from the first stored day
    on: what is open when the first of these days begins was told before.  Nothing is written and no run
    waits.  HindsightError if nothing is stored, or if the edit changes what the statistics are made of.
    """
    if edited is not None:
        refuse_other_statistics(spec, edited)
        edited = replace(edited, basis=spec.made_by)
    until = end_of(days.end, zone(spec))
    with runtime.store.reading() as connection:
        if not own_pairs(connection, runtime.store, spec):
            raise HindsightError(
                f"The store holds nothing of {spec.monitor} that its file as it is now has made: run its "
                f"days first, as `hindsight run {spec.monitor} --start DAY --end DAY`."
            )
        outcomes = [
            outcome(each, days, *supposed(each, connection, runtime, until), connection)
            for each in (spec, edited)
            if each is not None
        ]
    return Trial(spec.monitor, days, *outcomes)


OF_STATISTICS: Final = (
    "monitor",
    "task",
    "timezone",
    "grain",
    "predictions",
    "ground_truth",
    "segments",
    "segment_limit",
    "reference",
    "custom",
)
"""Keys of a monitor's file that statistics are computed from, besides the horizons."""


def refuse_other_statistics(spec: MonitorSpec, edited: MonitorSpec) -> None:
    """Raise if the stored statistics do not serve an edited monitor, naming the keys that differ."""
    keys = [key for key in OF_STATISTICS if getattr(spec, key) != getattr(edited, key)]
    keys += ["maturity.horizons"] if spec.horizons != edited.horizons else []
    if not keys and spec.made_by != edited.made_by and terms(spec) != terms(edited):
        keys = ["metrics"]
    if keys:
        raise HindsightError(
            f"The edit changes {' and '.join(keys)}, and so what the stored statistics of {spec.monitor} are "
            "computed from: only metrics, windows, detectors, budget, coverage and notifiers can be tried on "
            "them.  Give the edited file a `monitor` name of its own and run its days instead."
        )


def terms(spec: MonitorSpec) -> list[str]:
    """What is summed of each row."""
    from hindsight.statistics import layout_of

    return [term.name for term in layout_of(spec).summed]


def outcome(
    spec: MonitorSpec,
    days: DayRange,
    detections: Sequence[Detection],
    seen: Runtime,
    connection: sa.Connection,
) -> Outcome:
    """What these detections would have raised and sent on these days."""
    at = {detector.name: detector.at for detector in spec.detectors}
    told = (decision for decision in told_live(spec, days.end, detections) if decision.day in days)
    messages = [message(spec, decision, seen, connection) for decision in told]
    history = replay(detections, (), zone(spec), at=at, rule=spec.incidents)
    there = [
        i
        for i in history.incidents
        if i.opened_on <= days.end and (i.is_open or (i.resolved_on or date.min) >= days.start)
    ]
    inside = [d for d in detections if run_day(d.as_of, zone(spec)) in days and d.horizon == at[d.detector]]
    return Outcome(
        messages=tuple(messages),
        incidents=tuple(there),
        opened=sum(i.opened_on in days for i in there),
        days_in_incident=sum(
            any(i.opened_on <= day and (i.resolved_on is None or day < i.resolved_on) for i in there)
            for day in days
        ),
        detectors={name: tally(d for d in inside if d.detector == name) for name in at},
    )


def tally(detections: Iterable[Detection]) -> Tally:
    """The count of what a detector said."""
    found = list(detections)
    return Tally(
        judged=len(found),
        breaches=sum(d.verdict is Verdict.BREACH for d in found),
        watched=sum(d.verdict is Verdict.CLEAR and d.severity is Severity.WATCH for d in found),
        insufficient=sum(d.verdict is Verdict.INSUFFICIENT for d in found),
    )


def told_live(spec: MonitorSpec, last: date, detections: Sequence[Detection]) -> Iterator[Decision]:
    """What is told by one live run after the other up to this day, each knowing what those before told.

    Every channel is decided for by itself; of messages of one kind and run the fullest stands for all.
    """
    hearing = listeners(spec, {})
    named: dict[Window, Told] = {}
    before: tuple[Transition, ...] = ()
    by_window: dict[Window, list[Detection]] = defaultdict(list)
    for detection in detections:
        by_window[window_of(detection)].append(detection)
    for day, known_by, history in runs(spec, last, detections, named):
        again = [d for window in named for d in by_window[window] if d.as_of <= known_by]
        noted = notes(named, again, zone(spec))
        fullest: dict[Kind, Decision] = {}
        for key, listener in hearing.items():
            for decision in decide(
                Notify.LIVE,
                DayRange(day, day),
                history,
                listener,
                notes=noted,
                heard=before if before and before[-1].day == day else (),
                is_over=known_by == end_of(day, zone(spec)),
            ):
                if decision.act is not Act.SEND:
                    continue
                hearing[key] = replace(listener, memory=listener.memory.and_told(decision.tellings))
                other = fullest.get(decision.kind)
                if other is None or len(other.cases) < len(decision.cases):
                    fullest[decision.kind] = decision
        before = history.transitions if spec.grain is Grain.HOUR else ()
        for decision in fullest.values():
            named.update(last_told([as_told(named_in(decision))], named))
            yield decision


def runs(
    spec: MonitorSpec, last: date, detections: Sequence[Detection], named: Collection[Window]
) -> Iterator[tuple[date, datetime, History]]:
    """Every run up to this day at which something is judged: its day, its as-of, and the history known by it.

    What is computed for later days changes no earlier one, so by the day one replay serves all runs.  Hours
    are replayed one by one, since a day that is not over counts only its breaches.  An hour in which nothing
    breaches, and no window is judged again that a message has `named` so far, is passed over.
    """
    at = {detector.name: detector.at for detector in spec.detectors}
    ordered = sorted(detections, key=lambda d: d.as_of)
    if spec.grain is Grain.DAY:
        whole = replay(ordered, (), zone(spec), at=at, rule=spec.incidents)
        for moment in dict.fromkeys(d.as_of for d in ordered):
            day = run_day(moment, zone(spec))
            if day <= last:
                yield day, moment, up_to(whole, day)
        return
    for moment, found in groupby(ordered, key=lambda d: d.as_of):
        day = run_day(moment, zone(spec))
        telling = any(d.verdict is Verdict.BREACH or window_of(d) in named for d in found)
        if day <= last and (telling or moment == end_of(day, zone(spec))):
            known = [d for d in ordered if d.as_of <= moment]
            yield day, moment, replay(known, (), zone(spec), at=at, rule=spec.incidents)


def up_to(history: History, day: date) -> History:
    """What of a history had happened by the end of this run day."""
    return History(
        tuple(state for state in history.states if state[0] <= day),
        tuple(transition for transition in history.transitions if transition.day <= day),
    )


def message(spec: MonitorSpec, decision: Decision, seen: Runtime, connection: sa.Connection) -> Message:
    """A decision as the first line that people would read."""
    document = compose(decision, spec, snapshots=evidence(spec, decision, seen, connection))
    return Message(
        decision.day, str(decision.kind), decision.severity, document.first_line, decision.incidents
    )
