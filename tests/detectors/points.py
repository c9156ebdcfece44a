"""Points of a series for tests of detectors: single days, and the error of a share of so many rows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from hindsight.detectors import Point
from hindsight.domain.values import Maturity, Status

FIRST: Final = date(2024, 6, 3)


def day(number: int, value: float | None, error: float | None = 0.01, **changes: Any) -> Point:
    """A judged single day; `number` counts from a Monday."""
    at = FIRST + timedelta(days=number)
    parts: dict[str, Any] = {
        "start": at,
        "end": at,
        "value": value,
        "standard_error": error,
        "n": 1000,
        "coverage": 0.95,
        "maturity": Maturity.MATURE,
        "status": Status.OK if value is not None else Status.UNDEFINED,
        "reason": None if value is not None else "there is nothing to divide by",
    }
    return Point(**{**parts, **changes})


def share_error(share: float, rows: int) -> float:
    """The row error of a share, as metrics make it: after adding two successes and two failures."""
    smooth = (share * rows + 2.0) / (rows + 4.0)
    return float((smooth * (1.0 - smooth) / rows) ** 0.5)


def share_day(number: int, hits: int, rows: int, **changes: Any) -> Point:
    """A day of so many rows of which so many were right."""
    return day(number, hits / rows, share_error(hits / rows, rows), n=rows, **changes)
