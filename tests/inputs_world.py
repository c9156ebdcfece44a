"""A log with features, latencies, failures and custom sums, full of oddities, and what pandas says of it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hindsight.domain.spec import CustomSum, MonitorSpec, Reference
from worlds import PREDICTION_TYPES, Logs, monitor, odd_logs

FEATURES = ("hour", "distance", "weather", "rainy")
TYPES = PREDICTION_TYPES | {
    "hour": "integer",
    "distance": "double precision",
    "weather": "text",
    "rainy": "boolean",
    "took": "double precision",
    "error": "text",
    "blocked": "integer",
    "amount": "double precision",
}
CUSTOM = {
    "block_rate": CustomSum("blocked"),
    "blocked_amount": CustomSum("case when blocked = 1 then amount else 0 end -- a comment", "amount"),
}
METRICS = (
    *(
        f"{name}({f})"
        for name in ("null_share", "feature_invalid_share", "psi", "jensen_shannon", "chi_square")
        for f in FEATURES
    ),
    *(
        f"{name}({f})"
        for name in ("feature_mean", "feature_spread", "feature_p10", "feature_median", "feature_p90")
        for f in FEATURES[:2]
    ),
    *(f"{name}({f})" for name in ("mean_shift", "kolmogorov_smirnov", "wasserstein") for f in FEATURES[:2]),
    "unseen_share(weather)",
    "unseen_share(rainy)",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "latency(0.9)",
    "mean_latency",
    "throughput",
    "error_rate",
    "custom(block_rate)",
    "custom(blocked_amount)",
)


def input_logs(seed: int, first: date, days: int) -> Logs:
    """The odd logs with inputs of every kind; late in the world there is weather that nobody had seen."""
    logs = odd_logs(seed, first, days)
    draw = random.Random(seed)
    rows = []
    for row in logs.predictions:
        day = (row["predicted_at"].date() - first).days
        words = ["sun", "rain", "it's; odd: %s", "Ünder", ""] + (["hail"] if 2 * day > days else [])
        odd = [float("nan"), float("inf"), -float("inf"), None, -0.0, 1e300, 1e-300]
        rows.append(
            row
            | {
                "hour": draw.choice([None, *range(24)]),
                "distance": draw.choice(odd) if draw.random() < 0.1 else draw.lognormvariate(6, 1),
                "weather": draw.choice([None, *words]),
                "rainy": draw.choice([None, True, False, False]),
                "took": draw.choice([None, -1.0, float("nan"), 2e8, 0.0])
                if draw.random() < 0.1
                else draw.lognormvariate(3, 1),
                "error": draw.choice(["timeout", "", "5"]) if draw.random() < 0.1 else None,
                "blocked": draw.choice([0, 0, 0, 1, None]),
                "amount": draw.choice([None, -3.5]) if draw.random() < 0.1 else draw.expovariate(0.01),
            }
        )
    return Logs(rows, logs.labels, TYPES, logs.label_types)


def input_monitor(**changes: Any) -> MonitorSpec:
    """A monitor that asks for all of it."""
    spec = monitor()
    columns = replace(spec.predictions.columns, latency_ms="took", error="error")
    spec = replace(
        spec,
        predictions=replace(spec.predictions, columns=columns, features=FEATURES),
        custom=CUSTOM,
        metrics=METRICS,
    )
    return replace(spec, **changes)


def with_reference(spec: MonitorSpec, first: date, days: int) -> MonitorSpec:
    """The monitor with so many first days as its reference."""
    return replace(spec, reference=Reference(start=first, end=first + timedelta(days=days - 1)))
