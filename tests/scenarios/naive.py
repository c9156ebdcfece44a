"""The naive oracle: a row at a time, on what was known, by rules written down once more and differently.

It shares no code with the pipeline: days come from pandas, labels are chosen by sorting lists, and metrics
are scikit-learn's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk

ZONE = "America/New_York"
Row = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """A prediction that counts, and its label, if one was known."""

    version: str
    segments: tuple[str, ...]
    score: float
    actual: float | None


def midnight(day: date, later: int = 0) -> pd.Timestamp:
    return pd.Timestamp(day.year, day.month, day.day, tz=ZONE) + pd.DateOffset(days=later)


def usable(value: Any, low: float, high: float) -> bool:
    return value is not None and math.isfinite(value) and low <= value <= high


def judged(
    predictions: Iterable[Row], labels: Iterable[Row], day: date, horizon: int, policy: str, regression: bool
) -> list[Judged]:
    """What a person with a pencil would count for a day, that many days after it."""
    as_of = midnight(day, 1 + horizon)
    begins, ends = midnight(day), midnight(day, 1)
    low, high = (-1e6, 1e6) if regression else (0.0, 1.0)
    answers: dict[tuple[str, str], list[Row]] = {}
    for row in predictions:
        if not (begins <= row["predicted_at"] < ends and row["logged_at"] < as_of):
            continue
        if row["request_id"] is None or not usable(row["score"], low, high):
            continue
        answers.setdefault((row["request_id"], row["version"]), []).append(row)
    known: dict[str, list[tuple[Any, float]]] = {}
    for row in labels:
        fine = usable(row["actual"], low, high) and (regression or row["actual"] in (0.0, 1.0))
        if fine and row["label_at"] < as_of:
            known.setdefault(row["request_id"], []).append((row["label_at"], row["actual"]))
    found = []
    for (request_id, version), rows in answers.items():
        row = min(
            rows,
            key=lambda r: (
                r["logged_at"],
                r["predicted_at"],
                r["origin"] or "(null)",
                r["carrier"],
                r["score"],
            ),
        )
        segments = ("ALL", f"origin={row['origin'] or '(null)'}", f"carrier={row['carrier']}")
        found.append(
            Judged(version, segments, row["score"], counting(sorted(known.get(request_id, [])), policy))
        )
    return found


def counting(labels: list[tuple[Any, float]], policy: str) -> float | None:
    """Which of an id's labels, oldest first, counts."""
    if not labels:
        return None
    if policy == "error" and len({actual for _, actual in labels}) > 1:
        return None
    return labels[0][1] if policy == "first" else labels[-1][1]


def binary(rows: list[Judged]) -> dict[str, float | None]:
    """Every metric of a binary model, None where it has none."""
    labelled = [row for row in rows if row.actual is not None]
    truth = np.array([row.actual for row in labelled], dtype=int)
    score = np.array([row.score for row in labelled])
    said = (score >= 0.5).astype(int)
    every = np.array([row.score for row in rows])
    nothing = not labelled
    both = 0 < truth.sum() < len(truth)
    # Each class by itself, for 1 - (1 - 1e-15) is not 1e-15.
    chances = np.clip(np.column_stack([1 - score, score]), 1e-15, 1 - 1e-15)
    return {
        "volume": float(len(rows)),
        "mean_score": float(every.mean()),
        "predicted_positive_rate": float((every >= 0.5).mean()),
        "coverage": len(labelled) / len(rows),
        "recall": float(sk.recall_score(truth, said)) if truth.sum() else None,
        "precision": float(sk.precision_score(truth, said)) if said.sum() else None,
        "f1": float(sk.f1_score(truth, said)) if truth.sum() + said.sum() else None,
        "accuracy": None if nothing else float(sk.accuracy_score(truth, said)),
        "specificity": float(sk.recall_score(1 - truth, 1 - said)) if (1 - truth).sum() else None,
        "positive_rate": None if nothing else float(truth.mean()),
        "brier": None if nothing else float(np.mean((score - truth) ** 2)),
        "log_loss": None if nothing else float(sk.log_loss(truth, chances, labels=[0, 1])),
        "roc_auc": float(sk.roc_auc_score(truth, score)) if both else None,
    }


def regression(rows: list[Judged]) -> dict[str, float | None]:
    """Every metric of a regression, None where it has none."""
    labelled = [row for row in rows if row.actual is not None]
    truth, said = (np.array([getattr(row, name) for row in labelled]) for name in ("actual", "score"))
    nothing = not labelled
    return {
        "volume": float(len(rows)),
        "coverage": len(labelled) / len(rows),
        "mean_prediction": float(np.mean([row.score for row in rows])),
        "mae": None if nothing else float(sk.mean_absolute_error(truth, said)),
        "rmse": None if nothing else float(sk.root_mean_squared_error(truth, said)),
        "bias": None if nothing else float(np.mean(said - truth)),
        "r2": float(sk.r2_score(truth, said)) if len(set(truth)) > 1 else None,
    }
