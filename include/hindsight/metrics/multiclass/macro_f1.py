"""Mean over classes of their F1."""

from __future__ import annotations

from hindsight.metrics.multiclass.averages import Harmonic


class MacroF1(Harmonic):
    """Mean of the classes' F1, each class counting alike: rare classes matter as much as frequent ones.

    The mean of F1s, not the F1 of mean precision and recall.  Classes that neither occurred nor were
    predicted are left out.  See `Average` for the row error.
    """

    name = "macro_f1"
