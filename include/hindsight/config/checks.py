"""What types cannot say: checks between the parts of a monitor, each a generator of (path, sentence).

A check reads a spec that may have holes where a value was refused.  Reading a hole's attribute raises
AttributeError: then the check falls silent, for the fault it would speak of has been told already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import reduce
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from hindsight.config.findings import Finding, did_you_mean
from hindsight.config.tree import HOLE, Path, dotted
from hindsight.domain.spec import Location, MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Task
from hindsight.metrics import ALWAYS, METRICS
from hindsight.sources import SOURCES

MAX_HORIZON: Final = Horizon(120)

Fault = tuple[Path, str]


def check(spec: MonitorSpec, *, holes: bool) -> Iterator[Finding]:
    """Every fault between the parts; `holes` says that parts are missing, and so what rests on them."""
    runs = [rule(spec) for rule in RULES]
    runs += [_repeats(spec, path) for path in LISTS]
    runs += [_location(side, getattr(spec, side)) for side in SIDES if hasattr(spec, side)]
    for index, detector in present(getattr(spec, "detectors", ())):
        runs += [rule(spec, detector, ("detectors", index)) for rule in DETECTOR_RULES]
    for run in runs:
        for path, message in _until_hole(run) if holes else run:
            yield Finding(path, message)


def _until_hole(faults: Iterator[Fault]) -> Iterator[Fault]:
    with suppress(AttributeError):
        yield from faults


def present(items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """The items of a list that are not holes, with their indices."""
    return ((index, item) for index, item in enumerate(items) if item is not HOLE)


def whole(items: Iterable[Any]) -> list[Any]:
    """All items of a list, for a check that asks what is not among them: silent if some were refused."""
    found = list(items)
    if HOLE in found:
        raise AttributeError("an item was refused")
    return found


def _time_zones(spec: MonitorSpec) -> Iterator[Fault]:
    holders = [((), spec), *(((side,), getattr(spec, side, None)) for side in SIDES)]
    for path, holder in holders:
        zone = getattr(holder, "timezone", "UTC")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            meant = did_you_mean(zone, available_timezones())
            yield (*path, "timezone"), f"there is no time zone {zone!r}{meant}"


def _location(side: str, place: Location) -> Iterator[Fault]:
    kinds = [kind for kind in SOURCES if getattr(place, kind) is not None]
    asked = [key for key in ("table", "query") if getattr(place, key) is not None]
    if len(kinds) != 1:
        must = f"{side} must say where its rows lie by exactly one of {' or '.join(SOURCES)}"
        yield _at(side, kinds), f"{must}, but has {_named(kinds)}"
    elif place.connection is None and asked:
        yield _at(side, asked), f"{side} reads {kinds[0]}, and {_named(asked)} goes only with a connection"
    elif place.connection is not None and len(asked) != 1:
        must = f"{side} must say what to read on {place.connection!r} by exactly one of table or query"
        yield _at(side, asked), f"{must}, but has {_named(asked)}"


def _at(side: str, keys: list[str]) -> Path:
    return (side, keys[-1] if keys else "connection or files")


def _named(keys: list[str]) -> str:
    return " and ".join(keys) or "neither"


def _one_place(spec: MonitorSpec) -> Iterator[Fault]:
    log, truth = spec.predictions, spec.ground_truth
    places = [side.connection or (side.files and "files") for side in (log, truth)]
    if all(places) and places[0] != places[1]:
        path = ("ground_truth", "connection" if truth.connection else "files")
        where = f"predictions lie in {places[0]} and ground_truth in {places[1]}"
        must = "both must lie at the same place, on one connection or in files, for they are joined there"
        yield path, f"{where}: {must}"


def _metrics(spec: MonitorSpec) -> Iterator[Fault]:
    if not spec.metrics:
        yield ("metrics",), "metrics is empty: name at least one"
    for index, name in present(spec.metrics):
        if spec.task not in METRICS[name].tasks:
            yield ("metrics", index), _misfit(name, spec.task)


def _misfit(metric: str, task: Task) -> str:
    tasks = " and ".join(sorted(METRICS[metric].tasks))
    return f"the metric {metric!r} does not fit the task {task.value}: it is for {tasks}"


def _columns(spec: MonitorSpec) -> Iterator[Fault]:
    columns = spec.predictions.columns
    path = ("predictions", "columns")
    if spec.task is Task.REGRESSION and columns.prediction is None:
        yield path, "the task regression needs the column 'prediction': map it in predictions.columns"
    if spec.task is Task.BINARY and columns.score is None and columns.prediction is None:
        yield path, "the task binary_classification needs the column 'score' or 'prediction': map one of them"


def _scores(spec: MonitorSpec) -> Iterator[Fault]:
    if spec.predictions.columns.score is None:
        for index, name in present(spec.metrics):
            if METRICS[name].needs_score and spec.task in METRICS[name].tasks:
                yield ("metrics", index), f"the metric {name!r} needs predictions.columns.score: map it there"


def _segments(spec: MonitorSpec) -> Iterator[Fault]:
    columns = spec.predictions.columns
    mapped = {columns.id: "id", columns.time: "time"}
    for index, segment in present(spec.segments):
        if segment in mapped:
            path = ("segments", index)
            yield (
                path,
                f"the segment {segment!r} is the column of the {mapped[segment]}, which makes no groups",
            )


def _repeats(spec: MonitorSpec, path: tuple[str, ...]) -> Iterator[Fault]:
    first: dict[Any, int] = {}
    items: Any = reduce(getattr, path, cast("Any", spec))
    for index, item in present(items):
        if first.setdefault(item, index) != index:
            yield (*path, index), f"{dotted(path)} names {str(item)!r} twice"


def _horizons(spec: MonitorSpec) -> Iterator[Fault]:
    path = ("maturity", "horizons")
    if not spec.maturity.horizons:
        yield path, "maturity.horizons is empty: name at least one label age such as 7d"
    for index, horizon in present(spec.maturity.horizons):
        if horizon == NO_LABELS:
            yield (
                (*path, index),
                "a horizon must be longer than 0d, which is always there and needs no labels",
            )
        if horizon > MAX_HORIZON:
            yield (*path, index), f"a horizon may be {MAX_HORIZON} at most, but is {horizon}"


def _reference(spec: MonitorSpec) -> Iterator[Fault]:
    reference = spec.reference
    start, end, values = reference.start, reference.end, reference.values
    if values and (start or end):
        yield ("reference",), "reference must be either start and end, or fixed values, but has both"
    elif not values and not (start and end):
        yield ("reference",), "reference needs both start and end, or fixed values such as {accuracy: 0.95}"
    elif start and end and end < start:
        yield ("reference", "end"), f"the reference ends on {end}, before it starts on {start}"
    for name in values:
        if spec.task not in METRICS[name].tasks:
            yield ("reference", name), _misfit(name, spec.task)


def _detector_names(spec: MonitorSpec) -> Iterator[Fault]:
    names = Counter[str]()
    for index, detector in present(spec.detectors):
        name = getattr(detector, "name", "")
        names[name] += 1
        if name and names[name] == 2:
            yield ("detectors", index), f"a second detector is called {name!r}: give it a `name` of its own"


def _detector_metric(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    name = detector.metric
    if spec.task not in METRICS[name].tasks:
        yield (*path, "metric"), _misfit(name, spec.task)
    elif name not in [*ALWAYS, *whole(spec.metrics)]:
        yield (*path, "metric"), f"the detector judges {name!r}, which is not computed: add it to metrics"


def _detector_horizon(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    at, name = detector.at, detector.metric
    if not METRICS[name].labelled and at != NO_LABELS:
        yield (
            (*path, "at"),
            f"the metric {name!r} needs no labels and is kept at 0d only: judge it `at: 0d`, not {at}",
        )
    elif METRICS[name].labelled and at == NO_LABELS:
        yield (
            (*path, "at"),
            f"at 0d there are no labels, which the metric {name!r} needs: name a later horizon",
        )
    elif METRICS[name].labelled and at not in (horizons := whole(spec.maturity.horizons)):
        known = ", ".join(map(str, horizons))
        yield (*path, "at"), f"the detector judges at {at}, which is not one of maturity.horizons ({known})"


def _detector_reference(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    values = spec.reference.values
    if detector.adjusts:
        if spec.predictions.columns.score is None:
            yield path, "score_mix rests on scores: map them in predictions.columns.score"
        if values:
            yield (
                path,
                "score_mix is learnt from the days of the reference: give it start and end, not values",
            )
    elif detector.needs_reference and values and detector.metric not in values:
        yield path, f"the detector compares with reference.{detector.metric}, which is missing: add it there"


def _detector_itself(_: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    for message in detector.problems():
        yield path, message


SIDES: Final = ("predictions", "ground_truth")

RULES: Final[tuple[Callable[[MonitorSpec], Iterator[Fault]], ...]] = (
    _time_zones,
    _one_place,
    _metrics,
    _columns,
    _scores,
    _segments,
    _horizons,
    _reference,
    _detector_names,
)

DETECTOR_RULES: Final[tuple[Callable[[MonitorSpec, Any, Path], Iterator[Fault]], ...]] = (
    _detector_metric,
    _detector_horizon,
    _detector_reference,
    _detector_itself,
)

LISTS: Final[tuple[tuple[str, ...], ...]] = (
    ("metrics",),
    ("segments",),
    ("tags",),
    ("maturity", "horizons"),
    ("predictions", "features"),
)
"""Lists in which nothing may stand twice."""
