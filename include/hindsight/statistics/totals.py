"""Sums of chosen cells by window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hindsight.statistics.base import Array, Cells


def totals(cells: Cells, batch: int, which: npt.NDArray[np.bool_], *columns: Array) -> Array:
    """What the chosen cells of each window add up to, shape [batch, columns]."""
    window = cells.window[which]
    return np.stack([np.bincount(window, column[which], batch) for column in columns], axis=1)
