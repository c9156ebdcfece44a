"""The demo's models, trained on the arrived flights of January and February, and what they say of the rest.

Two classifiers of "more than 15 minutes late", v1 and v2, and a regression of the delay in minutes.
v1 has learned from two winter months that warm means punctual, and carries the line on into the
summer: a real, silent failure.  Nothing here was tuned to make it so.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from hindsight.demo.draws import log_normal, uniform
from hindsight.demo.flights import CATEGORICAL, FEATURES, NUMERIC

MODEL = "flight_delay"
FIRST_DAY, LAST_DAY = pd.Timestamp(2013, 3, 1), pd.Timestamp(2013, 12, 31)
"""The local days whose flights are scored; what flew before is training data."""

CANARY_STARTS, V2_STARTS = pd.Timestamp(2013, 7, 15), pd.Timestamp(2013, 8, 1)
CANARY_SHARE = 0.2
LATENCY_SIGMA = 0.35


@dataclass(frozen=True, slots=True)
class Version:
    """A classifier as deployed: the score from which it says "late", and its invented median latency."""

    name: str
    threshold: float
    latency_ms: float
    estimator: Any


def classifiers() -> tuple[Version, Version]:
    """v1 and v2, untrained.  Each says "late" about as often as March's flights were late."""
    boosted = make_pipeline(
        make_column_transformer(
            ("passthrough", list(NUMERIC)),
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), list(CATEGORICAL)),
        ),
        HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=100, random_state=7
        ),
    )
    return (
        Version("v1", 0.29, 12.0, _linear(LogisticRegression(C=1.0, max_iter=500))),
        Version("v2", 0.27, 25.0, boosted),
    )


def scored_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """The flights that the models meet in service, from 1 March on, in the order of their prediction."""
    service = flights[flights["day"].between(FIRST_DAY, LAST_DAY)]
    return service.sort_values(["predicted_at", "request_id"], ignore_index=True)


def predict_late(flights: pd.DataFrame) -> pd.DataFrame:
    """The classifiers' log: both versions score every flight in service; `served` marks the one that decided.

    Columns as in `serving.predictions`; `prediction` is 1 for "late".  Rows are in the order of
    (predicted_at, request_id, model_version).
    """
    training = _training(flights)
    service = scored_flights(flights)
    with _one_thread():
        logs = [
            _log(service, version, version.estimator.fit(training[list(FEATURES)], training["late"]))
            for version in classifiers()
        ]
    log = pd.concat(logs)
    return log.sort_values(["predicted_at", "request_id", "model_version"], ignore_index=True)


def predict_minutes(flights: pd.DataFrame) -> pd.DataFrame:
    """The regression's log: minutes of delay that a ridge regression expects for every flight in service."""
    training = _training(flights)
    service = scored_flights(flights)
    with _one_thread():
        model = _linear(Ridge()).fit(training[list(FEATURES)], training["arr_delay"])
        minutes = model.predict(service[list(FEATURES)])
    log = service.assign(model_version="v1", prediction=minutes)
    return log[["request_id", "model_version", "predicted_at", "prediction", "carrier", "origin"]]


def served_by_v2(flights: pd.DataFrame) -> pd.Series[bool]:
    """Whether v2 decided: from August always, in the canary of 15 to 31 July for a fifth of the ids."""
    canary = (flights["day"] >= CANARY_STARTS) & (uniform(flights["request_id"], "canary") < CANARY_SHARE)
    return canary | (flights["day"] >= V2_STARTS)


def _training(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[(flights["day"] < FIRST_DAY) & flights["late"].notna()]


def _one_thread() -> AbstractContextManager[object]:
    # More threads gain little, lose twenty seconds where others work too, and change the last digits of v1.
    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits


def _linear(estimator: Any) -> Any:
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (numeric, list(NUMERIC)), (OneHotEncoder(handle_unknown="ignore"), list(CATEGORICAL))
        ),
        estimator,
    )


def _log(service: pd.DataFrame, version: Version, fitted: Any) -> pd.DataFrame:
    ids = service["request_id"]
    score = fitted.predict_proba(service[list(FEATURES)])[:, 1]
    decided = served_by_v2(service) == (version.name == "v2")
    latency = log_normal(ids, f"latency {version.name}", median=version.latency_ms, sigma=LATENCY_SIGMA)
    answer = pd.DataFrame(
        {
            "request_id": ids,
            "model_name": MODEL,
            "model_version": version.name,
            "predicted_at": service["predicted_at"],
            "score": score,
            "prediction": (score >= version.threshold).astype("int16"),
            "served": decided,
            "latency_ms": np.round(latency, 3),
        }
    )
    return pd.concat([answer, service[list(FEATURES)]], axis="columns")
