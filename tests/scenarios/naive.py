"""The naive oracle: a row at a time, on what was known, by rules written down once more and differently.

It shares no code with the pipeline: days come from pandas, labels are chosen by sorting lists, and metrics
are scikit-learn's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from sklearn import metrics as sk

ZONE = "America/New_York"
CLASSES = ("cat", "dog", "owl")
Row = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """A prediction that counts, with the model's answer, and its label, if one was known."""

    day: date
    version: str
    segments: tuple[str, ...]
    answer: tuple[Any, ...]
    actual: Any
    told: tuple[tuple[pd.Timestamp, Any], ...] = ()
    """Its usable labels, oldest first."""


def midnight(day: date, later: int = 0) -> pd.Timestamp:
    return pd.Timestamp(day.year, day.month, day.day, tz=ZONE) + pd.DateOffset(days=later)


def usable(value: Any, low: float, high: float) -> bool:
    return value is not None and math.isfinite(value) and low <= value <= high


@dataclass(frozen=True)
class Rules:
    """How a task's rows are read: the model's answer and a label's value, None if not usable; its metrics.

    Of rows of one instant the least answer counts, without its first `derived` values.
    """

    answer: Callable[[Row], tuple[Any, ...] | None]
    actual: Callable[[Any], Any]
    metrics: Callable[[list[Judged]], dict[str, float | None]]
    derived: int = 0
    change: Callable[[Any, Any], str] = lambda first, last: "up" if last > first else "down"


def judged(
    predictions: Iterable[Row], labels: Iterable[Row], day: date, horizon: int, policy: str, rules: Rules
) -> list[Judged]:
    """What a person with a pencil would count for a day, that many days after it."""
    as_of = midnight(day, 1 + horizon)
    begins, ends = midnight(day), midnight(day, 1)
    answers: dict[tuple[str, str], list[Row]] = {}
    for row in predictions:
        if not (begins <= row["predicted_at"] < ends and row["logged_at"] < as_of):
            continue
        if row["request_id"] is None or rules.answer(row) is None:
            continue
        answers.setdefault((row["request_id"], row["version"]), []).append(row)
    known: dict[str, list[tuple[Any, Any]]] = {}
    for row in labels:
        actual = rules.actual(row["actual"])
        if actual is not None and midnight(day, -1) <= row["label_at"] < as_of:
            known.setdefault(row["request_id"], []).append((row["label_at"], actual))
    found = []
    for (request_id, version), rows in answers.items():
        row = min(
            rows,
            key=lambda r: (
                r["logged_at"],
                r["predicted_at"],
                r["origin"] or "(null)",
                r["carrier"],
                (rules.answer(r) or ())[rules.derived :],
            ),
        )
        segments = ("ALL", f"origin={row['origin'] or '(null)'}", f"carrier={row['carrier']}")
        told = sorted(known.get(request_id, []))
        found.append(
            Judged(day, version, segments, rules.answer(row) or (), counting(told, policy), tuple(told))
        )
    return found


def heard(labels: Iterable[Row], day: date, horizon: int, silent_for: pd.Timedelta) -> bool:
    """Whether any label at all was learnt shortly before a day is judged."""
    as_of = midnight(day, 1 + horizon)
    return any(as_of - silent_for <= row["label_at"] < as_of for row in labels)


def by_default(rows: list[Judged], alive: bool) -> list[Judged]:
    """The rows when their truth is due: who was never told anything is a no, if the feed lives."""
    if not alive:
        return [replace(row, actual=None) for row in rows]
    return [row if row.told else replace(row, actual=0.0) for row in rows]


def delays(rows: list[Judged]) -> dict[str, int]:
    """How many days after its own a prediction had its first label."""
    found = Counter(
        max(0, (row.told[0][0].astimezone(ZoneInfo(ZONE)).date() - row.day).days) for row in rows if row.told
    )
    return {str(age): count for age, count in found.items()}


def ledger(rows: list[Judged], change: Callable[[Any, Any], str]) -> dict[str, int]:
    """Whose last label is not their first."""
    ends = [(row.told[0][1], row.told[-1][1]) for row in rows if row.told]
    return dict(Counter(change(first, last) for first, last in ends if first != last))


def counting(labels: list[tuple[Any, Any]], policy: str) -> Any:
    """Which of an id's labels, oldest first, counts."""
    if not labels:
        return None
    if policy == "error" and len({actual for _, actual in labels}) > 1:
        return None
    return labels[0][1] if policy == "first" else labels[-1][1]


def chance(row: Row) -> tuple[float, ...] | None:
    return (row["score"],) if usable(row["score"], 0.0, 1.0) else None


def number(row: Row) -> tuple[float, ...] | None:
    return (row["score"],) if usable(row["score"], -1e6, 1e6) else None


def choice(row: Row) -> tuple[Any, ...] | None:
    """The number of the class with the greatest score, the first of equals, and all scores."""
    scores = [row[f"p_{name}"] for name in CLASSES]
    if not all(usable(score, 0.0, 1.0) for score in scores):
        return None
    return (scores.index(max(scores)), *scores)


def logged_choice(row: Row) -> tuple[Any, ...] | None:
    """The same where the log says which class it was."""
    answer = choice(row)
    return None if answer is None or row["said"] not in CLASSES else (CLASSES.index(row["said"]), *answer[1:])


def item(row: Row) -> tuple[Any, ...] | None:
    """The position in a list, and whose list it was."""
    if not usable(row["place"], 1.0, 1e6) or row["place"] % 1 or row["query"] is None:
        return None
    return row["place"], row["query"]


def share(of: int, whole: int) -> float | None:
    return of / whole if whole else None


def binary(rows: list[Judged]) -> dict[str, float | None]:
    """Every metric of a binary model, None where it has none."""
    labelled = [row for row in rows if row.actual is not None]
    truth = np.array([row.actual for row in labelled], dtype=int)
    score = np.array([row.answer[0] for row in labelled])
    said = (score >= 0.5).astype(int)
    every = np.array([row.answer[0] for row in rows])
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
    truth = np.array([row.actual for row in labelled])
    said = np.array([row.answer[0] for row in labelled])
    nothing = not labelled
    return {
        "volume": float(len(rows)),
        "coverage": len(labelled) / len(rows),
        "mean_prediction": float(np.mean([row.answer[0] for row in rows])),
        "mae": None if nothing else float(sk.mean_absolute_error(truth, said)),
        "rmse": None if nothing else float(sk.root_mean_squared_error(truth, said)),
        "bias": None if nothing else float(np.mean(said - truth)),
        "r2": float(sk.r2_score(truth, said)) if len(set(truth)) > 1 else None,
    }


def multiclass(rows: list[Judged]) -> dict[str, float | None]:
    """Metrics of a choice among classes, None where it has none."""
    labelled = [row for row in rows if row.actual is not None]
    truth = [row.actual for row in labelled]
    said = [row.answer[0] for row in labelled]
    seen = sorted({*truth, *said})
    given = np.array([row.answer[1 + row.actual] for row in labelled])
    cats = [s for s, actual in zip(said, truth, strict=True) if actual == 0]

    def recall(which: int) -> float | None:
        if which not in truth:
            return None
        return float(sk.recall_score(truth, said, labels=[which], average=None)[0])

    return {
        "volume": float(len(rows)),
        "coverage": len(labelled) / len(rows),
        "accuracy": float(sk.accuracy_score(truth, said)) if labelled else None,
        "macro_f1": float(sk.f1_score(truth, said, labels=seen, average="macro")) if labelled else None,
        "log_loss": float(np.mean(-np.log(np.clip(given, 1e-15, 1 - 1e-15)))) if labelled else None,
        **{f"class_recall({name})": recall(i) for i, name in enumerate(CLASSES)},
        "confusion(cat->dog)": share(cats.count(1), len(cats)),
    }


def ranking(rows: list[Judged]) -> dict[str, float | None]:
    """Metrics of lists; a list is what one query showed of each kind in a day to one version."""
    labelled = [row for row in rows if row.actual is not None]
    lists: dict[Any, list[tuple[float, float]]] = {}
    for row in labelled:
        key = (row.day, row.version, row.segments, row.answer[1])
        lists.setdefault(key, []).append((row.answer[0], row.actual))

    def mean(values: list[float]) -> float | None:
        return sum(values) / len(values) if values else None

    def first(shown: list[tuple[float, float]]) -> float:
        return min((place for place, feedback in shown if feedback > 0), default=math.inf)

    def ndcg(k: int) -> float | None:
        found = []
        for shown in lists.values():
            ideal = enumerate(sorted((feedback for _, feedback in shown), reverse=True)[:k], start=1)
            best = sum((2**feedback - 1) / math.log2(1 + place) for place, feedback in ideal)
            gain = sum((2**feedback - 1) / math.log2(1 + place) for place, feedback in shown if place <= k)
            found.append(gain / best if best else 0.0)
        return mean(found)

    return {
        "volume": float(len(rows)),
        "coverage": len(labelled) / len(rows),
        "ctr": share(sum(row.actual > 0 for row in labelled), len(labelled)),
        "mrr": mean([1.0 / first(shown) for shown in lists.values()]),
        "ndcg(5)": ndcg(5),
        "ndcg": ndcg(10),
        "hit_rate(3)": mean([float(first(shown) <= 3) for shown in lists.values()]),
    }


BINARY = Rules(
    chance,
    lambda actual: actual if actual in (0.0, 1.0) else None,
    binary,
    change=lambda first, last: f"{first:.0f}->{last:.0f}",
)
REGRESSION = Rules(number, lambda actual: actual if usable(actual, -1e6, 1e6) else None, regression)
MULTICLASS = Rules(
    choice,
    lambda actual: CLASSES.index(actual) if actual in CLASSES else None,
    multiclass,
    1,
    lambda first, last: f"{CLASSES[first]}->{CLASSES[last]}",
)
LOGGED_CHOICE = replace(MULTICLASS, answer=logged_choice, derived=0)
RANKING = Rules(item, lambda actual: actual if usable(actual, 0.0, 31.0) else None, ranking)
