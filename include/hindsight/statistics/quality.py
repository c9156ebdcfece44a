"""What was odd about the logs of a day: rows set aside or remarked on, and labels by what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from hindsight.statistics.base import Array, Statistics
from hindsight.statistics.reasons import CONTRADICTING, EARLY, LATE, REASONS

SET_ASIDE: Final = REASONS[1:]
"""Why a row of the prediction log does not count."""

REMARKED: Final = (EARLY, CONTRADICTING, LATE)
"""What is remarked on in predictions that count."""

GOOD_LABEL: Final = "label"
ODD_LABELS: Final = ("orphan_label", "invalid_label", "null_label_id", "after_last_horizon")
LABELS: Final = (GOOD_LABEL, *ODD_LABELS)
"""What became of the labels learnt on a day, counted at its horizon 0."""

OTHER_SEGMENT: Final = "other_segment"
"""Predictions that count, but whose segment value is not kept apart."""

ODDITIES: Final = (*SET_ASIDE, *REMARKED, *ODD_LABELS, OTHER_SEGMENT)
"""Everything that is counted because it is odd: what a monitor's `quality` may name."""

COUNTED: Final = (*SET_ASIDE, *REMARKED, *LABELS, OTHER_SEGMENT)


@dataclass(frozen=True)
class QualityStatistics(Statistics):
    """What was met in a day's logs on the way to its statistics: a count per reason.

    `counts` has shape [batch, reason], in the order of `COUNTED`.  `rows` are the predictions that count and
    the labelled ones of all versions, never weighted.

    >>> days = QualityStatistics.of([(8, 3, {"duplicate": 2}), None])
    >>> days.count("duplicate"), days.logged
    (array([2., 0.]), array([10.,  0.]))
    """

    counts: Array

    @classmethod
    def of(cls, days: Sequence[tuple[int, int, Mapping[str, int]] | None]) -> Self:
        """A batch from each day's (predictions, labelled, rows by reason); None is a day without any."""
        rows, counts = np.zeros((len(days), 4)), np.zeros((len(days), len(COUNTED)))
        for i, day in enumerate(days):
            if day is not None:
                predictions, labelled, quality = day
                rows[i] = predictions, labelled, labelled, labelled
                counts[i] = [quality.get(reason, 0) for reason in COUNTED]
        return cls(rows, counts)

    def count(self, *reasons: str) -> Array:
        """How many rows have one of these reasons, shape [batch]."""
        total: Array = self.counts[:, [COUNTED.index(reason) for reason in reasons]].sum(axis=1)
        return total

    @property
    def logged(self) -> Array:
        """Rows of the prediction log, those set aside included, shape [batch]."""
        return self.predictions + self.count(*SET_ASIDE)

    @property
    def learnt(self) -> Array:
        """Labels learnt on the day, good and odd, shape [batch]."""
        return self.count(*LABELS)


def refused(quality: Mapping[str, int], policy: Mapping[str, str]) -> Iterable[tuple[str, int]]:
    """The oddities that a policy does not merely count, with how many there are."""
    return (
        (reason, quality[reason])
        for reason, answer in policy.items()
        if answer == "fail" and quality.get(reason, 0)
    )
