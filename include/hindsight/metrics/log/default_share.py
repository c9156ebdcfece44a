"""Share of predictions that silence made a "no"."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Part, Share, quality
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array
from hindsight.statistics.reasons import DEFAULTED


class DefaultShare(Share):
    """Predictions without a label that count as "no" / predictions, of days whose feed was alive.

    Only under `convention: default_negative`, and at its last horizon; elsewhere silence says nothing.
    """

    name = "default_share"
    tasks = BINARY
    part = Part.QUALITY
    of_labels = True
    direction = Direction.NEITHER
    weighted = False
    undefined = "silence means nothing at this age, or its feed was not proven alive"

    def terms(self, statistics: Statistics) -> Array:
        found = quality(statistics)
        return np.stack([found.count(DEFAULTED), found.silence_tells], axis=1)
