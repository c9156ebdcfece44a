"""Evidently's report on one day of a classifier, on rows already joined; reading them is not counted."""

from __future__ import annotations

import warnings

import pandas as pd
from evidently import (  # type: ignore[import-not-found, unused-ignore]
    BinaryClassification,
    DataDefinition,
    Dataset,
    Report,
)
from evidently.presets import ClassificationPreset  # type: ignore[import-not-found, unused-ignore]
from measure import Measurement, options

warnings.simplefilter("ignore")
given = options()
rows = pd.read_parquet(
    given["joined"],
    columns=["score", "predicted", "actual"],
    filters=[("ts", ">=", pd.Timestamp(given["first"])), ("ts", "<", pd.Timestamp(given["after"]))],
)
rows = rows[rows["actual"].notna()].astype({"actual": int})
measurement = Measurement()
with measurement.stage("report"):
    definition = DataDefinition(
        classification=[
            BinaryClassification(
                target="actual", prediction_labels="predicted", prediction_probas="score", pos_label=1
            )
        ]
    )
    dataset = Dataset.from_pandas(rows, data_definition=definition)
    found = Report([ClassificationPreset()]).run(dataset, None).dict()
measurement.report(metrics=len(found["metrics"]), labelled=len(rows))
