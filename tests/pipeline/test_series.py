"""What a detector is given to look at: days, reference, others, segments, and when it is asked again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar

import pytest

from hindsight.detectors import BaseDetector, Finding, Series
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import ALL, UNVERSIONED, Horizon, Severity, Span, Status, Verdict
from worlds import ZONE, Bench, Logs, at, label, monitor, odd_logs, prediction, written

FIRST = date(2013, 3, 5)
LAST = FIRST + timedelta(days=11)
FIVE_DAYS = Span(5)
REFERENCE = Reference(start=FIRST, end=FIRST + timedelta(days=3))


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


@dataclass(frozen=True, kw_only=True)
class Probe(BaseDetector):
    """Writes down what it is shown."""

    kind: ClassVar[str] = "probe"
    judges_days: ClassVar[bool] = True
    reads_reference_days: ClassVar[bool] = True

    past: Span = FIVE_DAYS
    beside: tuple[str, ...] = ()
    compares: bool = True

    @property
    def reach(self) -> Span:
        return self.past

    @property
    def needs_reference(self) -> bool:
        return self.compares

    def others(self, spec: MonitorSpec) -> tuple[str, ...]:
        return self.beside

    @property
    def sentence(self) -> str:
        return "what it is shown"

    def examine(self, series: Series) -> Finding:
        return Finding(
            Verdict.CLEAR,
            series.no_reference or "seen.",
            observed=series.latest.value,
            details={
                "days": [point.end.isoformat() for point in series.days],
                "values": [point.value for point in series.days],
                "rows": sum(point.n for point in series.days),
                "reference": [point.end.isoformat() for point in series.reference_days],
                "rows_of_reference": [point.n for point in series.reference_days],
                "of_reference": None if series.reference is None else series.reference.n,
                "others": {name: other.latest.value for name, other in series.others.items()},
            },
        )


class Absent(Probe):
    """Also asks after versions that are gone."""

    sees_absence: ClassVar[bool] = True


def watching(bench: Bench, logs: Logs, detector: BaseDetector, **changes: object) -> MonitorSpec:
    spec = at(monitor(), written(logs, "parquet", bench.folder))
    changes = {"reference": REFERENCE, "windows": (Span(3),), "detectors": (detector,)} | changes
    return replace(spec, **changes)


def seen(bench: Bench, spec: MonitorSpec) -> dict[tuple[str, str, Horizon, date], Detection]:
    with bench.store.transaction() as connection:
        rows = bench.store.detections(connection, spec.monitor)
    return {(d.version, d.segment, d.horizon, d.window_start.astimezone(ZONE).date()): d for d in rows}


def test_it_sees_the_days_of_its_reach_and_none_of_the_reference(bench: Bench) -> None:
    logs = odd_logs(1, FIRST, 12)
    spec = watching(bench, logs, Probe(metric="volume", at=Horizon(0)))
    bench.run(spec, FIRST, LAST)
    found = seen(bench, spec)
    shown = found["v1", ALL, Horizon(0), on(9)].details
    assert shown["days"] == [on(day).isoformat() for day in range(5, 10)]
    assert shown["reference"] == [on(day).isoformat() for day in range(4)]
    assert shown["of_reference"] == sum(shown["rows_of_reference"])
    soon = found["v1", ALL, Horizon(0), on(5)]
    assert soon.details["days"] == [on(4).isoformat(), on(5).isoformat()]
    within = found["v1", ALL, Horizon(0), on(2)]
    assert within.reason.startswith("the window begins on")
    assert within.details["reference"] == []


def test_it_sees_no_day_from_before_the_reference(bench: Bench) -> None:
    later = Reference(start=on(4), end=on(7))
    probe = Probe(metric="volume", at=Horizon(0), past=Span(9))
    spec = watching(bench, odd_logs(1, FIRST, 12), probe, reference=later)
    bench.run(spec, FIRST, LAST)
    shown = seen(bench, spec)["v1", ALL, Horizon(0), on(9)].details
    assert shown["days"] == [on(8).isoformat(), on(9).isoformat()]


def test_without_a_reference_all_days_of_its_reach_are_there(bench: Bench) -> None:
    spec = watching(bench, odd_logs(1, FIRST, 12), Probe(metric="volume", at=Horizon(0), compares=False))
    bench.run(spec, FIRST, LAST)
    shown = seen(bench, spec)["v1", ALL, Horizon(0), on(5)].details
    assert shown["days"] == [on(day).isoformat() for day in range(1, 6)]
    assert shown["reference"] == []


def test_the_other_metrics_are_those_of_the_same_window(bench: Bench) -> None:
    probe = Probe(metric="accuracy", at=Horizon(1), beside=("mean_score", "recall"))
    spec = watching(bench, odd_logs(2, FIRST, 12), probe)
    bench.run(spec, FIRST, LAST)
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(connection, spec.monitor, segment=ALL, window=Span(1), version="v1")
    held = {(row.metric, row.horizon, row.window_start): row.value for row in rows}
    judged = [d for key, d in seen(bench, spec).items() if key[0] == "v1"]
    assert {d.horizon for d in judged} == set(spec.maturity.horizons)
    for detection in judged:
        assert detection.details["others"] == {
            "mean_score": held["mean_score", Horizon(0), detection.window_start],
            "recall": held["recall", detection.horizon, detection.window_start],
        }


def test_segments_are_judged_each_by_itself_and_only_those_of_the_named_columns(bench: Bench) -> None:
    spec = watching(
        bench, odd_logs(3, FIRST, 12), Probe(metric="volume", at=Horizon(0), segments=("carrier",))
    )
    bench.run(spec, FIRST, LAST)
    found = seen(bench, spec)
    assert {key[1] for key in found if key[0] == "v1"} == {ALL, "carrier=B6", "carrier=UA"}
    parts = [found["v1", segment, Horizon(0), on(9)].details for segment in ("carrier=B6", "carrier=UA")]
    whole = found["v1", ALL, Horizon(0), on(9)].details
    assert [sum(each) for each in zip(*(part["values"] for part in parts), strict=True)] == whole["values"]
    assert sum(part["of_reference"] for part in parts) == whole["of_reference"]


@pytest.mark.parametrize("kind, versions", [(Probe, {"v2"}), (Absent, {"v1", "v2"})])
def test_a_version_that_is_gone_is_judged_only_by_who_asks_for_it(
    bench: Bench, kind: type[Probe], versions: set[str]
) -> None:
    logs = Logs(
        [prediction(f"r{day}", on(day), version="v1" if day < 3 else "v2") for day in range(12)],
        [label(f"r{day}", on(day + 1)) for day in range(12)],
    )
    spec = watching(bench, logs, kind(metric="volume", at=Horizon(0), compares=False))
    bench.run(spec, FIRST, LAST)
    found = seen(bench, spec)
    assert {key[0] for key in found if key[3] == on(5)} == versions
    assert {key[0] for key in found if key[3] == on(9)} == {"v2"}
    gone = [d for key, d in found.items() if key[0] == "v1" and key[3] == on(5)]
    assert all(d.observed is None and d.n == 0 for d in gone)


def test_a_day_without_any_row_is_judged_once_for_nobodys_version(bench: Bench) -> None:
    logs = Logs([prediction(f"r{day}", on(day)) for day in range(12) if day != 7], [])
    spec = watching(bench, logs, Probe(metric="volume", at=Horizon(0), compares=False))
    bench.run(spec, FIRST, LAST)
    assert [key[0] for key in seen(bench, spec) if key[3] == on(7)] == [UNVERSIONED]


def test_a_day_that_lands_late_has_every_window_judged_anew_that_looks_back_at_it(bench: Bench) -> None:
    logs = odd_logs(4, FIRST, 12)
    spec = watching(bench, logs, Probe(metric="volume", at=Horizon(0)))
    spec = at(spec, written(logs, "parquet", bench.folder))
    bench.run(spec, FIRST, LAST)
    before = seen(bench, spec)
    late = [prediction(f"late-{i}", on(6)) for i in range(9)]
    more = replace(logs, predictions=logs.predictions + late)
    again = at(spec, written(more, "parquet", bench.folder))
    again = replace(again, hash=spec.hash, basis=spec.basis)
    bench.run(again, on(6), on(6))
    bench.run(again, on(11), on(11))
    after = seen(bench, again)
    changed = {key[3] for key in after if after[key].details["rows"] != before[key].details["rows"]}
    assert changed == {on(day) for day in range(6, 11)}


def test_severities_are_those_of_findings(bench: Bench) -> None:
    spec = watching(bench, odd_logs(5, FIRST, 12), Probe(metric="volume", at=Horizon(0)))
    bench.run(spec, FIRST, LAST)
    assert {d.severity for d in seen(bench, spec).values()} == {Severity.OK}
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(connection, spec.monitor, metric="volume", window=Span(1))
    assert {row.status for row in rows} <= {Status.OK, Status.EMPTY}
