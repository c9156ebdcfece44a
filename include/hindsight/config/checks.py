"""What types cannot say: checks between the parts of a monitor, each a generator of (path, sentence).

A check reads a spec that may have holes where a value was refused.  Reading a hole's attribute raises
AttributeError: then the check falls silent, for the fault it would speak of has been told already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import reduce
from itertools import chain
from math import isfinite
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from hindsight.config import experiments, grain, keeping
from hindsight.config.expansion import domain, names
from hindsight.config.findings import Finding, did_you_mean
from hindsight.config.tree import HOLE, Path, dotted, quoted
from hindsight.domain.spec import Location, MonitorSpec
from hindsight.domain.values import ALL, NAMED_AT_ONCE, NO_LABELS, Convention, Task
from hindsight.metrics import ALWAYS, EXPANDED, Metric, find, prototype
from hindsight.metrics.base import Part
from hindsight.metrics.inputs.calls import OfCalls
from hindsight.metrics.inputs.feature import Binned
from hindsight.notifiers import channels
from hindsight.sources import SOURCES
from hindsight.sources.database import leaves_its_brackets
from hindsight.statistics.quality import ODDITIES
from hindsight.windows import exists

Fault = tuple[Path, str]


def check(spec: MonitorSpec, *, holes: bool) -> Iterator[Finding]:
    """Every fault between the parts; `holes` says that parts are missing, and so what rests on them."""
    runs = [rule(spec) for rule in RULES]
    runs += [_repeats(spec, path) for path in LISTS]
    runs += [_location((side,), getattr(spec, side)) for side in SIDES if hasattr(spec, side)]
    runs += [_location(MARKER, marker) for marker in [_marker(spec)] if marker is not None]
    runs += _of_rules(spec)
    for run in runs:
        for path, message in _until_hole(run) if holes else run:
            yield Finding(path, message)


def check_rules(spec: MonitorSpec) -> Iterator[Finding]:
    """Every fault of a monitor's rules, and of what is kept for them, by themselves: those nobody wrote."""
    for path, message in chain(keeping.faults(spec), *_of_rules(spec)):
        yield Finding(path, message)


def _of_rules(spec: MonitorSpec) -> Iterator[Iterator[Fault]]:
    for index, detector in present(getattr(spec, "detectors", ())):
        metric = getattr(detector, "metric", None)
        whole_name = metric is None or _known(metric) or detector.carrier != metric
        rules = DETECTOR_RULES if whole_name else (_detector_metric,)
        yield from [rule(spec, detector, ("detectors", index)) for rule in rules]


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
    holders: list[tuple[Path, Any]] = [((), spec), (MARKER, _marker(spec))]
    holders += [((side,), getattr(spec, side, None)) for side in SIDES]
    for path, holder in holders:
        zone = getattr(holder, "timezone", "UTC")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            meant = did_you_mean(zone, available_timezones())
            yield (*path, "timezone"), f"there is no time zone {zone!r}{meant}"


def _marker(spec: MonitorSpec) -> Location | None:
    """The marker of the feed, where there is a sound one."""
    return getattr(getattr(spec, "maturity", None), "marker", None)


def _location(path: Path, place: Location) -> Iterator[Fault]:
    side = dotted(path)
    kinds = [kind for kind in SOURCES if getattr(place, kind) is not None]
    asked = [key for key in ("table", "query") if getattr(place, key) is not None]
    if len(kinds) != 1:
        must = f"{side} must say where its rows lie by exactly one of {' or '.join(SOURCES)}"
        yield _at(path, kinds), f"{must}, but has {_named(kinds)}"
    elif place.connection is None and asked:
        yield _at(path, asked), f"{side} reads {kinds[0]}, and {_named(asked)} goes only with a connection"
    elif place.connection is not None and len(asked) != 1:
        must = f"{side} must say what to read on {place.connection!r} by exactly one of table or query"
        yield _at(path, asked), f"{must}, but has {_named(asked)}"


def _at(path: Path, keys: list[str]) -> Path:
    return (*path, keys[-1] if keys else "connection or files")


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
        yield from _metric(spec, name, ("metrics", index))


def _metric(spec: MonitorSpec, name: str, path: Path) -> Iterator[Fault]:
    """What is wrong with a metric's name in this monitor."""
    metric = _proto(name)
    if spec.task not in metric.tasks:
        yield path, _misfit(name, spec.task)
        return
    if metric.argument in EXPANDED:
        known = domain(spec, metric.argument)
        if not known:
            yield path, f"the metric {name!r} is kept for {metric.argument}, and the monitor names none"
            return
        if "(" not in name:
            return
        argument = name[name.index("(") + 1 : -1]
        if argument not in known:
            meant = did_you_mean(argument, known) or f": known are {', '.join(known)}"
            yield path, f"{argument!r} in {name!r} is not {metric.argument}{meant}"
            return
    try:
        find(name)
    except ValueError as error:
        yield path, str(error)


def _proto(name: str) -> Metric:
    """The registered metric of a name; the grammar has seen to it that there is one."""
    metric = prototype(name)
    assert metric is not None
    return metric


def _known(name: str) -> bool:
    """Whether a metric's name can be used as it stands."""
    try:
        find(name)
    except ValueError:
        return False
    return True


def _misfit(metric: str, task: Task) -> str:
    tasks = " and ".join(sorted(_proto(metric).tasks))
    return f"the metric {metric!r} does not fit the task {task.value}: it is for {tasks}"


def _columns(spec: MonitorSpec) -> Iterator[Fault]:
    columns = spec.predictions.columns
    path = ("predictions", "columns")
    for any_of in NEEDED[spec.task]:
        if all(getattr(columns, name) is None for name in any_of):
            which = " or ".join(map(repr, any_of))
            how = "map one of them" if any_of[1:] else "map it in predictions.columns"
            yield path, f"the task {spec.task.value} needs the column {which}: {how}"
    for name in sorted({*chain.from_iterable(ONLY_FOR.values())} - ONLY_FOR[spec.task]):
        if getattr(columns, name) is not None:
            tasks = " and ".join(sorted(task for task, names in ONLY_FOR.items() if name in names))
            yield (*path, name), f"the column {name!r} is for {tasks}, and the task is {spec.task.value}"
    if columns.cluster is not None and spec.task is not Task.BINARY:
        yield (*path, "cluster"), f"clusters are for {Task.BINARY.value}, and the task is {spec.task.value}"
    elif columns.cluster is not None and spec.ground_truth.columns.weight is not None:
        yield (*path, "cluster"), "clusters do not go together with weights of labels: map one of them"
    if spec.task is Task.REGRESSION and (columns.lower is None) != (columns.upper is None):
        yield path, "an interval needs both 'lower' and 'upper': map both, or none"


def _classes(spec: MonitorSpec) -> Iterator[Fault]:
    scores, named = spec.predictions.columns.scores, spec.predictions.classes
    path = ("predictions", "classes")
    if spec.task is not Task.MULTICLASS:
        if named:
            yield path, f"classes are for multiclass_classification, and the task is {spec.task.value}"
        return
    if len(spec.classes) < 2:
        where = "name them in predictions.classes, or as the keys of predictions.columns.scores"
        yield path, f"a multiclass model has at least two classes: {where}"
    numbers = Counter(number for name in spec.classes if (number := _number(name)) is not None)
    for number, count in numbers.items():
        if count > 1 or not isfinite(number):
            yield path, f"a class of a number column may be {number:g} once: {', '.join(spec.classes)}"
    if isinstance(scores, Mapping) and named and set(named) != set(scores):
        odd = sorted(set(named) ^ set(scores))
        yield path, f"classes and the keys of columns.scores differ: {', '.join(odd)}"


def _scores(spec: MonitorSpec) -> Iterator[Fault]:
    columns = spec.predictions.columns
    for index, name in present(spec.metrics):
        metric = _proto(name)
        if spec.task not in metric.tasks:
            continue
        missing = []
        if metric.needs_score and spec.task in SCORES and getattr(columns, SCORES[spec.task]) is None:
            missing.append(SCORES[spec.task])
        if metric.needs_interval and columns.lower is None:
            missing.append("lower and upper")
        for column in missing:
            where = "map it there" if " " not in column else "map them there"
            yield ("metrics", index), f"the metric {name!r} needs predictions.columns.{column}: {where}"


def _inputs(spec: MonitorSpec) -> Iterator[Fault]:
    for index, name in present(spec.metrics):
        metric, path = _proto(name), ("metrics", index)
        if "(" in name and not _known(name):
            continue
        if isinstance(metric, OfCalls) and metric.column is not None:
            if getattr(spec.predictions.columns, metric.column) is None:
                yield path, f"the metric {name!r} needs predictions.columns.{metric.column}: map it there"
        elif isinstance(metric, Binned) and spec.reference.values:
            must = "give the reference start and end, not values"
            yield path, f"the metric {name!r} rests on bins, which are taken from days: {must}"


def _custom(spec: MonitorSpec) -> Iterator[Fault]:
    for name, of in spec.custom.items():
        for side in ("numerator", "denominator"):
            expression = getattr(of, side)
            if not expression.strip():
                yield ("custom", name, side), f"the {side} of {name!r} is empty: give an SQL expression"
            elif ";" in expression or leaves_its_brackets(expression):
                must = "without semicolons and with its brackets in pairs"
                yield ("custom", name, side), f"the {side} of {name!r} must be one SQL expression, {must}"


def _number(name: str) -> float | None:
    """A class's name as a number, if it is one: what it is compared with in a column of numbers."""
    with suppress(ValueError):
        return float(name)
    return None


def _segments(spec: MonitorSpec) -> Iterator[Fault]:
    values = spec.segment_limit * len(spec.segments)
    if values > NAMED_AT_ONCE:
        many = f"{spec.segment_limit} values of {len(spec.segments)} segment columns"
        yield ("segment_limit",), f"{many} are {values}, and {NAMED_AT_ONCE} at most can be kept apart"
    columns = spec.predictions.columns
    mapped = {columns.id: "id", columns.time: "time"}
    for index, segment in present(spec.segments):
        if segment in mapped:
            path = ("segments", index)
            yield (
                path,
                f"the segment {segment!r} is the column of the {mapped[segment]}, which makes no groups",
            )


def _quality(spec: MonitorSpec) -> Iterator[Fault]:
    for reason in spec.quality:
        if reason not in ODDITIES:
            meant = did_you_mean(reason, ODDITIES) or f": known are {', '.join(sorted(ODDITIES))}"
            yield ("quality", reason), f"nothing is counted as {quoted(reason)}{meant}"


def _notifiers(spec: MonitorSpec) -> Iterator[Fault]:
    """What makes no sense in an entry of notify, or beside another: an address is told by one of them."""
    first: dict[str, int] = {}
    for index, entry in present(spec.notify):
        with suppress(AttributeError):  # a hole in one entry says nothing of the next
            for key, channel in channels((entry,)).items():
                if first.setdefault(key, index) != index:
                    where = ", ".join(map(str, channel.address.values())) or key.partition(":")[0]
                    cure = "make it one entry, or give them another `when` each"
                    yield ("notify", index), f"notify[{first[key]}] leads to {where} already: {cure}"
        with suppress(AttributeError):
            if entry.quiet and entry.quiet.start == entry.quiet.end:
                cure = 'name a stretch of the day such as "22:00-07:00", or leave it out'
                yield ("notify", index, "quiet"), f"quiet hours {entry.quiet} end when they begin: {cure}"
        with suppress(AttributeError):
            for number, segment in present(entry.segments):
                column = segment.partition("=")[0]
                if column not in (ALL, *whole(spec.segments)):
                    known = ", ".join(whole(spec.segments)) or "none"
                    which = quoted(column) + f" of {segment}" * (segment != column)
                    must = f"is not one of the monitor's segments, which are {known}"
                    yield ("notify", index, "segments", number), f"{which} {must}"


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
        longest = grain.oldest(spec)
        if horizon > longest:
            cure = ": judge older labels in a monitor of `grain: day`" if longest.unit == "h" else ""
            yield (*path, index), f"a horizon may be {longest} at most, but is {horizon}{cure}"


def _reference(spec: MonitorSpec) -> Iterator[Fault]:
    reference = spec.reference
    start, end, values = reference.start, reference.end, reference.values
    if values and (start or end):
        yield ("reference",), "reference must be either start and end, or fixed values, but has both"
    elif not values and not (start and end):
        yield ("reference",), "reference needs both start and end, or fixed values such as {accuracy: 0.95}"
    elif start and end and end < start:
        yield ("reference", "end"), f"the reference ends on {end}, before it starts on {start}"
    elif start and start == end and _skipped(spec, start):
        yield ("reference", "start"), f"{start} is no day in {spec.timezone}: the zone skipped it"
    for name in values:
        if spec.task not in _proto(name).tasks:
            yield ("reference", name), _misfit(name, spec.task)


def _skipped(spec: MonitorSpec, day: date) -> bool:
    """Whether the zone has no such day; of a zone that is not known that is told by itself."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return not exists(day, ZoneInfo(spec.timezone))
    return False


def _detector_names(spec: MonitorSpec) -> Iterator[Fault]:
    names = Counter[str]()
    for index, detector in present(spec.detectors):
        name = getattr(detector, "name", "")
        names[name] += 1
        if name and names[name] == 2:
            yield ("detectors", index), f"a second detector is called {name!r}: give it a `name` of its own"


def _detector_metric(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    name = detector.metric
    faults = list(_metric(spec, name, (*path, "metric")))
    yield from faults
    if faults:
        return
    judged = detector.carrier if detector.carrier != name else name
    kept = {*ALWAYS, *(full for each in whole(spec.metrics) for full in names(spec, each))}
    if judged == name and not _known(name):
        options = ", ".join(names(spec, name))
        yield (
            (*path, "metric"),
            f"a detector judges one metric, and {name!r} is several: name one of {options}",
        )
        return
    asked = tuple(names(spec, name)) if judged != name else (name,)
    if len(asked) > 1 and not kept & {*asked}:
        yield (*path, "metric"), f"the detector judges {name!r}, which is not computed: add it to metrics"
        return
    for each in dict.fromkeys((*asked, judged, *whole(detector.others(spec)))):
        if each not in kept:
            yield (*path, "metric"), f"the detector judges {each!r}, which is not computed: add it to metrics"


def _detector_segments(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    for index, column in present(detector.segments):
        if column in detector.segments[:index]:
            yield (*path, "segments", index), f"segments names {quoted(column)} twice"
        if column not in whole(spec.segments):
            known = ", ".join(whole(spec.segments)) or "none"
            yield (
                (*path, "segments", index),
                f"{quoted(column)} is not one of the monitor's segments, which are {known}",
            )
    for segment in detector.beside:
        column = segment.partition("=")[0]
        if column not in whole(spec.segments):
            known = ", ".join(whole(spec.segments)) or "none"
            yield (
                path,
                f"{quoted(column)} of {segment} is not one of the monitor's segments, which are {known}",
            )


def _detector_horizon(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    at, name = detector.at, detector.carrier
    if not find(name).labelled and at != NO_LABELS:
        yield (
            (*path, "at"),
            f"the metric {name!r} needs no labels and is kept at 0d only: judge it `at: 0d`, not {at}",
        )
    elif find(name).labelled and at == NO_LABELS:
        yield (
            (*path, "at"),
            f"at 0d there are no labels, which the metric {name!r} needs: name a later horizon",
        )
    elif find(name).labelled and at not in (horizons := whole(spec.maturity.horizons)):
        known = ", ".join(map(str, horizons))
        yield (*path, "at"), f"the detector judges at {at}, which is not one of maturity.horizons ({known})"


def _silence(spec: MonitorSpec) -> Iterator[Fault]:
    truth, path = spec.ground_truth, ("ground_truth", "convention")
    if truth.convention is not Convention.DEFAULT_NEGATIVE:
        for index, name in present(spec.metrics):
            if name == "default_share":
                yield ("metrics", index), f"{name!r} is for ground_truth.convention: default_negative"
        return
    if spec.task is not Task.BINARY:
        tasks = f"{Task.BINARY.value}, and the task is {spec.task.value}"
        yield path, f'default_negative takes silence for a "no", so it is for {tasks}'
    if truth.columns.weight is not None:
        yield path, "default_negative does not go together with weights of labels: silence has none"
    if not truth.silent_for:
        must = "name how long a live feed may bring no label, such as 3d"
        yield ("ground_truth", "silent_for"), f"silent_for is 0, and no feed is always heard: {must}"


def _detector_silence(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    metric, last = find(detector.carrier), max(whole(spec.maturity.horizons), default=NO_LABELS)
    of_outcomes = metric.labelled and not metric.of_labels and metric.part is Part.OUTCOMES
    silent = spec.ground_truth.convention is Convention.DEFAULT_NEGATIVE
    if silent and of_outcomes and NO_LABELS < detector.at < last:
        why = f'under default_negative a missing label is a "no" only at {last}, and before that says nothing'
        yield (*path, "at"), f"{why}: judge {detector.metric!r} `at: {last}`, not {detector.at}"


def _detector_reference(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    values = spec.reference.values
    if detector.adjusts:
        if spec.task is not Task.BINARY:
            yield path, f"score_mix is for {Task.BINARY.value}, and the task is {spec.task.value}"
        elif spec.predictions.columns.score is None:
            yield path, "score_mix rests on scores: map them in predictions.columns.score"
        if values:
            yield (
                path,
                "score_mix is learnt from the days of the reference: give it start and end, not values",
            )
    elif detector.needs_reference and values and detector.metric not in values and not detector.others(spec):
        yield path, f"the detector compares with reference.{detector.metric}, which is missing: add it there"


def _detector_itself(_: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    for message in detector.problems():
        yield path, message


SIDES: Final = ("predictions", "ground_truth")
MARKER: Final = ("maturity", "marker")

NEEDED: Final[Mapping[Task, tuple[tuple[str, ...], ...]]] = {
    Task.BINARY: (("score", "prediction"),),
    Task.MULTICLASS: (("prediction", "scores"),),
    Task.REGRESSION: (("prediction",),),
    Task.RANKING: (("position",), ("query",)),
}
"""Of each group of columns a task needs one."""

SCORES: Final[Mapping[Task, str]] = {Task.BINARY: "score", Task.MULTICLASS: "scores"}
"""Where a task's scores lie."""

ONLY_FOR: Final[Mapping[Task, frozenset[str]]] = {
    Task.BINARY: frozenset({"score", "prediction"}),
    Task.MULTICLASS: frozenset({"scores", "prediction"}),
    Task.REGRESSION: frozenset({"prediction", "lower", "upper"}),
    Task.RANKING: frozenset({"position", "query"}),
}
"""Columns of a model's answer, by the tasks that have them."""

RULES: Final[tuple[Callable[[MonitorSpec], Iterator[Fault]], ...]] = (
    _time_zones,
    _one_place,
    _metrics,
    _columns,
    _classes,
    _scores,
    _inputs,
    _custom,
    _segments,
    _quality,
    _silence,
    _horizons,
    grain.faults,
    keeping.faults,
    _notifiers,
    _reference,
    _detector_names,
)

DETECTOR_RULES: Final[tuple[Callable[[MonitorSpec, Any, Path], Iterator[Fault]], ...]] = (
    _detector_metric,
    _detector_segments,
    _detector_horizon,
    _detector_silence,
    _detector_reference,
    _detector_itself,
    experiments.faults,
)

LISTS: Final[tuple[tuple[str, ...], ...]] = (
    ("metrics",),
    ("segments",),
    ("tags",),
    ("maturity", "horizons"),
    ("predictions", "features"),
    ("predictions", "classes"),
)
"""Lists in which nothing may stand twice."""
