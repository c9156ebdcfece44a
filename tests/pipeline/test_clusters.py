"""Clusters from the logs to the errors of snapshots."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations_with_replacement
from typing import Any

import pytest

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, Span
from hindsight.errors import SourceError
from worlds import Bench, Logs, at, label, local, monitor, prediction, written

FIRST = date(2013, 3, 5)


def a_log() -> Logs:
    """Two days of customers with up to 9 rows each; some rows name no customer, some labels come late."""
    rows, labels = [], []
    for day in (FIRST, FIRST + timedelta(days=1)):
        for customer in range(12):
            for i in range(1 + customer % 9):
                name = f"{day}-{customer}-{i}"
                who = None if customer == 11 else f"{day}/{customer}"
                score = 0.9 if (customer + i) % 3 else 0.1
                rows.append(
                    prediction(
                        name, day, score, hour=8 + i / 10, customer=who, carrier="UA" if i % 2 else "B6"
                    )
                )
                late = timedelta(days=3 if i == 4 else 0)
                labels.append(label(name, day + late, float(customer % 2), hour=20))
    types = {"customer": "text"}
    base = Logs(rows, labels)
    return replace(base, prediction_types=base.prediction_types | types)


def of_customers(bench: Bench, logs: Logs, kind: str = "table") -> MonitorSpec:
    spec = at(monitor(), written(logs, kind, bench.folder, bench.url))
    columns = replace(spec.predictions.columns, cluster="customer", logged=None)
    maturity = replace(spec.maturity, horizons=(Horizon(1), Horizon(5)))
    predictions = replace(spec.predictions, columns=columns)
    return replace(
        spec, predictions=predictions, maturity=maturity, segments=("carrier",), metrics=("accuracy",)
    )


def naive(logs: Logs, day: date, horizon: int, carrier: str | None) -> list[int]:
    """The sums over clusters, counted row by row."""
    known = local(day + timedelta(days=1 + horizon), 0)
    actual = {row["request_id"]: row["actual"] for row in logs.labels if row["label_at"] < known}
    tables: dict[Any, Counter[int]] = {}
    for row in logs.predictions:
        mine = local(day, 0) <= row["predicted_at"] < local(day + timedelta(days=1), 0)
        if mine and row["request_id"] in actual and carrier in (None, row["carrier"]):
            cell = [(1, 1), (1, 0), (0, 1), (0, 0)].index((row["score"] >= 0.5, actual[row["request_id"]]))
            tables.setdefault(row["customer"] or row["request_id"], Counter())[cell] += 1
    products = combinations_with_replacement(range(4), 2)
    return [*(sum(t[i] * t[j] for t in tables.values()) for i, j in products), len(tables)]


@pytest.mark.parametrize("kind", ["table", "parquet"])
def test_the_sums_over_clusters_are_those_of_a_count_row_by_row(bench: Bench, kind: str) -> None:
    logs = a_log()
    spec = of_customers(bench, logs, kind)
    bench.run(spec, FIRST, FIRST + timedelta(days=7))
    with bench.store.transaction() as connection:
        rows = bench.store.statistics(connection, spec.monitor, local(FIRST, 0), local(FIRST, 48))
    seen = 0
    for row in rows:
        day = FIRST + timedelta(days=row.window_start > local(FIRST, 1))
        carrier = None if row.segment == ALL else row.segment.removeprefix("carrier=")
        expected = naive(logs, day, row.horizon.count, carrier)
        assert json.loads(row.payload).get("clusters", [0] * 11) == expected
        seen += any(expected)
    assert seen == 2 * 3 * 3


def test_a_cluster_on_two_days_is_refused_by_name(bench: Bench) -> None:
    logs = a_log()
    logs.predictions.append(prediction("again", FIRST, 0.5, customer=f"{FIRST + timedelta(days=1)}/3"))
    spec = of_customers(bench, logs)
    with pytest.raises(SourceError, match=r"The cluster '2013-03-06/3' has predictions on more than one day"):
        bench.run(spec, FIRST + timedelta(days=1), FIRST + timedelta(days=1))


def test_clusters_of_values_that_are_not_kept_apart_are_together(bench: Bench) -> None:
    def kept(limit: int) -> dict[str, str]:
        """The statistics of the last day when all is known, by segment."""
        bench.clear()
        bench.run(
            replace(of_customers(bench, a_log()), segment_limit=limit), FIRST, FIRST + timedelta(days=7)
        )
        with bench.store.transaction() as connection:
            rows = bench.store.statistics(connection, "odd", horizons=[Horizon(5)])
        return {row.segment: row.payload for row in rows}

    apart, capped = kept(2), kept(1)
    (other,) = set(capped) - set(apart)
    (lost,) = set(apart) - set(capped)
    assert (other, capped[other]) == ("carrier=(other)", apart[lost])
    assert "clusters" in json.loads(capped[other])
    assert capped[ALL] == apart[ALL]


def test_rows_without_a_cluster_or_an_id_are_nobodys_cluster(bench: Bench) -> None:
    logs = a_log()
    for day in (FIRST, FIRST + timedelta(days=1)):
        logs.predictions.append(prediction("loan-7", day, 0.5, customer=None))
        logs.predictions.append(prediction(None, day, customer=None))
    bench.run(of_customers(bench, logs), FIRST, FIRST + timedelta(days=1))


def test_whether_a_cluster_is_refused_does_not_depend_on_the_days_of_a_run(bench: Bench) -> None:
    logs = a_log()
    later = FIRST + timedelta(days=9)
    for name, day in (("b1", FIRST), ("b2", later)):
        logs.predictions.append(prediction(name, day, customer="bob"))
    spec = of_customers(bench, logs)
    for start in (FIRST, later):
        with pytest.raises(SourceError, match="The cluster 'bob'"):
            bench.run(spec, start, later)
    apart = replace(spec, windows=(Span(7),))
    bench.run(apart, FIRST, later)
