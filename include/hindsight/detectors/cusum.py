"""A cumulative sum of standardised days: a small shift that lasts."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Final

import numpy as np

from hindsight.detectors.charted import OF_REFERENCE, Charted, Course
from hindsight.detectors.methods.charts import Chart, CusumChart

LEAST_K: Final = 0.25
GRID: Final = 20
"""Steps of k in a standard deviation: references that are nearly alike share a solved bound."""


@dataclass(frozen=True, kw_only=True)
class Cusum(Charted):
    """Breaches when the days since some day are worse than the reference by more than chance can do.

    Page's CUSUM (1954) over the single days of `past`, each in standard deviations of the reference's days:
    what a day lies beyond half of `shift` adds up, what it stays below is taken off, and the sum
    never falls below 0.  `shift` is the change that matters, as a share of the reference's value; half of
    it is never taken to be less than the reference itself can tell, 2.5 errors of its mean.  The bound is
    solved so that with nothing wrong there are `false_alarms` at most, with all that the
    reference leaves uncertain, with `adjust: score_mix` also of scores that it has hardly seen; it takes
    days to be independent but for the weekday.  The baseline is the reference and stays: a running mean
    would follow the shift that it looks for.

    Use it to find decay within days.  One bad day, however bad, does not breach by itself: for that use
    `threshold` over `1d`.  A loss of less than half of `shift` adds up to nothing, but by the luck of single
    days it may breach, the more often the nearer it comes to half: to judge a small loss pool days
    (`threshold` over `28d`).  A breach is critical where the days would breach with twice as much taken off
    each.  It ends some days after the metric is back, while the sum goes down; until it has come to
    half of its bound the judgement is `watch`, so that an incident neither flaps nor lasts.  Fewer than 14
    days of a reference are INSUFFICIENT; with 28 it knows weekdays.

    False breaches: 0.03 % of windows with nothing wrong, at an accuracy of 0.90 of 1,000 rows a day.  There a
    fall of 2 points is found in 5 days, and one incident in some 8,000 days is opened for nothing; where days
    differ 6 times as much as rows explain one in 1,800, and where bad days follow bad days more than is
    allowed (docs/scorecard.md).

    >>> Cusum(metric="accuracy").sentence
    'accuracy over 56d at 7d without a lasting fall of 2% or more (CUSUM; at most 1 per 2000d by chance)'
    """

    kind: ClassVar[str] = "cusum"

    @property
    def _method(self) -> str:
        return "CUSUM"

    def _chart(self, half: float, days: int) -> Chart:
        k = max(half, OF_REFERENCE / sqrt(days), LEAST_K)
        return CusumChart(k=round(k * GRID) / GRID)

    def _begin(self, course: Course) -> int:
        at_zero = np.flatnonzero(course.statistic[:-1] <= 0)
        return int(at_zero[-1]) + 1 if len(at_zero) else 0

    def _doubly(self, course: Course) -> bool:
        assert isinstance(course.chart, CusumChart)
        twice = CusumChart(2.0 * course.chart.k)
        return bool(twice.fold(course.z, course.bound)[-1] > course.bound)
