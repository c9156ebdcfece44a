"""Every metric, by name: one file and one line here each.

>>> METRICS["recall"].direction.value
'higher'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hindsight.metrics.accuracy import Accuracy
from hindsight.metrics.base import Metric
from hindsight.metrics.bias import Bias
from hindsight.metrics.brier import Brier
from hindsight.metrics.coverage import Coverage
from hindsight.metrics.f1 import F1
from hindsight.metrics.log_loss import LogLoss
from hindsight.metrics.mae import MeanAbsoluteError
from hindsight.metrics.mean_prediction import MeanPrediction
from hindsight.metrics.mean_score import MeanScore
from hindsight.metrics.positive_rate import PositiveRate
from hindsight.metrics.precision import Precision
from hindsight.metrics.predicted_positive_rate import PredictedPositiveRate
from hindsight.metrics.r2 import R2
from hindsight.metrics.recall import Recall
from hindsight.metrics.rmse import RootMeanSquaredError
from hindsight.metrics.roc_auc import RocAuc
from hindsight.metrics.specificity import Specificity
from hindsight.metrics.volume import Volume

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Accuracy(),
        Bias(),
        Brier(),
        Coverage(),
        F1(),
        LogLoss(),
        MeanAbsoluteError(),
        MeanPrediction(),
        MeanScore(),
        PositiveRate(),
        Precision(),
        PredictedPositiveRate(),
        R2(),
        Recall(),
        RocAuc(),
        RootMeanSquaredError(),
        Specificity(),
        Volume(),
    )
}

ALWAYS: Final = ("volume", "coverage")
"""Metrics that every monitor keeps, asked for or not."""

__all__ = ["ALWAYS", "METRICS", "Metric"]
