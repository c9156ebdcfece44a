"""A multiclass model's rows through the statement, against the same sums in plain Python."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight.domain.values import OnConflict, Task
from hindsight.sources.shapes.multiclass import as_number
from samples import CLASSES, Choice, multiclass
from shaped import Shaped, agree, known_at, labels_of, moment, spec_of

HORIZONS = (0, 1, 7)
DAYS = 2
K = len(CLASSES)
SCORES = {name: f"p_{name}" for name in CLASSES}


def log_of(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    day = rng.integers(0, DAYS, rows)
    scores = rng.dirichlet(np.full(K, 0.5), rows)
    scores[::7] = 0.25
    scores[1::11] = [0.0, 0.0, 1.0, 0.0]
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(rows)],
            "day": day,
            "time": [moment(int(d), 23.9 * rng.random()) for d in day],
            **{column: scores[:, i] for i, column in enumerate(SCORES.values())},
            "array": scores.tolist(),
            "said": rng.choice(CLASSES, rows),
        }
    )


def choices(
    log: pd.DataFrame,
    labels: pd.DataFrame,
    horizon: int,
    policy: OnConflict = OnConflict.LAST,
    *,
    said: bool = False,
) -> list[Choice]:
    return [
        Choice(
            row.day,
            tuple(row.array),
            CLASSES.index(row.said) if said else int(np.argmax(row.array)),
            None if label is None else CLASSES.index(label.actual),
            1.0 if label is None else label.weight,
        )
        for row, label in known_at(log, labels, horizon, policy)
    ]


@pytest.mark.parametrize("policy", list(OnConflict))
def test_each_horizon_has_the_sums_of_what_was_known_by_then(tmp_path: Path, policy: OnConflict) -> None:
    rng = np.random.default_rng(1)
    log = log_of(rng, 120)
    labels = labels_of(rng, log, CLASSES)
    found = Shaped(
        spec_of(Task.MULTICLASS, {"scores": SCORES}, on_conflict=policy), tmp_path, log, labels, DAYS
    )
    for i, horizon in enumerate(HORIZONS):
        agree(found.at(i), multiclass(choices(log, labels, horizon, policy), DAYS))


def test_an_array_of_scores_weights_and_a_decision_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    log = log_of(rng, 80)
    labels = labels_of(rng, log, CLASSES)
    columns = {"scores": "array", "prediction": "said"}
    spec = spec_of(Task.MULTICLASS, columns, weight=True, classes=CLASSES)
    found = Shaped(spec, tmp_path, log, labels, DAYS)
    for i, horizon in enumerate(HORIZONS):
        agree(found.at(i), multiclass(choices(log, labels, horizon, said=True), DAYS, weighted=True))


def test_without_scores_there_is_the_table_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    log = log_of(rng, 80)
    labels = labels_of(rng, log, CLASSES)
    spec = spec_of(Task.MULTICLASS, {"prediction": "said"}, classes=CLASSES)
    found: Any = Shaped(spec, tmp_path, log, labels, DAYS).at(1)
    expected = multiclass(choices(log, labels, 1, said=True), DAYS)
    for name in ("rows", "table", "said"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for name in ("spread", "confidence", "moments", "one_vs_rest"):
        assert not getattr(found, name).any()


def test_classes_that_are_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    log = pd.DataFrame({"id": list("abcde"), "time": moment(0), "said": [1.0, 2.0, 10.0, 3.0, math.nan]})
    labels = pd.DataFrame({"id": list("abcde"), "learnt": moment(0, 13), "actual": [1, 1, 10, 1, 7]})
    spec = spec_of(Task.MULTICLASS, {"prediction": "said"}, classes=("1", "2", "10"))
    shaped = Shaped(spec, tmp_path, log, labels)
    found: Any = shaped.at(1)
    np.testing.assert_array_equal(found.table[0], [[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    assert shaped.remarks == {"unknown_class": 1, "invalid_prediction": 1}


def test_one_class_alone_is_a_model_too(tmp_path: Path) -> None:
    log = pd.DataFrame({"id": ["a"], "time": moment(0), "p": [0.7]})
    labels = pd.DataFrame({"id": ["a"], "learnt": moment(0, 13), "actual": ["only"]})
    found = Shaped(spec_of(Task.MULTICLASS, {"scores": {"only": "p"}}), tmp_path, log, labels)
    agree(found.at(1), multiclass([Choice(0, (0.7,), 0, 0)], classes=("only",)))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"p_cat": math.nan}, "invalid_score"),
    ({"p_cat": 1.0 + 1e-9}, "invalid_score"),
    ({"p_dog": -1e-9}, "invalid_score"),
    ({"p_dog": None}, "invalid_score"),
    ({"said": None}, "invalid_prediction"),
    ({"said": "Cat"}, "unknown_class"),
    ({"said": ""}, "unknown_class"),
]


def test_a_row_that_makes_no_sense_is_set_aside(tmp_path: Path) -> None:
    plain = {"time": moment(0), "said": "cat", "p_bird": 0.1, "p_cat": 0.5, "p_dog": 0.2, "p_eel": 0.2}
    bad = [{"id": f"bad {i}", **(plain | changed)} for i, (changed, _) in enumerate(BAD)]
    log = pd.DataFrame([{"id": "good", **plain}, {"id": "other", **plain}, *bad])
    labels = pd.DataFrame({"id": log.id, "learnt": moment(0, 13), "actual": ["dog", "Dog", *["cat"] * 7]})
    found = Shaped(spec_of(Task.MULTICLASS, {"scores": SCORES, "prediction": "said"}), tmp_path, log, labels)
    scores = (0.1, 0.5, 0.2, 0.2)
    agree(found.at(1), multiclass([Choice(0, scores, 1, 2), Choice(0, scores, 1, None)]))
    assert found.remarks == {"invalid_score": 4, "invalid_prediction": 1, "unknown_class": 2}


@pytest.mark.parametrize("text, number", [("1", 1.0), ("-2.5", -2.5), ("cat", None), ("", None)])
def test_a_class_may_be_a_number(text: str, number: float | None) -> None:
    assert as_number(text) == number
