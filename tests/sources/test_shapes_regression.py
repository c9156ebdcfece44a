"""A regression's rows through the statement, against the same sums in plain Python."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight.domain.values import OnConflict, Task
from samples import Guess, regression
from shaped import Shaped, agree, known_at, labels_of, moment, spec_of

HORIZONS = (0, 1, 7)
DAYS = 3


def log_of(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    day = rng.integers(0, DAYS, rows)
    value = np.where(rng.random(rows) < 0.1, 0.0, rng.normal(20, 30, rows))
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(rows)],
            "day": day,
            "time": [moment(int(d), 23.9 * rng.random()) for d in day],
            "guess": value,
            "low": value - rng.exponential(20, rows),
            "high": value + rng.exponential(20, rows),
            "country": rng.choice(["at", "be"], rows),
        }
    )


def guesses(log: pd.DataFrame, labels: pd.DataFrame, horizon: int, policy: OnConflict) -> list[Guess]:
    return [
        Guess(
            row.day,
            row.guess,
            None if label is None else label.actual,
            row.low,
            row.high,
            1.0 if label is None else label.weight,
        )
        for row, label in known_at(log, labels, horizon, policy)
    ]


INTERVAL = {"prediction": "guess", "lower": "low", "upper": "high"}


@pytest.mark.parametrize(
    "policy, unit", [(OnConflict.LAST, 100.0), (OnConflict.FIRST, 1.0), (OnConflict.ERROR, 1.0)]
)
def test_each_horizon_has_the_sums_of_what_was_known_by_then(
    tmp_path: Path, policy: OnConflict, unit: float
) -> None:
    rng = np.random.default_rng(1)
    log = log_of(rng, 120)
    labels = labels_of(rng, log, [0.0, 5.5, 20.0, -31.0, 1e-7])
    spec = spec_of(Task.REGRESSION, INTERVAL, unit=unit, on_conflict=policy, segments=("country",))
    found = Shaped(spec, tmp_path, log, labels, DAYS)
    for i, horizon in enumerate(HORIZONS):
        agree(found.at(i), regression(guesses(log, labels, horizon, policy), DAYS, unit, interval=True), unit)
        some = log[log.country == "be"]
        part = regression(guesses(some, labels, horizon, policy), DAYS, unit, interval=True)
        agree(found.at(i, "country=be"), part, unit)


def test_labels_count_by_their_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    log = log_of(rng, 80)
    labels = labels_of(rng, log, [0.0, 5.5, 20.0, -31.0])
    spec = spec_of(Task.REGRESSION, {"prediction": "guess"}, weight=True)
    found = Shaped(spec, tmp_path, log, labels, DAYS)
    for i, horizon in enumerate(HORIZONS):
        rows = guesses(log, labels, horizon, OnConflict.LAST)
        agree(found.at(i), regression(rows, DAYS, weighted=True))


def test_a_row_logged_late_counts_from_then_on_and_is_remarked_on_once(tmp_path: Path) -> None:
    log = log_of(np.random.default_rng(3), 12).assign(day=0, time=moment(0))
    log["logged"] = [moment(3) if i % 3 == 0 else moment(0) for i in range(len(log))]
    labels = pd.DataFrame({"id": log.id, "learnt": moment(1), "actual": 3.0})
    spec = spec_of(Task.REGRESSION, INTERVAL | {"logged": "logged"})
    found = Shaped(spec, tmp_path, log, labels)
    assert [found.at(i).predictions[0] for i in range(3)] == [8, 8, 12]
    assert [found.at(i).labelled[0] for i in range(3)] == [0, 8, 12]
    assert [found.at(i).values.sum() for i in range(3)] == [8, 8, 12]
    assert found.remarks == {"late_logged": 4}


def test_logs_declared_unique_give_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    log = log_of(rng, 60)
    labels = labels_of(rng, log, [0.0, 5.5]).drop_duplicates("id")
    one, other = (spec_of(Task.REGRESSION, INTERVAL, unique=unique) for unique in (False, True))
    first, second = (Shaped(spec, tmp_path, log, labels, DAYS) for spec in (one, other))
    for i in range(len(HORIZONS)):
        agree(first.at(i), second.at(i))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"guess": math.nan}, "invalid_prediction"),
    ({"guess": math.inf}, "invalid_prediction"),
    ({"guess": None}, "invalid_prediction"),
    ({"guess": 1.1e6}, "invalid_prediction"),
    ({"low": math.nan}, "invalid_interval"),
    ({"high": None}, "invalid_interval"),
    ({"low": 2.0, "high": 1.0}, "invalid_interval"),
]


def test_a_row_that_makes_no_sense_is_set_aside(tmp_path: Path) -> None:
    plain = {"time": moment(0), "guess": 1.0, "low": 0.0, "high": 2.0}
    bad = [{"id": f"bad {i}", **(plain | changed)} for i, (changed, _) in enumerate(BAD)]
    log = pd.DataFrame([{"id": "good", **plain}, *bad])
    labels = pd.DataFrame({"id": log.id, "learnt": moment(0, 13), "actual": 1.5})
    found = Shaped(spec_of(Task.REGRESSION, INTERVAL), tmp_path, log, labels)
    agree(found.at(1), regression([Guess(0, 1.0, 1.5, 0.0, 2.0)], interval=True))
    assert found.remarks == {"invalid_prediction": 4, "invalid_interval": 3}


def test_extreme_numbers_are_summed_without_overflow(tmp_path: Path) -> None:
    values = [1e6, -1e6, 1e-6, -1e-6, 0.0, 1e-300, 5e-324]
    pairs = [(guess, actual) for guess in values for actual in values]
    log = pd.DataFrame(
        {"id": [str(i) for i in range(len(pairs))], "time": moment(0), "guess": [p[0] for p in pairs]}
    )
    labels = pd.DataFrame({"id": log.id, "learnt": moment(0, 13), "actual": [p[1] for p in pairs]})
    found = Shaped(spec_of(Task.REGRESSION, {"prediction": "guess"}), tmp_path, log, labels)
    kept = [[0.0 if abs(number) < 1e-100 else number for number in pair] for pair in pairs]
    agree(found.at(1), regression([Guess(0, guess, actual) for guess, actual in kept]), unit=1e3)
