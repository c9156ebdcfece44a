"""Jensen-Shannon divergence of a feature."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.inputs.divergence import Divergence, times_log
from hindsight.statistics.base import Array


class JensenShannon(Divergence):
    """Mean information in bits that a row gives on whether it is of the window or of the reference (Lin,
    1991).

    Between 0 and 1, to which it tends where nothing is in common as rows get many (shares are shrunk by half
    a row): it does not run away for values that are new.  It is the square of what scipy calls the
    Jensen-Shannon distance, to base 2, less what chance alone gives: see `Divergence`.
    """

    name = "jensen_shannon"
    curvature = float(1.0 / (8.0 * np.log(2.0)))

    def distance(self, window: Array, reference: Array) -> Array:
        middle = (window + reference) / 2.0
        nats = times_log(window, window, middle) + times_log(reference, reference, middle)
        bits: Array = nats.sum(axis=1) / (2.0 * np.log(2.0))
        return bits
