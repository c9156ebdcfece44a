"""`run --stale`: after an edit the store is what runs with the edited file would have left, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Delivery
from hindsight.domain.spec import MonitorSpec, named
from hindsight.domain.values import NO_LABELS, Horizon, Span
from hindsight.errors import HindsightError
from hindsight.pipeline.stale import run_stale, run_units
from hindsight.windows import DayRange, Pair, due
from worlds import Bench, at, monitor, odd_logs, watched, written

FIRST, DAYS = date(2013, 3, 5), 9
LAST = FIRST + timedelta(days=DAYS + 2)
KINDS = ("pairs", "windows", "detections", "removed")

Edit = Callable[[MonitorSpec], MonitorSpec]


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


@pytest.fixture(scope="module")
def spec(session_bench: Bench) -> MonitorSpec:
    made = monitor(segments=("carrier",), windows=(Span(3),), metrics=("recall", "roc_auc", "mean_score"))
    maturity = replace(made.maturity, horizons=(Horizon(1), Horizon(3)))
    logs = odd_logs(61, FIRST, DAYS)
    place = written(logs, "table", session_bench.folder, session_bench.url)
    return loaded(at(watched(replace(made, maturity=maturity), FIRST, 3), place))


def loaded(spec: MonitorSpec) -> MonitorSpec:
    """The monitor with the name that loading its file would give to what statistics are made from."""
    basis = named(spec.segments, spec.horizons, spec.predictions.threshold)
    return replace(spec, basis=basis)


def with_detector(spec: MonitorSpec, **options: Any) -> MonitorSpec:
    """The monitor with other options for the detector of the score mix, which keeps its name."""
    detectors = tuple(replace(d, **options) if d.name == "mix" else d for d in spec.detectors)
    return replace(spec, detectors=detectors)


def at_ages(spec: MonitorSpec, *days: int) -> MonitorSpec:
    return replace(spec, maturity=replace(spec.maturity, horizons=tuple(map(Horizon, days))))


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "a metric added": (lambda s: replace(s, metrics=(*s.metrics, "brier")), {"windows"}),
    "a metric without labels added": (
        lambda s: replace(s, metrics=(*s.metrics, "predicted_positive_rate")),
        {"windows"},
    ),
    "a metric removed": (lambda s: replace(s, metrics=("recall", "mean_score")), {"removed"}),
    "a metric and its detector added": (
        lambda s: replace(
            s,
            metrics=(*s.metrics, "brier"),
            detectors=(*s.detectors, Threshold(metric="brier", max=0.2, window=Span(3), at=Horizon(1))),
        ),
        {"windows", "detections"},
    ),
    "a detector's bound": (lambda s: with_detector(s, relative=-0.3), {"detections"}),
    "a detector's severity": (lambda s: with_detector(s, severity="critical"), {"detections"}),
    "a detector's window": (lambda s: with_detector(s, window=Span(2)), set(KINDS) - {"pairs"}),
    "a detector's age": (lambda s: with_detector(s, at=Horizon(3)), {"detections", "removed"}),
    "a detector removed": (lambda s: replace(s, detectors=s.detectors[2:]), {"removed"}),
    "a length of windows added": (lambda s: replace(s, windows=(Span(3), Span.parse("week"))), {"windows"}),
    "a length of windows removed": (
        lambda s: replace(s, windows=(), detectors=s.detectors[2:4]),
        {"removed"},
    ),
    "a horizon added": (lambda s: at_ages(s, 1, 2, 3), {"pairs", "windows", "detections"}),
    "an older horizon added": (lambda s: at_ages(s, 1, 3, 5), {"pairs", "windows", "detections"}),
    "a horizon removed": (
        lambda s: replace(at_ages(s, 1), detectors=s.detectors[:3]),
        set(KINDS),
    ),
    "a segment removed": (lambda s: replace(s, segments=()), {"pairs", "windows", "detections"}),
    "a segment added": (
        lambda s: replace(s, segments=("carrier", "origin")),
        {"pairs", "windows", "detections"},
    ),
    "another coverage asked for": (
        lambda s: replace(s, maturity=replace(s.maturity, min_coverage=0.85)),
        {"windows", "detections"},
    ),
    "another threshold of the score": (
        lambda s: replace(s, predictions=replace(s.predictions, threshold=0.7)),
        {"pairs", "windows", "detections"},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_after_an_edit_all_is_as_if_it_had_always_been_so(bench: Bench, spec: MonitorSpec, edit: str) -> None:
    change, kinds = EDITS[edit]
    edited = loaded(change(spec))
    bench.run(edited, FIRST, LAST)
    fresh = bench.dump()
    bench.clear()
    bench.run(spec, FIRST, LAST)
    before = bench.dump()
    assert fresh != before
    promised = run_stale(edited, bench.runtime(), dry_run=True)
    assert bench.dump() == before, "a dry run changes nothing"
    done = run_stale(edited, bench.runtime())
    assert done == promised
    assert {kind for kind in KINDS if done[kind]} == kinds
    assert bench.dump() == fresh
    assert not any(run_stale(edited, bench.runtime()).values()), "the second time there is nothing to do"


def test_an_edit_that_was_run_with_before_is_still_found(bench: Bench, spec: MonitorSpec) -> None:
    """A live run after the edit makes some windows anew and leaves the others as they were."""
    change, _ = EDITS["a metric and its detector added"]
    edited = loaded(change(with_detector(spec, relative=-0.3)))
    bench.run(edited, FIRST, LAST)
    fresh = bench.dump()
    bench.clear()
    bench.run(spec, FIRST, LAST - timedelta(days=1))
    bench.run(edited, LAST)
    assert bench.dump() != fresh
    run_stale(edited, bench.runtime())
    assert bench.dump() == fresh


def test_what_is_not_stale_is_left_alone(
    bench: Bench, spec: MonitorSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(spec, FIRST, LAST)
    before = bench.dump()
    monkeypatch.setattr(type(bench.store), "replace_snapshots", None)
    assert not any(run_stale(spec, bench.runtime()).values())
    edited = replace(spec, description="Other words.", owner="somebody else", hash="two")
    assert not any(run_stale(edited, bench.runtime()).values())
    assert bench.dump() == before
    only = run_stale(with_detector(spec, relative=-0.3), bench.runtime())
    assert (only["pairs"], only["windows"], set(only["detections"])) == ({}, {}, {"mix"})


def test_days_limit_what_is_made_anew(bench: Bench, spec: MonitorSpec) -> None:
    edited = with_detector(spec, relative=-0.3)
    bench.run(spec, FIRST, LAST)
    done = run_stale(edited, bench.runtime(), DayRange(on(5), on(7)))
    assert done["detections"] == {"mix": 6}, "three runs, each at two ages"
    rest = run_stale(edited, bench.runtime())
    whole = bench.dump()
    bench.clear()
    bench.run(edited, FIRST, LAST)
    assert bench.dump() == whole
    assert rest["detections"]["mix"] > 6
    removed = run_stale(replace(edited, metrics=("recall",)), bench.runtime(), DayRange(on(5), on(5)))
    assert 0 < removed["removed"]["snapshots"] < 100


def test_nobody_is_told(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    noisy = replace(spec, detectors=(Threshold(metric="volume", min=10**6, at=NO_LABELS),))
    run_stale(noisy, bench.runtime())
    with bench.store.transaction() as connection:
        told = bench.store.notifications(connection, "odd")
        assert {row.state for row in told} <= {Delivery.SUPPRESSED}
        assert any(incident.is_open for incident in bench.store.incidents(connection, "odd"))


def test_another_time_zone_is_refused_as_ever(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    before = bench.dump()
    for dry_run in (True, False):
        with pytest.raises(HindsightError, match="which is no midnight of Europe/Berlin: days of another"):
            run_stale(replace(spec, timezone="Europe/Berlin"), bench.runtime(), dry_run=dry_run)
    assert bench.dump() == before


def test_days_that_only_the_reference_needed_were_not_run(bench: Bench, spec: MonitorSpec) -> None:
    """The reference lies before the first run: its days are there, and are not taken for runs."""
    edited = loaded(at_ages(spec, 1, 2, 3))
    bench.run(edited, on(6), LAST)
    fresh = bench.dump()
    bench.clear()
    bench.run(spec, on(6), LAST)
    run_stale(edited, bench.runtime())
    assert bench.dump() == fresh


def test_a_run_leaves_its_pairs_and_a_reference_others(spec: MonitorSpec) -> None:
    ages = (NO_LABELS, Horizon(1), Horizon(3))
    reference = {Pair(age, day) for age in ages for day in DayRange(on(0), on(2))}
    assert run_units(spec, reference) == []
    runs = DayRange(on(6), on(8))
    assert run_units(spec, reference | set(due(runs, ages))) == list(runs)
    early = DayRange(on(0), on(8))
    assert run_units(spec, reference | set(due(early, ages))) == list(early)


def test_frozen_cuts_stay(bench: Bench, spec: MonitorSpec) -> None:
    bench.run(spec, FIRST, LAST)
    count = sa.text("select count(*) from hindsight.cut")
    with bench.store.transaction() as connection:
        before = connection.execute(count).scalar()
    run_stale(loaded(replace(spec, segments=())), bench.runtime())
    with bench.store.transaction() as connection:
        assert connection.execute(count).scalar() == before
