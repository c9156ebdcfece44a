"""The same rows in files, PostgreSQL and SQLite: the same statistics of each task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Task
from samples import CLASSES
from shaped import Shaped, agree, labels_of, moment, spec_of

Rows = tuple[MonitorSpec, pd.DataFrame, pd.DataFrame]
DAYS = 2


def base(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    day = rng.integers(0, DAYS, rows)
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(rows)],
            "day": day,
            "time": [moment(int(d), 23.9 * rng.random()) for d in day],
            "country": rng.choice(["at", "be"], rows),
        }
    )


def guesses(rng: np.random.Generator) -> Rows:
    log = base(rng, 60)
    log["guess"] = rng.normal(5, 9, len(log))
    log.loc[:5, "guess"] = [1e6, -1e6, 0.0, 5e-324, -1e-200, 1e-9]
    log["low"], log["high"] = log.guess - 2.0, log.guess + 3.0
    columns = {"prediction": "guess", "lower": "low", "upper": "high"}
    spec = spec_of(Task.REGRESSION, columns, weight=True, segments=("country",))
    return spec, log, labels_of(rng, log, [0.0, 4.0, -7.5, 1e-250])


def choices(rng: np.random.Generator) -> Rows:
    log = base(rng, 60)
    scores = rng.dirichlet(np.full(len(CLASSES), 0.5), len(log))
    columns = {name: f"p_{name}" for name in CLASSES}
    for i, column in enumerate(columns.values()):
        log[column] = scores[:, i]
    log.loc[:3, "p_cat"] = [0.0, 1e-300, 5e-324, 1.0]
    spec = spec_of(Task.MULTICLASS, {"scores": columns}, weight=True, segments=("country",))
    return spec, log, labels_of(rng, log, CLASSES)


def choices_by_array(rng: np.random.Generator) -> Rows:
    log = base(rng, 60)
    log["array"] = rng.dirichlet(np.full(len(CLASSES), 0.5), len(log)).tolist()
    log["said"] = rng.choice([*CLASSES, "fox"], len(log))
    columns = {"scores": "array", "prediction": "said"}
    return spec_of(Task.MULTICLASS, columns, classes=CLASSES), log, labels_of(rng, log, CLASSES)


def lists(rng: np.random.Generator) -> Rows:
    log = base(rng, 80)
    log["query"] = rng.choice(["a", "b", "c", "d"], len(log))
    log["place"] = log.groupby(["day", "query"]).cumcount() + 1
    columns = {"position": "place", "query": "query"}
    spec = spec_of(Task.RANKING, columns, weight=True, segments=("country",), metrics=("ndcg(3)",))
    return spec, log, labels_of(rng, log, [0, 0, 1, 3])


MAKERS = pytest.mark.parametrize("maker", [guesses, choices, choices_by_array, lists])


def compare(maker: Callable[[np.random.Generator], Rows], root: Path, database: str) -> None:
    spec, log, labels = maker(np.random.default_rng(6))
    in_files = Shaped(spec, root, log, labels, DAYS)
    in_tables = Shaped(spec, root, log, labels, DAYS, database)
    assert in_files.remarks == in_tables.remarks
    for i in range(len(spec.horizons)):
        found: Any = in_tables.at(i)
        assert found.predictions.sum() > 40
        agree(found, in_files.at(i))


@MAKERS
def test_postgresql_and_files_agree(
    maker: Callable[[np.random.Generator], Rows], tmp_path: Path, database: str
) -> None:
    compare(maker, tmp_path, database)


@MAKERS
def test_sqlite_and_files_agree(maker: Callable[[np.random.Generator], Rows], tmp_path: Path) -> None:
    compare(maker, tmp_path, f"sqlite:///{tmp_path / 'logs.db'}")
