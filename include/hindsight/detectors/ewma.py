"""A moving average of standardised days whose weights fade: a shift that lasts, and its size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hindsight.detectors.charted import Charted, Course
from hindsight.detectors.methods.charts import Chart, EwmaChart


@dataclass(frozen=True, kw_only=True)
class Ewma(Charted):
    """Breaches when the level of the last days is surely worse than the reference's.

    Roberts' EWMA (1959) over the single days of `past`, each in standard deviations of the reference's days;
    the newest counts with `weight`, each one before it with so much less.  The bound is solved so
    that with nothing wrong there are `false_alarms` at most, with all that the reference leaves uncertain,
    and is never less than half of `shift`, the change that matters, as a share of the reference's value.

    It finds what `cusum` finds, hardly sooner or later; its statistic is a level, so it is easier to draw and
    forgets by itself a shift that is over.  One bad day, however bad, does not breach by itself.  Fewer than
    14 days of a reference are INSUFFICIENT; with 28 it knows weekdays.

    False breaches: 0.04 % of windows with nothing wrong, at an accuracy of 0.90 of 1,000 rows a day.

    >>> Ewma(metric="brier", shift=0.05).sentence
    'brier over 56d at 7d without a lasting rise of 5% or more (EWMA; at most 1 per 2000d by chance)'
    """

    kind: ClassVar[str] = "ewma"

    weight: float = 0.2

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if not 0.05 <= self.weight <= 0.8:
            yield f"`weight` is that of the newest day, from 0.05 to 0.8, not {self.weight}"

    @property
    def _method(self) -> str:
        return "EWMA"

    def _chart(self, half: float, days: int) -> Chart:
        return EwmaChart(self.weight)

    def _bound(self, solved_bound: float, half: float) -> float:
        return max(solved_bound, half)

    def _begin(self, course: Course) -> int:
        good = np.flatnonzero(course.statistic[:-1] <= 0)
        return int(good[-1]) + 1 if len(good) else 0

    def _doubly(self, course: Course) -> bool:
        return course.last > 2.0 * course.bound
