"""Statistics of a predicted number: how many, and sums of errors, values and their squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from hindsight.statistics.base import Array, Statistics
from hindsight.statistics.lines import NONE, Events, Tally

ONE = 1e9
VOLUME_POWERS = (1, 2)
ERROR_POWERS = (1, 1, 2, 4, 1, 2)


@dataclass(frozen=True)
class RegressionStatistics(Statistics):
    """What a window of a regression leaves behind, in the target's unit.

    `volume` has shape [batch, (rows, sum of prediction, sum of prediction²)] over all usable rows;
    `errors` has shape [batch, (rows, error, |error|, error², error⁴, actual, actual², grain)] over labelled
    ones, error = prediction - actual.  `grain` is rows * unit²: squares are exact to a billionth of it.

    >>> RegressionStatistics.zeros(1).labelled
    array([0.])
    """

    volume: Array
    errors: Array

    TERMS: ClassVar[tuple[str, ...]] = (
        "value",
        "value2",
        "error",
        "absolute",
        "error2",
        "error4",
        "actual",
        "actual2",
    )

    @classmethod
    def zeros(cls, batch: int) -> Self:
        return cls(np.zeros((batch, 3)), np.zeros((batch, 8)))

    @property
    def predictions(self) -> Array:
        return self.volume[:, 0]

    @property
    def labelled(self) -> Array:
        return self.errors[:, 0]

    @classmethod
    def payloads(cls, events: Events, groups: int, buckets: int) -> list[list[dict[str, Any]]]:
        tally = Tally(events.group * 2 + (events.actual != NONE), events)
        made = []
        for bucket in range(buckets):
            payloads: list[dict[str, Any]] = [{} for _ in range(groups)]
            counts, terms = tally.at(bucket)
            for key, count, *sums in zip(tally.keys.tolist(), counts.tolist(), *terms.tolist(), strict=True):
                if not count:
                    continue
                group, labelled = divmod(key, 2)
                rows, value, value2 = payloads[group].get("volume", (0, 0, 0))
                payloads[group]["volume"] = [rows + count, value + sums[0], value2 + sums[1]]
                if labelled:
                    payloads[group]["errors"] = [count, *sums[2:]]
            made.append(payloads)
        return made

    @classmethod
    def parse(cls, payloads: Sequence[Mapping[str, Any] | None], unit: float = 1.0) -> Self:
        batch = cls.zeros(len(payloads))
        for i, payload in enumerate(payloads):
            if payload:
                count, *sums = payload["volume"]
                batch.volume[i] = [count, *scaled(sums, VOLUME_POWERS, unit)]
                count, *sums = payload.get("errors", [0] * 7)
                batch.errors[i] = [count, *scaled(sums, ERROR_POWERS, unit), count * unit**2]
        return batch


def scaled(sums: Sequence[int], powers: Sequence[int], unit: float) -> list[float]:
    """Exact billionths of powers of the unit as floats in the target's unit."""
    return [total / ONE * unit**power for total, power in zip(sums, powers, strict=True)]
