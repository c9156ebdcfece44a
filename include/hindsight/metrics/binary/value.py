"""What decisions are worth on average, at given prices."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.binary.cost import Cost


class Value(Cost):
    """Mean worth of a labelled row: `value(tp=20 fp=-1)` earns 20 for a hit and pays 1 for a false alarm.

    As `cost`, but more is better.  The bare name earns 1 for a true positive and pays 1 for a false one.
    """

    name = "value"
    direction = Direction.HIGHER
    prices = (1.0, -1.0, 0.0, 0.0)
