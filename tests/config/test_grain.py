"""An hourly monitor's file: every length in hours, what is usual there, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path

import pytest

from hindsight.config import load
from hindsight.config.grain import WAIT
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Grain, Horizon, Span
from hindsight.errors import ConfigError

HOURLY = """\
monitor: search
owner: team
task: binary_classification
grain: hour
predictions: {files: p.parquet, columns: {id: id, time: at, score: p}}
ground_truth: {files: l.parquet, columns: {id: id, actual: y, time: at}}
maturity: {horizons: [1h, 6h, 1d]}
reference: {start: 2024-03-01, end: 2024-03-31}
metrics: [recall]
detectors:
  - {type: threshold, metric: recall, min: 0.5, window: 6h, at: 6h}
"""

Load = Callable[..., MonitorSpec]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    def made(*replacements: tuple[str, str], defaults: str = "") -> MonitorSpec:
        text = HOURLY
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "_defaults.yaml").write_text(defaults)
        (tmp_path / "search.yaml").write_text(text)
        if not defaults:
            (tmp_path / "_defaults.yaml").unlink()
        return load(tmp_path / "search.yaml")

    return made


def test_every_length_is_counted_in_hours(loaded: Load) -> None:
    spec = loaded(("metrics:", "windows: [1d, 12h]\nmetrics:"), ("at: 6h}", "at: 1d}"))
    assert spec.grain is Grain.HOUR
    assert spec.horizons == (NO_LABELS, Horizon(1, "h"), Horizon(6, "h"), Horizon(24, "h"))
    assert spec.spans == (Span(1, "h"), Span(6, "h"), Span(12, "h"), Span(24, "h"))
    assert [horizon.count for horizon in spec.horizons] == [0, 1, 6, 24]
    (detector,) = spec.detectors
    assert (detector.at, detector.name) == (Horizon(24, "h"), "threshold:recall:6h@24h")


def test_a_name_of_its_own_stays(loaded: Load) -> None:
    assert loaded(("at: 6h}", "at: 1d, name: mine}")).detectors[0].name == "mine"


def test_what_is_left_out_is_usual_for_hours(loaded: Load) -> None:
    spec = loaded()
    assert spec.windows == (Span(24, "h"), Span(168, "h"))
    assert spec.schedule == time(0, 10)
    assert spec.maturity.wait == timedelta(minutes=30)
    short = loaded(("maturity: {horizons: [1h, 6h, 1d]}\n", "maturity: {min_coverage: 0.5}\n"))
    assert short.horizons == (NO_LABELS, Horizon(1, "h"), Horizon(6, "h"), Horizon(24, "h"))
    assert loaded(("[1h, 6h, 1d]", "[1h, 6h], wait: 2h")).maturity.wait == timedelta(hours=2)


def test_beside_the_shipped_defaults_it_has_what_is_usual_for_hours_too(loaded: Load) -> None:
    shipped = (Path(__file__).parents[2] / "include" / "monitors" / "_defaults.yaml").read_text()
    left_out = ("maturity: {horizons: [1h, 6h, 1d]}\n", "")
    spec = loaded(left_out, defaults=shipped)
    assert spec.horizons == (NO_LABELS, Horizon(1, "h"), Horizon(6, "h"), Horizon(24, "h"))
    assert spec.maturity.wait == timedelta(minutes=30)
    by_day = ("grain: hour\n", ""), ("window: 6h, at: 6h", "window: 1d, at: 1d")
    daily = loaded(left_out, *by_day, defaults=shipped)
    assert daily.horizons == (NO_LABELS, Horizon(1), Horizon(7), Horizon(30))
    assert daily.maturity.wait == timedelta(hours=6)


def test_the_longest_wait_is_what_the_page_on_time_says(loaded: Load) -> None:
    page = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
    assert "at most `airflow.max_active_runs` less one hours, or 30m where that is 1" in page
    for runs, longest in ((1, "30m"), (2, "1h"), (4, "3h")):
        own = f"[1h, 6h, 1d], wait: {longest}}}\nairflow: {{max_active_runs: {runs}}}"
        told = loaded(("[1h, 6h, 1d]}", own))
        assert told.maturity.wait == {"30m": WAIT}.get(longest, (runs - 1) * timedelta(hours=1))
        with pytest.raises(ConfigError, match=f"wait {longest} at most"):
            loaded(
                ("[1h, 6h, 1d]}", own.replace(f"wait: {longest}", "wait: 181m" if runs == 4 else "wait: 61m"))
            )


def test_lengths_that_are_inherited_are_counted_in_hours_too(loaded: Load) -> None:
    spec = loaded(
        ("maturity: {horizons: [1h, 6h, 1d]}\n", ""),
        ("at: 6h", "at: 7d"),
        defaults="maturity: {horizons: [1d, 7d]}\nwindows: [7d]\n",
    )
    assert spec.horizons == (NO_LABELS, Horizon(24, "h"), Horizon(168, "h"))
    assert spec.windows == (Span(168, "h"),)


def test_a_day_by_the_day_and_one_by_the_hour_are_not_the_same_statistics(loaded: Load) -> None:
    daily = loaded(("grain: hour\n", ""), ("1h, 6h, 1d", "1d"), ("window: 6h, at: 6h", "window: 1d, at: 1d"))
    assert daily.unit_span == Span(1)
    assert daily.made_by != loaded(("1h, 6h, 1d", "1d"), ("at: 6h", "at: 1d")).made_by


@pytest.mark.parametrize(
    "replacements, sentence",
    [
        (
            [("grain: hour\n", ""), ("1h, 6h, 1d", "6h, 1d"), ("window: 6h, at: 6h", "at: 1d")],
            "6:23: 6h is in hours: say `grain: hour`, or name whole days, such as 1d",
        ),
        (
            [("grain: hour\n", ""), ("1h, 6h, 1d", "1d"), ("window: 6h, at: 6h", "window: 30h, at: 1d")],
            "10:57: 30h is in hours: say `grain: hour`, or name whole days, such as 2d",
        ),
        (
            [("metrics:", "windows: [week]\nmetrics:")],
            "9:11: a week is a window of days: at `grain: hour` name hours, such as 168h",
        ),
        (
            [("window: 6h", "window: month")],
            "11:57: a month is a window of days: at `grain: hour` name hours, such as 168h",
        ),
        (
            [("metrics:", 'schedule: "06:00"\nmetrics:')],
            (
                "9:11: at `grain: hour` the schedule is the minutes past the hour at which a run starts, "
                'such as "00:10", not 06:00'
            ),
        ),
        (
            [("[1h, 6h, 1d]", "[1h, 6h], wait: 4h")],
            (
                "7:38: hours would be left out, for only airflow.max_active_runs (4) runs wait at once: wait "
                "3h at most, or allow more runs"
            ),
        ),
        (
            [("[1h, 6h, 1d]", "[1h, 6h, 8d]")],
            (
                "7:31: a horizon may be 168h at most, but is 192h: judge older labels in a monitor of "
                "`grain: day`"
            ),
        ),
        (
            [("[1h, 6h, 1d]", "[0h, 6h]")],
            "7:23: a horizon must be longer than 0d, which is always there and needs no labels",
        ),
        (
            [("[1h, 6h, 1d]", "[6h, 24h, 1d]")],
            "7:32: maturity.horizons names '24h' twice",
        ),
        (
            [("at: 6h", "at: 7d")],
            "11:65: the detector judges at 168h, which is not one of maturity.horizons (1h, 6h, 24h)",
        ),
        (
            [
                (
                    "type: threshold, metric: recall, min: 0.5, window: 6h",
                    "type: trend, metric: recall, window: 6h",
                )
            ],
            "11:5: a trend needs a window of at least 72h, not 6h",
        ),
        (
            [
                ("grain: hour", "grain: hour\ntimezone: Pacific/Apia"),
                ("{start: 2024-03-01, end: 2024-03-31}", "{start: 2011-12-30, end: 2011-12-30}"),
            ],
            "9:20: 2011-12-30 is no day in Pacific/Apia: the zone skipped it",
        ),
        (
            [("grain: hour", "grain: week")],
            "4:8: grain must be 'day' or 'hour', but is 'week'",
        ),
    ],
)
def test_what_does_not_go_with_the_grain_is_told_with_its_cure(
    loaded: Load, replacements: list[tuple[str, str]], sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(*replacements)
    assert [str(p).partition("search.yaml:")[2] for p in refused.value.problems] == [sentence]
