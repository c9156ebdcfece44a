"""Drawing a chart with matplotlib, which is imported with the first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from hindsight.charts.scales import (
    Place,
    apart,
    at,
    day_words,
    finite,
    level_words,
    limits,
    place_of,
    reach,
    runs,
    step_of,
    ticks,
)
from hindsight.message import Chart, ChartPoint
from hindsight.wording import clean, figure, share, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

WIDTH, HEIGHT, DPI = 1050, 390, 100
"""Pixels: as wide as Slack shows a picture on a large screen, and still legible on a phone."""

MOST_MARKS: Final = 5
"""How many versions are marked; of more the newest."""

# Colours that people tell apart whichever they see badly (after Okabe and Ito), on white in either mode of
# Slack; each line has a style of its own besides.
_VALUE, _BOUND, _EXPECTED, _MARK, _SHADE, _INK = (
    "#0072b2",
    "#d55e00",
    "#6b7280",
    "#7b3f98",
    "#fbe3d4",
    "#1f2937",
)
_STROKE = 0.3
_LOCK = Lock()

Read = Callable[[ChartPoint], float | None]
"""One of the values of a point."""


def png(chart: Chart) -> bytes:
    """The chart as a PNG of some tens of kilobytes."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # One at a time: settings and fonts are the whole process's.
    with _LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        drawn = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(drawn)
        _draw(drawn.add_axes((0.078, 0.115, 0.832, 0.69)), chart)
        _title(drawn, chart.title)
        written = BytesIO()
        drawn.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _title(drawn: Figure, title: str) -> None:
    """The title, cut where the picture ends."""
    words = _words(title, 140)
    text = drawn.text(0.012, 0.93, words, fontsize=12.5, fontweight="bold", color=_INK, parse_math=False)
    while (wide := text.get_window_extent().width) > 0.975 * WIDTH:
        text.set_text(
            words := shorten(words.rstrip("…"), min(int(len(words) * 0.97 * WIDTH / wide), len(words) - 1))
        )


def _draw(axes: Axes, chart: Chart) -> None:
    points = sorted(map(finite, chart.points), key=at)
    x = [place_of(point.day) for point in points]
    low, high = limits(points)
    axes.set_ylim(low, high)
    step = step_of(points)
    first, last = reach(x, chart, step)
    axes.set_xlim(first, last)
    if chart.shaded is not None:
        start, end = (place_of(day) for day in chart.shaded)
        axes.axvspan(
            max(start - step / 2, first),
            min(end + step / 2, last),
            color=_SHADE,
            lw=0,
            zorder=0,
            label="incident",
        )
    for run in runs(points, lambda point: point.low is not None and point.high is not None):
        days, low_ends = _stroke(run, lambda point: point.low, step)
        axes.fill_between(
            days,
            low_ends,
            _stroke(run, lambda point: point.high, step)[1],
            color=_VALUE,
            alpha=0.18,
            lw=0,
            zorder=1,
            label=_once(axes, "95 % interval"),
        )
    _line(
        axes, points, lambda p: p.expected, "expected", color=_EXPECTED, linestyle=(0, (1, 2)), linewidth=1.6
    )
    for side in (lambda p: p.lower, lambda p: p.upper):
        _line(axes, points, side, "bound", color=_BOUND, linestyle=(0, (5, 2)), linewidth=1.6)
    _line(axes, points, lambda p: p.value, chart.metric, color=_VALUE, linewidth=1.5, zorder=3)
    _dots(axes, points)
    _versions(axes, chart, first, last, step)
    _ends(axes, points, as_share=chart.as_share)
    has_values = any(point.value is not None for point in points)
    _dress(axes, x, first, last, has_values=has_values, as_share=chart.as_share)


def _line(
    axes: Axes,
    points: Sequence[ChartPoint],
    read: Read,
    name: str,
    **look: Any,
) -> None:
    """A line that breaks where there is nothing; a single point becomes a short stroke."""
    look.setdefault("zorder", 2)
    for run in runs(points, lambda point: read(point) is not None):
        x, y = _stroke(run, read, step_of(points))
        axes.plot(x, y, label=_once(axes, _words(name, 40)), **look)


def _stroke(run: Sequence[ChartPoint], read: Read, step: Place) -> tuple[list[Place], list[float]]:
    """The line through these points."""
    x = [at(point) for point in run]
    y = [value for point in run if (value := read(point)) is not None]
    return (x, y) if len(run) > 1 else ([x[0] - _STROKE * step, x[0] + _STROKE * step], y * 2)


def _dots(axes: Axes, points: Sequence[ChartPoint]) -> None:
    """Each value; hollow where less truth is known than the monitor asks for."""
    size = 4.2 if len(points) <= 90 else 2.4
    for is_open, face, label in ((False, _VALUE, None), (True, "white", "not all labels yet")):
        found = [p for p in points if p.value is not None and p.open is is_open]
        if found:
            axes.plot(
                [place_of(p.day) for p in found],
                [p.value for p in found if p.value is not None],
                linestyle="none",
                marker="o",
                markersize=size,
                markerfacecolor=face,
                markeredgecolor=_VALUE,
                zorder=4,
                label=label or "_",
            )


def _versions(axes: Axes, chart: Chart, first: Place, last: Place, step: Place) -> None:
    """A mark for each version that took over, with its name at the first height at which there is room."""
    shown = sorted((place_of(day), name) for day, name in chart.versions)
    within = [(place, name) for place, name in shown if first <= place <= last][-MOST_MARKS:]
    top = axes.get_ylim()[1]
    taken: list[Bbox] = []
    for place, name in within:
        axes.axvline(place - step / 2, color=_MARK, linewidth=1.2, linestyle=(0, (3, 1, 1, 1)), zorder=2)
        is_late = place > first + 0.8 * (last - first)
        for height in range(3):
            text = axes.annotate(
                _words(name, 18),
                (place - step / 2, top),
                xytext=(-4 if is_late else 4, -11 - 13 * height),
                textcoords="offset points",
                ha="right" if is_late else "left",
                fontsize=9,
                color=_MARK,
                parse_math=False,
                zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6},
            )
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _ends(axes: Axes, points: Sequence[ChartPoint], *, as_share: bool) -> None:
    """The newest value, bound and expectation in figures, beside the lines and apart from each other."""
    readers: tuple[tuple[Read, str, str], ...] = (
        (lambda p: p.value, _VALUE, "bold"),
        (lambda p: p.lower, _BOUND, "normal"),
        (lambda p: p.upper, _BOUND, "normal"),
        (lambda p: p.expected, _EXPECTED, "normal"),
    )
    bottom, top = axes.get_ylim()
    labels = []
    for read, colour, weight in readers:
        newest = next((found for p in reversed(points) if (found := read(p)) is not None), None)
        if newest is not None:
            labels.append((newest, share(newest) if as_share else figure(newest), colour, weight))
    heights = apart([(y - bottom) / (top - bottom) for y, *_ in labels], 0.07)
    for height, (_, text, colour, weight) in zip(heights, labels, strict=True):
        axes.text(
            1.008,
            height,
            text,
            transform=axes.transAxes,
            va="center",
            fontsize=10,
            color=colour,
            weight=weight,
        )


def _dress(
    axes: Axes, x: Sequence[Place], first: Place, last: Place, *, has_values: bool, as_share: bool
) -> None:
    """Ticks, grid and legend."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#9ca3af")
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors="#4b5563", labelsize=9.5, length=3)
    axes.tick_params(axis="y", length=0)
    places = ticks(first, last) if x else []
    axes.set_xticks(places, [day_words(place, is_first=place == places[0]) for place in places])
    if has_values:
        axes.locator_params(axis="y", nbins=6, steps=[1, 2, 5, 10])
        low, high = axes.get_ylim()
        levels = [float(y) for y in axes.get_yticks() if low <= y <= high]
        axes.set_yticks(levels, level_words(levels, as_share=as_share))
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no values in these days", transform=axes.transAxes, ha="center", color="#6b7280")
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        legend = axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=len(labels),
            frameon=False,
            fontsize=9.5,
            handlelength=1.8,
            columnspacing=1.4,
            borderpad=0.2,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
            text.set_color("#374151")


def _once(axes: Axes, label: str) -> str:
    """The label for the first line of its kind; further ones have none in the legend."""
    return "_" if label in axes.get_legend_handles_labels()[1] else label


def _words(text: str, limit: int) -> str:
    """The text in characters that the font has."""
    known = _drawable()
    return shorten("".join(each if ord(each) in known else "□" for each in clean(text)), limit)


@cache
def _drawable() -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
