"""Statistics of a predicted number: exact sums of values and errors, and the distributions of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from hindsight.domain.bins import SIGNED_BINS
from hindsight.domain.spec import MonitorSpec
from hindsight.statistics.base import Array, Cells, Layout, Statistics, Term
from hindsight.statistics.totals import totals

POINT: Final = (
    Term("value", wide=True, power=1),
    Term("value2", wide=True, power=2),
    Term("error", labelled=True, wide=True, power=1),
    Term("absolute", labelled=True, wide=True, power=1),
    Term("error2", labelled=True, wide=True, power=2),
    Term("actual", labelled=True, wide=True, power=1),
    Term("actual2", labelled=True, wide=True, power=2),
    Term("ratios", labelled=True),
    Term("ape", labelled=True, wide=True),
    Term("ape2", labelled=True, wide=True),
    Term("sape", labelled=True),
    Term("sape2", labelled=True),
)
INTERVAL: Final = (
    Term("width", wide=True, power=1),
    Term("width2", wide=True, power=2),
    Term("inside", labelled=True),
    Term("pinball", labelled=True, wide=True, power=1),
    Term("pinball2", labelled=True, wide=True, power=2),
)
"""What a prediction interval adds."""


@dataclass(frozen=True)
class RegressionStatistics(Statistics):
    """What a window of a regression leaves behind, in the target's unit; error = prediction - actual.

    Over all rows, never weighted: `volume` of shape [batch, (rows, value, value², grain)], `widths` of
    shape [batch, (rows with an interval, width, width²)], and `values`, the rows by signed bin of the
    value, of shape [batch, bin].  Over labelled ones, weighted where labels have weights: `sums` of shape
    [batch, (rows, error, |error|, error², actual, actual², grain)], `relative` of shape [batch, (rows,
    symmetric relative error, its square, rows whose actual is not 0, relative error, its square)],
    `intervals` of shape [batch, (rows with an interval, inside it, pinball loss, its square)], and `errors`
    of shape [batch, signed bin of the error, (rows, error², actual, actual²)].  `grain` is rows * unit²:
    squares are exact to a billionth of it.
    """

    volume: Array
    widths: Array
    values: Array
    sums: Array
    relative: Array
    intervals: Array
    errors: Array

    @classmethod
    def zeros(cls, batch: int) -> Self:
        """So many windows without a row.

        >>> (RegressionStatistics.zeros(2) + RegressionStatistics.zeros(2)).labelled
        array([0., 0.])
        """
        shapes = [(4,), (4,), (3,), (SIGNED_BINS,), (7,), (6,), (4,), (SIGNED_BINS, 4)]
        return cls(*(np.zeros((batch, *shape)) for shape in shapes))


class RegressionLayout(Layout):
    """`said` is 0 for a row, whose `actual` is 1 + the signed bin of its error, or 0 while that is unknown.

    Every row is counted once more with `said` = 1 + the signed bin of its value, `actual` 0 and no terms:
    so the distribution of the predictions is known apart from that of the errors, at the price of a few
    hundred cells.  Bins are of values in `unit`s.
    """

    kind = RegressionStatistics
    said = 1 + SIGNED_BINS
    rows_said = 1
    actuals = 1 + SIGNED_BINS

    def __init__(self, spec: MonitorSpec) -> None:
        columns = spec.predictions.columns
        self.weighted = spec.ground_truth.columns.weight is not None
        self.unit = spec.ground_truth.unit
        self.interval = columns.lower is not None and columns.upper is not None
        self.terms = (*POINT, *INTERVAL) if self.interval else POINT

    def zeros(self, batch: int) -> RegressionStatistics:
        return RegressionStatistics.zeros(batch)

    def of_cells(self, cells: Cells, batch: int) -> RegressionStatistics:
        made = RegressionStatistics.zeros(batch)
        of_rows = cells.said == 0
        apart = ~of_rows
        np.add.at(made.values, (cells.window[apart], cells.said[apart] - 1), cells.count[apart])
        weight = self.weight(cells)
        told = of_rows & (cells.actual > 0)

        term = cells.terms
        made.rows[:] = self.counted(cells, batch)
        grain = self.unit**2
        made.volume[:] = totals(
            cells, batch, of_rows, cells.count, term["value"], term["value2"], grain * cells.count
        )
        made.sums[:] = totals(
            cells,
            batch,
            told,
            weight,
            *(term[name] for name in ("error", "absolute", "error2", "actual", "actual2")),
            grain * weight,
        )
        made.relative[:] = totals(
            cells, batch, told, weight, *(term[name] for name in ("sape", "sape2", "ratios", "ape", "ape2"))
        )
        if self.interval:
            made.widths[:] = totals(cells, batch, of_rows, cells.count, term["width"], term["width2"])
            made.intervals[:] = totals(
                cells, batch, told, weight, term["inside"], term["pinball"], term["pinball2"]
            )
        by_bin = np.stack([weight, term["error2"], term["actual"], term["actual2"]], axis=1)
        made.errors[cells.window[told], cells.actual[told] - 1] = by_bin[told]
        return made
