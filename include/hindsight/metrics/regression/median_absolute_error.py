"""Median of the sizes of errors."""

from __future__ import annotations

from typing import Self

from hindsight.metrics.base import Argument
from hindsight.metrics.regression.absolute_error_quantile import AbsoluteErrorQuantile


class MedianAbsoluteError(AbsoluteErrorQuantile):
    """The median of |prediction - actual|: of what size errors are, whatever the worst ones do.

    Half the labelled rows err by no more: `absolute_error_quantile(0.5)` by the name it is known by.
    """

    name = "median_absolute_error"
    argument = Argument.NONE

    def given(self, argument: str) -> Self:
        raise ValueError("median_absolute_error takes no argument; absolute_error_quantile does")
