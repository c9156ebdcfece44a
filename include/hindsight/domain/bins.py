"""The frozen edges of score bins: linear in the middle, logarithmic towards 0 and 1.

98 bins of width 0.01 cover [0.01, 0.99); 50 bins on each side shrink towards 0 and 1 down to 1e-8, so
that a fraud score near 0.0003 is told from one near 0.0004.  The edges never change: statistics of
different days, versions and engines add only because they share them.
"""

from __future__ import annotations

from typing import Final

TAIL_BINS: Final = 50
LINEAR_BINS: Final = 98
BINS: Final = TAIL_BINS + LINEAR_BINS + TAIL_BINS

TAIL_EDGES: Final = tuple(1e-8 * 10 ** (6 * i / (TAIL_BINS - 1)) for i in range(TAIL_BINS - 1))
"""49 ascending edges from 1e-8 up to just below 1e-2; a score below the first is in bin 0."""

SMALLEST: Final = 1e-15
"""Scores are kept this far from 0 and 1 in the log loss, which is infinite there."""

PER_DECADE: Final = 20
SIZES: Final = 240
SIZE_EDGES: Final = tuple(10.0 ** (i / PER_DECADE - 6.0) for i in range(SIZES + 1))
"""Edges of the bins for sizes of numbers, from 1e-6 to 1e6, each 12 % above the one before."""

SIGNED_BINS: Final = 2 * SIZES + 3
"""Bins of signed numbers: beyond -1e6, downwards in size to zero, and up again beyond 1e6."""
