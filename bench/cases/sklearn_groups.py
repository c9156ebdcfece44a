"""The usual script: join in SQL, fetch the rows, and ask scikit-learn about each day, version and segment."""

from __future__ import annotations

import duckdb
import pandas as pd
from measure import Measurement, options
from sklearn import metrics

QUERY = """
select cast(ts as date) as day, version, segment, score, actual
from (select * from '{predictions}' where ts >= '{start}' and ts < '{end}')
left join (select id, actual from '{labels}' where learnt >= '{learnt}' and learnt < '{known}') using (id)
"""


def judged(group: pd.DataFrame) -> dict[str, float]:
    """The metrics of one group; those of labels over its labelled rows."""
    truth = group[group["actual"].notna()]
    actual, score = truth["actual"].to_numpy().astype(int), truth["score"].to_numpy()
    predicted = score >= 0.5
    return {
        "volume": len(group),
        "mean_score": group["score"].mean(),
        "predicted_positive_rate": (group["score"] >= 0.5).mean(),
        "coverage": len(truth) / len(group),
        "accuracy": metrics.accuracy_score(actual, predicted),
        "precision": metrics.precision_score(actual, predicted, zero_division=0),
        "recall": metrics.recall_score(actual, predicted, zero_division=0),
        "f1": metrics.f1_score(actual, predicted, zero_division=0),
        "roc_auc": metrics.roc_auc_score(actual, score),
        "brier": metrics.brier_score_loss(actual, score),
        "log_loss": metrics.log_loss(actual, score),
        "positive_rate": actual.mean(),
    }


given = options()
measurement = Measurement()
with duckdb.connect(":memory:") as connection:
    connection.execute("SET TimeZone = 'UTC'")
    with measurement.stage("join"):
        rows = connection.execute(QUERY.format(**given)).df()
with measurement.stage("metrics"):
    groups = [judged(group) for _, group in rows.groupby(["day", "version", "segment"], sort=False)]
measurement.report(groups=len(groups), predictions=len(rows))
