"""Days for charts: a reference, days after it, and the worlds in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from detectors.points import day
from hindsight.detectors import BaseDetector, Finding, Point, Series
from hindsight.detectors.changepoint import Changepoint
from hindsight.detectors.charted import Charted
from hindsight.detectors.cusum import Cusum
from hindsight.detectors.ewma import Ewma
from hindsight.metrics import METRICS
from hindsight.metrics.expectation import Expected

ERROR: Final = 0.0095
"""What a day of 1,000 rows at an accuracy of 0.90 is off."""


def point(number: int, value: float | None, error: float | None = ERROR, **changes: Any) -> Point:
    """A day that is as surely known as one of 1,000 rows at an accuracy of 0.90."""
    return day(number, value, error, **changes)


def expecting(value: float) -> Expected:
    return Expected(value, 0.0, 0.0, 0.0, 0.0, 0.01)


def points(
    values: Sequence[float] | np.ndarray[Any, Any], first: int = 0, error: float = ERROR
) -> list[Point]:
    return [point(first + i, float(value), error) for i, value in enumerate(values)]


def series(
    reference: Sequence[Point], days: Sequence[Point], metric: str = "accuracy", **parts: Any
) -> Series:
    """The last of these days, with the others before it and the reference's days."""
    known = [day.value for day in reference if day.value is not None]
    pooled = None
    if known:
        pooled = replace(
            reference[0], end=reference[-1].end, value=float(np.mean(known)), n=1000 * len(known)
        )
    given = {"reference": pooled, "reference_days": tuple(reference)} | parts
    return Series(METRICS[metric], days[-1], tuple(days), **given)


def reference(days: int = 31, level: float = 0.9, spread: float = ERROR, seed: int = 1) -> list[Point]:
    """Days whose mean and spread are exactly so, in units of which the others are made."""
    made = noise(days, seed)
    return points(level + spread * (made - made.mean()) / made.std(ddof=1))


def after(losses: Any, *, level: float = 0.9, first: int = 31) -> list[Point]:
    """Days that lie so many usual deviations below the level."""
    return points(level - ERROR * np.asarray(losses, dtype=float), first)


def noise(days: int, seed: int = 2) -> Any:
    return np.random.default_rng(seed).standard_normal(days)


def found_by(
    kind: type[Charted], days: list[Point], known: list[Point] | None = None, **options: Any
) -> Finding:
    """What a chart says of these days after a reference."""
    metric = options.pop("metric", "accuracy")
    found = kind(metric=metric, **options).examine(
        series(reference() if known is None else known, days, metric)
    )
    assert found.reason.endswith(".")
    return found


def accuracies(rng: np.random.Generator, days: int, first: int = 0) -> list[Point]:
    """Days of 1,000 rows at an accuracy of 0.90, with the errors that the metric gives them."""
    shares = (rng.binomial(1000, 0.9, size=days)) / 1000
    return [point(first + i, float(p), float((p * (1 - p) / 1000) ** 0.5)) for i, p in enumerate(shares)]


def cusum(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """The last of eight weeks of days with 1,000 rows each at the accuracy of the reference's 31, 0.90."""
    return Cusum(metric="accuracy"), series(accuracies(rng, 31), accuracies(rng, 56, first=31))


def ewma(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """The same for the moving average."""
    return Ewma(metric="accuracy"), series(accuracies(rng, 31), accuracies(rng, 56, first=31))


def changepoint(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """Three months of days with 1,000 rows each at an accuracy of 0.90."""
    return Changepoint(metric="accuracy"), series([], accuracies(rng, 90))
