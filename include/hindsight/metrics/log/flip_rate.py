"""Share of the labelled predictions whose label was changed."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Part, Share, quality
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class FlipRate(Share):
    """Predictions whose last label differs from their first / predictions that have had a label.

    Both as known at the horizon and under every `on_conflict`; a label that was changed and changed back does
    not differ.  A regression's or ranking's differs by any amount.  Always 0 where labels are declared
    unique, and where the log is overwritten in place, for then nobody sees that there was another one.
    """

    name = "flip_rate"
    tasks = ANY_TASK
    part = Part.QUALITY
    of_labels = True
    direction = Direction.LOWER
    weighted = False
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        found = quality(statistics)
        return np.stack([found.changed, found.delays.sum(axis=1)], axis=1)
