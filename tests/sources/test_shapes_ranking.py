"""Shown lists through the statement, against the same sums in plain Python."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindsight.domain.values import OnConflict, Task
from samples import Shown, ranking
from shaped import Shaped, agree, known_at, labels_of, moment, spec_of

HORIZONS = (0, 1, 7)
DAYS = 2
METRICS = ("ndcg(1)", "ndcg(3)", "hit_rate(2)", "mrr")
COLUMNS = {"position": "place", "query": "query"}


def log_of(rng: np.random.Generator, queries: int) -> pd.DataFrame:
    rows = []
    for query in range(queries):
        day = int(rng.integers(DAYS))
        places = rng.permutation(np.arange(1, rng.integers(2, 14)))
        where = rng.choice(["at", "be"])
        rows += [(f"{query}/{place}", day, moment(day), query, int(place), where) for place in places]
    return pd.DataFrame(rows, columns=["id", "day", "time", "query", "place", "country"])


def shown(
    log: pd.DataFrame, labels: pd.DataFrame, horizon: int, policy: OnConflict = OnConflict.LAST
) -> list[Shown]:
    return [
        Shown(
            row.day,
            row.query,
            row.place,
            None if label is None else float(label.actual),
            1.0 if label is None else label.weight,
        )
        for row, label in known_at(log, labels, horizon, policy)
    ]


@pytest.mark.parametrize("policy", list(OnConflict))
def test_each_horizon_has_the_lists_as_they_were_known_by_then(tmp_path: Path, policy: OnConflict) -> None:
    rng = np.random.default_rng(1)
    log = log_of(rng, 40)
    labels = labels_of(rng, log, [0, 0, 0, 1, 3])
    labels = labels[rng.random(len(labels)) < 0.5]
    spec = spec_of(Task.RANKING, COLUMNS, metrics=METRICS, on_conflict=policy, segments=("country",))
    found = Shaped(spec, tmp_path, log, labels, DAYS)
    for i, horizon in enumerate(HORIZONS):
        agree(found.at(i), ranking(shown(log, labels, horizon, policy), DAYS, METRICS))
        part = shown(log[log.country == "at"], labels, horizon, policy)
        agree(found.at(i, "country=at"), ranking(part, DAYS, METRICS))


def test_a_list_that_stops_being_judged_leaves_nothing_behind(tmp_path: Path) -> None:
    log = pd.DataFrame({"id": ["a"], "time": moment(0), "query": "q", "place": 3})
    labels = pd.DataFrame({"id": "a", "learnt": [moment(1), moment(5)], "actual": [1, 0]})
    spec = spec_of(Task.RANKING, COLUMNS, on_conflict=OnConflict.ERROR)
    found = Shaped(spec, tmp_path, log, labels)
    queries = [found.at(i).queries[0] for i in range(3)]
    np.testing.assert_allclose(queries, [[0, 0, 0], [1, 1 / 3, 1 / 9], [0, 0, 0]], atol=1e-9)
    assert found.payload(2) == {
        "cell": [0],
        "n": [1],
        **{term.name: [0] for term in found.layout.summed},
    }


def test_weights_count_for_items_and_clicks_may_be_booleans(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    log = log_of(rng, 25)
    labels = labels_of(rng, log, [False, True])
    spec = spec_of(Task.RANKING, COLUMNS, weight=True)
    found = Shaped(spec, tmp_path, log, labels, DAYS)
    for i, horizon in enumerate(HORIZONS):
        agree(found.at(i), ranking(shown(log, labels, horizon), DAYS, weighted=True))


def test_an_item_logged_late_counts_from_then_on_and_is_remarked_on_once(tmp_path: Path) -> None:
    log = pd.DataFrame({"id": ["a", "b"], "time": moment(0), "query": "q", "place": [1, 2]})
    log["logged"] = [moment(3), moment(0)]
    labels = pd.DataFrame({"id": ["a", "b"], "learnt": moment(1), "actual": 1})
    found = Shaped(spec_of(Task.RANKING, COLUMNS | {"logged": "logged"}), tmp_path, log, labels)
    queries = [found.at(i).queries[0] for i in range(3)]
    np.testing.assert_allclose(queries, [[0, 0, 0], [1, 0.5, 0.25], [1, 1, 1]], atol=1e-9)
    assert [found.at(i).predictions[0] for i in range(3)] == [1, 1, 2]
    assert found.remarks == {"late_logged": 1}


def test_a_query_whose_segments_differ_is_counted_once_for_each(tmp_path: Path) -> None:
    log = pd.DataFrame(
        {"id": ["a", "b"], "time": moment(0), "query": "q", "place": [1, 2], "country": ["at", "be"]}
    )
    labels = pd.DataFrame({"id": ["a", "b"], "learnt": moment(0, 13), "actual": [0, 1]})
    found = Shaped(spec_of(Task.RANKING, COLUMNS, segments=("country",)), tmp_path, log, labels)
    counts = {name: found.at(1, name).queries[0, 0] for name in ("ALL", "country=at", "country=be")}
    assert counts == {"ALL": 2, "country=at": 1, "country=be": 1}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"place": 0.0}, "invalid_position"),
    ({"place": 1.5}, "invalid_position"),
    ({"place": -1.0}, "invalid_position"),
    ({"place": math.nan}, "invalid_position"),
    ({"place": None}, "invalid_position"),
    ({"query": None}, "null_query"),
]
UNUSABLE = [-1.0, 31.5, math.nan, math.inf, None]


def test_what_makes_no_sense_is_set_aside(tmp_path: Path) -> None:
    plain = {"time": moment(0), "query": "q", "place": 1.0}
    bad = [{"id": f"bad {i}", **(plain | changed)} for i, (changed, _) in enumerate(BAD)]
    good = [{"id": f"good {i}", **plain, "query": f"{i}"} for i in range(len(UNUSABLE) + 1)]
    log = pd.DataFrame([*bad, *good])
    feedback = [1.0] * len(bad) + [31.0, *UNUSABLE]
    labels = pd.DataFrame({"id": log.id, "learnt": moment(0, 13), "actual": feedback})
    found = Shaped(spec_of(Task.RANKING, COLUMNS), tmp_path, log, labels)
    agree(found.at(1), ranking([Shown(0, i, 1, None if i else 31.0) for i in range(len(good))]))
    assert found.remarks == {"invalid_position": 5, "null_query": 1}
