"""Level and spread of a few numbers of which some may be wild, and the phases of a week."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

OF_NORMAL: Final = 1.4826022185056018
"""The standard deviation of a normal distribution over its median absolute deviation."""

OF_MEDIAN: Final = float(np.pi / 2.0)
"""The variance of a median of many normal numbers over that of their mean."""


def spread(residuals: Array, groups: int = 1) -> float:
    """The standard deviation behind residuals from the medians of so many groups, by their median size.

    Residuals from a median of few are too small, as it lies on one of them or midway between two: the size is
    multiplied by the root of n / (n - 2 groups), with which it is right within 5 % from four to a group up
    (measured in the tests).  Less than half of the numbers may be
    anything without moving it far (median absolute deviation: Hampel, 1974).

    >>> rng = np.random.default_rng(1)
    >>> round(spread(rng.normal(0.0, 2.0, 4000)), 1)
    2.0
    >>> spread(np.array([0.0, 0.0, 0.0, 50.0]))
    0.0
    """
    many = len(residuals)
    if many < 2:
        return 0.0
    freedom = many / max(many - 2 * groups, 1)
    return float(OF_NORMAL * np.median(np.abs(residuals)) * np.sqrt(freedom))


def phase(when: date, zone: tzinfo | None = None) -> int:
    """The day of the week, or the hour of the week in a zone: what comes again every seven days.

    People come by their own clocks, so without the zone each change of these would move every hour.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> phase(date(2024, 6, 3)), phase(datetime(2024, 6, 4, 5, tzinfo=UTC))
    (0, 29)
    >>> phase(datetime(2024, 6, 4, 5, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    31
    """
    if not isinstance(when, datetime):
        return when.weekday()
    there = when if zone is None else when.astimezone(zone)
    return 24 * there.weekday() + there.hour


def named(when: date, zone: tzinfo | None = None) -> str:
    """The phase of a day or an hour in words.

    >>> named(date(2024, 6, 3))
    'Mondays'
    """
    if not isinstance(when, datetime):
        return f"{when:%A}s"
    if zone is None:
        return f"{when:%A}s at {when:%H}:00 UTC"
    return f"{when.astimezone(zone):%A}s at {when.astimezone(zone):%H}:00"
