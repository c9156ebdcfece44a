"""Mean over classes of their precision."""

from __future__ import annotations

from hindsight.metrics.multiclass.averages import Precise


class MacroPrecision(Precise):
    """Mean of the classes' precisions, each counting alike; classes that were never predicted are left out.

    Watch `macro_recall` beside it: a model that stops predicting its worst class gains here.  See `Average`
    for the row error.
    """

    name = "macro_precision"
