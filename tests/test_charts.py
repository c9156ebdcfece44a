"""Charts: any data and any name can be drawn, the same way each time; and what the store puts into one."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from episodes import BREACH, CLEAR, detection, snapshot_of
from hindsight.charts import HEIGHT, WIDTH, png
from hindsight.charts.scales import level_words
from hindsight.domain.values import NO_LABELS, Span
from hindsight.incidents import replay
from hindsight.message import Chart, ChartPoint
from hindsight.message.chart import Past, takeovers
from hindsight.message.compose import begun
from hostile import HOSTILE

FIRST = date(2013, 2, 20)
LARGEST = 100_000
MIDNIGHT = datetime(2013, 4, 1)  # noqa: DTZ001 - by the monitor's own clock


def points(values: list[float | None], **more: Any) -> tuple[ChartPoint, ...]:
    """One point a day, with an interval of a tenth to each side."""
    return tuple(
        ChartPoint(
            FIRST + timedelta(days=number),
            value,
            **{"low": None if value is None else value - 0.1, "high": None if value is None else value + 0.1}
            | more,
        )
        for number, value in enumerate(values)
    )


def chart(values: list[float | None], **more: Any) -> Chart:
    made: dict[str, Any] = {
        "incident": "inc_a",
        "title": "flight_delay: recall of v1",
        "metric": "recall",
        "alt": "recall fell",
    }
    drawn = more.pop("points", None) or points(values)
    return Chart(**made | {"points": drawn} | more)


def pixels(picture: bytes) -> Any:
    with Image.open(BytesIO(picture)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def near(picture: bytes, colour: str, within: int = 6) -> Any:
    """Which pixels have about this colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.abs(pixels(picture) - wanted).max(axis=2) < within


FALL: list[float | None] = [0.59 + 0.01 * (day % 3) - (0.15 if day > 45 else 0.0) for day in range(60)]


@pytest.mark.parametrize(
    "colour, more",
    [
        ("#d0e5f1", {"points": points(FALL)}),
        ("#d55e00", {"points": points(FALL, low=None, high=None, lower=0.531)}),
        ("#6b7280", {"points": points(FALL, low=None, high=None, expected=0.59)}),
        ("#7b3f98", {"versions": ((date(2013, 4, 2), "v2"),)}),
        ("#fbe3d4", {"shaded": (date(2013, 4, 8), date(2013, 4, 20))}),
    ],
    ids=["interval", "bound", "expected", "version", "incident"],
)
def test_a_chart_shows_what_it_holds(colour: str, more: dict[str, Any]) -> None:
    bare = chart(FALL, points=points(FALL, low=None, high=None))
    within = 60 if "versions" in more else 6  # a thin line, and so a pale one
    without, shown = (int(near(png(each), colour, within).sum()) for each in (bare, replace(bare, **more)))
    assert shown > 1.2 * without + 100
    assert near(png(bare), "#0072b2").sum() > 500, "the value itself"


def test_a_point_that_is_not_mature_is_hollow() -> None:
    full = chart(FALL, points=points(FALL[:9], low=None, high=None))
    hollow = replace(full, points=tuple(replace(each, open=True) for each in full.points))
    blue = [
        (np.abs(pixels(png(each)) - np.array([0, 114, 178])).max(axis=2) < 12).sum()
        for each in (full, hollow)
    ]
    assert blue[1] < blue[0]


def test_a_picture_is_as_large_as_it_says_and_light_enough_to_send() -> None:
    picture = png(
        chart(FALL, versions=((date(2013, 4, 2), "v2"),), shaded=(date(2013, 4, 8), date(2013, 4, 20)))
    )
    assert pixels(picture).shape == (HEIGHT, WIDTH, 3)
    assert len(picture) < LARGEST
    corner = pixels(picture)[2, 2]
    assert tuple(corner) == (255, 255, 255), "white beneath, so that it reads in a dark window as well"


def test_the_same_chart_is_the_same_bytes_in_every_thread_and_process() -> None:
    drawn = chart(FALL, versions=((date(2013, 4, 2), "v2"),))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(png, [drawn] * 6))) == 1
    script = (
        "import datetime\nfrom hashlib import sha256\nfrom hindsight.charts import png\n"
        f"from hindsight.message import Chart, ChartPoint\nprint(sha256(png({drawn!r})).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sha256(png(drawn)).hexdigest()


def test_nothing_but_drawing_imports_matplotlib() -> None:
    script = (
        "import sys, hindsight.charts, hindsight.pipeline.pictured; sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_drawing_changes_no_setting_and_no_figure_of_others() -> None:
    import matplotlib

    matplotlib.rcParams["lines.linewidth"] = 7.5
    try:
        before = dict(matplotlib.rcParams)
        thick = png(chart(FALL))
        assert dict(matplotlib.rcParams) == before
        matplotlib.rcParams["lines.linewidth"] = 1.5
        assert png(chart(FALL)) == thick, "what others set does not show"
    finally:
        matplotlib.rcParams["lines.linewidth"] = 1.5


@pytest.mark.parametrize(
    "name", [*HOSTILE, "$\\frac{1}{0}$", "日本語 العربية", "x" * 5_000, "\\input{x}", "%d %s", ""]
)
def test_any_name_can_be_drawn(name: str) -> None:
    """Warnings are errors here: a glyph that the font lacks would be one."""
    drawn = chart(FALL, title=name * 3, metric=name or "m", versions=((date(2013, 4, 2), name),) * 30)
    assert len(png(drawn)) < LARGEST


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.4],
        [None] * 20,
        [None, 0.4, None],
        [0.0] * 20,
        [1e6] * 20,
        [-1e308, 1e308] * 10,
        [5e-324, 1e-300, 0.0],
        [float("inf"), float("nan"), 0.5],
        [1e15 + number for number in range(20)],
    ],
    ids=str,
)
def test_any_values_can_be_drawn(values: list[float | None]) -> None:
    for drawn in (
        chart(values),
        chart(values, points=points(values, lower=0.5, upper=1e9, expected=-1.0)),
        chart(values, shaded=(date(2013, 1, 1), date(2013, 12, 31)), versions=((date(2014, 1, 1), "v9"),)),
    ):
        assert len(png(drawn)) < LARGEST


def test_hours_are_drawn_by_the_hour() -> None:
    hours = tuple(ChartPoint(MIDNIGHT + timedelta(hours=hour), hour % 24 / 24.0) for hour in range(168))
    days = tuple(replace(each, day=date.fromordinal(each.day.toordinal())) for each in hours)
    assert png(chart([], points=hours)) != png(chart([], points=days))
    assert len(png(chart([], points=hours))) < LARGEST


def columns(picture: bytes, colour: str) -> tuple[int, int]:
    """The first and the last column that have this colour from the bottom of the chart to its middle."""
    found = near(picture, colour)[HEIGHT // 2 : int(HEIGHT * 0.85)].sum(axis=0) > 20
    shown = np.flatnonzero(found)
    return int(shown[0]), int(shown[-1])


def test_an_incident_of_hours_is_shaded_from_its_hour() -> None:
    """Ten hours of forty-eight, from the thirtieth on: not from noon of the day before."""
    hours = tuple(ChartPoint(MIDNIGHT + timedelta(hours=hour), 0.5 + hour / 1_000) for hour in range(48))
    shaded = (MIDNIGHT + timedelta(hours=30), MIDNIGHT + timedelta(hours=39))
    first, last = columns(png(chart([], points=hours, shaded=shaded)), "#fbe3d4")
    left, width = 0.078 * WIDTH, 0.832 * WIDTH
    span = 47 + 2 * 0.6
    assert first == pytest.approx(left + width * (30 + 0.6 - 0.5) / span, abs=4)
    assert last == pytest.approx(left + width * (39 + 0.6 + 0.5) / span, abs=4)


def test_a_share_is_drawn_in_percent() -> None:
    plainly = chart(FALL)
    assert png(replace(plainly, as_share=True)) != png(plainly)
    assert level_words([0.0, 0.1, 0.2], as_share=True) == ["0 %", "10 %", "20 %"]


def past(version: str) -> Past:
    """Three days of a metric that broke at 06:00 of the second one, on which v2 took over."""
    zone = ZoneInfo("America/New_York")
    begin, unit = datetime(2013, 7, 1, 4, tzinfo=UTC), Span(1, "h")
    judged = []
    for hour in range(72):
        start = begin + timedelta(hours=hour)
        judged.append(
            replace(
                detection(0, BREACH if hour >= 30 else CLEAR),
                window=unit,
                horizon=NO_LABELS,
                window_start=start,
                window_end=start + timedelta(hours=1),
                as_of=start + timedelta(hours=1),
            )
        )
    (case,) = replay(judged, (), zone).cases
    volumes = [
        replace(snapshot_of(each), metric="volume", version="v1" if number < 24 else version, value=100.0)
        for number, each in enumerate(judged)
    ]
    return Past(
        "flight_delay",
        zone,
        case,
        date(2013, 7, 3),
        {each.window_end: snapshot_of(each) for each in judged},
        {each.window_end: each for each in judged},
        volumes,
    )


@pytest.mark.parametrize("version, marked", [("v1", ()), ("v2", ((date(2013, 7, 2), "v2"),))])
def test_an_hourly_chart_has_its_versions_and_begins_its_incident_at_the_hour(version, marked) -> None:
    drawn = past(version).chart()
    assert drawn is not None
    assert drawn.versions == marked
    began = datetime(2013, 7, 2, 6)  # noqa: DTZ001 - by the monitor's own clock
    assert drawn.shaded is not None
    assert drawn.shaded[0] == began
    assert "incident since Tue 2 Jul 2013 06:00" in drawn.alt
    assert "on Wed 3 Jul 2013 23:00" in drawn.alt
    assert begun([drawn]) == {drawn.incident: began}
    assert len(png(drawn)) < LARGEST


def test_a_rollback_is_marked_and_two_that_share_the_rows_are_not() -> None:
    days = [date(2013, 4, day) for day in range(1, 6)]
    back = [{"v1": 9.0}, {"v2": 9.0}, {"v1": 9.0}, {"v1": 5.0, "v2": 5.5}, {"v1": 5.5, "v2": 5.0}]
    assert takeovers(dict(zip(days, back, strict=True))) == [(days[1], "v2"), (days[2], "v1")]


NUMBERS = st.none() | st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.builds(
    ChartPoint,
    day=st.dates(date(2013, 1, 1), date(2013, 3, 31)) | st.datetimes(MIDNIGHT, MIDNIGHT + timedelta(days=90)),
    value=NUMBERS,
    low=NUMBERS,
    high=NUMBERS,
    lower=NUMBERS,
    upper=NUMBERS,
    expected=NUMBERS,
    open=st.booleans(),
)


@settings(deadline=None, max_examples=25)
@given(st.lists(POINTS, max_size=12), st.text(max_size=20))
def test_whatever_is_in_it_can_be_drawn(found, title) -> None:
    assert len(png(chart([], points=tuple(found) or points([0.1]), title=title))) < LARGEST
