"""Made-up experiments: two arms of shares, day by day, as the pipeline would hand them to a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from hindsight.detectors import BaseDetector, Point, Series
from hindsight.detectors.arms import Arms, Plan, courses
from hindsight.detectors.compare import Compare, Experiment
from hindsight.detectors.contrast import Contrast
from hindsight.domain.values import Horizon, Maturity, Status
from hindsight.metrics import find
from hindsight.pipeline.experiments import harmonic, spread_of
from hindsight.statistics.base import Array

START: Final = date(2024, 6, 3)


def compare(days: int = 14, **options: Any) -> Compare:
    """A comparison of two versions by accuracy, of so many days."""
    usual: dict[str, Any] = {
        "metric": "accuracy",
        "control": "v1",
        "treatment": "v2",
        "start": START,
        "end": START + timedelta(days=days - 1),
        "at": Horizon(7),
    }
    return Compare(**usual | options)


def point(value: float | None, error: float | None, n: int, **changes: Any) -> Point:
    """An arm's metric over the days so far."""
    parts: dict[str, Any] = {
        "start": START,
        "end": START,
        "value": value,
        "standard_error": error,
        "n": n,
        "coverage": 1.0,
        "maturity": Maturity.MATURE,
        "status": Status.OK if value is not None else Status.UNDEFINED,
    }
    return Point(**parts | changes)


def of_shares(metric: str, control: Array, treatment: Array) -> Contrast:
    """A share in both arms from its (part, whole) of each day, [days, 2]."""
    found = find(metric)
    points = []
    for terms in (control, treatment):
        total = terms.sum(axis=0, keepdims=True)
        points.append(point(float(found.value(total)[0]), float(found.row_error(total)[0]), int(total[0, 1])))
    return Contrast(found.direction, *points, days=len(control), spread=spread_of(found, control, treatment))


def look(shares: Mapping[str, tuple[Array, Array]], days: int) -> Arms:
    """What is known at the end of so many days, from the (part, whole) of each of both arms by metric."""
    rows = [arm[:days, 1] for arm in next(iter(shares.values()))]
    return Arms(
        start=START,
        end=START + timedelta(days=days - 1),
        rows=(int(rows[0].sum()), int(rows[1].sum())),
        today=(int(rows[0][-1]), int(rows[1][-1])),
        shared=days,
        each=harmonic(rows[0].sum(), rows[1].sum()),
        first=harmonic(rows[0][0], rows[1][0]),
        contrasts={
            name: of_shares(name, control[:days], treatment[:days])
            for name, (control, treatment) in shares.items()
        },
        daily=tuple((int(one), int(other)) for one, other in zip(*rows, strict=True)),
    )


def looks(shares: Mapping[str, tuple[Array, Array]]) -> list[Arms]:
    """What is known at the end of each day."""
    every = len(next(iter(shares.values()))[0])
    return [look(shares, days) for days in range(1, every + 1)]


def drawn(
    rng: np.random.Generator, days: int, rates: Sequence[float], rows: int = 500, spread: float = 0.0
) -> tuple[Array, Array]:
    """(part, whole) of each day of both arms, which chance has shared out, so many rows a side on average.

    `spread` is by how much an arm's own rate differs from day to day.
    """
    shared = rng.binomial(2 * rows, 0.5, size=days)
    arms = []
    for rate, whole in zip(rates, (shared, 2 * rows - shared), strict=True):
        of_days = np.clip(rate + spread * rng.standard_normal(days), 0.0, 1.0)
        arms.append(np.column_stack([rng.binomial(whole, of_days), whole]).astype(np.float64))
    return arms[0], arms[1]


def decision(plan: Plan, seen: Sequence[Arms]) -> tuple[date, int] | None:
    """The first day on which it was sure which arm is better, and which."""
    for course in courses(plan, seen):
        gap = course.gaps.get(plan.metric)
        if course.sound and gap is not None and gap.since is not None:
            return gap.since, gap.surely
    return None


def experiment(seen: Sequence[Arms], metric: str = "accuracy") -> Experiment:
    """The series of the last of these looks."""
    contrast = seen[-1].contrasts.get(metric)
    latest = contrast.treatment if contrast is not None else point(None, None, 0, reason="nothing is there")
    return Experiment(find(metric), latest, (), arms=seen[-1], earlier=tuple(seen[:-1]))


def world(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """The last day of two weeks with 500 rows a day and side, both at a rate of 0.10."""
    return compare(), experiment(looks({"accuracy": drawn(rng, 14, (0.10, 0.10))}))
