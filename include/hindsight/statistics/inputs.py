"""What came in: features by frozen bins, how long calls took, which failed, and sums of a team's own.

They are kept at horizon 0, for what came in needs no truth.  Features are counted for all segments together,
over the predictions that count; calls are all logged rows but duplicates, so also those that gave no
usable answer.  The payload of a statistic row holds all of it, in plain integers, under `inputs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from hindsight.domain.bins import SIZES
from hindsight.domain.spec import MonitorSpec
from hindsight.statistics.base import ONE, Array, Statistics
from hindsight.statistics.cuts import SUMS, Cut, summed

NULL, INVALID, FIRST = 0, 1, 2
"""Codes of a value: nothing, no number where one is due, and from here on its bin."""

LATENCY_BINS: Final = SIZES + 2
LATEST: Final = 1e5
"""The longest call in seconds; one that claims to have taken longer has no valid latency."""

Cuts = Mapping[str, tuple[str, Cut]]
"""By feature: the basis its cut was taken on, and the cut."""


@dataclass(frozen=True)
class InputStatistics(Statistics):
    """What a window's inputs leave behind; the axes of features and custom sums are as in `layout`.

    `calls` has shape [batch, (calls, seconds of the days, failed, timed, Σ seconds of latency, its squares,
    calls without a valid latency)], `latency` [batch, size bin of the milliseconds], `custom` [batch, sum,
    (Σx, Σy, Σx², Σxy, Σy², rows that gave no number)].  Of each feature `gaps` has [batch, feature, (rows,
    null, invalid, rows with a value of days without its bins)], `counts` [batch, feature, bin] and `sums`
    [batch, feature, the sums of a `Cut`].
    """

    calls: Array
    latency: Array
    custom: Array
    gaps: Array
    counts: Array
    sums: Array

    layout: ClassVar[InputLayout]

    def laid(self, layout: InputLayout) -> Self:
        """These statistics, knowing how they are laid out; that is no field, for it does not add."""
        object.__setattr__(self, "layout", layout)
        return self

    def __add__(self, other: Self) -> Self:
        assert self.layout is other.layout
        return super().__add__(other).laid(self.layout)

    def __getitem__(self, which: slice | npt.NDArray[Any]) -> Self:
        return super().__getitem__(which).laid(self.layout)


class InputLayout:
    """Which features and custom sums a monitor has, in order, and how the features are cut."""

    def __init__(self, spec: MonitorSpec, cuts: Cuts) -> None:
        self.features = spec.predictions.features
        self.custom = tuple(spec.custom)
        self.cuts = cuts
        self.width = max((cut.bins for _, cut in cuts.values()), default=0)

    def cut(self, feature: str) -> Cut | None:
        """How a feature is cut; None if that was not told."""
        return self.cuts[feature][1] if feature in self.cuts else None

    def zeros(self, batch: int, *, features: bool = True) -> InputStatistics:
        """So many windows without a row."""
        count, width = (len(self.features), self.width) if features else (0, 0)
        shapes: list[tuple[int, ...]] = [(4,), (7,), (LATENCY_BINS,), (len(self.custom), 6)]
        shapes += [(count, 4), (count, width), (count, SUMS)]
        return InputStatistics(*(np.zeros((batch, *shape)) for shape in shapes)).laid(self)

    def parse(
        self, payloads: Sequence[Mapping[str, Any] | None], *, features: bool = True
    ) -> InputStatistics:
        """A batch from stored payloads; None is a window without rows.  Segments have no `features`."""
        made = self.zeros(len(payloads), features=features)
        for i, payload in enumerate(payloads):
            told = (payload or {}).get("inputs")
            if told:
                self._read(made, i, told, features)
        return made

    def of_reference(self, days: int) -> InputStatistics:
        """The features of the reference's days as they were when the cuts were taken, all versions at
        once.
        """
        made = self.zeros(days)
        for i, name in enumerate(self.features):
            cut = self.cut(name)
            if cut is not None and cut.bins:
                there = len(cut.counts)
                made.rows[:there, 0] = np.maximum(made.rows[:there, 0], cut.counts.sum(axis=1))
                made.gaps[:there, i, 0] = cut.counts.sum(axis=1)
                made.counts[:there, i, : cut.bins] = cut.counts
                made.sums[:there, i] = cut.sums
        return made

    def _read(self, made: InputStatistics, i: int, told: Mapping[str, Any], features: bool) -> None:
        made.rows[i, 0] = told["calls"]
        made.calls[i, :3] = told["calls"], told["seconds"], told.get("failed", 0)
        if latency := told.get("latency"):
            total, squares = latency["sums"]
            made.calls[i, 3:] = sum(latency["n"]), total / ONE, squares / ONE, latency["invalid"]
            made.latency[i, latency["bin"]] = latency["n"]
        for j, name in enumerate(self.custom):
            if name in told.get("custom", {}):
                *sums, invalid = told["custom"][name]
                made.custom[i, j] = [*(value / ONE for value in sums), invalid]
        if not features:
            return
        for j, name in enumerate(self.features):
            if name in told.get("features", {}):
                self._read_feature(made, i, j, told["features"][name])

    def _read_feature(self, made: InputStatistics, i: int, j: int, of: Mapping[str, Any]) -> None:
        basis, cut = self.cuts.get(self.features[j], (None, None))
        binned = cut is not None and of.get("basis") == basis
        gaps = of["null"] + of["invalid"]
        made.gaps[i, j] = of["rows"], of["null"], of["invalid"], 0 if binned else of["rows"] - gaps
        if binned and cut is not None and cut.bins:
            made.counts[i, j, of["bin"]] = of["n"]
            if "sums" in of:
                made.sums[i, j] = summed(of["sums"])
