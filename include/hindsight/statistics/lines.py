"""From the statement's lines to events: what each fact adds, and from which horizon on.

A line counts rows that share a cell and a history.  A row is there from the horizon at which its
prediction was known; its label moves it from "no label" to the actual's cell, and a label that was superseded
leaves that cell again, for its successor's or, under `on_conflict: error`, for none.  The statistics at a
horizon are the sum of the events at it or before: one pass serves every age.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, OnConflict
from hindsight.errors import SourceError
from hindsight.statistics.base import LIMB, Ints, Layout
from hindsight.statistics.reasons import LATE, REASONS, REMARKS
from hindsight.windows import Calendar


@dataclass(frozen=True, slots=True)
class Key:
    """How a line's integer key is packed: fields from the most significant to the least, with their sizes."""

    fields: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, spec: MonitorSpec, layout: Layout, calendar: Calendar) -> Self:
        """The key of a monitor's statement over these days; what cannot vary takes no room."""
        horizons = len(calendar.horizons)
        again = not spec.ground_truth.unique
        return cls(
            (
                ("position", len(calendar.midnights)),
                ("reason", len(REASONS)),
                ("said", layout.said),
                ("actual", layout.actuals),
                ("known", horizons + 1 if spec.predictions.columns.logged else 1),
                ("learnt", horizons + 2),
                ("superseded", horizons + 2 if again else 1),
                ("first", 2),
                ("remark", 4 if again else 2),
            )
        )

    def unpack(self, keys: Ints) -> dict[str, Ints]:
        """The fields of packed keys."""
        found = {}
        for name, size in reversed(self.fields[1:]):
            if size > 1:
                keys, found[name] = np.divmod(keys, size)
            else:  # a row has one history then, and it is its first
                found[name] = np.full_like(keys, name == "first")
        return found | {self.fields[0][0]: keys}


@dataclass(frozen=True, slots=True)
class Group:
    """Whose statistics these are: the position of the day, version and segment."""

    position: int
    version: str
    segment: str


@dataclass(frozen=True, slots=True)
class Lines:
    """The statement's answer: a line per entry, the groups that lines belong to, and which line is in which.

    `sums` has shape [parts, lines]; `member_of` and `line` are pairs (group, line): a line is in `ALL` and in
    one group of its own segment.  `whole_of` holds for each group the `ALL` that it is a part of, -1 for
    none: `ALL` is the sum of the first segment column's values.
    """

    fields: Mapping[str, Ints]
    count: Ints
    sums: npt.NDArray[np.int64]
    groups: tuple[Group, ...]
    member_of: Ints
    line: Ints
    whole_of: Ints

    def predictions(self, layout: Layout) -> int:
        """How many rows of the prediction log the lines count, as often as the join made them."""
        whole = np.array([group.segment == ALL for group in self.groups], dtype=bool)
        line = self.line[whole[self.member_of]] if len(whole) else self.line
        of_rows = self.fields["said"][line] < layout.rows_said
        return int(self.count[line][of_rows].sum())

    def remarks(self) -> Iterator[tuple[int, int, str, int]]:
        """(group, bucket, reason, rows) of rows set aside or remarked on."""
        fields = self.fields
        late = (fields["known"] > 0) & (fields["first"] == 1) & (fields["reason"] == 0)
        odd = (fields["reason"] > 0) | (fields["remark"] > 0) | late
        chosen = odd[self.line]
        for group, line in zip(self.member_of[chosen].tolist(), self.line[chosen].tolist(), strict=True):
            known, learnt, count = (
                int(fields["known"][line]),
                int(fields["learnt"][line]),
                int(self.count[line]),
            )
            if fields["reason"][line]:
                yield group, known, REASONS[fields["reason"][line]], count
            for name in REMARKS.get(int(fields["remark"][line]), ()):
                yield group, max(known, learnt - 1), name, count
            if late[line]:
                yield group, known, LATE, count


def read(columns: Mapping[str, npt.NDArray[Any]], layout: Layout, key: Key, segments: Sequence[str]) -> Lines:
    """Parse the statement's columns; `segments` are the names of the segment columns.

    A line of the first segment column, or of none, is in `ALL` too: ALL is the sum of that column's values.
    """
    fields = key.unpack(np.asarray(columns["key"], dtype=np.int64))
    count = np.asarray(columns["count"], dtype=np.int64)
    parts = sum(2 if term.wide else 1 for term in layout.summed)
    sums = np.array([columns[f"sum_{i}"] for i in range(parts)], dtype=np.int64).reshape(parts, len(count))
    if len(count) and float(np.abs(sums).sum(axis=1, dtype=np.float64).max(initial=0.0)) > 2.0**62:
        raise SourceError(
            "The sums of a term leave the range of 64-bit integers: compute fewer days at once."
        )
    versions, version_names = pd.factorize(columns["version"])
    groups: list[Group] = []
    member_of, lines = [], []

    def gather(chosen: Ints, codes: Ints, names: Sequence[str]) -> None:
        packed = (fields["position"][chosen] * len(version_names) + versions[chosen]) * len(names) + codes
        found, inverse = np.unique(packed, return_inverse=True)
        member_of.append(inverse + len(groups))
        lines.append(chosen)
        rest, segment = np.divmod(found, len(names))
        position, version = np.divmod(rest, len(version_names))
        groups.extend(
            Group(p, str(version_names[v]), names[s])
            for p, v, s in zip(position.tolist(), version.tolist(), segment.tolist(), strict=True)
        )

    here = [pd.notna(columns[f"segment_{i}"]) for i in range(len(segments))]
    whole = np.flatnonzero(here[0]) if segments else np.arange(len(count))
    if len(whole):
        gather(whole, np.zeros(len(whole), dtype=np.int64), [ALL])
    first_value = first_end = len(groups)
    for i, name in enumerate(segments):
        chosen = np.flatnonzero(here[i])
        if len(chosen):
            codes, values = pd.factorize(columns[f"segment_{i}"][chosen])
            gather(chosen, codes.astype(np.int64), [f"{name}={value}" for value in values])
        if i == 0:
            first_end = len(groups)
    alls = {(g.position, g.version): i for i, g in enumerate(groups[:first_value])}
    whole_of = [-1] * len(groups)
    for i, group in enumerate(groups[first_value:first_end], first_value):
        whole_of[i] = alls[group.position, group.version]
    nothing = [np.zeros(0, dtype=np.int64)]
    return Lines(
        fields,
        count,
        sums,
        tuple(groups),
        np.concatenate(member_of or nothing),
        np.concatenate(lines or nothing),
        np.array(whole_of, dtype=np.int64),
    )


def payloads(
    lines: Lines, layout: Layout, horizons: int, on_conflict: OnConflict
) -> list[list[dict[str, Any]]]:
    """For each horizon the exact statistics of each group, as plain integers; `{}` without a row."""
    fields, first = lines.fields, lines.fields["first"] == 1
    usable = fields["reason"] == 0
    known, learnt, left = fields["known"], fields["learnt"] - 1, fields["superseded"] - 1
    labelled, ended = usable & (learnt >= 0), usable & (left >= 0) & (learnt >= 0)
    at_label, at_end = np.maximum(learnt, known), np.maximum(left, known)
    none = np.zeros_like(known)
    # (which lines, their actual, from which horizon on, whether they come or go)
    moves = [
        (usable & first, none, known, 1),
        (labelled, fields["actual"], at_label, 1),
        (labelled & first, none, at_label, -1),
        (ended, fields["actual"], at_end, -1),
    ]
    if on_conflict is OnConflict.ERROR:
        moves.append((ended & first, none, at_end, 1))
    cell = fields["said"] * layout.actuals
    width = layout.said * layout.actuals
    parts = [term.labelled for term in layout.summed for _ in range(2 if term.wide else 1)]
    of_label = np.array(parts, dtype=np.bool_)
    keys, buckets, counts, sums = [], [], [], []
    # What has parts is added up from them.
    fine = ~np.isin(lines.member_of, lines.whole_of)
    member_of, lines_of = lines.member_of[fine], lines.line[fine]
    for which, actual, at, sign in moves:
        chosen = which[lines_of] & (at[lines_of] < horizons)
        line = lines_of[chosen]
        keys.append(member_of[chosen] * width + cell[line] + actual[line])
        buckets.append(at[line])
        counts.append(sign * lines.count[line])
        part = sign * lines.sums[:, line]
        if actual is none:  # what rests on a label is not known of a row without one
            part[of_label] = 0
        sums.append(part)
    return tally(
        np.concatenate(keys),
        np.concatenate(buckets),
        np.concatenate([np.concatenate(counts)[None], np.concatenate(sums, axis=1)]),
        layout,
        lines.whole_of,
        horizons,
    )


def tally(
    key: Ints, at: Ints, numbers: npt.NDArray[np.int64], layout: Layout, whole_of: Ints, horizons: int
) -> list[list[dict[str, Any]]]:
    """Payloads from events: at each horizon the sums, by key, of the numbers [1 + parts, events] known by
    then.
    """
    width = layout.said * layout.actuals
    codes, seen = pd.factorize(key)
    whole = whole_of[seen // width]
    parts = np.flatnonzero(whole >= 0)
    whole_codes, wholes = pd.factorize(whole[parts] * width + seen[parts] % width)
    cells = np.concatenate([seen, wholes])
    order = np.argsort(cells)
    group, cell = np.divmod(cells[order], width)
    known = np.zeros((len(numbers), len(seen)), dtype=np.int64)
    made: list[list[dict[str, Any]]] = []
    for horizon in range(horizons):
        now = np.flatnonzero(at == horizon)
        added = np.zeros((len(numbers), len(wholes)), dtype=np.int64)
        for total, sums, values in zip(known, added, numbers, strict=True):
            np.add.at(total, codes[now], values[now])
            np.add.at(sums, whole_codes, total[parts])
        every = np.concatenate([known, added], axis=1)[:, order]
        there = np.flatnonzero((every != 0).any(axis=0))
        bounds = np.searchsorted(group[there], np.arange(len(whole_of) + 1)).tolist()
        columns = {"cell": cell[there].tolist(), "n": every[0, there].tolist()} | sums_of(
            every[:, there], layout
        )
        made.append(
            [
                {name: values[start:end] for name, values in columns.items()} if end > start else {}
                for start, end in pairwise(bounds)
            ]
        )
    return made


def sums_of(total: npt.NDArray[np.int64], layout: Layout) -> dict[str, list[int]]:
    """The sums of each term as Python's integers; `total` has the count before them."""
    columns, part = {}, 1
    for term in layout.summed:
        values = total[part].tolist()
        if term.wide:
            values = [high * LIMB + low for high, low in zip(values, total[part + 1].tolist(), strict=True)]
        columns[term.name] = values
        part += 2 if term.wide else 1
    return columns
