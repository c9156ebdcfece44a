"""How long until most of the truth was there."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Numbered, Part, quality
from hindsight.metrics.log.label_delay import age_of, share_of
from hindsight.metrics.woodruff import around, error_of
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class TimeToKnow(Numbered):
    """The days (hours, at an hourly grain) until the given share of the window's predictions had a label.

    `time_to_know(0.9)` is what the bare name means.  Each prediction counts from its own day on, and by its
    first label.  Undefined while so many labels are not there: it never claims that they came at the horizon.
    The row error is Woodruff's, not known where the share is hardly reached.
    """

    name = "time_to_know"
    tasks = ANY_TASK
    part = Part.QUALITY
    of_labels = True
    direction = Direction.LOWER
    weighted = False
    undefined = "too few predictions have a label"
    number = 0.9
    takes = "a share above 0 and at most 1"

    def fits(self, number: float) -> bool:
        return 0.0 < number <= 1.0

    def why(self, terms: Array) -> list[str]:
        shares = share_of(terms[:, 1:], terms[:, 0])
        return [
            f"{share:.1%} of the predictions have had a label, not {self.number:.0%}"
            if np.isfinite(share)
            else "there is no prediction"
            for share in shares.tolist()
        ]

    def terms(self, statistics: Statistics) -> Array:
        found = quality(statistics)
        return np.concatenate([found.predictions[:, None], found.delays], axis=1)

    def value(self, terms: Array) -> Array:
        place = np.ceil(self.number * terms[:, 0] - 1e-9)
        return np.where(terms[:, 0] > 0, age_of(terms[:, 1:], place), np.nan)

    def row_error(self, terms: Array) -> Array:
        low, high = around(terms[:, 0], self.number)
        return error_of(age_of(terms[:, 1:], np.ceil(low)), age_of(terms[:, 1:], np.ceil(high)))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
