"""Estimates and label delays of the real flights: right in a quiet world, wrong in July."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight import config
from hindsight.demo.logs import write_files
from hindsight.demo.world import World, null_world
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Span
from hindsight.embedded import EmbeddedPostgres
from hindsight.pipeline.maturity import delay_report, maturity_curve
from hindsight.pipeline.nowcast import Nowcast, nowcasts
from worlds import Bench, bench_on

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
FIRST = date(2013, 3, 1)
DAY, WEEK = Span(1), Span(7)


def watched(
    folder: Path, metrics: tuple[str, ...], predictions: pd.DataFrame, labels: pd.DataFrame
) -> MonitorSpec:
    """The shipped monitor, without detectors, on these logs."""
    write_files(folder, predictions, labels, fingerprint="estimates")
    spec = config.load(MONITORS / "flight_delay.yaml")
    place: dict[str, Any] = {"connection": None, "table": None}
    return replace(
        spec,
        predictions=replace(
            spec.predictions, files=str(folder / "predictions" / "*.parquet"), features=(), **place
        ),
        ground_truth=replace(spec.ground_truth, files=str(folder / "labels" / "*.parquet"), **place),
        segments=(),
        detectors=(),
        metrics=metrics,
        windows=(WEEK,),
    )


@dataclass(frozen=True)
class Year:
    """The first model's flights of the whole year, run once for the tests that read them."""

    bench: Bench
    spec: MonitorSpec


@pytest.fixture(scope="module")
def year(
    postgres: EmbeddedPostgres, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    folder = tmp_path_factory.mktemp("year")
    log = world.predictions[world.predictions["model_version"] == "v1"]
    with bench_on(postgres.ensure_database("year"), folder) as bench:
        spec = watched(folder, ("accuracy", "recall"), log, world.labels)
        bench.run(spec, FIRST, date(2013, 12, 31))
        yield Year(bench, spec)
    postgres.drop_database("year")


def asked(bench: Bench, spec: MonitorSpec, first: date, last: date) -> Callable[..., list[Nowcast]]:
    def ask(metric: str, window: Span, at: Horizon) -> list[Nowcast]:
        found = nowcasts(spec, bench.runtime(), metric=metric, window=window, at=at, start=first, end=last)
        return [row for row in found if row.estimate is not None and row.final is not None]

    return ask


def missed(rows: list[Nowcast], field: str = "estimate") -> float:
    """The root mean square distance of a field from the final value."""
    found = [(getattr(row, field), row.final) for row in rows]
    return float(np.sqrt(np.mean([(value - final) ** 2 for value, final in found])))


@pytest.mark.slow
def test_where_nothing_changes_intervals_hold_and_the_early_labels_are_beaten(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    spec = watched(tmp_path, ("recall", "accuracy", "brier"), *null_world(world, "v1"))
    bench.run(spec, FIRST, date(2013, 7, 30))
    ask = asked(bench, spec, date(2013, 4, 10), date(2013, 6, 30))
    for metric in ("recall", "accuracy", "brier"):
        days, weeks = ask(metric, DAY, Horizon(1)), ask(metric, WEEK, Horizon(1))
        held = [row.lower <= row.final <= row.upper for row in days if row.lower is not None]  # type: ignore[operator]
        assert len(held) > 70
        assert 0.92 <= np.mean(held) <= 1.0
        assert missed(weeks) < 0.4 * missed(weeks, "so_far")
    latest = ask("accuracy", DAY, Horizon(0))[-1]
    assert latest.inside is not None
    assert latest.inside >= 0.9
    assert latest.remark == ""


@pytest.mark.slow
def test_in_july_the_estimate_of_the_first_model_fails_and_its_record_says_so(year: Year) -> None:
    days = asked(year.bench, year.spec, date(2013, 7, 1), date(2013, 8, 14))("accuracy", DAY, Horizon(0))
    by_day = {row.window_start.date(): row for row in days}
    july = [row for day, row in by_day.items() if day.month == 7]
    assert len(july) == 31
    error = [row.estimate - row.final for row in july]  # type: ignore[operator]
    assert 0.08 < np.mean(error) < 0.16, "weather that the scores do not know of made flights late"
    assert all("the assumption has not held" in row.remark for row in july)
    # What July did is known a month later.
    middle, after = by_day[date(2013, 7, 14)], by_day[date(2013, 8, 14)]
    assert middle.past_miss is not None
    assert after.past_miss is not None
    assert after.past_miss > 1.2 * middle.past_miss
    assert after.past_error is not None
    assert after.past_error > 0.04
    # With labels of its own a week is estimated far better than they say by themselves, even then.
    recalls = asked(year.bench, year.spec, date(2013, 7, 1), date(2013, 7, 31))
    weeks = [row for row in recalls("recall", WEEK, Horizon(1)) if row.so_far is not None]
    assert missed(weeks) < 0.4 * missed(weeks, "so_far")


@pytest.mark.slow
def test_how_late_labels_come_and_what_waiting_changes(year: Year) -> None:
    report = delay_report(year.spec, year.bench.runtime())
    at = {each.age: each for each in report.ages}
    for age, coverage in ((1, 0.535), (2, 0.602), (3, 0.841), (30, 0.974)):
        assert at[age].coverage == pytest.approx(coverage, abs=0.01)
    assert 0.02 < report.never < 0.03
    assert [each.age for each in report.quantiles][:2] == [1, pytest.approx(8, abs=2)]
    assert report.predictions_known is not None
    assert report.labels_known <= report.predictions_known
    assert (report.windows, report.mature) == (306, 276)
    # October's outage makes days differ by far more than their labels would by chance.
    assert at[3].standard_error > 5.0 * np.sqrt(0.86 * 0.14 / report.labels)
    accuracy = maturity_curve(year.spec, year.bench.runtime(), metric="accuracy")
    assert [str(row.horizon) for row in accuracy] == ["1d", "7d", "30d"]
    early = accuracy[0]
    assert 0.02 < early.early_minus_final < 0.07
    assert early.standard_error is not None
    assert early.early_minus_final > 5.0 * early.standard_error
    assert abs(accuracy[1].early_minus_final) < 0.003
    assert accuracy[-1].early_minus_final == accuracy[-1].standard_error == 0.0
    assert len({row.windows for row in accuracy}) == 1
