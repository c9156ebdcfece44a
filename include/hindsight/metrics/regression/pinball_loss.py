"""Pinball loss of the prediction intervals."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import REGRESSION, Family, Mean, regression
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class PinballLoss(Mean):
    """Mean pinball loss of `lower` and `upper` as the quantiles the interval claims, in the target's unit.

    With the interval's share c they are the quantiles (1 - c) / 2 and (1 + c) / 2; the loss of quantile q
    at level t is max(t (actual - q), (t - 1) (actual - q)) (Koenker and Bassett, 1978), and a row's is the
    mean of the two.  Rewards intervals that are narrow and yet hold the actual; it is (1 - c) / 4 of the
    interval score (Gneiting and Raftery, 2007).
    """

    name = "pinball_loss"
    tasks = REGRESSION
    direction = Direction.LOWER
    family = Family.CHANCES
    needs_interval = True
    undefined = "no labelled row has an interval"

    def terms(self, statistics: Statistics) -> Array:
        return regression(statistics).intervals[:, [0, 2, 3]]
