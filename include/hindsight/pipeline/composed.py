"""Decisions as documents, with what they rest on: snapshots, explanations, charts and figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby

import sqlalchemy as sa

from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.explanation import Explanation
from hindsight.incidents import Case
from hindsight.message import Chart, Link, compose, to_json
from hindsight.pipeline import explain, pictured
from hindsight.pipeline.explain import explanations, to_explain, worded
from hindsight.pipeline.figures import figures
from hindsight.pipeline.pictured import charts, drawn
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import SUMMARIES, Act, Decision, Kind

Explained = Mapping[str, Explanation | None]


class Writer:
    """Words decisions as documents: what several channels are told alike, and what it rests on, only once."""

    def __init__(
        self,
        spec: MonitorSpec,
        links: Sequence[Link],
        runtime: Runtime,
        connection: sa.Connection,
        decisions: Collection[Decision],
    ) -> None:
        self._spec, self._links = spec, links
        self._place = runtime, connection
        self._documents: dict[Decision, str] = {}
        self._charts: dict[tuple[date, str], tuple[Chart, ...]] = {}
        self._together: dict[date, dict[str, tuple[bool, Case]]] = {}
        for decision in decisions:
            of_day = self._together.setdefault(decision.day, {})
            explained = decision.act is Act.SEND and decision.kind is not Kind.REVISED
            for case in decision.cases:
                before = of_day.get(case.incident.id, (False, case))[0]
                of_day[case.incident.id] = before or explained, case
        self._grounds: dict[date, tuple[list[Snapshot], Explained]] = {}
        self._gravest: dict[date, dict[str, Decision]] = {}
        for decision in decisions:
            if decision.act is Act.SEND and decision.kind is not Kind.REVISED and decision.incidents:
                self._gravest.setdefault(decision.day, {}).setdefault(decision.incidents[0], decision)

    def document(self, decision: Decision) -> str:
        """The document of a decision, as it lies in the outbox."""
        if decision not in self._documents:
            snapshots, explained = self._rests_on(decision)
            sends = decision.act is Act.SEND
            self._documents[decision] = to_json(
                compose(
                    decision,
                    self._spec,
                    snapshots=snapshots,
                    links=self._links,
                    explanations={i: explained[i] for i in decision.incidents if i in explained and sends},
                    charts=self._drawn(decision) if sends and decision.kind is not Kind.REVISED else (),
                )
            )
        return self._documents[decision]

    def _rests_on(self, decision: Decision) -> tuple[list[Snapshot], Explained]:
        """The snapshots and explanations for all that is told of a day."""
        if decision.day not in self._grounds:
            named = self._together[decision.day].values()
            everything = replace(decision, kind=Kind.DAILY, cases=tuple(case for _, case in named))
            explained = replace(everything, cases=tuple(case for is_told, case in named if is_told))
            self._grounds[decision.day] = (
                evidence(self._spec, everything, *self._place),
                self._beside(explained),
            )
        snapshots, explained_ = self._grounds[decision.day]
        if decision.kind in SUMMARIES:
            return [*snapshots, *figures(self._spec, decision.days, *self._place)], explained_
        return snapshots, explained_

    def _beside(self, decision: Decision) -> Explained:
        """The explanations for a day; its charts are drawn along with them.

        All of them together are kept apart from what must not fail.  If one does, each is tried by itself.
        """
        runtime, connection = self._place
        wanted = list(to_explain(self._spec, decision, runtime, connection))
        gravest = self._gravest.get(decision.day, {})
        if not wanted and not gravest:
            return {}
        try:
            with runtime.store.apart(connection, min(explain.PATIENCE, pictured.PATIENCE)):
                explained = {i: worded(self._spec, d, connection, runtime) for i, d in wanted}
                found = {(d.day, i): drawn(self._spec, d, *self._place) for i, d in gravest.items()}
        except Exception:  # noqa: BLE001 - whatever it was, it is met again below and logged there
            return explanations(self._spec, decision, *self._place)
        self._charts |= found
        return explained

    def _drawn(self, decision: Decision) -> tuple[Chart, ...]:
        """The chart of the gravest incident."""
        key = decision.day, decision.incidents[0] if decision.incidents else ""
        if key not in self._charts:
            self._charts[key] = charts(self._spec, decision, *self._place)
        return self._charts[key]


def named_in(decision: Decision) -> list[tuple[str, Detection]]:
    """The judgements that a message names, each with its incident: of what is open, and what is revised."""
    noted = [(r.incident, r.later) for r in decision.revisions if r.incident is not None]
    if decision.kind is Kind.REVISED:
        return noted
    cases = [case for case in decision.cases if case.incident.is_open]
    return [(case.incident.id, each) for case in cases for each in case.evidence] + noted


def evidence(
    spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection
) -> list[Snapshot]:
    """The snapshots behind a decision's detections, for their intervals: a query for each metric's window."""
    found: list[Snapshot] = []
    wanted = {
        (d.metric, d.horizon, d.window, d.window_start, d.version, d.segment)
        for case in decision.cases
        for d in case.evidence
    }
    together = groupby(sorted(wanted, key=str), key=lambda each: each[:5])
    for (metric, horizon, window, start, version), each in together:
        found += runtime.store.snapshots(
            connection,
            spec.monitor,
            metric=metric,
            horizon=horizon,
            window=window,
            version=version,
            segment=sorted({segment for *_, segment in each}),
            start=start,
            end=start + timedelta(microseconds=1),
        )
    return found
