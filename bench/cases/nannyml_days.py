"""NannyML's PerformanceCalculator by day, on rows already joined, without segments.

Reading the rows and fitting on the first ten days are not counted.
"""

from __future__ import annotations

import warnings
from typing import Any

import nannyml  # type: ignore[import-not-found, unused-ignore]
import pandas as pd
from measure import Measurement, options

warnings.simplefilter("ignore")
given = options()
calculator: Any = nannyml.PerformanceCalculator(
    y_true="actual",
    y_pred="predicted",
    y_pred_proba="score",
    timestamp_column_name="ts",
    problem_type="classification_binary",
    chunk_period="D",
    metrics=["roc_auc", "f1", "precision", "recall", "specificity", "accuracy"],
)
rows = pd.read_parquet(given["joined"], columns=["ts", "score", "predicted", "actual"])
calculator.fit(rows[rows["ts"] < given["fitted"]].copy())
measurement = Measurement()
with measurement.stage("calculate"):
    found = calculator.calculate(rows)
measurement.report(days=len(found.to_df()), predictions=len(rows))
