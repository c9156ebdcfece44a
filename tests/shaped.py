"""Rows through the project's statement, run by DuckDB over files, to statistics of each day and horizon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa

from hindsight.domain.spec import (
    GroundTruth,
    LabelColumns,
    MaturityRule,
    MonitorSpec,
    PredictionColumns,
    PredictionLog,
    Reference,
)
from hindsight.domain.values import ALL, Horizon, OnConflict, Task
from hindsight.sources.base import Source
from hindsight.sources.database import DatabaseSource
from hindsight.sources.files import FileSource
from hindsight.sources.relation import open_relation
from hindsight.sources.statement import Statement
from hindsight.statistics import Statistics
from hindsight.statistics.lines import Key, Lines, payloads, read
from hindsight.windows import Calendar
from samples import write_parquet

DAY = date(2026, 3, 2)


def no_database(connection: str) -> sa.URL:
    raise AssertionError(connection)


def spec_of(
    task: Task,
    columns: Mapping[str, Any],
    *,
    weight: bool = False,
    metrics: Sequence[str] = (),
    segments: Sequence[str] = (),
    horizons: Sequence[int] = (1, 7),
    unit: float = 1.0,
    on_conflict: OnConflict = OnConflict.LAST,
    **log: Any,
) -> MonitorSpec:
    """A monitor of files called `predictions.parquet` and `labels.parquet`."""
    return MonitorSpec(
        monitor="shaped",
        owner="team",
        task=task,
        predictions=PredictionLog(
            files="predictions.parquet", columns=PredictionColumns(id="id", time="time", **columns), **log
        ),
        ground_truth=GroundTruth(
            files="labels.parquet",
            columns=LabelColumns(
                id="id", actual="actual", time="learnt", weight="weight" if weight else None
            ),
            on_conflict=on_conflict,
            unit=unit,
        ),
        reference=Reference(),
        metrics=tuple(metrics),
        segments=tuple(segments),
        maturity=MaturityRule(horizons=tuple(Horizon(h) for h in horizons)),
    )


def moment(day: int, hour: float = 12.0) -> pd.Timestamp:
    """An instant so many days and hours after the first day begins."""
    return pd.Timestamp(DAY, tz="UTC") + pd.Timedelta(days=day, hours=hour)


def label_at(labels: pd.DataFrame, day: int, horizon: int, policy: OnConflict) -> Any:
    """The row of a prediction's labels that counts at this age in days; None if none does."""
    known = labels[labels.learnt < moment(day + 1 + horizon, 0)].sort_values("learnt")
    if not len(known) or (policy is OnConflict.ERROR and known.actual.nunique() > 1):
        return None
    return known.iloc[0 if policy is OnConflict.FIRST else -1]


def labels_of(rng: np.random.Generator, log: pd.DataFrame, values: Sequence[Any]) -> pd.DataFrame:
    """No label, one, or several for each prediction, learnt up to ten days later, with values from these."""
    rows = []
    for name, day in zip(log.id, log.day, strict=True):
        for _ in range(rng.choice(4, p=[0.2, 0.5, 0.2, 0.1])):
            when = moment(day + 1, float(24 * 10 * rng.random()) - 10.0)
            rows.append((name, when, values[rng.integers(len(values))], float(rng.integers(1, 4))))
    return pd.DataFrame(rows, columns=["id", "learnt", "actual", "weight"])


def known_at(
    log: pd.DataFrame, labels: pd.DataFrame, horizon: int, policy: OnConflict = OnConflict.LAST
) -> Iterator[tuple[Any, Any]]:
    """Each prediction with the row of its label that counts at this age, if any."""
    of_id = dict(iter(labels.groupby("id")))
    for row in log.itertuples():
        mine = of_id.get(row.id)
        yield row, None if mine is None else label_at(mine, row.day, horizon, policy)


def agree(found: Statistics, expected: Statistics, unit: float = 1.0) -> None:
    """Equal to what sums of billionths can tell apart."""
    for f in fields(found):
        size = max(unit * unit, 1.0) * 1e-9 * max(float(expected.predictions.max()), 1.0)
        one, other = getattr(found, f.name), getattr(expected, f.name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=size, err_msg=f.name)


def in_tables(spec: MonitorSpec, database: str, log: pd.DataFrame, labels: pd.DataFrame) -> MonitorSpec:
    """The monitor of the same rows in tables of a database, which are made anew."""
    engine = sa.create_engine(database)
    arrays = {"array": sa.ARRAY(sa.Double) if engine.dialect.name == "postgresql" else sa.JSON}
    for name, frame in (("predictions", log), ("labels", labels)):
        kinds = {column: kind for column, kind in arrays.items() if column in frame}
        frame.to_sql(name, engine, if_exists="replace", index=False, dtype=kinds)
    engine.dispose()
    return replace(
        spec,
        predictions=replace(spec.predictions, files=None, connection="logs", table="predictions"),
        ground_truth=replace(spec.ground_truth, files=None, connection="logs", table="labels"),
    )


class Shaped:
    """What the statement says of rows: lines, and statistics by horizon."""

    def __init__(
        self,
        spec: MonitorSpec,
        root: Path,
        log: pd.DataFrame,
        labels: pd.DataFrame,
        days: int = 1,
        database: str | None = None,
    ):
        asked = Calendar.of([DAY + timedelta(days=i) for i in range(days)], spec.horizons, ZoneInfo("UTC"))
        if database is None:
            write_parquet(log, root / "predictions.parquet")
            write_parquet(labels, root / "labels.parquet")
            place: Source = FileSource(spec.predictions, no_database, root, threads=1)
        else:
            spec = in_tables(spec, database, log, labels)
            place = DatabaseSource(spec.predictions, lambda _: sa.make_url(database), root)
        with place as source:
            statement = Statement(
                spec,
                open_relation(source, spec.predictions, "predictions"),
                open_relation(source, spec.ground_truth, "labels"),
            )
            self.layout = statement.layout
            key = Key.of(spec, self.layout, asked)
            columns = source.columns(statement.statistics(asked))
        self.lines: Lines = read(columns, self.layout, key, spec.segments)
        self._found = payloads(self.lines, self.layout, len(asked.horizons), spec.ground_truth.on_conflict)
        self._asked, self._days = asked, days

    def payload(self, horizon: int, day: int = 0, segment: str = ALL, version: str = "(none)") -> Any:
        """What is kept of a day; None without a row."""
        position = self._asked.position(DAY + timedelta(days=day))
        for group, payload in zip(self.lines.groups, self._found[horizon], strict=True):
            if (group.position, group.segment, group.version) == (position, segment, version):
                return payload
        return None

    def at(self, horizon: int, segment: str = ALL, version: str = "(none)") -> Statistics:
        """The statistics of each day at the horizon of this number."""
        return self.layout.parse([self.payload(horizon, day, segment, version) for day in range(self._days)])

    @property
    def remarks(self) -> dict[str, int]:
        """Rows set aside or remarked on, by reason, of all rows and horizons."""
        found: dict[str, int] = {}
        for group, _, reason, count in self.lines.remarks():
            if self.lines.groups[group].segment == ALL:
                found[reason] = found.get(reason, 0) + count
        return found
