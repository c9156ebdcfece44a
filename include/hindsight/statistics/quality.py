"""What was odd about the logs of a day: rows set aside or remarked on, and labels by what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np

from hindsight.statistics.base import Array, Statistics
from hindsight.statistics.reasons import CONTRADICTING, DEFAULTED, EARLY, LATE, REASONS, SILENT

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

ODDITIES: Final = (*SET_ASIDE, *REMARKED, *ODD_LABELS, OTHER_SEGMENT, SILENT)
"""Everything that is counted because it is odd: what a monitor's `quality` may name."""

COUNTED: Final = (*ODDITIES, GOOD_LABEL, DEFAULTED)


class Met(NamedTuple):
    """What a day's state says of its logs: see `hindsight.domain.records.WindowState`."""

    predictions: int
    labelled: int
    quality: Mapping[str, int]
    delays: Mapping[str, int] = {}
    ledger: Mapping[str, int] = {}


@dataclass(frozen=True)
class QualityStatistics(Statistics):
    """What was met in a day's logs on the way to its statistics: a count per reason, and how labels came.

    `counts` has shape [batch, reason], in the order of `COUNTED`.  `rows` are the predictions that count and
    the labelled ones of all versions, never weighted.  `silence_tells`, `told` and `changed` of shape [batch]
    are the predictions of days on which silence is a "no", those with a label of their own, and those whose
    label was changed.  `delays` of shape [batch, ages] counts predictions by the age of their first label.

    >>> days = QualityStatistics.of([Met(8, 3, {"duplicate": 2}), None])
    >>> days.count("duplicate"), days.logged
    (array([2., 0.]), array([10.,  0.]))
    """

    counts: Array
    silence_tells: Array
    told: Array
    changed: Array
    delays: Array

    @classmethod
    def of(cls, days: Sequence[tuple[Any, ...] | None], ages: int = 1) -> Self:
        """A batch from what was `Met` on each day, with labels of so many ages; None is a day without any."""
        batch = len(days)
        rows, counts, delays = np.zeros((batch, 4)), np.zeros((batch, len(COUNTED))), np.zeros((batch, ages))
        silence_tells, told, changed = np.zeros(batch), np.zeros(batch), np.zeros(batch)
        for i, given in enumerate(days):
            if given is None:
                continue
            day = Met(*given)
            rows[i] = day.predictions, day.labelled, day.labelled, day.labelled
            counts[i] = [day.quality.get(reason, 0) for reason in COUNTED]
            for age, count in day.delays.items():
                delays[i, int(age)] += count
            told_by_rule = {DEFAULTED, SILENT} & set(day.quality)
            silence_tells[i] = day.predictions if DEFAULTED in told_by_rule else 0
            told[i] = delays[i].sum() if told_by_rule else day.labelled
            changed[i] = sum(day.ledger.values())
        return cls(rows, counts, silence_tells, told, changed, delays)

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
