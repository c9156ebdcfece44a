"""Worlds of the detectors that look at logs, features and labels, in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np

from detectors.points import FIRST, day, share_day
from hindsight.detectors import (
    BaseDetector,
    Point,
    Series,
)
from hindsight.detectors.drift import Drift
from hindsight.detectors.feedback_loop import FeedbackLoop
from hindsight.detectors.missing import Missing
from hindsight.detectors.proxy_link import ProxyLink
from hindsight.detectors.quality import Quality
from hindsight.detectors.volume import Volume
from hindsight.domain.values import Horizon
from hindsight.metrics import find

PROFILE: Final = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.5])
"""How busy weekdays are."""

REFERENCE: Final[Mapping[str, Any]] = {"end": FIRST + timedelta(days=27)}


def counted(numbers: Sequence[float], **changes: Any) -> tuple[Point, ...]:
    """Days with so many predictions, from a Monday."""
    return tuple(
        day(i, float(value), max(float(value), 1.0) ** 0.5, n=int(value), coverage=None, **changes)
        for i, value in enumerate(numbers)
    )


def of_days(metric: str, days: Sequence[Point], **more: Any) -> Series:
    """What is seen on the last of some days."""
    return Series(find(metric), days[-1], tuple(days), **more)


def volumes(rng: np.random.Generator, differ: float, per_day: float = 1000.0, weeks: int = 8) -> np.ndarray:
    """Predictions a day with quiet weekends, where days differ by a share besides."""
    count = 7 * weeks
    busy = PROFILE[np.arange(count) % 7] * np.exp(rng.normal(0.0, differ, count))
    drawn: np.ndarray = rng.poisson(per_day * busy)
    return drawn


def volume(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """Eight weeks of 1,000 predictions a day, whose days differ by 10 % beyond their weekday."""
    return Volume(), of_days("volume", counted(volumes(rng, 0.1)))


def missing(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """Four weeks of 20 predictions a day, and none at weekends; the last day is any."""
    last = int(rng.integers(21, 28))
    drawn = rng.poisson(20.0 * (np.arange(28) % 7 < 5))[: last + 1]
    return Missing(), of_days("volume", counted(drawn))


def quality(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """A day of 200 rows with six odd shares: five of 1 %, and one of 5 % that differs by 3 points a day."""
    usual = {"null_share(a)": 0.05} | dict.fromkeys(
        ("null_share(b)", "null_share(c)", "duplicate_share", "invalid_share", "orphan_share"), 0.01
    )
    others = {}
    for name, share in usual.items():
        spread = 0.03 if share == 0.05 else 0.0
        shares = np.clip(rng.normal(share, spread, 29), 0.0, 1.0) if spread else np.full(29, share)
        hits = rng.binomial(200, shares)
        reference = share_day(0, int(hits[:28].sum()), 28 * 200, **REFERENCE)
        days = tuple(share_day(i, int(hit), 200) for i, hit in enumerate(hits[:28]))
        others[name] = Series(
            find(name), share_day(40, int(hits[28]), 200), (), reference=reference, reference_days=days
        )
    return Quality(), Series(find("volume"), day(40, 200.0, 14.0, n=200, coverage=None), (), others=others)


def drift(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """Ten features that chance alone moves, and two answers that stay where they were."""
    others = {}
    for letter in "abcdefghij":
        found = max(float(rng.normal(0.0, 0.02)), 0.0)
        others[f"psi({letter})"] = Series(find(f"psi({letter})"), day(60, found, 0.02, **window()), ())
    for name in ("mean_score", "predicted_positive_rate"):
        value, base = rng.normal(0.3, 0.01, 2)
        others[name] = Series(
            find(name),
            day(60, float(value), 0.01, **window()),
            (),
            reference=day(0, float(base), 0.01, **REFERENCE),
        )
    latest = day(60, 28_000.0, 170.0, coverage=None, **window())
    return Drift(), Series(find("volume"), latest, (), others=others)


def window() -> dict[str, Any]:
    """What a window of four weeks that ends on day 60 begins with."""
    return {"start": FIRST + timedelta(days=33), "n": 28_000}


def feedback_loop(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """2,000 predictions, of which 60 % have a label whatever was predicted, and exploration on a tenth."""
    covered = rng.binomial([600, 1400], 0.6) / [600, 1400]
    thirds = rng.binomial(667, 0.6, 3) / 667
    recall, explored = rng.binomial([400, 40], 0.7) / [400, 40]
    wide, spread = rng.normal(0.2, 0.004, 2)
    even, entropy = rng.normal(0.6, 0.01, 2)
    reference = {"no_reference": None}
    figures = {
        "coverage_gap": (covered[0] - covered[1], (0.24 / 600 + 0.24 / 1400) ** 0.5, None),
        "score_coverage_gap": (thirds.max() - thirds.min(), (2 * 0.24 / 667) ** 0.5, None),
        "unlabelled_range": (0.0, 0.0007, None),
        "score_spread": (spread, 0.004, wide),
        "decision_entropy": (entropy, 0.01, even),
        "recall": (recall, (0.21 / 400) ** 0.5, None),
        "recall in explore=true": (explored, (0.21 / 40) ** 0.5, None),
    }
    others = {
        name: Series(
            find(name.partition(" ")[0]),
            day(60, float(value), float(error), **(window() | {"n": 2_800 if " in " in name else 28_000})),
            (),
            reference=None if base is None else day(0, float(base), float(error), **REFERENCE),
            **reference,
        )
        for name, (value, error, base) in figures.items()
    }
    latest = day(60, 0.6, 0.01, **window())
    detector = FeedbackLoop(exploration="explore=true", outcome="recall")
    return detector, Series(find("coverage"), latest, (), others=others)


def linked(rng: np.random.Generator, correlation: float, count: int, start: int = 0) -> tuple[Any, Any]:
    """Days of a truth and of its proxy, that go together so much."""
    truth, noise = rng.normal(size=(2, count))
    proxy = correlation * truth + (1.0 - correlation**2) ** 0.5 * noise
    return tuple(
        tuple(day(start + i, 0.5 + 0.05 * float(value)) for i, value in enumerate(values))
        for values in (truth, proxy)
    )


def link_of(rng: np.random.Generator, now: float, before: float, **options: Any) -> tuple[ProxyLink, Series]:
    """Ninety days that go together so much, against sixty of a reference."""
    truth, proxy = linked(rng, now, 90, 100)
    old_truth, old_proxy = linked(rng, before, 60)
    other = of_days("mean_score", proxy, reference=old_proxy[0], reference_days=old_proxy)
    series = of_days(
        "recall",
        truth,
        reference=old_truth[0],
        reference_days=old_truth,
        others={"mean_score": other},
    )
    return ProxyLink(metric="recall", proxy="mean_score", at=Horizon(7), **options), series


def proxy_link(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """A proxy with a correlation of 0.8, over 90 days and the 60 of the reference."""
    return link_of(rng, 0.8, 0.8)
