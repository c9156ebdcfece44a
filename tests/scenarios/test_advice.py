"""Advice on the real flights: a model that its inputs misled, a prior shift, and a harder world."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from hindsight import config
from hindsight.demo.logs import write_files
from hindsight.demo.world import World
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, Span, Verdict
from hindsight.explanation import Action, Explanation, facts
from hindsight.pipeline.explain import explain
from hindsight.wording import last_day
from worlds import ZONE, Bench

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
SPANS = (
    ("2013-03-01", "2013-03-31"),
    ("2013-07-04", "2013-07-31"),
    ("2013-09-01", "2013-09-28"),
    (
        "2013-11-13",
        "2013-12-24",
    ),
)
"""The reference, and the days of the windows that are explained."""


@pytest.fixture
def spec(bench: Bench, world: World, tmp_path: Path) -> MonitorSpec:
    """The flights of these days, judged a week later; most of its metrics are not kept."""
    log = world.predictions
    local = log["predicted_at"].dt.tz_convert(str(ZONE)).dt.strftime("%Y-%m-%d")
    within = pd.concat([local.between(*span) for span in SPANS], axis=1).any(axis=1)
    write_files(tmp_path, log[within], world.labels, fingerprint="advice")
    made = config.load(MONITORS / "flight_delay.yaml")
    place = {"connection": None, "table": None}
    rules = [
        Threshold(name=name, metric=name, relative=-0.05, window=Span(28), at=Horizon(7))
        for name in ("recall", "precision")
    ]
    made = replace(
        made,
        predictions=replace(made.predictions, files=str(tmp_path / "predictions" / "*.parquet"), **place),
        ground_truth=replace(made.ground_truth, files=str(tmp_path / "labels" / "*.parquet"), **place),
        maturity=replace(made.maturity, horizons=(Horizon(7),)),
        segments=("origin",),
        metrics=("recall", "precision"),
        windows=(Span(28),),
        detectors=tuple(rules),
        budget=None,
        notify=(),
    )
    for first, last in SPANS:
        bench.run(made, date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=7))
    return made


def explained(
    bench: Bench, spec: MonitorSpec, metric: str, version: str, day: date
) -> tuple[Detection, Explanation]:
    with bench.store.transaction() as connection:
        found = bench.store.detections(
            connection, spec.monitor, detector=metric, version=version, segment=ALL
        )
        (one,) = [row for row in found if last_day(row, ZONE) == day]
        return one, explain(spec, one, connection, bench.runtime())


def test_what_to_do_about_each_failure_of_the_year(bench: Bench, spec: MonitorSpec) -> None:
    breach, july = explained(bench, spec, "recall", "v1", date(2013, 7, 31))
    assert breach.verdict is Verdict.BREACH
    assert july.advice.retrain, july.advice
    assert "the model's inputs misled it, and temp (psi " in july.advice.reason
    assert [drift.feature for drift in july.drifts] == ["temp"]
    assert [part.segment for _, part in july.outstanding] == ["origin=EWR"]

    breach, september = explained(bench, spec, "precision", "v2", date(2013, 9, 28))
    assert breach.verdict is Verdict.BREACH
    assert september.advice.action is Action.RECALIBRATE, september.advice
    assert "and scores did not follow" in september.advice.reason
    assert "retrain: not advised" in dict(facts(september))["Likely action"]

    for version in ("v1", "v2"):
        told = []
        for day in (date(2013, 12, 10), date(2013, 12, 18), date(2013, 12, 24)):
            _, december = explained(bench, spec, "recall", version, day)
            assert december.advice.action in (Action.NOTHING, Action.WAIT), (version, day, december.advice)
            told.append(december.advice.reason)
        assert any("a harder world for any model" in reason for reason in told), told
