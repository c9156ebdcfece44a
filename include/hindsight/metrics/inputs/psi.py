"""Population stability index of a feature."""

from __future__ import annotations

from hindsight.metrics.inputs.divergence import Divergence, times_log
from hindsight.statistics.base import Array


class PopulationStability(Divergence):
    """Σ (p - q) ln(p / q) against the reference's shares q, less what chance alone gives.

    The symmetrised Kullback-Leibler divergence (Jeffreys, 1946; Lewis, 1994, whose rules of thumb are 0.1 for
    "look" and 0.25 for "act").  As it is usually computed it grows as rows get few: 100 rows in ten groups
    have 0.1 by chance.  See `Divergence` for what is subtracted and for the standard error.
    """

    name = "psi"
    curvature = 1.0

    def distance(self, window: Array, reference: Array) -> Array:
        total: Array = times_log(window - reference, window, reference).sum(axis=1)
        return total
