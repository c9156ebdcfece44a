"""From the statement's lines to events: what each fact adds, and from which horizon on.

A line counts rows that share a prediction's cell and a label's history.  A row is there from the horizon
at which its prediction was known; its label moves it from "no label" to the actual's cell, and a label
that was superseded leaves that cell again, for its successor's or, under `on_conflict: error`, for none.
The statistics at a horizon are the sum of the events at it or before: one pass serves every age.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hindsight.domain.values import ALL, OnConflict

NONE: Final = -1
"""`actual` of a row without a label."""

EARLY, CONTRADICTING = "label_before_prediction", "contradicting_label"
REMARKS: Final = {1: (EARLY,), 2: (CONTRADICTING,), 3: (EARLY, CONTRADICTING)}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Whose statistics these are: the window's position among those asked for, version and segment."""

    position: int
    version: str
    segment: str


@dataclass(frozen=True, slots=True)
class Events:
    """What is added to cells, an entry per event; `terms` has shape [terms, events] of exact integers."""

    group: Ints
    predicted: Ints
    actual: Ints
    bin: Ints
    bucket: Ints
    count: Ints
    terms: npt.NDArray[Any]

    def take(self, which: npt.NDArray[Any]) -> Events:
        """Some of the events."""
        return Events(
            self.group[which],
            self.predicted[which],
            self.actual[which],
            self.bin[which],
            self.bucket[which],
            self.count[which],
            self.terms[:, which],
        )


class Tally:
    """Events sorted once by an integer key, to be summed at one horizon after the other."""

    def __init__(self, key: Ints, events: Events) -> None:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        self._starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        self._bucket, self._count, self._terms = (
            events.bucket[order],
            events.count[order],
            events.terms[:, order],
        )
        self.keys: Ints = ordered[self._starts]

    def at(self, bucket: int) -> tuple[Ints, npt.NDArray[Any]]:
        """For each key the count [keys] and the sums of terms [terms, keys] of the events known by then."""
        known = self._bucket <= bucket
        if not len(self.keys):
            return self._count, self._terms
        counts = np.add.reduceat(np.where(known, self._count, 0), self._starts)
        return counts, np.add.reduceat(np.where(known, self._terms, 0), self._starts, axis=1)


@dataclass(frozen=True, slots=True)
class Lines:
    """The statement's answer, sorted into groups, events of usable rows, and counted remarks."""

    groups: tuple[Group, ...]
    events: Events
    remarks: tuple[tuple[int, int, str, int], ...]
    """(group, bucket, reason, rows) of rows set aside or remarked on."""


def exact(column: Sequence[Any]) -> npt.NDArray[Any]:
    """Integers as int64 where every partial sum fits, else as Python's own."""
    whole = np.array([int(value) for value in column], dtype=object)
    return whole.astype(np.int64) if float(np.abs(whole).sum()) < 2.0**62 else whole


def small(column: Sequence[Any]) -> Ints:
    """Small integers, null as -1."""
    return np.array([NONE if value is None else value for value in column], dtype=np.int64)


def read(
    rows: Sequence[Sequence[Any]], segments: Sequence[str], terms: int, on_conflict: OnConflict
) -> Lines:
    """Parse the statement's rows; `segments` are the names of the segment columns."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * (14 + terms)
    which, position = small(columns[0]), small(columns[2])
    names: list[Group] = []
    parts: list[tuple[Ints, Ints]] = []  # (group, line)

    def group_by(chosen: Ints, segment: Sequence[str]) -> None:
        keys = list(zip(position[chosen].tolist(), [columns[3][i] for i in chosen], segment, strict=True))
        codes: dict[tuple[int, str, str], int] = {}
        group = [codes.setdefault(key, len(names) + len(codes)) for key in keys]
        names.extend(Group(*key) for key in codes)
        parts.append((np.array(group, dtype=np.int64), chosen))

    whole = np.flatnonzero(which == 0)  # ALL is the sum of the first segment column's values
    group_by(whole, [ALL] * len(whole))
    for i, name in enumerate(segments):
        chosen = np.flatnonzero(which == i)
        group_by(chosen, [f"{name}={columns[1][line]}" for line in chosen])

    group = np.concatenate([part[0] for part in parts])
    line = np.concatenate([part[1] for part in parts])
    aside = np.array([reason is not None for reason in columns[4]], dtype=bool)
    remark = small(columns[12])
    remarks = [
        (int(g), int(columns[8][i]), str(columns[4][i]), int(columns[13][i]))
        for g, i in zip(group[aside[line]], line[aside[line]], strict=True)
    ]
    noted = (remark[line] > 0) & ~aside[line]
    remarks += [
        (int(g), max(int(columns[8][i]), int(columns[9][i])), reason, int(columns[13][i]))
        for g, i in zip(group[noted], line[noted], strict=True)
        for reason in REMARKS[int(remark[i])]
    ]
    usable = np.flatnonzero(~aside)
    events = events_of([[column[i] for i in usable] for column in columns], terms, on_conflict)
    position_of = np.full(len(aside), NONE)
    position_of[usable] = np.arange(len(usable))
    return Lines(
        tuple(names), fan_out(events, group[~aside[line]], position_of[line[~aside[line]]]), tuple(remarks)
    )


def fan_out(events: Events, group: Ints, line: Ints) -> Events:
    """The events of lines, once for each group that a line belongs to (`events.group` holds the line)."""
    order = np.argsort(events.group, kind="stable")
    counts = np.bincount(events.group, minlength=line.max(initial=-1) + 1)
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    repeats = counts[line]
    offsets = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    chosen = order[np.repeat(starts[line], repeats) + offsets]
    taken = events.take(chosen)
    return replace(taken, group=np.repeat(group, repeats))


def events_of(columns: Sequence[Sequence[Any]], terms: int, on_conflict: OnConflict) -> Events:
    """The events of usable lines; `group` holds the number of the line."""
    actual, known, learnt, superseded = (small(columns[i]) for i in (6, 8, 9, 10))
    first, count = small(columns[11]) == 1, small(columns[13])
    sums = np.array([exact(columns[14 + i]) for i in range(terms)])
    line = np.arange(len(count))
    labelled, left = learnt != NONE, superseded != NONE
    at_label, at_end = np.maximum(learnt, known), np.maximum(superseded, known)
    every = Events(line, small(columns[5]), actual, small(columns[7]), known, count, sums)

    def event(which: npt.NDArray[np.bool_], cell: Ints, bucket: Ints, sign: int) -> Events:
        return replace(every, actual=cell, bucket=bucket, count=sign * count, terms=sign * sums).take(which)

    none = np.full_like(actual, NONE)
    parts = [
        event(first, none, known, 1),
        event(labelled, actual, at_label, 1),
        event(labelled & first, none, at_label, -1),
        event(labelled & left, actual, at_end, -1),
    ]
    if on_conflict is OnConflict.ERROR:
        parts.append(event(labelled & left & first, none, at_end, 1))
    joined = {f.name: np.concatenate([getattr(p, f.name) for p in parts], axis=-1) for f in fields(Events)}
    return Events(**joined)
