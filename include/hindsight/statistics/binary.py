"""Statistics of a yes/no decision: counts by decision, outcome and score bin, and a few exact sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.statistics.base import Array, Statistics
from hindsight.statistics.lines import NONE, Events, Ints, Tally

ONE = 1e9


@dataclass(frozen=True)
class BinaryStatistics(Statistics):
    """What a window of a binary model leaves behind.

    `counts` and `scores` (sum of scores) have shape [batch, predicted 0/1, outcome none/0/1, bin];
    `moments` has shape [batch, predicted, outcome, moment] with the sums of score², and for labelled
    rows squared error, its square, log loss and its square.

    >>> (BinaryStatistics.zeros(2) + BinaryStatistics.zeros(2)).predictions
    array([0., 0.])
    """

    counts: Array
    scores: Array
    moments: Array

    TERMS: ClassVar[tuple[str, ...]] = ("score", "score2", "error2", "error4", "loss", "loss2")

    @classmethod
    def zeros(cls, batch: int) -> Self:
        return cls(np.zeros((batch, 2, 3, BINS)), np.zeros((batch, 2, 3, BINS)), np.zeros((batch, 2, 3, 5)))

    @property
    def predictions(self) -> Array:
        rows: Array = self.counts.sum(axis=(1, 2, 3))
        return rows

    @property
    def labelled(self) -> Array:
        rows: Array = self.counts[:, :, 1:].sum(axis=(1, 2, 3))
        return rows

    @property
    def confusion(self) -> Array:
        """Labelled rows as [batch, tp, fp, fn, tn]."""
        table = self.counts[:, :, 1:].sum(axis=3)
        return np.stack([table[:, 1, 1], table[:, 1, 0], table[:, 0, 1], table[:, 0, 0]], axis=1)

    @property
    def histograms(self) -> Array:
        """Labelled rows by outcome and score bin: [batch, outcome 0/1, bin]."""
        return np.ascontiguousarray(self.counts[:, :, 1:].sum(axis=1))

    @classmethod
    def payloads(cls, events: Events, groups: int, buckets: int) -> list[list[dict[str, Any]]]:
        table = (events.group * 2 + events.predicted) * 3 + events.actual + 1
        cells, tables = Tally(table * BINS + events.bin, events), Tally(table, events)
        made = []
        for bucket in range(buckets):
            payloads: list[dict[str, Any]] = [{} for _ in range(groups)]
            counts, terms = cells.at(bucket)
            there = (counts != 0) | (terms[0] != 0)
            keys, cell = np.divmod(cells.keys[there], BINS)
            for group, *entry in zip(
                *split(keys), cell.tolist(), counts[there].tolist(), terms[0][there].tolist(), strict=True
            ):
                payloads[group].setdefault("cells", []).append(entry)
            _, terms = tables.at(bucket)
            group_of, predicted, actual = split(tables.keys)
            for group, yes, outcome, *sums in zip(
                group_of, predicted, actual, *terms[1:].tolist(), strict=True
            ):
                if outcome == NONE:  # the losses of labels that are not known yet stay unknown
                    sums[1:] = [0] * (len(sums) - 1)
                if any(sums):
                    payloads[group].setdefault("moments", []).append([yes, outcome, *sums])
            made.append(payloads)
        return made

    @classmethod
    def parse(
        cls,
        payloads: Sequence[Mapping[str, Any] | None],
        unit: float = 1.0,  # noqa: ARG003 - a score has none
    ) -> Self:
        batch = cls.zeros(len(payloads))
        cells = [
            (i, *cell) for i, payload in enumerate(payloads) if payload for cell in payload.get("cells", ())
        ]
        if cells:
            i, predicted, outcome, cell, count, score = np.array(cells, dtype=np.float64).T
            where = (i.astype(int), predicted.astype(int), outcome.astype(int) + 1, cell.astype(int))
            batch.counts[where] = count
            batch.scores[where] = score / ONE
        for i, payload in enumerate(payloads):
            for predicted, outcome, *sums in payload.get("moments", ()) if payload else ():
                batch.moments[i, predicted, outcome + 1] = np.array(sums, dtype=np.float64) / ONE
        return batch


def split(table: Ints) -> tuple[list[int], list[int], list[int]]:
    """A table's key as group, predicted and outcome."""
    rest, outcome = np.divmod(table, 3)
    group, predicted = np.divmod(rest, 2)
    return group.tolist(), predicted.tolist(), (outcome - 1).tolist()
