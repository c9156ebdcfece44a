"""Small made-up worlds for the pipeline: logs with every oddity, ways to store them, and monitors of them.

A log is plain rows, so that NaN and null stay two things.  `written` puts it where a monitor can read it:
a PostgreSQL schema, or Parquet, CSV or JSON lines files.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import sqlalchemy as sa

from hindsight.detectors.changepoint import Changepoint
from hindsight.detectors.cusum import Cusum
from hindsight.detectors.ewma import Ewma
from hindsight.detectors.missing import Missing
from hindsight.detectors.threshold import Threshold
from hindsight.detectors.trend import Trend
from hindsight.detectors.volume import Volume
from hindsight.domain.spec import (
    GroundTruth,
    LabelColumns,
    MaturityRule,
    MonitorSpec,
    PredictionColumns,
    PredictionLog,
    Reference,
)
from hindsight.domain.values import Horizon, Notify, Span, Task
from hindsight.pipeline import Runtime, run_days
from hindsight.store import Store
from hindsight.store.tables import metadata
from hindsight.windows import DayRange

ZONE = ZoneInfo("America/New_York")
EVER = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
BINARY_METRICS = (
    "recall",
    "precision",
    "f1",
    "accuracy",
    "specificity",
    "roc_auc",
    "brier",
    "log_loss",
    "positive_rate",
    "mean_score",
    "predicted_positive_rate",
)
REGRESSION_METRICS = ("mae", "rmse", "bias", "r2", "mean_prediction")
CLASSES = ("cat", "dog", "owl")
METRICS_OF: dict[Task, tuple[str, ...]] = {
    Task.BINARY: BINARY_METRICS,
    Task.MULTICLASS: (
        "accuracy",
        "macro_f1",
        "log_loss",
        *(f"class_recall({name})" for name in CLASSES),
        "confusion(cat->dog)",
    ),
    Task.RANKING: ("ctr", "mrr", "ndcg(5)", "ndcg", "hit_rate(3)"),
    Task.REGRESSION: REGRESSION_METRICS,
}
HORIZONS = (Horizon(1), Horizon(3), Horizon(7))

PREDICTION_TYPES = {
    "request_id": "text",
    "predicted_at": "timestamptz",
    "logged_at": "timestamptz",
    "score": "double precision",
    "version": "text",
    "origin": "text",
    "carrier": "text",
}
LABEL_TYPES = {"request_id": "text", "actual": "double precision", "label_at": "timestamptz"}
MORE_TYPES: dict[Task, dict[str, str]] = {
    Task.MULTICLASS: {**{f"p_{name}": "double precision" for name in CLASSES}, "said": "text"},
    Task.RANKING: {"place": "double precision", "query": "text"},
}
"""Columns that the prediction log of a task has besides."""

Row = dict[str, Any]
NUMBERS = count()


@dataclass(frozen=True)
class Logs:
    """Both logs as rows, and the types of their columns."""

    predictions: list[Row]
    labels: list[Row]
    prediction_types: dict[str, str] = field(default_factory=lambda: dict(PREDICTION_TYPES))
    label_types: dict[str, str] = field(default_factory=lambda: dict(LABEL_TYPES))

    def known_before(self, moment: datetime) -> Logs:
        """What had been said and learnt by then."""
        return replace(
            self,
            predictions=[row for row in self.predictions if row["logged_at"] < moment],
            labels=[row for row in self.labels if row["label_at"] is None or row["label_at"] < moment],
        )


def local(day: date, hour: float = 12.0) -> datetime:
    """So many hours after the local midnight that begins a day, as UTC."""
    return datetime.combine(day, time(), tzinfo=ZONE).astimezone(UTC) + timedelta(hours=hour)


def prediction(
    request_id: str | None, day: date, score: float | None = 0.6, hour: float = 12.0, **more: Any
) -> Row:
    """One row of the prediction log."""
    at = local(day, hour)
    row = {
        "request_id": request_id,
        "predicted_at": at,
        "logged_at": at,
        "score": score,
        "version": "v1",
        "origin": "JFK",
        "carrier": "UA",
    }
    return row | more


def label(request_id: str | None, day: date, actual: float | None = 1.0, hour: float = 6.0) -> Row:
    """One row of the ground truth, learnt at that hour of a day."""
    return {"request_id": request_id, "actual": actual, "label_at": local(day, hour)}


def odd_logs(seed: int, first: date, days: int, task: Task = Task.BINARY, *, garbage: bool = True) -> Logs:
    """A world with late, missing, corrected, contradicting and duplicated rows; v2 appears half-way.

    With `garbage`, also answers that no model may give.  Every time of day occurs, so also the hours
    around the local midnights and those that a change of clocks repeats.
    """
    draw = random.Random(seed)
    regression = task is Task.REGRESSION
    predictions: list[Row] = []
    labels: list[Row] = []
    for number in range(days):
        day = first + timedelta(days=number)
        begins, ends = local(day, 0), local(day + timedelta(days=1), 0)
        for i in range(draw.randint(40, 80)):
            request_id = f"r{number}-{i}"
            at = begins + (ends - begins) * draw.random()
            at = begins if i == 0 else ends - timedelta(microseconds=1) if i == 1 else at
            late = timedelta(hours=draw.choice([0, 0, 0, 0, 0, 1, 20, 60]) * draw.random())
            chance = draw.betavariate(0.6, 1.2)
            size = draw.gauss(10, 30)
            versions = ["v1", "v2"] if number * 2 >= days else ["v1"]
            for version in versions:
                score = min(1.0, max(0.0, chance + draw.gauss(0, 0.1)))
                row = {
                    "request_id": request_id,
                    "predicted_at": at,
                    "logged_at": at + late,
                    "score": size + draw.gauss(0, 12) if regression else score,
                    "version": version,
                    "origin": draw.choice(["JFK", "LGA", "EWR", None]),
                    "carrier": draw.choice(["UA", "B6"]),
                }
                predictions.append(row)
                odd = draw.random()
                if odd < 0.02:  # the same once more, later
                    predictions.append(
                        row | {"logged_at": row["logged_at"] + timedelta(minutes=7), "score": 0.125}
                    )
                elif odd < 0.03:  # at the same instant, with another answer
                    predictions.append(row | {"score": 0.25, "origin": "EWR"})
                elif odd < 0.04:
                    predictions.append(row | {"request_id": None})
                elif odd < 0.06 and garbage:
                    row["score"] = draw.choice(
                        [float("nan"), float("inf"), -float("inf"), None] + ([1e12] if regression else [1.5])
                    )
            labels += _labels(draw, request_id, at, chance, size if regression else None)
        labels.append(
            {"request_id": f"unknown-{number}", "actual": 1.0, "label_at": begins + timedelta(hours=9)}
        )
    draw.shuffle(predictions)
    draw.shuffle(labels)
    types = PREDICTION_TYPES | MORE_TYPES.get(task, {})
    logs = Logs(predictions, labels, types)
    if task is Task.MULTICLASS:
        return _of_classes(random.Random(seed), logs, garbage)
    return _of_lists(random.Random(seed), logs, garbage) if task is Task.RANKING else logs


def _of_classes(draw: random.Random, logs: Logs, garbage: bool) -> Logs:
    """The same world as a model of three classes would have written it, with ties and classes nobody knows.

    `said` is what the model decided: not always the class of the greatest score.
    """

    def choice(row: Row) -> Row:
        score = row["score"]
        good = score is not None and 0.0 <= score <= 1.0
        share = draw.choice([0.5, draw.random()])
        rest = 1.0 - score if good else 0.5
        scores = [score, rest * share, rest - rest * share]
        if good and draw.random() < 0.1:
            scores = draw.choice([[0.4, 0.4, 0.2], [0.25, 0.375, 0.375], [1 / 3, 1 / 3, 1 / 3]])
        said = max(zip(scores, CLASSES, strict=True))[1] if good else "cat"
        if garbage and draw.random() < 0.03:
            said = draw.choice(["emu", "", "CAT", None])
        return row | {f"p_{name}": p for name, p in zip(CLASSES, scores, strict=True)} | {"said": said}

    def named(actual: float) -> str | None:
        if actual != actual:
            return draw.choice(["emu", "Cat", None])
        return "cat" if actual == 1.0 else draw.choice(["dog", "dog", "owl"])

    return replace(
        logs,
        predictions=[choice(row) for row in logs.predictions],
        labels=[row | {"actual": named(row["actual"])} for row in logs.labels],
        label_types=LABEL_TYPES | {"actual": "text"},
    )


def _of_lists(draw: random.Random, logs: Logs, garbage: bool) -> Logs:
    """The same world as lists of one to eight items; on some lists nothing is known, on others all is 0."""
    places: dict[str, tuple[str, int]] = {}
    left, query, place = 0, 0, 0
    for request_id in sorted({row["request_id"] for row in logs.predictions} - {None}):
        if left == 0 or request_id.partition("-")[2] == "0":
            left, query, place = draw.randint(1, 8), query + 1, 0
        left, place = left - 1, place + 1
        places[request_id] = f"q{query}", place
    silent = {f"q{number}" for number in range(query + 1) if draw.random() < 0.15}
    segments = {
        f"q{number}": {"origin": draw.choice(["JFK", "LGA", None]), "carrier": draw.choice(["UA", "B6"])}
        for number in range(query + 1)
    }

    def item(row: Row) -> Row:
        query, place = places.get(row["request_id"], ("q0", 1))
        # Most lists are of one kind; where they are not, each kind counts by itself.
        found = (
            row | {"query": query, "place": float(place)} | (segments[query] if draw.random() < 0.9 else {})
        )
        odd = draw.random()
        if garbage and odd < 0.03:
            found["place"] = draw.choice([0.0, -1.0, 1.5, float("nan"), None])
        elif garbage and odd < 0.04:
            found["query"] = None
        return found

    def feedback(actual: float) -> float:
        return actual * draw.choice([1.0, 1.0, 2.0, 3.0])

    return replace(
        logs,
        predictions=[item(row) for row in logs.predictions],
        labels=[
            row | {"actual": feedback(row["actual"])}
            for row in logs.labels
            if places.get(row["request_id"], ("", 0))[0] not in silent
        ],
    )


def _labels(
    draw: random.Random, request_id: str, at: datetime, chance: float, size: float | None
) -> Iterator[Row]:
    kind = draw.random()
    if kind < 0.1:
        return
    actual = round(size + draw.gauss(0, 10), 3) if size is not None else float(draw.random() < chance)
    other = actual + 5.0 if size is not None else 1.0 - actual
    when = at + timedelta(days=draw.choice([0.2, 0.7, 1, 1.5, 2, 3, 5, 9]) * draw.random())
    if kind < 0.13:
        when = at - timedelta(hours=1)
    yield {"request_id": request_id, "actual": actual, "label_at": when}
    if kind > 0.9:  # corrected later, perhaps to the same, perhaps back again
        again = when + timedelta(days=draw.choice([0, 0.5, 2, 4]))
        yield {"request_id": request_id, "actual": draw.choice([actual, other, other]), "label_at": again}
        if kind > 0.97:
            yield {"request_id": request_id, "actual": actual, "label_at": again + timedelta(days=1)}
    elif kind > 0.88:
        yield {"request_id": request_id, "actual": float("nan"), "label_at": when + timedelta(hours=1)}


def monitor(task: Task = Task.BINARY, **changes: Any) -> MonitorSpec:
    """A monitor of these logs without a place to read them from; give one with `at`."""
    told: dict[Task, dict[str, Any]] = {
        Task.BINARY: {"score": "score"},
        Task.MULTICLASS: {"scores": {name: f"p_{name}" for name in CLASSES}},
        Task.RANKING: {"position": "place", "query": "query"},
        Task.REGRESSION: {"prediction": "score"},
    }
    spec = MonitorSpec(
        monitor="odd",
        owner="ops-ml",
        task=task,
        timezone=str(ZONE),
        predictions=PredictionLog(
            columns=PredictionColumns(
                id="request_id", time="predicted_at", version="version", logged="logged_at", **told[task]
            )
        ),
        ground_truth=GroundTruth(columns=LabelColumns(id="request_id", actual="actual", time="label_at")),
        segments=("origin", "carrier"),
        maturity=MaturityRule(horizons=HORIZONS, min_coverage=0.5),
        reference=Reference(),
        metrics=METRICS_OF[task],
        hash="one",
    )
    return replace(spec, **changes)


def watched(spec: MonitorSpec, first: date, days: int) -> MonitorSpec:
    """The monitor with a reference of these days, and detectors that look at windows in every way."""
    metrics = {Task.BINARY: "recall", Task.MULTICLASS: "accuracy", Task.RANKING: "mrr"}
    metric = metrics.get(spec.task, "mae")
    worse = 0.02 if spec.task is Task.REGRESSION else -0.02
    adjust = "score_mix" if spec.task is Task.BINARY else "none"
    return replace(
        spec,
        reference=Reference(start=first, end=first + timedelta(days=days - 1)),
        detectors=(
            Threshold(metric=metric, relative=worse, window=Span(3), at=Horizon(1), evidence=0.0),
            Threshold(
                metric=metric,
                relative=worse,
                adjust=adjust,
                window=Span(3),
                at=Horizon(1),
                evidence=0.5,
                name="mix",
            ),
            Threshold(metric="volume", min=50, window=Span(1), at=Horizon(0)),
            Threshold(metric="coverage", min=0.95, window=Span(1), at=Horizon(3)),
            Trend(metric=metric, window=Span(14), at=Horizon(3), slope=0.0),
        ),
    )


def watched_by_all(spec: MonitorSpec, first: date, days: int) -> MonitorSpec:
    """The same, and detectors of every other kind, of segments too."""
    spec = watched(spec, first, days)
    metric, worse, adjust = spec.detectors[0].metric, spec.detectors[0].relative, spec.detectors[1].adjust
    more = (
        Threshold(
            metric=metric,
            relative=worse,
            window=Span(3),
            at=Horizon(3),
            segments=("origin",),
            name="by origin",
        ),
        Cusum(metric=metric, past=Span(20), at=Horizon(1), adjust=adjust),
        Ewma(metric=metric, past=Span(20), at=Horizon(3)),
        Changepoint(metric=metric, past=Span(20), at=Horizon(1)),
        Volume(past=Span(21)),
        Missing(past=Span(10)),
        Missing(metric="coverage", past=Span(10), at=Horizon(1)),
    )
    return replace(spec, detectors=(*spec.detectors, *more))


def at(spec: MonitorSpec, place: dict[str, Any], **more: Any) -> MonitorSpec:
    """The monitor with its logs in a place that `written` named."""
    return replace(
        spec,
        predictions=replace(spec.predictions, **place["predictions"], **more),
        ground_truth=replace(spec.ground_truth, **place["labels"]),
    )


def written(logs: Logs, kind: str, folder: Path, url: str | None = None) -> dict[str, Any]:
    """Put both logs into PostgreSQL (`table`) or files (`parquet`, `csv`, `jsonl`); says where they are."""
    logs_of = {
        "predictions": (logs.prediction_types, logs.predictions),
        "labels": (logs.label_types, logs.labels),
    }
    if kind == "table":
        assert url is not None
        schema = f"logs_{next(NUMBERS)}"
        for name, (types, rows) in logs_of.items():
            write_table(url, schema, name, types, rows)
        return {name: {"connection": "logs", "table": f"{schema}.{name}"} for name in logs_of}
    for name, (types, rows) in logs_of.items():
        WRITERS[kind](folder / f"{name}.{kind}", types, rows)
    return {name: {"files": str(folder / f"{name}.{kind}")} for name in logs_of}


def write_table(url: str, schema: str, name: str, types: dict[str, str], rows: Sequence[Row]) -> None:
    """Replace a table by these rows."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"drop table if exists {schema}.{name}")
        columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
        connection.execute(f"create table {schema}.{name} ({columns})")
        with connection.cursor().copy(f"copy {schema}.{name} from stdin") as copy:
            for row in rows:
                copy.write_row([row[column] for column in types])


def write_parquet(path: Path, types: dict[str, str], rows: Sequence[Row]) -> None:
    """One Parquet file; through text with every digit, so that NaN and null stay two things."""
    draft = path.with_suffix(".draft")
    with draft.open("w", newline="", encoding="utf-8") as file:
        file.writelines(",".join(_quoted(row[column]) for column in types) + "\n" for row in rows)
    columns = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        how = "header=false, auto_detect=false, allow_quoted_nulls=false, quote='\"', escape='\"', delim=','"
        read = f"read_csv('{draft}', {how}, columns={{{columns}}})"
        engine.execute(f"copy (select * from {read}) to '{path}' (format parquet)")
    draft.unlink()


def write_csv(path: Path, types: dict[str, str], rows: Sequence[Row]) -> None:
    """A CSV file as people write it: a header, nulls empty, times in ISO 8601."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(types)
        out.writerows([[_plain(row[column]) for column in types] for row in rows])


def write_jsonl(path: Path, types: dict[str, str], rows: Sequence[Row]) -> None:
    """JSON lines; what JSON has no word for (NaN, infinities) becomes null."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({c: _json(row[c]) for c in types}, ensure_ascii=False) + "\n")


WRITERS: dict[str, Callable[[Path, dict[str, str], Sequence[Row]], None]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
}


def _plain(value: Any) -> Any:
    return (
        value.isoformat(sep=" ")
        if isinstance(value, datetime)
        else repr(value)
        if isinstance(value, float)
        else value
    )


def _quoted(value: Any) -> str:
    return "" if value is None else '"' + str(_plain(value)).replace('"', '""') + '"'


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return (
        None
        if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf")))
        else value
    )


@dataclass
class Bench:
    """A store to run monitors on, and the database their logs may lie in."""

    store: Store
    url: str
    folder: Path

    def runtime(self, **changes: Any) -> Runtime:
        def nobody(connection_id: str) -> Any:
            raise AssertionError(connection_id)

        runtime = Runtime(self.store, lambda _: sa.make_url(self.url), nobody, self.folder)
        return replace(runtime, **changes)

    def run(self, spec: MonitorSpec, first: date, last: date | None = None) -> dict[str, dict[str, Any]]:
        """Every step for these days, telling nobody."""
        return run_days(spec, DayRange(first, last or first), self.runtime(), Notify.NONE)

    def dump(self, monitor: str = "odd") -> str:
        """All that the store knows of a monitor."""
        with self.store.transaction() as connection:
            return self.store.dump(connection, monitor)

    def empty(self) -> None:
        """Forget all monitors."""
        with self.store.transaction() as connection:
            connection.execute(sa.text(f"truncate {', '.join(map(str, metadata.sorted_tables))}"))

    def clear(self, monitor: str = "odd") -> None:
        """Forget a monitor."""
        with self.store.transaction() as connection:
            for table in metadata.sorted_tables:
                connection.execute(sa.delete(table).where(table.c.monitor == monitor))


def in_a_row(bench: Bench, spec: MonitorSpec, days: Iterable[date]) -> None:
    """Runs of these days, or hours, one by one."""
    for day in days:
        bench.run(spec, day)


def in_two_threads(bench: Bench, spec: MonitorSpec, days: Sequence[date]) -> None:
    """The same by two at once, each with a store of its own and every second day."""

    def work(mine: Sequence[date]) -> None:
        store = Store(bench.url)
        in_a_row(replace(bench, store=store), spec, mine)
        store.dispose()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (days[::2], days[1::2])))


@contextmanager
def bench_on(url: str, folder: Path) -> Iterator[Bench]:
    """A bench whose store and logs share one database."""
    store = Store(url)
    store.upgrade()
    yield Bench(store, url, folder)
    store.dispose()
